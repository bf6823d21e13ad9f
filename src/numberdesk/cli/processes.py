"""The same work in several processes: started, watched, started again when one dies, stopped together.

Touches: environment, network, threads, clock.

Processes are made by fork, so there must be no thread and no event loop yet. Each notices when this one dies, by a pipe
whose other end then closes, and ends as if it had been told to.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, NoReturn

import typer

from numberdesk.infra.log import get_log

POSSIBLE: Final = hasattr(os, "fork")
"""Whether this system can do it."""

_STOPS: Final = (signal.SIGTERM, signal.SIGINT)
_FIRST_REST: Final = 0.5
_LONGEST_REST: Final = 10.0
_SETTLED: Final = 30.0


def supervise(
    count: int, work: Callable[[], None], *, starting: Callable[[], None], stopping: Callable[[], None]
) -> bool:
    """Do `work` in `count` processes until SIGTERM or SIGINT; return whether all of them ended well.

    The signal is passed on, each one that comes. `starting` is called here once signals are heeded, `stopping` before
    the first is passed on.
    """
    with _signals() as inbox, _lifeline() as lifeline:
        starting()
        return _Crew(count, work, stopping, inbox, lifeline).run()


class _Lifeline(NamedTuple):
    """A pipe on which nothing is ever written: the end that this process holds, and the one that the others watch."""

    held: int
    watched: int


class _Crew:
    """The processes."""

    def __init__(
        self,
        count: int,
        work: Callable[[], None],
        stopping: Callable[[], None],
        inbox: socket.socket,
        lifeline: _Lifeline,
    ) -> None:
        self._count = count
        self._work = work
        self._before_stop = stopping
        self._inbox = inbox
        self._lifeline = lifeline
        self._born: dict[int, float] = {}
        self._rest = _FIRST_REST
        self._next_birth = 0.0
        self._stopping = False
        self._well = True

    def run(self) -> bool:
        """Keep the processes running until a signal comes, then wait for their end."""
        while self._born or not self._stopping:
            self._start_missing()
            self._heed(self._next_signals())
            self._bury()
        return self._well

    def _start_missing(self) -> None:
        while not self._stopping and len(self._born) < self._count and time.monotonic() >= self._next_birth:
            pid = _fork(self._work, self._lifeline)
            self._born[pid] = time.monotonic()

    def _next_signals(self) -> bytes:
        """Wait for signals, or until a process has to be started."""
        missing = not self._stopping and len(self._born) < self._count
        patience = max(0.0, self._next_birth - time.monotonic()) if missing else None
        return self._inbox.recv(4096) if select.select([self._inbox], [], [], patience)[0] else b""

    def _heed(self, numbers: bytes) -> None:
        for number in numbers:
            if number not in _STOPS:
                continue
            if not self._stopping:
                self._stopping = True
                self._before_stop()
            for pid in self._born:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def _bury(self) -> None:
        for pid in list(self._born):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._ended(pid, os.waitstatus_to_exitcode(status))

    def _ended(self, pid: int, status: int) -> None:
        now = time.monotonic()
        lived = now - self._born.pop(pid)
        if self._stopping:
            # One that had not begun to serve yet is ended by the signal itself.
            self._well = self._well and (status == 0 or -status in _STOPS)
            return
        self._rest = _FIRST_REST if lived >= _SETTLED else self._rest
        get_log().warning("process ended by itself", pid=pid, status=status, again_in_seconds=self._rest)
        self._next_birth = now + self._rest
        self._rest = min(2 * self._rest, _LONGEST_REST)


def _fork(work: Callable[[], None], lifeline: _Lifeline) -> int:
    """Start a process. Signals wait meanwhile, so that none is taken by what the new one has of the old."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        pid = os.fork()
        if pid == 0:
            _be_a_process(work, lifeline)
        return pid
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)


def _be_a_process(work: Callable[[], None], lifeline: _Lifeline) -> NoReturn:
    status: int | str | None = 1
    try:
        # A group of its own: Ctrl-C reaches it once, through the parent, and not twice.
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        for number in (*_STOPS, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
        os.close(lifeline.held)
        threading.Thread(target=_outlive, args=(lifeline.watched,), name="numberdesk-parent", daemon=True).start()
        work()
        status = 0
    except typer.Exit as ended:
        status = ended.exit_code
    except SystemExit as ended:
        status = ended.code
    except BaseException:  # noqa: BLE001  nothing of the parent's must run here
        get_log().exception("process failed")
    finally:
        _leave(status if isinstance(status, int) else 1)


def _leave(status: int) -> NoReturn:
    """End the process here and now: what is further up the stack is the parent's."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _outlive(watched: int) -> None:
    """Wait for the parent's death, then stop: nobody else would tell."""
    os.read(watched, 1)
    try:
        get_log().warning("the process that started this one is gone")
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


@contextlib.contextmanager
def _lifeline() -> Iterator[_Lifeline]:
    watched, held = os.pipe()
    try:
        yield _Lifeline(held, watched)
    finally:
        os.close(held)
        os.close(watched)


@contextlib.contextmanager
def _signals() -> Iterator[socket.socket]:
    """Signals as bytes in a socket, so that waiting for them and for time is one thing."""
    inbox, outlet = socket.socketpair()
    with inbox, outlet:
        inbox.setblocking(False)  # noqa: FBT003  the standard library's own parameter
        outlet.setblocking(False)  # noqa: FBT003  the same
        before = {number: signal.signal(number, _noted) for number in (*_STOPS, signal.SIGCHLD)}
        signal.set_wakeup_fd(outlet.fileno(), warn_on_full_buffer=False)
        try:
            yield inbox
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)


def _noted(*_: object) -> None:
    """A handler has to be there for a signal to be noted in the socket."""
