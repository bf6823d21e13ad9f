"""The SQL of what is missing before numbers can be sold: prices, rates per minute, currencies.

Touches: numbers, price_rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Subquery, func, or_, select

from numberdesk.core.lifecycle import NumberState
from numberdesk.infra.db import Tx
from numberdesk.tables import numbers, price_rules

_FOR_SALE = numbers.c.state == NumberState.AVAILABLE.value


def count_unpriced(tx: Tx, most: int) -> dict[str, int]:
    """Numbers for sale that nobody is offered for want of a price, by carrier; the first `most` are counted."""
    counts = Counter[str]()
    for country in _countries(tx):
        lacks = (numbers.c.iso_country == country) & numbers.c.charged_at_once.is_(None)
        first = select(numbers.c.carrier).where(_FOR_SALE, lacks).limit(most - counts.total()).subquery()
        counts.update(_by_carrier(tx, first))
        if counts.total() >= most:
            break
    return dict(counts)


def count_unrated(tx: Tx, most: int, looked_at: int | None = None) -> dict[str, int]:
    """Numbers for sale with a price, and without one for a minute in or out, by carrier; the first `most` are counted.

    No index knows of them: of more than `looked_at` numbers for sale only so many are looked at.
    """
    columns = (numbers.c.carrier, numbers.c.charged_at_once, numbers.c.inbound, numbers.c.outbound)
    seen = select(*columns).where(_FOR_SALE).limit(looked_at).subquery()
    lacks = or_(seen.c.inbound.is_(None), seen.c.outbound.is_(None))
    first = select(seen.c.carrier).where(seen.c.charged_at_once.is_not(None), lacks).limit(most).subquery()
    return _by_carrier(tx, first)


def _by_carrier(tx: Tx, first: Subquery) -> dict[str, int]:
    query: Any = select(first.c.carrier, func.count().label("held")).group_by(first.c.carrier)
    return {row.carrier: row.held for row in tx.execute(query)}


def _countries(tx: Tx) -> Iterator[str]:
    """The countries of all numbers, each by one step in an index."""
    after = ""
    while True:
        following = select(func.min(numbers.c.iso_country)).where(numbers.c.iso_country > after)
        found = tx.execute(following).scalar()
        if found is None:
            return
        after = str(found)
        yield after


def find_currencies_sold(tx: Tx, currencies: set[str]) -> set[str]:
    """Which of some currencies a number is for sale in, or a price rule sells in."""
    ruled = set(tx.execute(select(price_rules.c.currency).distinct()).scalars())
    wanted = currencies - ruled
    countries = list(_countries(tx)) if wanted else []
    return (currencies & ruled) | {one for one in wanted if any(_is_sold(tx, one, country) for country in countries)}


def _is_sold(tx: Tx, currency: str, country: str) -> bool:
    of_both = select(numbers.c.e164).where(numbers.c.iso_country == country, numbers.c.currency == currency)
    return tx.execute(of_both.where(_FOR_SALE).limit(1)).first() is not None
