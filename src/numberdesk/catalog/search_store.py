"""The SQL of searching offers: walks along an index, small sets read whole, and the places of a country.

Touches: numbers.

Every statement reads a bounded number of rows, whatever is asked for: an inner query without any
filter that its index does not answer takes so many rows in the index's order, and what a customer
filters by is held against those. From customers come only bound digits, known words and LIKE
expressions that core.pattern compiled; places are looked up by the spellings that rows have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Subquery,
    Text,
    and_,
    func,
    literal,
    literal_column,
    select,
    tuple_,
)

from numberdesk.catalog.search import Found, Offer, OfferQuery, Position, Sort
from numberdesk.catalog.search_plan import Place, Span, Spots
from numberdesk.core.billing import billing_of, term_of
from numberdesk.core.lifecycle import NumberState
from numberdesk.core.pattern import MatchOn, Pattern, Subjects
from numberdesk.core.prices import Prices
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import in_set, set_text
from numberdesk.tables import numbers

_COLUMNS: Final = tuple(
    numbers.c[name]
    for name in (
        *("e164", "iso_country", "region", "locality", "number_type", "capabilities"),
        *("currency", "price", "inbound", "outbound", "setup", "term", "billing"),
        *("carrier", "national", "area_code", "memorability", "charged_at_once"),
    )
)

# Spelled out, because a partial index is only used where its condition can be seen.
_AVAILABLE: Final = numbers.c.state == literal_column("'available'")
_FIRST: Final = "+"
_LAST: Final = "+999999999999999"
_PLACE: Final = ("currency", "number_type", "region", "area_code", "locality")

# What PostgreSQL would do with a country it knows nothing of: read it whole, and sort it.
_AVOIDED: Final = ("enable_sort", "enable_incremental_sort", "enable_seqscan", "enable_bitmapscan")
_AVOID: Final = select(*(func.set_config(name, "off", literal_column("true")) for name in _AVOIDED))


def keep_to_indexes(tx: Tx) -> None:
    """Have PostgreSQL walk the indexes that the statements here are made for, until the transaction ends.

    It plans by statistics, and after an import there are none until it gets round to it.
    """
    if tx.engine_name == "postgresql":
        tx.execute(_AVOID)


def walk(tx: Tx, query: OfferQuery, spots: Spots | None, after: Position, window: int, limit: int) -> list[Found]:
    """The first `limit` fitting offers among the next `window` numbers for sale in the query's order."""
    return [_found_of(query, row) for row in tx.execute(walk_query(query, spots, after, window, limit))]


def walked_to(tx: Tx, query: OfferQuery, after: Position, window: int) -> Position | None:
    """The position of the last of the next `window` numbers, None when there are fewer than that."""
    row = tx.execute(walked_to_query(query, after, window)).first()
    return None if row is None else _position_of(query, row)


def holds_at_most(tx: Tx, query: OfferQuery, span: Span, most: int) -> bool:
    """Whether a span has no more than `most` numbers for sale."""
    held: int = tx.execute(count_query(query, span, most)).scalar_one()
    return held <= most


def collect(
    tx: Tx, query: OfferQuery, spots: Spots | None, span: Span, after: Position, most: int, limit: int
) -> list[Found]:
    """The first `limit` fitting offers after a position, of a span that holds at most `most` numbers."""
    return [_found_of(query, row) for row in tx.execute(collect_query(query, spots, span, after, most, limit))]


def look_up(
    tx: Tx, query: OfferQuery, spots: Spots | None, e164s: Sequence[str], after: Position, limit: int
) -> list[Found]:
    """The first `limit` fitting offers after a position, of these numbers."""
    sent = set_text(tx.engine_name, e164s)
    rows = tx.execute(look_up_query(query, spots, after, sent, len(e164s), limit))
    return [_found_of(query, row) for row in rows]


def find_calling_code(tx: Tx, iso_country: str) -> str | None:
    """The digits that stand before the national numbers of a country; None when it has no number for sale."""
    row = tx.execute(calling_code_query(iso_country)).first()
    return None if row is None else _calling_code(row)


def list_places(tx: Tx, iso_country: str, *, with_localities: bool, most: int) -> tuple[list[Place], bool]:
    """The places that priced numbers of a country are in, and whether that is all: at most `most` are read."""
    names = _PLACE if with_localities else _PLACE[:-1]
    rows = tx.execute(places_query(iso_country, names, most + 1)).all()
    return [_place_of(row) for row in rows[:most]], len(rows) <= most


