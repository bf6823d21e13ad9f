"""The SQL of searching offers: walks along an index, and small sets that are read whole.

Touches: numbers.

Every statement reads a bounded number of rows, whatever is asked for: an inner query without any
filter that its index does not answer takes so many rows in the index's order, and what a customer
filters by is held against those. From customers come only bound digits, known words and LIKE
expressions that core.pattern compiled.

A statement is made once for each order and each choice of filters, and then only gets other values: to build and to
compile one takes longer than most of them run.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    Subquery,
    func,
    literal_column,
    select,
    tuple_,
)

from numberdesk.catalog.filter_store import (
    AVAILABLE,
    SETS,
    Filters,
    conditions,
    filters_of,
    numbered,
    shape_values,
    shaped,
)
from numberdesk.catalog.search import Found, Offer, OfferQuery, Position, Sort
from numberdesk.catalog.search_plan import ANY_DIGITS, Shapes, Span, Spots
from numberdesk.core.billing import billing_of, term_of
from numberdesk.core.lifecycle import NumberState
from numberdesk.core.pattern import Subjects
from numberdesk.core.prices import Prices
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import BoundQuery, SelectSet, in_set, text, whole
from numberdesk.tables import numbers

_COLUMNS: Final = tuple(
    numbers.c[name]
    for name in (
        *("e164", "iso_country", "region", "locality", "number_type", "capabilities"),
        *("currency", "price", "inbound", "outbound", "setup", "term", "billing"),
        *("carrier", "national", "area_code", "memorability", "charged_at_once"),
    )
)

_LAST: Final = "+999999999999999"
_KEPT_TEXTS: Final = 512
_SETS: Final = (*SETS, "e164s", "among")

# What PostgreSQL would do with a country it knows nothing of: read it whole, and sort it.
_AVOIDED: Final = (
    *("enable_sort", "enable_incremental_sort", "enable_seqscan", "enable_bitmapscan"),
    *("enable_hashjoin", "enable_mergejoin"),
)
_AVOID: Final = "SELECT " + ", ".join(f"set_config('{name}', 'off', true)" for name in _AVOIDED)


def keep_to_indexes(tx: Tx) -> None:
    """Have PostgreSQL walk the indexes that the statements here are made for, until the transaction ends.

    It plans by statistics, and after an import there are none until it gets round to it.
    """
    if tx.engine_name == "postgresql":
        tx.fetch(_AVOID, [])


class WalkStage(NamedTuple):
    """A part of a walk: the next `window` numbers for sale after a position, in their own order none after `until`."""

    after: Position
    window: int
    until: str = _LAST


def walk(
    tx: Tx, query: OfferQuery, spots: Spots | None, stage: WalkStage, limit: int, shapes: Shapes = ANY_DIGITS
) -> list[Found]:
    """The first `limit` fitting offers of a stage, in the query's order. What fits has the `shapes`."""
    if skims(tx, query, shapes):
        asked = skim_query(query, spots, stage, limit, shapes)
    else:
        asked = walk_query(query, spots, stage, limit)
    return [_found_of(query, row) for row in asked.rows(tx)]


def skims(tx: Tx, query: OfferQuery, shapes: Shapes) -> bool:
    """Whether a walk need not read the rows of all numbers that it comes along, and so costs a tenth."""
    # SQLite reads them all the same where what is charged at once has to be computed.
    return shapes != ANY_DIGITS and (tx.engine_name == "postgresql" or query.sort is not Sort.PRICE)


def walked_to(tx: Tx, query: OfferQuery, stage: WalkStage) -> Position | None:
    """The position of the last number of a stage, None when there are fewer than it may have."""
    rows = walked_to_query(query, stage).rows(tx)
    return Position(rows[0].key, rows[0].e164) if rows else None


def holds_at_most(tx: Tx, query: OfferQuery, span: Span, most: int) -> bool:
    """Whether a span has no more than `most` numbers for sale."""
    held: int = count_query(query, span, most).rows(tx)[0].held
    return held <= most


def collect(
    tx: Tx,
    query: OfferQuery,
    spots: Spots | None,
    span: Span,
    after: Position,
    most: int,
    limit: int,
    shapes: Shapes = ANY_DIGITS,
) -> list[Found]:
    """The first `limit` fitting offers after a position, of a span that holds at most `most` numbers."""
    asked = collect_query(query, spots, span, after, most, limit, shapes)
    return [_found_of(query, row) for row in asked.rows(tx)]


def first_in(
    tx: Tx, query: OfferQuery, span: Span, after: Position, most: int, limit: int, shapes: Shapes = ANY_DIGITS
) -> list[Position]:
    """The first `limit` after a position of those in a span that have the shapes: the most memorable, or by number.

    Of numbers that end alike no row is read.
    """
    rows = first_in_query(query, span, after, most, limit, shapes).rows(tx)
    return [Position(row.key, row.e164) for row in rows]


def look_up(
    tx: Tx, query: OfferQuery, spots: Spots | None, e164s: Sequence[str], after: Position, limit: int
) -> list[Found]:
    """The first `limit` fitting offers after a position, of these numbers."""
    return [_found_of(query, row) for row in look_up_query(query, spots, after, e164s, limit).rows(tx)]


