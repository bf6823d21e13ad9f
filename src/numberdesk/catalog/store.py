"""The SQL of the inventory: listings and superseded prices.

Touches: numbers, superseded_prices.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import delete, exists, func, select, tuple_

from numberdesk.catalog.model import FROM_RULE, InventoryItem, InventoryPage, Listing, Stored
from numberdesk.catalog.trigram_store import insert_trigrams
from numberdesk.core.billing import billing_of, kept_billing, kept_term, term_of
from numberdesk.core.lifecycle import NumberState
from numberdesk.core.prices import Prices
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows, SelectSet, UpdateRows, in_set
from numberdesk.tables import numbers, superseded_prices

MOST_WALKED: Final = 10_000
"""Numbers that one page of a filtered inventory looks at, however few of them fit."""

_LISTING: Final = tuple(numbers.c[name] for name in Listing._fields)
_PRICE_FIELDS: Final = ("currency", "price", "inbound", "outbound", "setup", "term", "billing")
_OFFER_FIELDS: Final = tuple(name for name in Listing._fields if name != "e164")

_LISTINGS: Final = (
    select(*_LISTING, numbers.c.carrier, numbers.c.state)
    .where(in_set(numbers.c.e164, "e164s"))
    .order_by(numbers.c.e164)
)
_FIND_LISTINGS: Final = SelectSet(_LISTINGS, "e164s")
_FIND_KNOWN: Final = SelectSet(
    select(numbers.c.e164).where(in_set(numbers.c.e164, "e164s")).order_by(numbers.c.e164), "e164s"
)
_LOCK_LISTINGS: Final = SelectSet(_LISTINGS.with_for_update(), "e164s")
_OF_NOBODY: Final = ("account_id", "order_id", "quarantined_until", "repriced_at")
_INSERT_NUMBERS: Final = InsertRows(
    numbers, (*Listing._fields, "reversed", "carrier", "state", "created_at", "updated_at", *_OF_NOBODY)
)
_INSERT_SUPERSEDED: Final = InsertRows(superseded_prices)
_UPDATE_LISTINGS: Final = UpdateRows(numbers, "e164", *_OFFER_FIELDS, "reversed", "updated_at")
_TAKE_OVER: Final = UpdateRows(numbers, "e164", *_OFFER_FIELDS, "reversed", "carrier", "state", "updated_at")
_NOTE_REPRICED: Final = UpdateRows(numbers, "e164", "repriced_at")
_MOVE_LISTINGS: Final = UpdateRows(numbers, "e164", *_OFFER_FIELDS, "reversed", "carrier", "updated_at")
_UPDATE_PRICES: Final = UpdateRows(numbers, "e164", *_PRICE_FIELDS, "updated_at")


def lock_listings(tx: Tx, e164s: Iterable[str]) -> dict[str, Stored]:
    """Listings by number, locked in sorted order until the transaction ends."""
    return {row.e164: _stored_of(row) for row in _LOCK_LISTINGS.run(tx, e164s=e164s)}


def find_listings(tx: Tx, e164s: Iterable[str]) -> dict[str, Stored]:
    """The same without locks: to look, not to change."""
    return {row.e164: _stored_of(row) for row in _FIND_LISTINGS.run(tx, e164s=e164s)}


def find_known(tx: Tx, e164s: Iterable[str]) -> list[str]:
    """Those of some numbers that there are, in order."""
    return [row.e164 for row in _FIND_KNOWN.run(tx, e164s=e164s)]


def find_country(tx: Tx, e164: str) -> str:
    """The country that a number is sold under; "" for one that is not known."""
    found: str | None = tx.execute(select(numbers.c.iso_country).where(numbers.c.e164 == e164)).scalar()
    return found or ""


def insert_listings(tx: Tx, carrier: str, listings: Sequence[Listing], now: int) -> None:
    """Put new numbers into the inventory, available, and into the index that finds them by their digits."""
    of_all = (carrier, NumberState.AVAILABLE.value, now, now, *[None] * len(_OF_NOBODY))
    _INSERT_NUMBERS.run(tx, [(*listing, listing.national[::-1], *of_all) for listing in listings])
    insert_trigrams(tx, [(listing.e164, listing.memorability) for listing in listings])


def update_listings(tx: Tx, listings: Sequence[Listing], now: int) -> None:
    """Write what is known of numbers and their prices; state, holder and carrier stay."""
    _UPDATE_LISTINGS.run(tx, [(*listing, listing.national[::-1], now) for listing in listings])


def move_listings(tx: Tx, carrier: str, listings: Sequence[Listing], now: int) -> None:
    """Write what a carrier offers of numbers that had been another carrier's, or its own, before."""
    _MOVE_LISTINGS.run(tx, [(*listing, listing.national[::-1], carrier, now) for listing in listings])


