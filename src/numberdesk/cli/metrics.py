"""The port of metrics beside a server or a worker.

Touches: clock, threads.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from numberdesk import __version__
from numberdesk.cli.output import fail, note
from numberdesk.flows.measure import measure
from numberdesk.infra.db import StorageFailedError
from numberdesk.infra.observer import Family
from numberdesk.wiring import Services

if TYPE_CHECKING:
    from numberdesk.infra.metrics import Metrics

KEPT_SECONDS: Final = 10.0
"""How long what the database said is told again."""

READ_SECONDS: Final = 5.0


@contextlib.contextmanager
def metrics_served(running: Services) -> Iterator[None]:
    """Answer /metrics on the port that the settings name, on none where they name none."""
    settings = running.settings
    if not settings.metrics_port:
        yield
        return
    from numberdesk.infra.metrics import Metrics, MetricsServer  # noqa: PLC0415  only where metrics are on

    metrics = running.observer.innermost()
    assert isinstance(metrics, Metrics)  # noqa: S101  wiring makes one where there is a port
    watch(metrics, running)
    ports = range(settings.metrics_port, settings.metrics_port + settings.workers)
    try:
        server = MetricsServer(metrics.text, settings.metrics_host, ports, settings.metrics_token.get_secret_value())
    except OSError as error:
        fail(f"metrics cannot listen on {settings.metrics_host}:{settings.metrics_port}: {error.strerror or error}")
    note(f"numberdesk: metrics at http://{settings.metrics_host}:{server.port}/metrics")
    try:
        yield
    finally:
        server.close()


def watch(metrics: Metrics, running: Services) -> None:
    """Let metrics read this process, and the database at most so often."""
    books = _Kept(running)
    metrics.watch(lambda: _of_process(running))
    metrics.watch(books.read)


class _Kept:
    """What the database said last."""

    def __init__(self, running: Services) -> None:
        self._running = running
        self._lock = threading.Lock()
        self._families: list[Family] = []
        self._until = 0.0

    def read(self) -> list[Family]:
        """Readings that are not too old, with whether they could be had."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._families = self._asked()
                self._until = time.monotonic() + KEPT_SECONDS
            return self._families

    def _asked(self) -> list[Family]:
        running = self._running
        try:
            found = running.reader.read_now(lambda tx: measure(tx, running.now()), seconds=READ_SECONDS)
        except StorageFailedError:
            found = []
        return [*found, _one("database_readable", "1 while the database answers these questions", bool(found))]


def _of_process(running: Services) -> list[Family]:
    writer, reader = running.writer, running.reader.figures
    figures = writer.figures
    return [
        Family("info", "The release that runs", ("version",), {(__version__,): 1.0}),
        _one("writer_commands_waiting", "Commands that wait for the writer", writer.waiting),
        _one("writer_stuck", "1 while the database does not answer the writer", writer.stuck),
        _one("writer_commands", "Commands that the writer took", figures.commands, total=True),
        _one("writer_failed_commits", "Transactions that the database failed", figures.failed_commits, total=True),
        _one("writer_retries", "Transactions that were tried again", figures.retries, total=True),
        _one("reader_running", "Lists and searches that run", reader.running),
        _one("reader_waiting", "Lists and searches that wait for their turn", reader.waiting),
        _one("reader_refused", "Lists and searches that were refused", reader.refused, total=True),
        Family(
            "carrier_paused_seconds",
            "How long a carrier is still left alone, for all or for searches; 0 when it is not",
            ("carrier", "what"),
            running.carriers.paused(),
        ),
    ]


def _one(name: str, meaning: str, value: float, *, total: bool = False) -> Family:
    return Family(name, meaning, (), {(): float(value)}, total)
