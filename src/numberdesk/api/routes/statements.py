"""Statements of months, as JSON in pages, or whole as CSV or a page to print; what calls come to.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

import msgspec

from numberdesk.api.accepted import accepted
from numberdesk.api.endpoint import JSON, ApiRequest, ApiResponse, StreamedResponse, endpoint
from numberdesk.api.instants import Written, instant_of
from numberdesk.api.paging import PageQuery, page, position
from numberdesk.api.shapes import E164, id_in_path
from numberdesk.core.errors import InvalidRequest, NotFound
from numberdesk.core.statement import LATEST, Month, month_of, parse_month
from numberdesk.flows.statements.read_statements import (
    LinePlace,
    Section,
    StatementHead,
    find_statement,
    list_statements,
    read_page,
    total_kinds,
)
from numberdesk.flows.statements.sum_usage import LONGEST_SPAN_DAYS, UsageQuestion, sum_of_calls
from numberdesk.flows.statements.tell_statement import StatementForm, tell_statement
from numberdesk.ledger.statement_store import OwedPlace
from numberdesk.usage.sum_store import SummedBy
from numberdesk.views.statement_csv import CsvStatement
from numberdesk.views.statement_page import POLICY, HtmlStatement
from numberdesk.views.statements import (
    StatementHeadView,
    StatementView,
    UsageSumView,
    statement_head_view,
    statement_view,
    usage_sum_view,
)

CSV: Final = "text/csv"
HTML: Final = "text/html"
_FORMS: Final = (JSON, HTML, CSV)
_VARY: Final = {"Vary": "Accept"}
_LONGEST_INSTANT: Final = 18
_HEAD_EXAMPLE: Final = {
    "account_id": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "account_name": "Voice Agency",
    "month": "2026-03",
    "begins_at": "2026-03-01T00:00:00Z",
    "ends_at": "2026-04-01T00:00:00Z",
    "time_zone": "UTC",
    "status": "closed",
    "currency": "USD",
    "opening_balance": 0,
    "closing_balance": 98.833,
    "opening_owed": 0,
    "closing_owed": 0,
    "line_count": 3,
}
_STATEMENT_EXAMPLE: Final = {
    **_HEAD_EXAMPLE,
    "totals": [
        {"kind": "rental", "lines": 1, "amount": -1.15},
        {"kind": "top_up", "lines": 1, "amount": 100},
        {"kind": "usage", "lines": 1, "amount": -0.017},
    ],
    "lines": [
        {
            "section": "wallet",
            "id": "trf_0195b3a4c7e07d2f8a1b2c3d4e5f6071_usage_0",
            "entry": 3,
            "posted_at": "2026-03-20T14:35:00Z",
            "kind": "usage",
            "amount": -0.017,
            "balance": 98.833,
            "phone_number": "+13612738809",
            "period": None,
            "calls": [
                {
                    "phone_number": "+13612738809",
                    "direction": "inbound",
                    "day": "2026-03-20",
                    "calls": 1,
                    "seconds": 91,
                    "billed_seconds": 120,
                    "rate": 0.0085,
                    "connect_fee": 0,
                    "rounding": "up",
                    "increments": "60/60",
                    "amount": 0.017,
                }
            ],
            "order_id": None,
            "reference": None,
        }
    ],
}
_SUM_EXAMPLE: Final = {
    "phone_number": "+13612738809",
    "day": None,
    "month": None,
    "calls": 1,
    "seconds": 91,
    "billed_seconds": 120,
    "charged": 0.017,
    "owed": 0,
    "currency": "USD",
}


class SummaryQuery(PageQuery, frozen=True):
    """Which calls are summed: those that began from `since` to before `until`; also taken as `from` and `to`."""

    other_names: ClassVar = {"from": "since", "to": "until"}

    since: (
        Annotated[Written, msgspec.Meta(description="Calls that began then or later; else this month's. ISO 8601.")]
        | None
    ) = None
    until: Annotated[Written, msgspec.Meta(description="Calls that began before; else until now. ISO 8601.")] | None = (
        None
    )
    phone_number: E164 | None = None
    by: Annotated[SummedBy, msgspec.Meta(description="What calls are summed by.")] = SummedBy.NUMBER


@endpoint(
    "GET",
    "/statements",
    summary="The account's months, the latest first, each with how it opens and closes",
    tag="Billing",
    scope="billing:read",
    query=PageQuery,
    data=list[StatementHeadView],
    paged=True,
    answer_example=[_HEAD_EXAMPLE],
)
async def statements(request: ApiRequest) -> ApiResponse:
    """Page the months of the account."""
    return await _listed(request, request.caller.account_id)


@endpoint(
    "GET",
    "/statements/{month:str}",
    summary="The statement of a month: in pages of lines, or whole with Accept: text/csv or text/html",
    tag="Billing",
    scope="billing:read",
    query=PageQuery,
    data=StatementView,
    paged=True,
    errors=("not_found",),
    answer_example=_STATEMENT_EXAMPLE,
    other_forms=(CSV, HTML),
)
async def statement(request: ApiRequest) -> ApiResponse | StreamedResponse:
    """The account's own."""
    return await _told(request, request.caller.account_id)


@endpoint(
    "GET",
    "/admin/accounts/{account_id:str}/statements",
    summary="An account's months, the latest first, each with how it opens and closes",
    tag="Operators",
    scope="admin",
    query=PageQuery,
    data=list[StatementHeadView],
    paged=True,
    answer_example=[_HEAD_EXAMPLE],
)
async def account_statements(request: ApiRequest) -> ApiResponse:
    """Page the months of any account."""
    return await _listed(request, id_in_path(request.path["account_id"]))