def take_over_listings(tx: Tx, carrier: str, listings: Sequence[Listing], now: int) -> None:
    """Put numbers that had been another carrier's, and are nobody's, into the inventory: available."""
    state = NumberState.AVAILABLE.value
    _TAKE_OVER.run(tx, [(*listing, listing.national[::-1], carrier, state, now) for listing in listings])


def update_prices(tx: Tx, listings: Sequence[Listing], now: int) -> None:
    """Write only the prices of numbers."""
    names = ("e164", *_PRICE_FIELDS)
    _UPDATE_PRICES.run(tx, [(*(getattr(listing, name) for name in names), now) for listing in listings])


def listings_to_price(tx: Tx, carrier: str, after_e164: str, limit: int) -> tuple[list[Listing], str | None]:
    """Look at the next `limit` numbers: those that price rules of the carrier price, locked, and where to go on.

    The bound is on the numbers looked at, whosever they are, so that a step costs the same in
    every inventory. The second value is None at the end.
    """
    window = select(numbers.c.e164).where(numbers.c.e164 > after_e164).order_by(numbers.c.e164)
    last = tx.execute(window.limit(1).offset(limit - 1)).scalar_one_or_none()
    query = select(*_LISTING).where(
        numbers.c.e164 > after_e164, numbers.c.carrier == carrier, numbers.c.price_source == FROM_RULE
    )
    if last is not None:
        query = query.where(numbers.c.e164 <= last)
    rows = tx.execute(query.order_by(numbers.c.e164).with_for_update())
    return [Listing._make(row) for row in rows], last


def insert_superseded(tx: Tx, former: Sequence[tuple[str, Prices]], now: int) -> None:
    """Remember the prices that numbers had until now, each at an instant of its own.

    A clock that went back may show an instant at which an earlier price of the number ended. Both were offered, so
    the later one is noted at the next microsecond that is free.
    """
    if not former:
        return
    latest = _latest_superseded(tx, [e164 for e164, _ in former], now)
    free = _next_free(tx, latest, now)
    rows = [(e164, free.get(e164, now), *_price_row(prices)) for e164, prices in former]
    _NOTE_REPRICED.run(tx, [(e164, max(instant, latest.get(e164, instant))) for e164, instant, *_ in rows])
    _INSERT_SUPERSEDED.run(tx, rows)


def _latest_superseded(tx: Tx, e164s: Iterable[str], since: int) -> dict[str, int]:
    """The last instant from `since` on at which a price of a number ended; numbers without one are left out."""
    table = superseded_prices
    query = (
        select(table.c.e164, func.max(table.c.superseded_at).label("latest"))
        .where(table.c.e164.in_(sorted(e164s)), table.c.superseded_at >= since)
        .group_by(table.c.e164)
    )
    return {row.e164: row.latest for row in tx.execute(query)}


def _next_free(tx: Tx, e164s: Iterable[str], now: int) -> dict[str, int]:
    """The first instant after `now` at which no price of a number ended, for those of which one ended at `now`."""
    wanted = sorted(e164s)
    if not wanted:
        return {}
    table, at_once, following = superseded_prices, superseded_prices.alias("at_once"), superseded_prices.alias("f")
    query = (
        select(table.c.e164, func.min(table.c.superseded_at + 1).label("free"))
        .where(
            table.c.e164.in_(wanted),
            table.c.superseded_at >= now,
            exists().where(at_once.c.e164 == table.c.e164, at_once.c.superseded_at == now),
            ~exists().where(following.c.e164 == table.c.e164, following.c.superseded_at == table.c.superseded_at + 1),
        )
        .group_by(table.c.e164)
    )
    return {row.e164: row.free for row in tx.execute(query)}


