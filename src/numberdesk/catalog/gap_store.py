"""The SQL of what is missing before numbers can be sold: prices, rates per minute, currencies.

Touches: numbers, price_rules.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from numberdesk.core.lifecycle import NumberState
from numberdesk.infra.db import Tx
from numberdesk.tables import numbers, price_rules

_FOR_SALE = numbers.c.state == NumberState.AVAILABLE.value


def count_unpriced(tx: Tx, most: int) -> dict[str, int]:
    """Numbers for sale that nobody is offered for want of a price, by carrier; the first `most` are counted."""
    return _counted(tx, numbers.c.charged_at_once.is_(None), most)


def count_unrated(tx: Tx, most: int) -> dict[str, int]:
    """Numbers for sale with a price, and without one for a minute in or out, by carrier; as above."""
    lacks = or_(numbers.c.inbound.is_(None), numbers.c.outbound.is_(None))
    return _counted(tx, numbers.c.charged_at_once.is_not(None) & lacks, most)


def _counted(tx: Tx, lacks: ColumnElement[bool], most: int) -> dict[str, int]:
    first = select(numbers.c.carrier).where(_FOR_SALE, lacks).limit(most).subquery()
    query: Any = select(first.c.carrier, func.count().label("held")).group_by(first.c.carrier)
    return {row.carrier: row.held for row in tx.execute(query)}


def find_currencies_sold(tx: Tx, currencies: set[str]) -> set[str]:
    """Which of some currencies a number is for sale in, or a price rule sells in."""
    ruled = set(tx.execute(select(price_rules.c.currency).distinct()).scalars())
    for_sale = select(numbers.c.e164).where(_FOR_SALE)
    return (currencies & ruled) | {
        currency
        for currency in currencies - ruled
        if tx.execute(for_sale.where(numbers.c.currency == currency).limit(1)).first() is not None
    }
