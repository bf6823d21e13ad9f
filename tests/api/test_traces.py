"""Traces: a span for each request below its client's, by OpenTelemetry's own protocol, and nothing private in them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from numberdesk.api.app import build_app
from numberdesk.infra import log
from numberdesk.infra.settings import SettingsError, load_settings
from numberdesk.wiring import Services, build
from testbed.scripted import Scripted, reply, scripted

POSTGRESQL_IN_THE_LONG_RUN = "what is told of a request does not depend on the engine"

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


def ask(services: Services, requests: Sequence[tuple[str, str]], **headers: str) -> list[httpx.Response]:
    """What the application answers in this process."""

    async def main() -> list[httpx.Response]:
        transport = httpx.ASGITransport(build_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://desk") as client:
            return [await client.request(method, path, headers=headers) for method, path in requests]

    return asyncio.run(main())


def spans_of(collector: Scripted) -> list[Span]:
    """What a collector was sent."""
    exports = [ExportTraceServiceRequest.FromString(seen.body) for seen in collector.seen]
    return [
        span
        for export in exports
        for given in export.resource_spans
        for scope in given.scope_spans
        for span in scope.spans
    ]


def test_a_request_is_a_span_below_its_clients_named_by_its_route(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scripted(lambda _seen: reply(200)) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        services = build(load_settings(database_url=database_url, tracing=True))
        ask(
            services,
            [("GET", "/healthz"), ("GET", "/api/v1/orders/ord_1"), ("GET", "/no/such")],
            traceparent=TRACEPARENT,
        )
        services.close()
    spans = spans_of(collector)
    assert [seen.path for seen in collector.seen] == ["/v1/traces"]
    assert [span.name for span in spans] == ["GET /healthz", "GET /api/v1/orders/{order_id}", "GET"]
    assert {(span.trace_id.hex(), span.parent_span_id.hex()) for span in spans} == {(TRACE, PARENT)}
    statuses = [
        next(one.value.int_value for one in span.attributes if one.key == "http.response.status_code") for span in spans
    ]
    assert statuses == [200, 401, 404]
    assert "ord_1" not in str(spans)


def test_without_tracing_every_line_that_is_logged_of_a_request_says_what_it_belongs_to(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    services = build(load_settings(database_url=database_url, access_log=True))
    log.configure("info")
    try:
        for sent in (TRACEPARENT, f"00-{'0' * 32}-{PARENT}-01", f"{TRACEPARENT}\x1b[1m"):
            ask(services, [("GET", "/healthz")], traceparent=sent)
    finally:
        log.configure("error")
        services.close()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line.get("traceparent") for line in lines] == [TRACEPARENT, None, None]


def test_tracing_without_its_extra_is_told_in_words(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numberdesk.infra.tracing", None)  # as Python says that a module is not there
    with pytest.raises(SettingsError, match=r"pip install 'numberdesk\[otel\]'"):
        build(load_settings(database_url=database_url, tracing=True))