def walk_query(query: OfferQuery, spots: Spots | None, stage: WalkStage, limit: int) -> BoundQuery:
    """The statement of `walk`, which holds all that is asked for against each row."""
    filters, values = filters_of(query, spots)
    return BoundQuery(_walk(query.sort, filters), values | _stage_values(query, stage) | {"limit": limit})


def skim_query(query: OfferQuery, spots: Spots | None, stage: WalkStage, limit: int, shapes: Shapes) -> BoundQuery:
    """The same, which reads only the rows of numbers that have the shapes: the others it knows from the index."""
    filters, values = filters_of(query, spots)
    values |= _stage_values(query, stage) | shape_values(shapes) | {"limit": limit}
    return BoundQuery(_skim(query.sort, filters, len(shapes.like), len(shapes.unlike)), values)


def walked_to_query(query: OfferQuery, stage: WalkStage) -> BoundQuery:
    """The statement of `walked_to`."""
    # The offset is the size of a window, never what a client sends.
    values = _stage_values(query, stage)
    values["passed"] = values.pop("window") - 1
    return BoundQuery(_walked_to(query.sort, _is_capped(query)), values)


def count_query(query: OfferQuery, span: Span, most: int) -> BoundQuery:
    """The statement of `holds_at_most`."""
    return BoundQuery(_count(span.column, bool(span.among)), _span_values(query, span, most + 1))


def collect_query(
    query: OfferQuery,
    spots: Spots | None,
    span: Span,
    after: Position,
    most: int,
    limit: int,
    shapes: Shapes = ANY_DIGITS,
) -> BoundQuery:
    """The statement of `collect`, which reads only the rows of numbers that have the shapes."""
    filters, values = filters_of(query, spots)
    values |= _span_values(query, span, most) | _past_values(query, after) | {"limit": limit}
    statement = _collect(query.sort, span.column, bool(span.among), filters, len(shapes.like), len(shapes.unlike))
    return BoundQuery(statement, values | shape_values(shapes))


def first_in_query(
    query: OfferQuery, span: Span, after: Position, most: int, limit: int, shapes: Shapes = ANY_DIGITS
) -> BoundQuery:
    """The statement of `first_in`."""
    scored = query.sort is Sort.MEMORABLE
    statement = _first_in(scored, span.column, bool(span.among), len(shapes.like), len(shapes.unlike))
    values = _span_values(query, span, most) | shape_values(shapes) | ({"after_key": after.key} if scored else {})
    return BoundQuery(statement, values | {"after_e164": after.e164, "limit": limit})


def look_up_query(
    query: OfferQuery, spots: Spots | None, after: Position, e164s: Sequence[str], limit: int
) -> BoundQuery:
    """The statement of `look_up`."""
    filters, values = filters_of(query, spots)
    sent = {"e164s": e164s, "window": len(e164s), "country": query.iso_country, "limit": limit}
    return BoundQuery(_look_up(query.sort, filters), values | sent | _past_values(query, after))


def _prepared(rows: Select[Any]) -> SelectSet:
    return SelectSet.of(rows, _SETS)


@lru_cache(_KEPT_TEXTS)
def _walk(sort: Sort, filters: Filters) -> SelectSet:
    walked = _stage(sort, _COLUMNS, filters).subquery("walked")
    # Not sorted again: what is filtered stays in its order on both engines, and is read no further than is wanted.
    return _prepared(select(walked).where(*conditions(filters, walked)).limit(whole("limit")))


@lru_cache(_KEPT_TEXTS)
def _skim(sort: Sort, filters: Filters, like: int, unlike: int) -> SelectSet:
    walked = _stage(sort, [numbers.c.e164], filters).subquery("walked")
    # Each row is looked up by its key as its number comes along, so these stay in order, too.
    rows = select(*_COLUMNS).select_from(walked.join(numbers, numbers.c.e164 == walked.c.e164))
    return _prepared(rows.where(*shaped(walked, like, unlike), *conditions(filters, numbers)).limit(whole("limit")))


@lru_cache(_KEPT_TEXTS)
def _walked_to(sort: Sort, capped: bool) -> SelectSet:  # noqa: FBT001  a cache's key
    key = {
        Sort.NUMBER: literal_column("0"),
        Sort.PRICE: numbers.c.charged_at_once,
        Sort.MEMORABLE: numbers.c.memorability,
    }
    rows = _in_order(_ahead(sort, [numbers.c.e164, key[sort].label("key")], capped=capped), sort, numbers)
    return _prepared(rows.limit(literal_column("1")).offset(whole("passed")))


def _stage(sort: Sort, columns: Sequence[ColumnElement[Any]], filters: Filters) -> Select[Any]:
    capped = sort is Sort.PRICE and filters.max_price
    return _in_order(_ahead(sort, columns, capped=capped), sort, numbers).limit(whole("window"))


@lru_cache(_KEPT_TEXTS)
def _count(column: str, among: bool) -> SelectSet:  # noqa: FBT001  a cache's key
    return _prepared(select(func.count().label("held")).select_from(_spanned(column, [numbers.c.e164], among=among)))


