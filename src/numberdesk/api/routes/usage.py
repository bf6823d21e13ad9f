"""Call records: sent by whoever carries calls, and listed for those who pay for them.

Touches: nothing.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Final

import msgspec

from numberdesk.api.call_bodies import JSON, CallRecordBody, read_calls, received, require_calls
from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.instants import Written, instant_of
from numberdesk.api.paging import PageQuery, page, position
from numberdesk.api.shapes import E164, Label, Rate, stated
from numberdesk.api.sources import source_of
from numberdesk.api.turns import reading_turn
from numberdesk.core.call_record import Direction
from numberdesk.core.errors import InvalidRequest
from numberdesk.flows.usage.record_calls import RateParked, rate_parked
from numberdesk.flows.usage.send_calls import send_calls
from numberdesk.flows.usage.set_usage_terms import (
    LONGEST_SOURCE,
    AppointSource,
    SetRate,
    appoint_sources,
    checked_source,
    set_missing_rates,
)
from numberdesk.usage.store import list_parked, page_calls
from numberdesk.views.usage import (
    CallView,
    ParkedCallView,
    RatedParkedView,
    RecordResultView,
    call_view,
    parked_call_view,
    record_result_view,
)

_MOST_BATCHES: Final = 20
_EXAMPLE: Final = {
    "call_id": "b2f4-1",
    "direction": "inbound",
    "phone_number": "+13612738809",
    "other": "+13612738000",
    "started_at": "2026-03-20T14:30:00Z",
    "answered_at": "2026-03-20T14:30:05Z",
    "ended_at": "2026-03-20T14:31:36Z",
}
_CALL_EXAMPLE: Final = {
    **_EXAMPLE,
    "source": "operator:acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "leg": "",
    "seconds": 91,
    "disposition": "",
    "status": "charged",
    "reason": None,
    "rate": 0.0085,
    "connect_fee": 0,
    "rounding": "up",
    "increments": "60/60",
    "billed_seconds": 120,
    "amount": 0.017,
    "owed": 0,
    "currency": "USD",
    "transaction_id": "trf_0195b3a4c7e07d2f8a1b2c3d4e5f6071_usage_0",
}


class CallsQuery(PageQuery, frozen=True):
    """Which calls: those that began from `since` to before `until`, of one number or of all."""

    since: Annotated[Written, msgspec.Meta(description="Only calls that began then or later; ISO 8601.")] | None = None
    until: Annotated[Written, msgspec.Meta(description="Only calls that began before; ISO 8601.")] | None = None
    phone_number: Annotated[E164, msgspec.Meta(description="Only calls of this rented number.")] | None = None


@endpoint(
    "POST",
    "/usage/calls",
    summary="Send up to 10,000 call records; each has an outcome of its own",
    tag="Usage",
    scope="usage:write",
    raw_body=JSON,
    raw_item=CallRecordBody,
    raw_limit="usage_limit_bytes",
    data=list[RecordResultView],
    example=[_EXAMPLE],
    answer_example=[
        {
            "outcome": "accepted",
            "call_id": "b2f4-1",
            "leg": "",
            "status": "charged",
            "amount": 0.017,
            "field": None,
            "reason": None,
        }
    ],
    key_refusal="is not taken by this request: a record that is sent again is taken once",
    operators_too=True,
)
async def send(request: ApiRequest) -> ApiResponse:
    """Answer when all that was accepted is on disk."""
    services = request.services
    require_calls(request.headers)
    limit = services.settings.usage_limit_bytes
    async with received(request.headers, request.receive, limit) as body, reading_turn():
        read = await read_calls(request.headers, body, limit, source_of(request.caller), request.now)
        most = services.settings.usage_parked_most
        results = await send_calls(
            services.writer,
            read,
            request.now,
            services.new_id,
            most_parked=most,
            failpoint=services.failpoint,
        )
    counts = Counter(result.outcome.value for result in results)
    told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
    return ApiResponse([record_result_view(result) for result in results], told or "Nothing was sent")


@endpoint(
    "GET",
    "/usage/calls",
    summary="The account's calls, the latest first",
    tag="Usage",
    scope="billing:read",
    query=CallsQuery,
    data=list[CallView],
    paged=True,
    answer_example=[_CALL_EXAMPLE],
)
async def calls(request: ApiRequest) -> ApiResponse:
    """Page the account's calls."""
    query: CallsQuery = request.query
    before, account_id = _place(query.page_token), request.caller.account_id
    since, until = instant_of("since", query.since), instant_of("until", query.until)
    e164, limit = query.phone_number, query.page_size + 1
    found = await request.read(
        lambda tx: page_calls(tx, account_id, e164, since=since, until=until, before=before, limit=limit)
    )
    items, rest = page(found.items, query.page_size, "place", walked_to=found.walked_to)
    return ApiResponse([call_view(item) for item in items], rest=rest)


