"""Processes of this package, forked from one that has loaded it: of a start, only the loading is left out.

A service that is killed and started again is as good as any: a process with memory, files and an end of its own. But
loading takes most of a start, and shows nothing the second time. Tests that are about starting use `subprocess`.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from numberdesk.cli.commands import COMMANDS

_LOADED: Final = (
    "numberdesk.cli",
    *(f"numberdesk.cli.{place.module}" for place in COMMANDS.values()),  # which it loads as they are asked for
    "numberdesk.worker",
    "numberdesk.api.app",
    "numberdesk.console.site",
    "numberdesk.http_server.server",
    "psycopg",
)
_ROOT: Final = Path(__file__).parent.parent


class Process:
    """A process of ours, with what `subprocess.Popen` offers of it, as far as tests use that."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self.pid = int(_line(channel))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status, if it has ended; negative for a signal."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, when it has ended. Raises subprocess.TimeoutExpired."""
        status = self._ended(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return status

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and _is_readable(self._channel, timeout):
            self.returncode = int(_line(self._channel))
            self._channel.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def _is_readable(channel: socket.socket, timeout: float | None) -> bool:
    """Whether something can be read within so many seconds. `select.select` knows the first 1,024 descriptors alone."""
    waiting = select.poll()
    waiting.register(channel, select.POLLIN)
    return bool(waiting.poll(None if timeout is None else timeout * 1000))


def start(
    module: str, *arguments: str, cwd: Path | None = None, env: Mapping[str, str], stdout: IO[Any], stderr: IO[Any]
) -> Process:
    """Start what `python -W error -m MODULE ARGUMENTS` would."""
    ours, theirs = socket.socketpair()
    with theirs:
        socket.send_fds(_nursery(), [b"!"], [theirs.fileno(), stdout.fileno(), stderr.fileno()])
    wanted = _Wanted(module, arguments, str(cwd or Path.cwd()), dict(env))
    ours.sendall(json.dumps(wanted).encode() + b"\n")
    return Process(ours)


def run(
    module: str, *arguments: str, cwd: Path, env: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        process = start(module, *arguments, cwd=cwd, env=env, stdout=stdout, stderr=stderr)
        try:
            status = process.wait(timeout)
        finally:
            process.kill()
            process.wait()
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess([module, *arguments], status, stdout.read(), stderr.read())


class _Wanted(NamedTuple):
    module: str
    arguments: Sequence[str]
    cwd: str
    env: dict[str, str]


@cache
def _nursery() -> socket.socket:
    """The connection to this process's own; when that closes, it ends."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "testbed.nursery", str(theirs.fileno())],
            cwd=_ROOT,
            pass_fds=[theirs.fileno()],
            stdout=subprocess.DEVNULL,  # no terminal: what is forked writes to files
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def _line(channel: socket.socket) -> str:
    """What the other side says up to the end of a line."""
    said = b""
    while not said.endswith(b"\n"):
        piece = channel.recv(1)
        if not piece:
            raise RuntimeError("the process that starts others is gone")
        said += piece
    return said.decode()


def _serve(orders: socket.socket) -> _Wanted | None:
    """Fork what is asked for. Returns what to be in each process that is to be it, and None at the end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers
    while True:
        _, descriptors, _, _ = socket.recv_fds(orders, 1, 3)
        if not descriptors:
            return None
        if os.fork() == 0:
            orders.close()
            return _keep(*descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _keep(channel_descriptor: int, stdout: int, stderr: int) -> _Wanted:
    """Fork once more; wait for that process and tell how it ended. Returns in that process only."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with socket.socket(fileno=channel_descriptor) as channel:
        wanted = _Wanted(*json.loads(_line(channel)))
        pid = os.fork()
        if pid:
            os.close(stdout)
            os.close(stderr)
            with contextlib.suppress(BrokenPipeError):  # who asked has ended
                channel.sendall(b"%d\n" % pid)
                channel.sendall(b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            os._exit(0)
    for descriptor, place in ((stdout, 1), (stderr, 2)):
        os.dup2(descriptor, place)
        os.close(descriptor)
    return wanted


def main(descriptor: int) -> None:
    """Load, then serve until the connection closes."""
    for name in _LOADED:
        importlib.import_module(name)
    gc.freeze()  # what is there stays there: no collection in a fork copies its pages
    with socket.socket(fileno=descriptor) as orders:
        wanted = _serve(orders)
    if wanted is not None:
        os.chdir(wanted.cwd)
        sys.path.insert(0, wanted.cwd)
        os.environ.clear()
        os.environ.update(wanted.env)
        sys.argv[1:] = wanted.arguments
        runpy.run_module(wanted.module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
