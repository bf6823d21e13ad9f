"""Numbers that stand on the operator's account at a carrier already: what a line of a file says is to become of each.

Touches: nothing.

A line names the number and an account, or `sale`. Rentals have an anchor and a period that runs now: `since` is the
anchor itself; from `renews_at` it follows as an instant some periods before from which no day of a month is lost; with
neither it is now. What runs now is waived, the first charge is for the period after it. Instants are microseconds.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import Final, NamedTuple

from numberdesk.core.billing import Billing, in_words, parse_billing, parse_count, parse_term
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.money import MAX_AMOUNT, MoneyError, format_micros, parse_micros
from numberdesk.core.periods import MONTHLY, Term, add_months, begin_of, from_datetime
from numberdesk.core.phone import PhoneError, parse_e164

SALE: Final = "sale"
"""In place of an account: the number is offered out of the own pool."""

COLUMNS: Final = (
    "phone_number",
    "account",
    "price",
    "per_minute_price_inbound",
    "per_minute_price_outbound",
    "currency",
    "period_every",
    "period_unit",
    "increments",
    "connect_fee",
    "rounding",
    "renews_at",
    "since",
    "connection",
)
MOST_LINES: Final = 50_000
_NEEDED: Final = ("phone_number", "account", "price")
_TWICE: Final = "phone_number is there a second time"
_MOST_CELL: Final = 300
_MOST_BEFORE: Final = 48
"""Periods before a renewal among which its anchor is looked for: the 29th of February comes again after eight years."""

_MOST_MONTHS: Final = 1_200


class AdoptionError(ValueError):
    """The file or a line of it cannot be read; the text says why."""


class Began(NamedTuple):
    """When a rental's periods are counted from, and which of them runs now."""

    anchor: int
    period: int


class AdoptionLine(NamedTuple):
    """A line as it was read. `account` is what people call it; prices in micros; `began` is of no sale."""

    line: int
    e164: str
    account: str
    price: int
    inbound: int | None
    outbound: int | None
    currency: str
    term: Term
    billing: Billing
    began: Began
    connection_id: str | None

    @property
    def is_for_sale(self) -> bool:
        """Whether nobody is to rent it yet."""
        return self.account == SALE


class BadAdoption(NamedTuple):
    """A line that is not adopted, and why."""

    line: int
    e164: str
    reason: str


def read_lines(text: str, now: int) -> list[AdoptionLine | BadAdoption]:
    """Every line of a file in its order. Raises AdoptionError for a header that is wrong, and for too long a file."""
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=_separator(text), strict=True)
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        _check_header(header)
        found: list[AdoptionLine | BadAdoption] = []
        seen: set[str] = set()
        for row in rows:
            if any(cell.strip() for cell in row):
                found.append(_line(rows.line_num, header, row, seen, now))
            if len(found) > MOST_LINES:
                raise AdoptionError(f"has more than {MOST_LINES} lines: split it")
    except csv.Error as error:
        raise AdoptionError(f"line {rows.line_num} is no CSV: {error}") from None
    return found


def _separator(text: str) -> str:
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


def _check_header(header: list[str]) -> None:
    unknown = [name for name in header if name not in COLUMNS]
    missing = [name for name in _NEEDED if name not in header]
    if unknown or missing or len(set(header)) != len(header):
        said = f"must begin with a line that names columns: {', '.join(COLUMNS)}"
        what = (
            f"; there is no column {unknown[0][:40]!r}" if unknown else f"; {missing[0]} is missing" if missing else ""
        )
        raise AdoptionError(f"{said}{what}")


def _line(line: int, header: list[str], row: list[str], seen: set[str], now: int) -> AdoptionLine | BadAdoption:
    e164 = ""
    try:
        cells = _cells(header, row)
        e164 = _number(cells["phone_number"])
        again = e164 in seen
        seen.add(e164)
        return BadAdoption(line, e164, _TWICE) if again else _read(line, e164, cells, now)
    except AdoptionError as error:
        return BadAdoption(line, e164, str(error))