@endpoint(
    "GET",
    "/admin/usage/parked",
    summary="Calls that wait for a person, oldest first",
    tag="Operators",
    scope="admin",
    query=PageQuery,
    data=list[ParkedCallView],
    paged=True,
    answer_example=[],
)
async def parked(request: ApiRequest) -> ApiResponse:
    """Page parked calls of all accounts."""
    query: PageQuery = request.query
    after = position(query.page_token, "cal_")
    found = await request.read(lambda tx: list_parked(tx, after=after, limit=query.page_size + 1))
    items, rest = page(found, query.page_size, "id")
    return ApiResponse([parked_call_view(item) for item in items], rest=rest)


class RateParkedBody(msgspec.Struct, frozen=True):
    """What a number's rental lacked, if anything is to be set first: a source, or a rate for a direction, or both."""

    phone_number: Annotated[E164, msgspec.Meta(description="A rented number, whose rental lacks something.")] | None = (
        None
    )
    source: (
        Annotated[
            Label,
            stated(maxLength=LONGEST_SOURCE),
            msgspec.Meta(description="Whose records charge for it from now on; the first, from its beginning."),
        ]
        | None
    ) = None
    direction: (
        Annotated[Direction, msgspec.Meta(description="Which calls had no rate; outbound if left out.")] | None
    ) = None
    rate: (
        Annotated[Rate, msgspec.Meta(description="What a minute of them costs, where the rental has no rate.")] | None
    ) = None


@endpoint(
    "POST",
    "/admin/usage/parked/rate",
    summary="Look at parked calls anew and charge those that can be; first set what a number lacked",
    tag="Operators",
    scope="admin",
    body=RateParkedBody,
    data=RatedParkedView,
    errors=("not_found",),
    example={"phone_number": "+13612738809", "source": "operator:acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071"},
    answer_example={"seen": 3, "rated": 2, "parked": 1, "more": False},
)
async def rate_parked_calls(request: ApiRequest) -> ApiResponse:
    """Set, then look at one batch after the other."""
    body: RateParkedBody = request.body
    services, now = request.services, request.now
    if (body.phone_number is None) is not (body.rate is None and body.source is None):
        raise InvalidRequest("phone_number", "and a rate or a source belong together")
    if body.phone_number is not None:
        if body.source is not None:
            source = checked_source(body.source)
            await services.writer.submit(appoint_sources, AppointSource(body.phone_number, source, now))
        if body.rate is not None:
            direction = body.direction or Direction.OUTBOUND
            await services.writer.submit(set_missing_rates, SetRate(body.phone_number, direction, body.rate, now))
    seen = rated = 0
    after: str | None = None
    for _ in range(_MOST_BATCHES):
        done = await services.writer.submit(rate_parked, RateParked(services.new_id("bat"), after, now))
        seen, rated, after = seen + done.seen, rated + done.rated, done.last
        if after is None:
            break
    view = RatedParkedView(seen, rated, seen - rated, after is not None)
    return ApiResponse(view, f"{rated} of {seen} wait no longer")


def _place(token: str | None) -> tuple[int, str] | None:
    text = position(token, "")
    if text is None:
        return None
    started, _, call = text.partition(".")
    if not (started.isascii() and started.isdigit() and len(started) <= 18 and call):  # noqa: PLR2004  fits 64 bits
        raise InvalidRequest("page_token", "is not a token of this list")
    return int(started), call
