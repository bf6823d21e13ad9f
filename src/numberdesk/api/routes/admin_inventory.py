"""The operator's endpoints for inventory and price rules.

Touches: files, threads.
"""

from __future__ import annotations

import asyncio
import tempfile
from typing import Annotated, Any, Final
from weakref import WeakKeyDictionary

import msgspec

from numberdesk.api.carrier_filter import check_filter
from numberdesk.api.csv_body import CSV, receive_file, require_csv
from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.import_watch import ImportWatch, the_watch
from numberdesk.api.paging import PageQuery, page, position
from numberdesk.api.shapes import Amount, CarrierName, CarrierOrPool, Currency, Label, Price, Rate, id_in_path, stated
from numberdesk.catalog.listing_entry import EntryTerms
from numberdesk.catalog.model import ListingChunk, NumberType, SavedChunk
from numberdesk.catalog.rule_store import list_price_rules
from numberdesk.catalog.rules import (
    COUNTRY_CODE,
    DIGIT_PREFIX,
    MOST_MARGIN,
    WHOLE,
    PriceRule,
    parse_percent,
)
from numberdesk.catalog.store import page_inventory
from numberdesk.core.billing import MOST_UNITS, UNITS, kept_billing, kept_term, parse_billing, parse_term
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.lifecycle import NumberState
from numberdesk.core.money import MoneyError, as_decimal
from numberdesk.core.purchase import POOL
from numberdesk.core.rating import INCREMENTS, Rounding
from numberdesk.flows.catalog.run_import import ImportReport, run_import
from numberdesk.flows.catalog.set_price_rules import (
    find_minute_costs,
    new_price_rule,
    remove_price_rules,
    set_price_rules,
    unset_rates,
    unset_setup,
)
from numberdesk.views.inventory import ImportView, InventoryView, RuleView, import_view, inventory_view, rule_view
from numberdesk.wiring import Services

_ROUND_TO: Final = 10_000
_IN_MEMORY: Final = 1 << 20

_IMPORTS_AT_ONCE: Final = 2
"""Imports that run side by side: in the threads that they take, names of hosts are looked up for everybody, too."""

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
_MOST_BAD_SHOWN: Final = 100
_CSV_EXAMPLE: Final = (
    "phone_number,monthly_price,per_minute_price_inbound,per_minute_price_outbound,currency\n"
    "+13612738809,1.15,0.0085,0.0945,USD\n"
)
_RULE_EXAMPLE: Final = {
    "id": "prl_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "carrier": "pool",
    "iso_country": "US",
    "number_type": "local",
    "prefix": "1361",
    "currency": "USD",
    "price": 1.15,
    "per_minute_price_inbound": 0.0085,
    "per_minute_price_outbound": 0.0945,
    "setup_price": None,
    "margin_percent": None,
    "margin_fixed": None,
    "round_to": 0.01,
    "period_unit": "month",
    "period_every": 1,
    "increments": "60/60",
    "connect_fee": 0,
    "rounding": "up",
    "created_at": "2026-03-20T14:30:00Z",
}


_RULE_SET: Final = "Price rule set"


class InventoryQuery(PageQuery, frozen=True):
    """Filters of the inventory."""

    carrier: CarrierName | None = None
    state: NumberState | None = None


class ImportQuery(msgspec.Struct, frozen=True):
    """How to import."""

    carrier: Annotated[Label, stated(enum=["", POOL])] | None = None
    skip_bad: bool = False
    dry_run: bool = False
    country: Annotated[Label, stated(pattern="^([A-Za-z]{2})?$")] | None = None
    accept_unknown: bool = False


class RuleQuery(PageQuery, frozen=True):
    """Filters of the price rules."""

    carrier: CarrierName | None = None


