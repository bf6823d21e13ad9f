"""Servers as processes: start one, wait for its first answer, look at its memory, end it.

Touches: network, clock, environment.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil


class Server:
    """A process that answers on a port of 127.0.0.1. `started` is the seconds to its first answer."""

    def __init__(self, *command: str, path: str, **environment: str) -> None:
        self.port = _free_port()
        self._path = path
        began = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, *(part.replace("PORT", str(self.port)) for part in command)],
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
        )
        while not self._answers():
            assert self._process.poll() is None, "the server ended"
            time.sleep(0.005)
        self.started = time.perf_counter() - began

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", self._path)
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    @property
    def memory(self) -> int:
        """Bytes that would be free again if the process ended (unique set size)."""
        return int(psutil.Process(self._process.pid).memory_full_info().uss)

    @property
    def own_memory(self) -> int:
        """Bytes that are no pages of a file: of a large database many are mapped, which the system takes back."""
        used = psutil.Process(self._process.pid).memory_info()
        return int(used.rss - used.shared)

    def cpu_seconds(self) -> float:
        """Processor time used so far, user and system, by all its processes."""
        return cpu_seconds_of(self._process.pid)

    def kill(self) -> None:
        """End it with SIGKILL, as a power cut would."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(30)


def cpu_seconds_of(pid: int) -> float:
    """Processor time used so far by a process and all that it started and that still run."""
    first = psutil.Process(pid)
    return sum(_used(process) for process in (first, *first.children(recursive=True)))


def _used(process: psutil.Process) -> float:
    with contextlib.suppress(OSError):  # Linux counts in nanoseconds here, and in hundredths of a second elsewhere
        threads = Path(f"/proc/{process.pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9 or _coarsely_used(process)
    return _coarsely_used(process)


def _coarsely_used(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        used = process.cpu_times()
        return float(used.user + used.system)
    return 0.0


def numberdesk(database_url: str, *, workers: int = 1, **environment: str) -> Server:
    """The product, serving a database by so many processes."""
    return Server(
        "-m", "numberdesk", "serve", "--port", "PORT", "--workers", str(workers),
        path="/readyz", NUMBERDESK_DATABASE_URL=database_url, NUMBERDESK_LOG_LEVEL="error", **environment,
    )  # fmt: skip


def run_carrier_mock(numbers: int) -> Server:
    """The simulated carriers, with so many numbers."""
    return Server("-m", "numberdesk", "carrier-sim", "--port", "PORT", "--numbers", str(numbers), path="/control")


def empty_app() -> Server:
    """The smallest Litestar application, under the same server."""
    return Server("-m", "uvicorn", "bench.empty:app", "--port", "PORT", "--log-level", "warning", path="/")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
