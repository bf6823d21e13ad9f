"""What calls were charged beside what they cost, and how call records come in, for operators.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from numberdesk.api.carrier_filter import check_filter
from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.paging import PageQuery, page, position
from numberdesk.api.shapes import E164, LONGEST_ID, CarrierName, stated
from numberdesk.core.errors import InvalidRequest
from numberdesk.flows.usage.compare_sources import MOST_DAYS, compare_sources
from numberdesk.flows.usage.months import month_bounds
from numberdesk.usage.feed_store import list_feeds
from numberdesk.usage.margin_store import list_margins
from numberdesk.usage.pull_store import list_pulls
from numberdesk.views.usage import (
    FeedView,
    MarginView,
    PullView,
    SourceSumView,
    feed_view,
    margin_view,
    pull_view,
    source_sum_view,
)

_MOST: Final = 1_000
_PARTS_OF_A_PLACE: Final = 4
_LONGEST_INSTANT: Final = 18

Month = Annotated[str, stated(pattern="^20[0-9]{2}-(0[1-9]|1[0-2])$")]


class MarginQuery(PageQuery, frozen=True):
    """Whose margins, of which month."""

    month: (
        Annotated[Month, msgspec.Meta(description="Month of UTC in which the calls began; this month if left out.")]
        | None
    ) = None
    account_id: (
        Annotated[
            str,
            msgspec.Meta(
                pattern=f"^[!-~]{{1,{LONGEST_ID}}}$",
                description="Only calls that this account rented the number for.",
            ),
        ]
        | None
    ) = None
    carrier: Annotated[CarrierName, msgspec.Meta(description="Only numbers of this carrier, or of `pool`.")] | None = (
        None
    )


@endpoint(
    "GET",
    "/admin/usage/margin",
    summary="What calls of each number were charged beside what they cost, a month",
    tag="Operators",
    scope="admin",
    query=MarginQuery,
    data=list[MarginView],
    paged=True,
    answer_example=[
        {
            "month": "2026-03",
            "phone_number": "+13612738809",
            "carrier": "twilio",
            "currency": "USD",
            "calls": 12,
            "seconds": 1830,
            "charged": 0.4,
            "cost": 0.34,
            "margin": 0.06,
            "calls_without_cost": 0,
        }
    ],
)
async def margins(request: ApiRequest) -> ApiResponse:
    """Page margins."""
    query: MarginQuery = request.query
    month, until = month_bounds(query.month, request.now)
    after = _place(query.page_token)
    await check_filter(request, query.carrier)
    found = await request.read(
        lambda tx: list_margins(
            tx,
            month=month,
            until=until,
            account_id=query.account_id,
            carrier=query.carrier,
            after=after,
            limit=query.page_size + 1,
        )
    )
    items, rest = page(found, query.page_size, "place")
    return ApiResponse([margin_view(item) for item in items], rest=rest)


class ReconcileQuery(PageQuery, frozen=True):
    """Which calls are compared."""

    days: Annotated[
        int, msgspec.Meta(ge=1, le=MOST_DAYS, description="So many days of UTC, the last of them today.")
    ] = 7
    phone_number: E164 | None = None


@endpoint(
    "GET",
    "/admin/usage/reconcile",
    summary="What each source told of each number and day beside what was charged for it",
    tag="Operators",
    scope="admin",
    query=ReconcileQuery,
    data=list[SourceSumView],
    paged=True,
    answer_example=[
        {
            "day": "2026-03-20",
            "phone_number": "+13612738809",
            "source": "twilio",
            "status": "charged",
            "calls": 12,
            "seconds": 1830,
            "minutes": 30.5,
            "amount": 0.4,
        },
        {
            "day": "2026-03-20",
            "phone_number": "+13612738809",
            "source": "customer:acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071/switch",
            "status": "witness",
            "calls": 12,
            "seconds": 1812,
            "minutes": 30.2,
            "amount": 0,
        },
    ],
)
async def reconcile(request: ApiRequest) -> ApiResponse:
    """Page what sources told."""
    query: ReconcileQuery = request.query
    after = _heard_place(query.page_token)
    now, limit = request.now, query.page_size + 1
    found = await request.read(
        lambda tx: compare_sources(tx, now, query.days, e164=query.phone_number, after=after, limit=limit)
    )
    items, rest = page(found, query.page_size, "place")
    return ApiResponse([source_sum_view(item) for item in items], rest=rest)


class PullsQuery(msgspec.Struct, frozen=True):
    """Which days."""

    done: Annotated[bool | None, msgspec.Meta(description="Whether days that are done are listed too.")] = None


@endpoint(
    "GET",
    "/admin/usage/pulls",
    summary="The latest thousand days whose calls are read from carriers that list them",
    tag="Operators",
    scope="admin",
    query=PullsQuery,
    data=list[PullView],
    answer_example=[
        {
            "carrier": "telnyx",
            "day": "2026-03-20",
            "listed": 41,
            "read_at": "2026-03-20T14:30:00Z",
            "next_at": "2026-03-20T15:30:00Z",
            "done_at": None,
            "message": "",
        }
    ],
)
async def pulls(request: ApiRequest) -> ApiResponse:
    """List days, the latest first."""
    query: PullsQuery = request.query
    found = await request.read(lambda tx: list_pulls(tx, ended=bool(query.done), limit=_MOST))
    return ApiResponse([pull_view(item) for item in found])


@endpoint(
    "GET",
    "/admin/usage/feeds",
    summary="The first thousand feeds of call records, without their secrets",
    tag="Operators",
    scope="admin",
    data=list[FeedView],
    answer_example=[
        {
            "account_id": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
            "name": "pbx",
            "form": "freeswitch",
            "signed": False,
            "url": None,
            "mapping": None,
            "created_at": "2026-03-20T14:30:00Z",
        },
        {
            "account_id": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
            "name": "bandwidth",
            "form": "mapping",
            "signed": True,
            "url": "https://numbers.example.com/api/v1/usage/in/bandwidth/",
            "mapping": '[fields]\ncall_id = "callId"\n',
            "created_at": "2026-03-20T14:30:00Z",
        },
    ],
)
async def feeds(request: ApiRequest) -> ApiResponse:
    """List feeds of all accounts."""
    found = await request.read(lambda tx: list_feeds(tx, None, _MOST))
    return ApiResponse([feed_view(item) for item in found])


def _heard_place(token: str | None) -> tuple[int, str, str, str] | None:
    text = position(token, "")
    if text is None:
        return None
    day, *rest = parts = text.split(" ")
    if len(parts) != _PARTS_OF_A_PLACE or not (day.isascii() and day.isdigit() and len(day) <= _LONGEST_INSTANT):
        raise InvalidRequest("page_token", "is not a token of this list")
    e164, source, state = rest
    return int(day), e164, source, state


def _place(token: str | None) -> tuple[str, str] | None:
    text = position(token, "")
    if text is None:
        return None
    e164, point, currency = text.partition(".")
    if not e164.startswith("+") or not point:
        raise InvalidRequest("page_token", "is not a token of this list")
    return e164, currency