def walk_query(query: OfferQuery, spots: Spots | None, after: Position, window: int, limit: int) -> Select[Any]:
    """The statement of `walk`."""
    rows = _in_order(_ahead(query, _COLUMNS, after), query, numbers).limit(window).subquery("walked")
    return _in_order(select(rows).where(*_filters(query, spots, rows)), query, rows).limit(limit)


def walked_to_query(query: OfferQuery, after: Position, window: int) -> Select[Any]:
    """The statement of `walked_to`."""
    rows = _ahead(query, (numbers.c.e164, numbers.c.charged_at_once, numbers.c.memorability), after)
    # The offset is the size of a window, never what a client sends.
    return _in_order(rows, query, numbers).limit(1).offset(window - 1)


def count_query(query: OfferQuery, span: Span, most: int) -> Select[Any]:
    """The statement of `holds_at_most`."""
    return select(func.count()).select_from(_spanned(query, span, [numbers.c.e164], most + 1))


def collect_query(
    query: OfferQuery, spots: Spots | None, span: Span, after: Position, most: int, limit: int
) -> Select[Any]:
    """The statement of `collect`."""
    rows = _spanned(query, span, _COLUMNS, most)
    return _in_order(select(rows).where(*_filters(query, spots, rows), _past(query, after, rows)), query, rows).limit(
        limit
    )


def look_up_query(
    query: OfferQuery, spots: Spots | None, after: Position, e164s: str, most: int, limit: int
) -> Select[Any]:
    """The statement of `look_up`, for a set of `most` numbers as the engine takes it."""
    # What is sold is left out afterwards: PostgreSQL would else take an index of numbers for sale, from end to end.
    among = in_set(numbers.c.e164, literal(e164s, Text))
    rows = select(*_COLUMNS, numbers.c.state).where(among).limit(most).subquery("looked_up")
    of_country = [rows.c.state == NumberState.AVAILABLE.value, rows.c.iso_country == query.iso_country]
    fitting = select(rows).where(*of_country, *_filters(query, spots, rows), _past(query, after, rows))
    return _in_order(fitting, query, rows).limit(limit)


def calling_code_query(iso_country: str) -> Select[Any]:
    """The statement of `find_calling_code`."""
    offers = select(numbers.c.e164, numbers.c.national).where(_AVAILABLE, *_numbered(iso_country, _FIRST, _LAST))
    return offers.order_by(numbers.c.iso_country, numbers.c.e164).limit(1)


def places_query(iso_country: str, names: tuple[str, ...], most: int) -> Select[Any]:
    """The statement of `list_places`: from one combination of the named columns the index leads to the next."""
    ahead, here = numbers.alias("ahead"), numbers.alias("here")
    priced = and_(ahead.c.iso_country == iso_country, ahead.c.currency > "")
    first = select(ahead.c.e164).where(priced).order_by(*(ahead.c[name] for name in names)).limit(1)
    steps = select(first.scalar_subquery().label("e164"), literal_column("1").label("step")).cte(
        "steps", recursive=True
    )
    nexts = []
    for depth in reversed(range(len(names))):
        same = [ahead.c[name] == here.c[name] for name in names[:depth]]
        more = ahead.c[names[depth]] > here.c[names[depth]]
        order = [ahead.c[name] for name in names[depth:]]
        one = select(ahead.c.e164).where(ahead.c.iso_country == iso_country, *same, more).order_by(*order).limit(1)
        nexts.append(one.correlate(here).scalar_subquery())
    step = select(func.coalesce(*nexts), steps.c.step + 1)
    steps = steps.union_all(step.join_from(steps, here, here.c.e164 == steps.c.e164).where(steps.c.step < most))
    columns = [here.c[name] for name in (*names, "e164", "national")]
    return select(*columns).join_from(steps, here, here.c.e164 == steps.c.e164)


def _ahead(query: OfferQuery, columns: Any, after: Position) -> Select[Any]:
    """The numbers for sale from a position on: conditions that the index of the order answers, and no other."""
    rows = select(*columns).where(_AVAILABLE)
    if query.sort is Sort.NUMBER:
        return rows.where(*_numbered(query.iso_country, after.e164, _LAST))
    rows = rows.where(numbers.c.iso_country == query.iso_country, _past(query, after, numbers))
    if query.sort is Sort.PRICE and query.max_price is not None:
        return rows.where(numbers.c.charged_at_once <= query.max_price)
    return rows


