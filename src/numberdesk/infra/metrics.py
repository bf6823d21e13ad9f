"""Metrics of one process, as Prometheus reads them.

Touches: threads.

They belong to an object, and several processes have one each: what reads them adds them up. All names begin with
numberdesk_, units are seconds and those of money.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector

from numberdesk.infra.observer import Counted, Family, Labels, Observer

PREFIX: Final = "numberdesk_"
_MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_MICROS: Final = 1_000_000
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_SILENCE_SECONDS: Final = 5.0
"""How long a client that says nothing keeps others from being answered."""

MONEY: Final = "money"
_COUNTS: Final = {
    MONEY: ("money_moved", "Money that transfers moved, in units of its currency", ("kind", "currency"), _MICROS),
    "orders": ("orders", "Orders that came to a state", ("state",), 1),
    "usage_records": ("usage_records", "Call records by who told them and what came of them", ("source", "result"), 1),
    "events": ("events", "Events written", ("type",), 1),
}
"""What transactions count (Tx.count): metric, meaning, labels, and how much one unit of it counts."""


class Metrics(Observer):
    """Keeps what it is told, and reads what it was given to read, when somebody asks."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second line for each, which nobody uses
        self._registry = CollectorRegistry()
        self._purchases = self._histogram("purchase_duration_seconds", "Purchases until their answer", ("result",))
        self._asked = self._histogram(
            "carrier_request_duration_seconds", "Requests to carriers", ("carrier", "call", "outcome")
        )
        self._commits = self._histogram("writer_commit_duration_seconds", "Transactions of the writer, to the commit")
        self._batches = self._histogram(
            "writer_batch_commands", "Commands in one transaction of the writer", (), _SIZES
        )
        self._counts = {
            name: Counter(PREFIX + metric, meaning, labels, registry=self._registry)
            for name, (metric, meaning, labels, _) in _COUNTS.items()
        }
        self._work: dict[str, Any] = {}
        self._readings: list[Callable[[], list[Family]]] = [self._of_work]
        self._registry.register(_Reading(self._read))
        ProcessCollector(registry=self._registry)

    def purchase(self, result: str, seconds: float) -> None:
        """A purchase was answered."""
        self._purchases.labels(result).observe(seconds)

    def carrier_request(self, carrier: str, call: str, outcome: str, seconds: float) -> None:
        """A carrier was asked."""
        self._asked.labels(carrier, call, outcome).observe(seconds)

    def batch(self, commands: int, seconds: float, counted: Counted) -> None:
        """A transaction was committed."""
        self._batches.observe(commands)
        self._commits.observe(seconds)
        for (name, *labels), count in counted.items():
            self._counts[name].labels(*labels).inc(count / _COUNTS[name][3])

    def watch_work(self, kind: str, figures: Any) -> None:
        """The figures of a kind of due work."""
        self._work[kind] = figures

    def watch(self, read: Callable[[], list[Family]]) -> None:
        """Read these as well."""
        self._readings.append(read)

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self._registry)

    def _histogram(
        self, name: str, meaning: str, labels: tuple[str, ...] = (), buckets: tuple[float, ...] = _SECONDS
    ) -> Histogram:
        return Histogram(PREFIX + name, meaning, labels, buckets=buckets, registry=self._registry)

    def _of_work(self) -> list[Family]:
        outcomes = ("taken_up", "done", "retried", "parked", "lease_lost", "failed")
        values: dict[Labels, float] = {
            (kind, outcome): float(getattr(figures, outcome))
            for kind, figures in self._work.items()
            for outcome in outcomes
        }
        meaning = "Rows of due work by what became of them"
        return [Family("due_work", meaning, ("work", "outcome"), values, total=True)]

    def _read(self) -> Iterator[Metric]:
        for read in self._readings:
            for family in read():
                kind = CounterMetricFamily if family.total else GaugeMetricFamily
                metric = kind(PREFIX + family.name, family.meaning, labels=family.labels)
                for labels, value in family.values.items():
                    metric.add_metric(labels, value)
                yield metric


class _Reading:
    """A collector as the registry wants it."""

    def __init__(self, read: Callable[[], Iterator[Metric]]) -> None:
        self._read = read

    def describe(self) -> list[Metric]:
        """Nothing: what is read is known when it is read."""
        return []

    def collect(self) -> Iterator[Metric]:
        """What there is now."""
        return self._read()


class MetricsServer:
    """Answers GET /metrics on a port of its own, one request at a time. A `token`, unless empty, has to be sent."""

    def __init__(self, text: Callable[[], bytes], host: str, ports: range, token: str = "") -> None:
        self._server = _bound(host, ports, _handler(text, token))
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="numberdesk-metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _bound(host: str, ports: range, handler: type[BaseHTTPRequestHandler]) -> HTTPServer:
    """A server on the first of some ports that is free. Raises OSError when none is."""
    for port in ports[:-1]:
        try:
            return _Server((host, port), handler)
        except OSError:
            continue
    return _Server((host, ports[-1]), handler)


class _Server(HTTPServer):
    allow_reuse_address = True
    request_queue_size = 8


def _handler(text: Callable[[], bytes], token: str) -> type[BaseHTTPRequestHandler]:
    expected = f"Bearer {token}".encode()

    class Handler(BaseHTTPRequestHandler):
        timeout = _SILENCE_SECONDS

        def do_GET(self) -> None:
            if self.path.split("?")[0] != "/metrics":
                self._answer(404, b"there is only /metrics\n")
            elif token and not hmac.compare_digest(self.headers.get("Authorization", "").encode(), expected):
                self._answer(401, b"Authorization: Bearer TOKEN is needed\n")
            else:
                self._answer(200, text())

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", _MEDIA_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Scrapes are not logged."""

    return Handler