@endpoint(
    "GET",
    "/admin/accounts/{account_id:str}/statements/{month:str}",
    summary="An account's statement of a month: in pages of lines, or whole with Accept: text/csv or text/html",
    tag="Operators",
    scope="admin",
    query=PageQuery,
    data=StatementView,
    paged=True,
    errors=("not_found",),
    answer_example=_STATEMENT_EXAMPLE,
    other_forms=(CSV, HTML),
)
async def account_statement(request: ApiRequest) -> ApiResponse | StreamedResponse:
    """That of any account."""
    return await _told(request, id_in_path(request.path["account_id"]))


@endpoint(
    "GET",
    "/usage/summary",
    summary="What charged calls come to, by number, day or month",
    tag="Usage",
    scope="billing:read",
    query=SummaryQuery,
    data=list[UsageSumView],
    paged=True,
    answer_example=[_SUM_EXAMPLE],
)
async def usage_summary(request: ApiRequest) -> ApiResponse:
    """Page the sums of the account's calls."""
    query: SummaryQuery = request.query
    since, until = instant_of("since", query.since), instant_of("until", query.until)
    for field, instant in (("since", since), ("until", until)):
        if instant is not None and not 0 <= instant < LATEST:
            raise InvalidRequest(field, "must be in one of the years from 1970 to 9998")
    if since is None:
        since = month_of(request.now).begins_at
    if until is None:
        until = max(request.now, since)
    if not 0 <= until - since <= LONGEST_SPAN_DAYS * 86_400_000_000:
        if query.until is None:
            raise InvalidRequest("since", f"is more than {LONGEST_SPAN_DAYS} days ago; say until when, with until")
        raise InvalidRequest("until", f"must be from since to {LONGEST_SPAN_DAYS} days after it")
    asked = UsageQuestion(request.caller.account_id, since, until, query.phone_number, query.by)
    after = _sum_place(query.page_token)
    found = await request.read(lambda tx: sum_of_calls(tx, asked, after=after, limit=query.page_size + 1))
    items, rest = page(found, query.page_size, "place")
    by_month = query.by in (SummedBy.MONTH, SummedBy.NUMBER_AND_MONTH)
    shown = [usage_sum_view(item, request.caller.currency, by_month=by_month) for item in items]
    return ApiResponse(shown, rest=rest)


async def _listed(request: ApiRequest, account_id: str) -> ApiResponse:
    query: PageQuery = request.query
    token = position(query.page_token, "")
    before = None if token is None else parse_month(token)
    if token is not None and before is None:
        raise InvalidRequest("page_token", "is not a token of this list")
    now, limit = request.now, query.page_size + 1
    found = await request.read(lambda tx: list_statements(tx, account_id, now, before=before, limit=limit))
    items, rest = page(found, query.page_size, "month.name")
    return ApiResponse([statement_head_view(item) for item in items], rest=rest)


async def _told(request: ApiRequest, account_id: str) -> ApiResponse | StreamedResponse:
    month = parse_month(request.path["month"])
    if month is None:
        raise InvalidRequest("month", "must be a month like 2026-03")
    head = await request.read(lambda tx: find_statement(tx, account_id, month, request.now))
    if head is None:
        raise NotFound
    form = accepted(request.headers.get(b"accept"), _FORMS)
    return await _paged(request, head, month) if form == JSON else _streamed(request, head, form)


async def _paged(request: ApiRequest, head: StatementHead, month: Month) -> ApiResponse:
    query: PageQuery = request.query
    after = _line_place(query.page_token, month)
    found = await request.read(lambda tx: read_page(tx, head, after, query.page_size + 1))
    totals = None if after is not None else await request.read(lambda tx: total_kinds(tx, head))
    items, rest = page(found, query.page_size, "place")
    return ApiResponse(statement_view(head, totals, items), rest=rest, headers=_VARY)


def _streamed(request: ApiRequest, head: StatementHead, kind: str) -> StreamedResponse:
    name = f"statement-{head.month.name}"
    form: StatementForm = CsvStatement() if kind == CSV else HtmlStatement()
    own = {"Content-Disposition": f'attachment; filename="{name}.csv"'} if kind == CSV else {}
    if kind == HTML:
        own = {"Content-Security-Policy": POLICY}
    return StreamedResponse(tell_statement(request.read, head, form), kind, _VARY | own)


def _line_place(token: str | None, month: Month) -> LinePlace | None:
    text = position(token, month.name)
    if text is None:
        return None
    section, _, rest = text.removeprefix(f"{month.name}.").partition(".")
    number, _, line_id = rest.partition(".")
    if section in tuple(Section) and number.isascii() and number.isdigit() and len(number) <= _LONGEST_INSTANT:
        if section == Section.WALLET:
            return LinePlace(Section.WALLET, int(number))
        return LinePlace(Section.OWED, 0, OwedPlace(int(number), line_id))
    raise InvalidRequest("page_token", "is not a token of this list")


def _sum_place(token: str | None) -> tuple[str, int] | None:
    text = position(token, "")
    if text is None:
        return None
    number, _, begins_at = text.partition(".")
    if not (begins_at.isascii() and begins_at.isdigit() and len(begins_at) <= _LONGEST_INSTANT):
        raise InvalidRequest("page_token", "is not a token of this list")
    return number, int(begins_at)