def _numbered(iso_country: str, after: str, until: str) -> list[ColumnElement[bool]]:
    """The numbers of a country after one and up to another; to be sorted by country and number.

    Both are compared, and sorted by, as one. With the country in a condition of its own an engine
    may well walk the primary key instead, past all that is sold and all other countries.
    """
    both, country = tuple_(numbers.c.iso_country, numbers.c.e164), literal(iso_country)
    return [both > tuple_(country, literal(after)), both <= tuple_(country, literal(until))]


def _in_order(rows: Select[Any], query: OfferQuery, of: FromClause) -> Select[Any]:
    if query.sort is Sort.PRICE:
        return rows.order_by(of.c.charged_at_once, of.c.e164)
    if query.sort is Sort.MEMORABLE:
        # Both downwards, so that one index is walked backwards.
        return rows.order_by(of.c.memorability.desc(), of.c.e164.desc())
    return rows.order_by(of.c.iso_country, of.c.e164)


def _past(query: OfferQuery, after: Position, of: FromClause) -> ColumnElement[bool]:
    there = tuple_(literal(after.key), literal(after.e164))
    if query.sort is Sort.PRICE:
        return tuple_(of.c.charged_at_once, of.c.e164) > there
    if query.sort is Sort.MEMORABLE:
        return tuple_(of.c.memorability, of.c.e164) < there
    return of.c.e164 > after.e164


def _spanned(query: OfferQuery, span: Span, columns: Any, most: int) -> Subquery:
    """At most so many of the numbers for sale in a span."""
    rows = select(*columns).where(_AVAILABLE).limit(most)
    if span.column == "e164":
        rows = rows.where(*_numbered(query.iso_country, str(span.low), str(span.high)))
        return rows.order_by(numbers.c.iso_country, numbers.c.e164).subquery("spanned")
    column = numbers.c[span.column]
    bounds = [column.in_(span.among)] if span.among else [column >= span.low, column <= span.high]
    # The order names the index, and costs nothing in it.
    return rows.where(numbers.c.iso_country == query.iso_country, *bounds).order_by(column).subquery("spanned")


def _filters(query: OfferQuery, spots: Spots | None, of: FromClause) -> list[ColumnElement[bool]]:
    """All that is asked of an offer. The currency goes first: with it comes a price."""
    found = [of.c.currency == query.currency]
    if query.number_type is not None:
        found.append(of.c.number_type == query.number_type)
    if query.area_code is not None:
        found.append(of.c.area_code.in_(query.area_codes))
    if spots is not None and spots.regions is not None:
        found.append(of.c.region.in_(spots.regions))
    if spots is not None and spots.localities is not None:
        found.append(of.c.locality.in_(spots.localities))
    if query.max_price is not None:
        found.append(of.c.charged_at_once <= query.max_price)
    if query.capabilities:
        found.append(of.c.capabilities.bitwise_and(query.capabilities) == query.capabilities)
    found += [_like(part, of) for part in query.digits.all_of]
    return found + [~_like(part, of) for part in query.digits.none_of]


def _like(part: Pattern, of: FromClause) -> ColumnElement[bool]:
    match_on, shape = part.like()
    if match_on is MatchOn.E164:
        return of.c.e164.like("+" + shape)
    if match_on is MatchOn.SUBSCRIBER:
        return of.c.national.like(of.c.area_code.concat(shape))
    return of.c.national.like(shape)


def _position_of(query: OfferQuery, row: Any) -> Position:
    key = {Sort.NUMBER: 0, Sort.PRICE: row.charged_at_once, Sort.MEMORABLE: row.memorability}[query.sort]
    return Position(key, row.e164)


def _found_of(query: OfferQuery, row: Any) -> Found:
    offer = Offer(
        e164=row.e164,
        iso_country=row.iso_country,
        region=row.region,
        locality=row.locality,
        number_type=row.number_type,
        capabilities=row.capabilities,
        prices=Prices(
            row.currency, row.price, row.inbound, row.outbound, row.setup, term_of(row.term), billing_of(row.billing)
        ),
        carrier=row.carrier,
    )
    subjects = Subjects(row.e164[1:], row.national, row.national[len(row.area_code) :])
    return Found(offer, _position_of(query, row), subjects)


def _place_of(row: Any) -> Place:
    locality = getattr(row, "locality", "")  # which is not always asked for
    return Place(row.currency, row.number_type, row.region, row.area_code, locality, _calling_code(row))


def _calling_code(row: Any) -> str:
    return str(row.e164[1 : -len(row.national)])
