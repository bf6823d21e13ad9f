"""Find a number, confirm its price, buy it, and follow the order until it ends.

Touches: nothing.

What is bought is named by a confirmation with a key of its own, so that a double click, the back button or a second tab
repeat the same purchase, which the API answers with what came of the first.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.responses import Response

from numberdesk.api.endpoint import ApiResponse
from numberdesk.catalog.model import CAPABILITIES, NUMBER_TYPES
from numberdesk.console.connection_states import STATE, connection_state_of, connections_of, walk
from numberdesk.console.rendering import page, redirect
from numberdesk.console.screens import screen, show
from numberdesk.console.tables import Column, rows_as_csv
from numberdesk.console.visit import Visit
from numberdesk.core.billing import parse_billing, parse_count, parse_term
from numberdesk.core.compliance import Requirement
from numberdesk.core.errors import (
    DocumentsRequired,
    InvalidRequest,
    NotFound,
    NumberdeskError,
    NumberTaken,
    OrderInProgress,
    PriceChanged,
)
from numberdesk.core.money import MoneyError, as_decimal, parse_price
from numberdesk.core.pattern import (
    Pattern,
    PatternError,
    compile_contains,
    compile_ends_with,
    compile_pattern,
    compile_starts_with,
)
from numberdesk.views.offer_terms import period_fields

_SEARCH: Final = "GET /phone-numbers/available-numbers/{iso_country}"
_CONNECTION: Final = "GET /connections/{connection_id}"
_GONE: Final = (
    "is no connection that the account has, or has any more. This bought nothing: choose where calls go, and buy again"
)
_BUY: Final = "POST /phone-numbers/buy"
_TEXTS: Final = ("region", "locality", "number_type", "area_code", "starts_with", "contains", "ends_with", "pattern",
                 "max_price", "sort")  # fmt: skip
_PAPERS: Final = "GET /compliance-profiles"
_MOST_PAPERS: Final = 10
_PRICES: Final = ("price", "setup_price", "per_minute_price_inbound", "per_minute_price_outbound")
_TERMS: Final = ("period_unit", "period_every", "increments", "connect_fee", "rounding")
_DIFFERS: Final = {
    "price": "the price",
    "setup_price": "the setup price",
    "per_minute_price_inbound": "the price of minutes in",
    "per_minute_price_outbound": "the price of minutes out",
    "increments": "what calls are billed by",
    "connect_fee": "the fee of each call",
    "rounding": "how calls are rounded",
}
_PAGE_SIZE: Final = 20
_MOST_CSV_ROWS: Final = 500
_COLUMNS: Final = (
    Column("Number", "phone_number"),
    Column("Price", "price"),
    Column("Every", "period_every"),
    Column("Unit", "period_unit", "words"),
    Column("Setup", "setup_price"),
    Column("In / min", "per_minute_price_inbound"),
    Column("Out / min", "per_minute_price_outbound"),
    Column("Billed in seconds", "increments"),
    Column("Each call", "connect_fee"),
    Column("Calls rounded", "rounding"),
    Column("Outbound calls by", "outbound_rate_deck"),
    Column("Currency", "currency"),
    Column("Country", "iso_country"),
    Column("Region", "region"),
    Column("Place", "locality"),
    Column("Type", "number_type"),
    Column("Can", "capabilities"),
)
_COMPILERS: Final = {
    "starts_with": compile_starts_with,
    "contains": compile_contains,
    "ends_with": compile_ends_with,
    "pattern": compile_pattern,
}


class _ConnectionGoneError(InvalidRequest):
    """The connection that was chosen at the confirmation is not there."""


@screen("GET", "/find", _SEARCH)
async def find(visit: Visit) -> Response:
    """The filters, which stand in the address, and what fits them."""
    country, filters = _asked(visit)
    given = {name: value for name, value in filters.items() if value}
    answer, error = ApiResponse([], rest={"page": {}}), None
    try:
        query = {**given, "page_size": _PAGE_SIZE, "page_token": visit.asked("page_token")}
        answer = await visit.ask(_SEARCH, path={"iso_country": country}, query=query)
    except InvalidRequest as refused:
        error = refused
    visit.error = error
    token, kept = answer.rest["page"].get("next"), {**given, **_connection(visit)}
    incomplete = bool(answer.rest["page"].get("incomplete"))
    return show(
        visit,
        "find.html",
        "/console/find",
        "Find a number",
        country=country,
        filters=filters,
        offers=[(offer, _matched(offer.phone_number, filters)) for offer in answer.data],
        incomplete=incomplete,
        # Only where looking ended early does a page that is not full have one after it.
        unread=incomplete and bool(token) and len(answer.data) < _PAGE_SIZE,
        suggestions=[_suggested(each) for each in answer.rest["page"].get("suggestions", [])],
        first=_address(country, kept) if visit.asked("page_token") else None,
        follows=_address(country, {**kept, "page_token": token}) if token else None,
        csv=_address(country, given).replace("/find?", "/find/csv?", 1),
        may_buy=visit.may(_BUY),
        connection=visit.asked("connection"),
        number_types=NUMBER_TYPES,
        capabilities=CAPABILITIES,
        chosen=set(visit.query.get("capabilities", [])),
    )


@screen("GET", "/find/csv", _SEARCH)
async def found_as_csv(visit: Visit) -> Response:
    """The first of what fits the filters as CSV: carriers are asked for each page of it."""
    country, filters = _asked(visit)
    given = {name: value for name, value in filters.items() if value}
    offers = [offer async for offer in walk(visit, _SEARCH, given, _MOST_CSV_ROWS, {"iso_country": country})]
    return rows_as_csv("numbers-for-sale", _COLUMNS, offers)


@screen("GET", "/buy", _BUY)
async def confirm(visit: Visit) -> Response:
    """What a number costs, and what will be left; nothing is bought by looking."""
    return await _confirmation(visit, _quoted(visit.asked), visit.asked("number"), _new_key(visit))


@screen("POST", "/buy", _BUY)
async def buy(visit: Visit) -> Response:
    """Buy at the confirmed prices, once for each confirmation."""
    number, quoted = visit.sent("number"), _quoted(visit.sent)
    try:
        await _require_connection(visit)
        body = {"phone_number": number, **_body(quoted), **visit.filled("connection_id")}
        bought = (await visit.ask(_BUY, body=body, key=visit.sent("form_key") or None)).data
    except (NumberTaken, OrderInProgress, _ConnectionGoneError) as error:
        if await _is_mine(visit, number):
            return redirect(f"/console/numbers/{number}?said=yours")
        visit.error = error
        return await _confirmation(visit, quoted, number, visit.sent("form_key"))
    except PriceChanged as error:
        visit.error = error
        return await _confirmation(visit, _changed(quoted, error), number, _new_key(visit), former=quoted)
    except NumberdeskError as error:
        visit.error = error
        return await _confirmation(visit, quoted, number, visit.sent("form_key"))
    return redirect(f"/console/orders/{quote(bought.order_id)}{_with_choice(visit.sent('connection_id').strip())}")


@screen("GET", "/orders/{order_id}", "GET /orders/{order_id}")
async def order(visit: Visit) -> Response:
    """One order; while it is pending the page follows it."""
    found = (await visit.ask("GET /orders/{order_id}", path=visit.path)).data
    stands = await _connection_state(visit, found)
    chosen = visit.asked("connection")
    return show(visit, "order.html", "/console/orders", "Order", order=found, stands=stands, again=_with_choice(chosen))


@screen("GET", "/orders/{order_id}/state", "GET /orders/{order_id}")
async def order_state(visit: Visit) -> Response:
    """The part of an order's page that changes, for the page to ask for again and again while it is pending."""
    found = (await visit.ask("GET /orders/{order_id}", path=visit.path)).data
    again = _with_choice(visit.asked("connection"))
    return page("order_state.html", order=found, stands=await _connection_state(visit, found), again=again)