def _cells(header: list[str], row: list[str]) -> dict[str, str]:
    if len(row) != len(header):
        raise AdoptionError(f"has {len(row)} fields where the header has {len(header)}")
    if any(len(cell) > _MOST_CELL for cell in row):
        raise AdoptionError(f"has a field of more than {_MOST_CELL} characters")
    return {name: cell.strip() for name, cell in zip(header, row, strict=True)}


def _read(line: int, e164: str, cells: dict[str, str], now: int) -> AdoptionLine:
    if not cells["account"]:
        raise AdoptionError(f"account must be an account, or {SALE}")
    price = _money(cells, "price")
    if price is None or not price:
        raise AdoptionError(f"price must be above 0 and at most {format_micros(MAX_AMOUNT)}")
    rates = (_money(cells, "per_minute_price_inbound"), _money(cells, "per_minute_price_outbound"))
    try:
        term = parse_term(parse_count(cells.get("period_every", "")), cells.get("period_unit", "").lower() or None)
        billing = parse_billing(
            cells.get("increments") or None, _money(cells, "connect_fee"), cells.get("rounding", "").lower() or None
        )
    except InvalidRequest as error:
        raise AdoptionError(error.message) from None
    began = _began(cells.get("since", ""), cells.get("renews_at", ""), now, term)
    return AdoptionLine(
        line, e164, cells["account"], price, *rates, cells.get("currency", "").upper(), term, billing, began,
        cells.get("connection") or None,
    )  # fmt: skip


def _number(text: str) -> str:
    try:
        return parse_e164(text if text.startswith("+") else f"+{text}")
    except PhoneError as error:
        raise AdoptionError(f"phone_number {error}") from None


def _money(cells: dict[str, str], name: str) -> int | None:
    text = cells.get(name, "")
    if not text:
        return None
    try:
        micros = parse_micros(text)
    except MoneyError as error:
        raise AdoptionError(f"{name} {error}") from None
    if not 0 <= micros <= MAX_AMOUNT:
        raise AdoptionError(f"{name} must be from 0 to {format_micros(MAX_AMOUNT)}")
    return micros


def _began(since: str, renews_at: str, now: int, term: Term) -> Began:
    if since and renews_at:
        raise AdoptionError("since and renews_at say the same: one of them is enough")
    if since:
        return began_since(_instant(since, "since"), now, term)
    if renews_at:
        return began_before(_instant(renews_at, "renews_at"), now, term)
    return Began(now, 0)


def began_since(anchor: int, now: int, term: Term = MONTHLY) -> Began:
    """The period that runs now of a rental that began then. Raises AdoptionError."""
    if anchor > now:
        raise AdoptionError("since is in the future")
    if add_months(anchor, _MOST_MONTHS) <= now:
        raise AdoptionError("since is a hundred years ago")
    first, last = 0, 1
    while begin_of(anchor, term, last) <= now:
        first, last = last, 2 * last
    while last - first > 1:
        middle = (first + last) // 2
        first, last = (middle, last) if begin_of(anchor, term, middle) <= now else (first, middle)
    return Began(anchor, first)


def began_before(renews_at: int, now: int, term: Term = MONTHLY) -> Began:
    """The same of a rental that renews then, on the day of the month that is its own. Raises AdoptionError."""
    if renews_at <= now:
        raise AdoptionError("renews_at is not in the future")
    try:
        anchors = ((count, begin_of(renews_at, term, -count)) for count in range(1, _MOST_BEFORE + 1))
        count, anchor = next((n, at) for n, at in anchors if begin_of(at, term, n) == renews_at)
    except (StopIteration, ValueError, OverflowError):
        raise AdoptionError("renews_at is a day that no period ends on") from None
    if begin_of(anchor, term, count - 1) > now:
        length = f"a {in_words(term)}" if term.every == 1 else in_words(term)
        raise AdoptionError(f"renews_at is more than {length} ahead: what runs now must have begun")
    return Began(anchor, count - 1)


def _instant(text: str, name: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
        return from_datetime(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise AdoptionError(f"{name} must be a date like 2026-03-20, or an instant like 2026-03-20T14:30:00Z") from None