Margin = Annotated[Amount, stated(minimum=0, maximum=100 * MOST_MARGIN // WHOLE, multipleOf=0.0001)]


class RuleBody(msgspec.Struct, frozen=True):
    """A price rule: a fixed price, or a margin on the cost. Fields left out match every number of the carrier."""

    currency: Currency
    carrier: CarrierOrPool | None = None
    iso_country: Annotated[Label, stated(pattern=f"^({COUNTRY_CODE.pattern})?$")] | None = None
    number_type: NumberType | None = None
    prefix: Annotated[Label, stated(pattern=f"^({DIGIT_PREFIX.pattern})?$")] | None = None
    price: Price | None = None
    per_minute_price_inbound: Rate | None = None
    per_minute_price_outbound: Rate | None = None
    setup_price: Rate | None = None
    margin_percent: Margin | None = None
    margin_fixed: Rate | None = None
    round_to: Price | None = None
    period_unit: Annotated[Label, stated(enum=list(UNITS))] | None = None
    period_every: Annotated[int, stated(minimum=1, maximum=MOST_UNITS)] | None = None
    increments: Annotated[str, stated(pattern=f"^{INCREMENTS.pattern}$")] | None = None
    connect_fee: Rate | None = None
    rounding: Rounding | None = None


@endpoint(
    "GET",
    "/admin/inventory",
    summary="Numbers with their state and price, by number",
    tag="Operators",
    scope="admin",
    query=InventoryQuery,
    data=list[InventoryView],
    paged=True,
    answer_example=[],
)
async def inventory(request: ApiRequest) -> ApiResponse:
    """Page the inventory."""
    query: InventoryQuery = request.query
    after = position(query.page_token, "+")
    await check_filter(request, query.carrier)
    found = await request.read(lambda tx: page_inventory(tx, query.carrier, query.state, after, query.page_size + 1))
    items, rest = page(found.items, query.page_size, "listing.e164", walked_to=found.walked_to)
    return ApiResponse([inventory_view(item) for item in items], rest=rest)


@endpoint(
    "POST",
    "/admin/inventory/import",
    summary="Import numbers from a CSV file: all of it, or nothing when a line is bad",
    tag="Operators",
    scope="admin",
    query=ImportQuery,
    raw_body=CSV,
    data=ImportView,
    example=_CSV_EXAMPLE,
    answer_example={
        "imported": True,
        "dry_run": False,
        "good": 1,
        "bad": 0,
        "new": 1,
        "changed": 0,
        "unchanged": 0,
        "unpriced": 0,
        "bad_lines": [],
    },
    key_refusal="is not taken by this request: the same file sent again changes nothing",
)
async def import_inventory(request: ApiRequest) -> ApiResponse:
    """Take the file in, then check and save it in a thread."""
    query: ImportQuery = request.query
    require_csv(request.headers)
    loop, watch = asyncio.get_running_loop(), the_watch()
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        size = await receive_file(request.receive, file, request.services.settings.import_limit_bytes)
        if watch is not None:
            watch.arrived(size)
        async with _turns.setdefault(loop, asyncio.Semaphore(_IMPORTS_AT_ONCE)):
            try:
                report = await asyncio.to_thread(_import, request.services, loop, file, query, watch)
            finally:
                if watch is not None:
                    watch.stop()  # where this was given up the thread goes on by itself
    if report.bad_count and not query.skip_bad:
        raise _bad_file(report)
    return ApiResponse(import_view(report), "Inventory checked" if report.dry_run else "Inventory imported")


@endpoint(
    "GET",
    "/admin/price-rules",
    summary="Price rules, oldest first",
    tag="Operators",
    scope="admin",
    query=RuleQuery,
    data=list[RuleView],
    paged=True,
    answer_example=[_RULE_EXAMPLE],
)
async def price_rules(request: ApiRequest) -> ApiResponse:
    """Page the price rules."""
    query: RuleQuery = request.query
    after = position(query.page_token, "prl_")
    await check_filter(request, query.carrier)
    found = await request.read(
        lambda tx: list_price_rules(tx, query.carrier, after_id=after, limit=query.page_size + 1)
    )
    items, rest = page(found, query.page_size, "id")
    return ApiResponse([rule_view(item) for item in items], rest=rest)


@endpoint(
    "POST",
    "/admin/price-rules",
    summary="Set the rule for a set of numbers; the worker then prices them anew",
    tag="Operators",
    scope="admin",
    body=RuleBody,
    data=RuleView,
    example={"currency": "USD", "prefix": "1361", "price": 1.15, "per_minute_price_inbound": 0.0085},
    answer_example=_RULE_EXAMPLE,
)
async def set_price_rule(request: ApiRequest) -> ApiResponse:
    """Set a rule, in place of the one for the same numbers if there is one."""
    body: RuleBody = request.body
    rule = PriceRule(
        request.services.new_id("prl"),
        body.carrier or POOL,
        body.iso_country or "",
        "" if body.number_type is None else body.number_type.value,
        body.prefix or "",
        body.currency,
        body.price,
        body.per_minute_price_inbound,
        body.per_minute_price_outbound,
        body.setup_price,
        _margin(body.margin_percent),
        body.margin_fixed,
        _ROUND_TO if body.round_to is None else body.round_to,
        request.now,
        kept_term(parse_term(body.period_every, body.period_unit)),
        kept_billing(parse_billing(body.increments, body.connect_fee, body.rounding)),
    )
    stored = await request.services.writer.submit(set_price_rules, new_price_rule(rule))
    told = await request.read_back(lambda tx: find_minute_costs(tx, stored.carrier))
    return ApiResponse(
        rule_view(stored), ". ".join(filter(None, (_RULE_SET, unset_setup(stored), unset_rates(stored, told))))
    )


@endpoint(
    "DELETE",
    "/admin/price-rules/{rule_id:str}",
    summary="Remove a rule; the worker then prices its numbers by those that are left",
    tag="Operators",
    scope="admin",
    data=RuleView,
    errors=("not_found",),
    answer_example=_RULE_EXAMPLE,
)
async def remove_price_rule(request: ApiRequest) -> ApiResponse:
    """Remove a rule."""
    removed = await request.services.writer.submit(remove_price_rules, id_in_path(request.path["rule_id"]))
    return ApiResponse(rule_view(removed), "Price rule removed")


def _import(
    services: Services, loop: asyncio.AbstractEventLoop, file: Any, query: ImportQuery, watch: ImportWatch | None
) -> ImportReport:
    def save(chunk: ListingChunk) -> SavedChunk:
        return asyncio.run_coroutine_threadsafe(services.writer.submit(services.save_listings, chunk), loop).result()

    return run_import(
        file,
        carrier=query.carrier or POOL,
        skip_bad=query.skip_bad,
        dry_run=query.dry_run,
        terms=EntryTerms((query.country or "").upper(), query.accept_unknown),
        read=services.reader.read_now,
        save=save,
        rejects=None if watch is None else watch.rejects,
        progress=(lambda *_: None) if watch is None else watch.note,
    )


def _bad_file(report: ImportReport) -> InvalidRequest:
    """The refusal of a file with bad lines, naming the first of them."""
    error = InvalidRequest("file", f"has {report.bad_count} bad lines, so nothing of it was imported")
    bad_lines = [{"line": bad.line, "reason": bad.reason} for bad in report.bad[:_MOST_BAD_SHOWN]]
    error.details |= {"good": report.good, "bad": report.bad_count, "bad_lines": bad_lines}
    return error


def _margin(percent: int | None) -> int | None:
    if percent is None:
        return None
    try:
        return parse_percent(as_decimal(percent))
    except MoneyError as error:
        raise InvalidRequest("margin_percent", str(error)) from None
