"""Traces by OpenTelemetry: a span for each request, each call to a carrier and each transaction of the writer.

Touches: clock.

Where spans go is said by OpenTelemetry's own variables, such as OTEL_EXPORTER_OTLP_ENDPOINT. A span never holds an
account, a number or a key. What tells of work that is over makes its span from how long it took, in the context of the
request that it was done for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Self

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
    use_span,
)

from numberdesk import __version__
from numberdesk.infra.observer import NOBODY, Counted, Family, ObservedRequest, Observer

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import TracebackType

    from opentelemetry.sdk.trace.export import SpanExporter

_NANOSECONDS: Final = 1_000_000_000
_SERVER_FAILED: Final = 500


class Tracing(Observer):
    """Makes spans of what it is told, and tells another observer."""

    def __init__(self, beside: Observer = NOBODY, exporter: SpanExporter | None = None) -> None:
        resource = Resource.create({"service.name": "numberdesk", "service.version": __version__})
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("numberdesk", __version__)
        self._beside = beside

    def request(self, method: str, traceparent: str) -> ObservedRequest:
        """Begin the span of a request, below the one that its client sent."""
        above = set_span_in_context(NonRecordingSpan(_context_of(traceparent)))
        attributes = {"http.request.method": method}
        return _RequestSpan(self._tracer.start_span(method, above, SpanKind.SERVER, attributes))

    def purchase(self, result: str, seconds: float) -> None:
        """Say in the request's span what came of the purchase."""
        get_current_span().set_attribute("numberdesk.purchase.result", result)
        self._beside.purchase(result, seconds)

    def carrier_request(self, carrier: str, call: str, outcome: str, seconds: float) -> None:
        """A carrier was asked."""
        named = {"numberdesk.carrier": carrier, "numberdesk.call": call, "numberdesk.outcome": outcome}
        self._over(f"carrier {call}", SpanKind.CLIENT, seconds, named)
        self._beside.carrier_request(carrier, call, outcome, seconds)

    def batch(self, commands: int, seconds: float, counted: Counted) -> None:
        """Commands of several requests were committed together."""
        self._over("commit", SpanKind.INTERNAL, seconds, {"numberdesk.commands": commands})
        self._beside.batch(commands, seconds, counted)

    def watch_work(self, kind: str, figures: Any) -> None:
        """Figures are no spans."""
        self._beside.watch_work(kind, figures)

    def watch(self, read: Callable[[], list[Family]]) -> None:
        """Readings are no spans."""
        self._beside.watch(read)

    def innermost(self) -> Observer:
        """The observer beside it, or whom that passes on to."""
        return self._beside.innermost()

    def close(self) -> None:
        """Send what was not sent yet; at most for some seconds."""
        self._provider.shutdown()
        self._beside.close()

    def _over(self, name: str, kind: SpanKind, seconds: float, attributes: Mapping[str, str | int]) -> None:
        ended = time.time_ns()
        began = ended - int(seconds * _NANOSECONDS)
        self._tracer.start_span(name, kind=kind, attributes=attributes, start_time=began).end(ended)


class _RequestSpan(ObservedRequest):
    """The span of a request that is being answered."""

    def __init__(self, span: Any) -> None:
        self._span = span
        self._current: AbstractContextManager[Any] = use_span(span, end_on_exit=True)
        made = span.get_span_context()
        self.traceparent = f"00-{made.trace_id:032x}-{made.span_id:016x}-{made.trace_flags:02x}"

    def __enter__(self) -> Self:
        self._current.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._current.__exit__(kind, error, trace)

    def answered(self, route: str, status: int) -> None:
        """Name the span by its route, which has no ids in it."""
        if route:
            self._span.update_name(f"{self._span.name} {route}")
            self._span.set_attribute("http.route", route)
        self._span.set_attribute("http.response.status_code", status)
        if status >= _SERVER_FAILED:
            self._span.set_status(Status(StatusCode.ERROR))


def _context_of(traceparent: str) -> SpanContext:
    """What a valid traceparent says, or nothing."""
    if not traceparent:
        return INVALID_SPAN_CONTEXT
    _, trace_id, span_id, flags = traceparent.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
