"""The SQL of what carriers offered of late, and of exchange rates.

Touches: offers, exchange_rates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import delete, select, tuple_, update
from sqlalchemy.dialects import postgresql

from numberdesk.catalog.model import FROM_RULE, Listing
from numberdesk.catalog.offers import RemoteOffer
from numberdesk.catalog.rules import ExchangeRate
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows, SelectSet, in_set
from numberdesk.tables import exchange_rates, offers

_OFFER_FIELDS: Final = tuple(name for name in Listing._fields if name != "price_source")
_OFFERS: Final = (
    select(
        *(offers.c[name] for name in ("carrier", *_OFFER_FIELDS)),
        *(offers.c[name] for name in ("offered_at", "expires_at", "requires")),
    )
    .where(in_set(offers.c.e164, "e164s"))
    .order_by(offers.c.e164, offers.c.carrier, offers.c.terms)
)
_LOCK_OFFERS: Final = SelectSet(_OFFERS.with_for_update(), "e164s")
_INSERT_OFFERS: Final = InsertRows(offers)
_INSERT_MISSING: Final = postgresql.insert(offers).on_conflict_do_nothing()
_RATES: Final = tuple(exchange_rates.c[name] for name in ExchangeRate._fields)


def lock_offers(tx: Tx, e164s: Iterable[str]) -> dict[str, list[RemoteOffer]]:
    """What is offered of numbers, the latest first, locked in sorted order until the transaction ends.

    Two purchases of a number that has no row yet wait for each other here.
    """
    found: dict[str, list[RemoteOffer]] = {}
    for row in _LOCK_OFFERS.run(tx, e164s=e164s):
        offer = _offer_of(row)
        found.setdefault(offer.listing.e164, []).append(offer)
    for kept in found.values():
        kept.sort(key=lambda offer: offer.offered_at, reverse=True)
    return found


def find_offer_ends(tx: Tx, e164s: Iterable[str]) -> dict[tuple[str, str, str], int]:
    """Until when the offers of some numbers are kept, by number, carrier and terms."""
    query = select(offers.c.e164, offers.c.carrier, offers.c.terms, offers.c.expires_at)
    rows = tx.execute(query.where(offers.c.e164.in_(sorted(e164s))))
    return {(row.e164, row.carrier, row.terms): row.expires_at for row in rows}


def insert_offers(tx: Tx, new: Sequence[RemoteOffer]) -> None:
    """Keep offers that are not there yet. One that another process shows at the same moment is kept by that one.

    No row can be locked that is not there; so two that show the same insert in one order, and the second waits.
    """
    rows = [_row(offer) for offer in sorted(new, key=lambda offer: offer.key)]
    if tx.engine_name == "postgresql" and rows:
        names = offers.c.keys()
        tx.execute(_INSERT_MISSING, [dict(zip(names, row, strict=True)) for row in rows])
    else:
        _INSERT_OFFERS.run(tx, rows)


def prolong_offers(tx: Tx, longer: Iterable[RemoteOffer]) -> None:
    """Put off the end of offers that are there."""
    for offer in longer:
        e164, carrier, terms = offer.key
        tx.execute(
            update(offers)
            .where(offers.c.e164 == e164, offers.c.carrier == carrier, offers.c.terms == terms)
            .values(offered_at=offer.offered_at, expires_at=offer.expires_at)
        )


def forget_offers(tx: Tx, before: int, limit: int) -> int:
    """Delete offers that ended before an instant, at most `limit` of them; return how many."""
    key = (offers.c.e164, offers.c.carrier, offers.c.terms)
    old = (
        select(*key)
        .where(offers.c.expires_at < before)
        .order_by(offers.c.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)  # this is no sorted order, so nothing may be waited for
    )
    return tx.execute(delete(offers).where(tuple_(*key).in_(old))).rowcount


def find_rates(tx: Tx) -> list[ExchangeRate]:
    """All exchange rates, by currencies. There are few."""
    query = select(*_RATES).order_by(exchange_rates.c.base, exchange_rates.c.quote)
    return [ExchangeRate._make(row) for row in tx.execute(query)]


def replace_rates(tx: Tx, rates: Sequence[ExchangeRate]) -> None:
    """Record exchange rates, in the place of those between the same currencies."""
    delete_rates(tx, [(rate.base, rate.quote) for rate in rates])
    if rates:
        tx.execute(exchange_rates.insert(), [rate._asdict() for rate in rates])


def delete_rates(tx: Tx, pairs: Sequence[tuple[str, str]]) -> None:
    """Remove the exchange rates between pairs of currencies."""
    if pairs:
        tx.execute(delete(exchange_rates).where(tuple_(exchange_rates.c.base, exchange_rates.c.quote).in_(pairs)))


def _row(offer: RemoteOffer) -> list[Any]:
    values = {
        **offer.listing._asdict(),
        "carrier": offer.carrier,
        "terms": offer.terms,
        "cost_currency": offer.listing.cost_currency or "",
        "offered_at": offer.offered_at,
        "expires_at": offer.expires_at,
        "requires": " ".join(offer.requires),
    }
    names = offers.c.keys()
    return [values[name] for name in names]


def _offer_of(row: Any) -> RemoteOffer:
    values = {name: getattr(row, name) for name in _OFFER_FIELDS}
    values["cost_currency"] = values["cost_currency"] or None
    listing = Listing(**values, price_source=FROM_RULE)
    return RemoteOffer(row.carrier, listing, row.offered_at, row.expires_at, tuple(row.requires.split()))