async def _confirmation(
    visit: Visit, quoted: dict[str, Any], number: str, form_key: str, former: dict[str, Any] | None = None
) -> Response:
    balance = (await visit.ask("GET /balance")).data if visit.may("GET /balance") else None
    requires = _required(visit)
    asks = requires and visit.may(_PAPERS)
    papers = (await visit.ask(_PAPERS, query={"page_size": _MOST_PAPERS})).data if asks else []
    total = quoted["price"] + quoted.get("setup_price", Decimal(0))
    return show(
        visit,
        "buy.html",
        "/console/find",
        "Confirm the purchase",
        number=number,
        quoted=quoted,
        former=former,
        differs=_differing(former, quoted) if former else "",
        total=total,
        balance=balance,
        after=None if balance is None else balance.available - total,
        form_key=form_key,
        requires=requires,
        papers=papers,
        connections=await connections_of(visit),
        connection=visit.sent("connection_id") or visit.asked("connection"),
        deck=visit.sent("outbound_rate_deck") or visit.asked("outbound_rate_deck"),
    )


async def _require_connection(visit: Visit) -> None:
    """Ask for the connection that was chosen, before anything is bought: the purchase itself goes on without one.

    Raises _ConnectionGoneError where the account has it no more, or never had.
    """
    chosen = visit.sent("connection_id").strip()
    if chosen and visit.may(_CONNECTION):
        try:
            await visit.ask(_CONNECTION, path={"connection_id": chosen})
        except NotFound:
            raise _ConnectionGoneError("connection_id", _GONE) from None


def _with_choice(connection_id: str) -> str:
    """The connection that was chosen at the confirmation, for an order's page to tell if the purchase lost it."""
    return f"?{urlencode({'connection': connection_id})}" if connection_id else ""