def find_superseded(tx: Tx, since: Mapping[str, int]) -> dict[str, tuple[tuple[int, Prices], ...]]:
    """Earlier prices of numbers, superseded after the given instants, each with its instant, newest first."""
    if not since:
        return {}
    table = superseded_prices
    query = (
        select(
            table.c.e164,
            table.c.superseded_at,
            table.c.currency,
            table.c.price,
            table.c.inbound,
            table.c.outbound,
            table.c.setup,
            table.c.term,
            table.c.billing,
        )
        .where(table.c.e164.in_(sorted(since)), table.c.superseded_at > min(since.values()))
        .order_by(table.c.e164, table.c.superseded_at.desc())
    )
    found: dict[str, tuple[tuple[int, Prices], ...]] = {}
    for row in tx.execute(query):
        if row.superseded_at > since[row.e164]:
            found[row.e164] = (*found.get(row.e164, ()), (row.superseded_at, _prices_of(row)))
    return found


def forget_superseded(tx: Tx, before: int, limit: int) -> int:
    """Delete prices that were superseded before an instant, at most `limit` of them; return how many."""
    table = superseded_prices
    key = tuple_(table.c.e164, table.c.superseded_at)
    old = (
        select(table.c.e164, table.c.superseded_at)
        .where(table.c.superseded_at < before)
        .order_by(table.c.superseded_at)
        .limit(limit)
        .with_for_update(skip_locked=True)  # this is no sorted order, so nothing may be waited for
    )
    return tx.execute(delete(table).where(key.in_(old))).rowcount


def page_inventory(
    tx: Tx,
    carrier: str | None,
    state: NumberState | None,
    after_e164: str | None,
    limit: int,
    most: int = MOST_WALKED,
) -> InventoryPage:
    """The same as list_inventory of the next `most` numbers, however few of them fit."""
    if carrier is None and state is None:
        return InventoryPage(list_inventory(tx, None, None, after_e164, limit), None)
    window = select(numbers.c.e164).where(numbers.c.e164 > (after_e164 or "")).order_by(numbers.c.e164)
    edge = tx.execute(window.limit(1).offset(most - 1)).scalar()
    found = list_inventory(tx, carrier, state, after_e164, limit, until_e164=edge)
    return InventoryPage(found, edge if len(found) < limit else None)


def list_inventory(
    tx: Tx,
    carrier: str | None,
    state: NumberState | None,
    after_e164: str | None,
    limit: int,
    *,
    until_e164: str | None = None,
) -> list[InventoryItem]:
    """Numbers of one carrier or of all, in one state or in any, by number from after the given one up to another."""
    query = select(*_LISTING, numbers.c.carrier, numbers.c.state, numbers.c.created_at, numbers.c.updated_at)
    if carrier is not None:
        query = query.where(numbers.c.carrier == carrier)
    if state is not None:
        query = query.where(numbers.c.state == state)
    if after_e164 is not None:
        query = query.where(numbers.c.e164 > after_e164)
    if until_e164 is not None:
        query = query.where(numbers.c.e164 <= until_e164)
    return [_item_of(row) for row in tx.execute(query.order_by(numbers.c.e164).limit(limit))]


def has_inventory(tx: Tx) -> bool:
    """Whether there is any number, in whatever state."""
    return tx.execute(select(numbers.c.e164).limit(1)).first() is not None


def count_inventory(tx: Tx, most: int) -> dict[NumberState, int]:
    """How many numbers are in each state, of the first `most` alone; a state without numbers is left out."""
    first = select(numbers.c.state).order_by(numbers.c.e164).limit(most).subquery()
    query = select(first.c.state, func.count().label("held")).group_by(first.c.state).order_by(first.c.state)
    return {NumberState(row.state): row.held for row in tx.execute(query)}


def _stored_of(row: Any) -> Stored:
    return Stored(row.carrier, _listing_of(row), NumberState(row.state))


def _item_of(row: Any) -> InventoryItem:
    return InventoryItem(_listing_of(row), row.carrier, NumberState(row.state), row.created_at, row.updated_at)


def _listing_of(row: Any) -> Listing:
    return Listing(*(getattr(row, name) for name in Listing._fields))


def _prices_of(row: Any) -> Prices:
    terms = term_of(row.term), billing_of(row.billing)
    return Prices(row.currency, row.price, row.inbound, row.outbound, row.setup, *terms)


def _price_row(prices: Prices) -> tuple[Any, ...]:
    return (*prices[:5], kept_term(prices.term), kept_billing(prices.billing))