@lru_cache(_KEPT_TEXTS)
def _collect(
    sort: Sort,
    column: str,
    among: bool,  # noqa: FBT001
    filters: Filters,
    like: int,
    unlike: int,
) -> SelectSet:
    spanned = _spanned(column, [numbers.c.e164], among=among)
    rows = select(*_COLUMNS).select_from(spanned.join(numbers, numbers.c.e164 == spanned.c.e164))
    fitting = rows.where(*shaped(spanned, like, unlike), *conditions(filters, numbers), _past(sort, numbers))
    return _prepared(_in_order(fitting, sort, numbers).limit(whole("limit")))


@lru_cache(_KEPT_TEXTS)
def _first_in(scored: bool, column: str, among: bool, like: int, unlike: int) -> SelectSet:  # noqa: FBT001  a cache's key
    spanned = _spanned(column, [numbers.c.e164, *([numbers.c.memorability] if scored else [])], among=among)
    key = spanned.c.memorability if scored else literal_column("0")
    ahead = _past(Sort.MEMORABLE if scored else Sort.NUMBER, spanned)
    rows = select(spanned.c.e164, key.label("key")).where(*shaped(spanned, like, unlike), ahead)
    order = [spanned.c.memorability.desc(), spanned.c.e164.desc()] if scored else [spanned.c.e164]
    return _prepared(rows.order_by(*order).limit(whole("limit")))


@lru_cache(_KEPT_TEXTS)
def _look_up(sort: Sort, filters: Filters) -> SelectSet:
    # What is sold is left out afterwards: PostgreSQL would else take an index of numbers for sale, from end to end.
    among = select(*_COLUMNS, numbers.c.state).where(in_set(numbers.c.e164, "e164s"))
    rows = among.limit(whole("window")).subquery("looked_up")
    of_country = [rows.c.state == NumberState.AVAILABLE.value, rows.c.iso_country == text("country")]
    columns = [rows.c[column.name] for column in _COLUMNS]
    fitting = select(*columns).where(*of_country, *conditions(filters, rows), _past(sort, rows))
    return _prepared(_in_order(fitting, sort, rows).limit(whole("limit")))


def _is_capped(query: OfferQuery) -> bool:
    return query.sort is Sort.PRICE and query.max_price is not None


def _ahead(sort: Sort, columns: Any, *, capped: bool) -> Select[Any]:
    """The numbers for sale from a position on: conditions that the index of the order answers, and no other."""
    rows = select(*columns).where(AVAILABLE)
    if sort is Sort.NUMBER:
        return rows.where(*numbered("after_e164", "until_e164"))
    rows = rows.where(numbers.c.iso_country == text("country"), _past(sort, numbers))
    return rows.where(numbers.c.charged_at_once <= whole("max_price")) if capped else rows


def _stage_values(query: OfferQuery, stage: WalkStage) -> dict[str, Any]:
    values = {"country": query.iso_country, "window": stage.window, **_past_values(query, stage.after)}
    if query.sort is Sort.NUMBER:
        values["until_e164"] = stage.until
    return values | ({"max_price": query.max_price} if _is_capped(query) else {})


def _in_order(rows: Select[Any], sort: Sort, of: FromClause) -> Select[Any]:
    if sort is Sort.PRICE:
        return rows.order_by(of.c.charged_at_once, of.c.e164)
    if sort is Sort.MEMORABLE:
        # Both downwards, so that one index is walked backwards.
        return rows.order_by(of.c.memorability.desc(), of.c.e164.desc())
    return rows.order_by(of.c.iso_country, of.c.e164)


def _past(sort: Sort, of: FromClause) -> ColumnElement[bool]:
    there = tuple_(whole("after_key"), text("after_e164"))
    if sort is Sort.PRICE:
        return tuple_(of.c.charged_at_once, of.c.e164) > there
    if sort is Sort.MEMORABLE:
        return tuple_(of.c.memorability, of.c.e164) < there
    return of.c.e164 > text("after_e164")


def _past_values(query: OfferQuery, after: Position) -> dict[str, Any]:
    key = {} if query.sort is Sort.NUMBER else {"after_key": after.key}
    return {"after_e164": after.e164, **key}


def _spanned(name: str, columns: Any, *, among: bool) -> Subquery:
    """At most so many of the numbers for sale in a span."""
    rows = select(*columns).where(AVAILABLE).limit(whole("window"))
    if name == "e164":
        return rows.where(*numbered("low", "high")).order_by(numbers.c.iso_country, numbers.c.e164).subquery("spanned")
    column = numbers.c[name]
    end = whole if isinstance(column.type, BigInteger) else text
    bounds = [in_set(column, "among")] if among else [column >= end("low"), column <= end("high")]
    # The order names the index, and costs nothing in it.
    return rows.where(numbers.c.iso_country == text("country"), *bounds).order_by(column).subquery("spanned")


def _span_values(query: OfferQuery, span: Span, most: int) -> dict[str, Any]:
    ends = {"among": span.among} if span.among else {"low": span.low, "high": span.high}
    return {"country": query.iso_country, "window": most, **ends}


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