def _required(visit: Visit) -> list[str]:
    """The papers that the number is sold with: as the list had it, or as the purchase was refused for."""
    told = visit.error.details.get("requires") if isinstance(visit.error, DocumentsRequired) else None
    named = told if isinstance(told, list | tuple) else (visit.form or visit.query).get("requires", [])
    return [each.value for each in Requirement if each.value in named]


async def _connection_state(visit: Visit, order: Any) -> Any:
    """How the number of an order stands with its connection; None before it is the account's, and after it was."""
    if order.status != "completed" or not visit.may(STATE):
        return None
    try:
        return await connection_state_of(visit, order.phone_number)
    except NumberdeskError:
        return None


def _asked(visit: Visit) -> tuple[str, dict[str, str]]:
    """The country and the filters in the page's address."""
    filters = {name: visit.asked(name) for name in _TEXTS}
    filters["capabilities"] = ",".join(visit.query.get("capabilities", []))
    return (visit.asked("country") or "US").upper(), filters


def _connection(visit: Visit) -> dict[str, str]:
    """The connection that a number is looked for, in the address from page to page."""
    return {"connection": visit.asked("connection")} if visit.asked("connection") else {}


def _quoted(field: Any) -> dict[str, Any]:
    """The prices and terms of a confirmation, within the bounds of the API. Raises InvalidRequest."""
    found: dict[str, Any] = {}
    for name in (*_PRICES, "connect_fee"):
        text = field(name).strip()
        if not text and name != "price":
            continue
        try:
            found[name] = as_decimal(parse_price(text, zero_allowed=name != "price"))
        except MoneyError:
            raise InvalidRequest(name, "must be a price; choose the number again") from None
    if field("period_every") or field("period_unit"):
        term = parse_term(parse_count(field("period_every")), field("period_unit") or None)
        found |= period_fields(term)
    if field("increments"):
        found["increments"] = str(parse_billing(field("increments"), None).increments)
    if field("rounding"):
        found["rounding"] = parse_billing(None, None, field("rounding")).rounding.value
    return found


def _body(quoted: dict[str, Any]) -> dict[str, Any]:
    """What is sent of a confirmation: prices as texts, which keeps them exact."""
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in quoted.items()}


def _changed(quoted: dict[str, Any], error: PriceChanged) -> dict[str, Any]:
    """The prices and terms of now, where a refusal tells them."""
    told = {name: Decimal(str(error.details[name])) for name in _PRICES if error.details.get(name) is not None}
    terms = {name: error.details[name] for name in _TERMS if error.details.get(name) is not None}
    return {**quoted, **told, **terms}


def _differing(former: dict[str, Any], quoted: dict[str, Any]) -> str:
    """What is other now than it was confirmed, in words."""
    other = {name for name in former if former[name] != quoted.get(name)}
    names = [words for name, words in _DIFFERS.items() if name in other]
    names += ["the period"] if other & {"period_unit", "period_every"} else []
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names) or "something"


async def _is_mine(visit: Visit, number: str) -> bool:
    try:
        return bool((await visit.ask("GET /phone-numbers/{number}", path={"number": number})).data.is_active)
    except NumberdeskError:
        return False


def _new_key(visit: Visit) -> str:
    """A key for one confirmation."""
    return visit.entry_point.services.new_id("buy")


def _matched(e164: str, filters: dict[str, str]) -> frozenset[int]:
    """The places, among a number's digits, of those that the filters asked for."""
    digits, found = e164.removeprefix("+"), set[int]()
    for name, compiler in _COMPILERS.items():
        if filters[name]:
            try:
                found |= _places(digits, compiler(filters[name]))
            except PatternError:
                continue
    if filters["area_code"] and filters["area_code"] in digits:
        start = digits.index(filters["area_code"])
        found |= set(range(start, start + len(filters["area_code"])))
    return frozenset(found)


def _places(digits: str, pattern: Pattern) -> set[int]:
    """Where the runs of digits of an expression stand, the last one at the end where the expression is bound to it."""
    found, start = set[int](), 0
    for run in pattern.literal_runs:
        at_end = run is pattern.literal_runs[-1] and run == pattern.literal_suffix
        at = len(digits) - len(run) if at_end and digits.endswith(run) else digits.find(run, start)
        if at < 0:
            return set()
        found |= set(range(at, at + len(run)))
        start = at + len(run)
    return found


def _suggested(suggestion: Any) -> dict[str, Any]:
    query = {name: value for name, value in suggestion.query.items() if name != "currency"}
    country = query.pop("iso_country", None)
    return {
        "changed": ", ".join(suggestion.changed),
        "at_least": suggestion.at_least,
        "href": f"/console/find?{urlencode({**({'country': country} if country else {}), **query}, doseq=True)}",
    }


def _address(country: str, query: dict[str, str]) -> str:
    return f"/console/find?{urlencode({'country': country, **query})}"
