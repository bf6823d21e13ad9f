"""Set and remove exchange rates, by which costs in one currency become prices in another.

Touches: database.

As with price rules, the pricing anew that a changed rate needs is committed with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from numberdesk.catalog.offer_store import delete_rates, find_rates, replace_rates
from numberdesk.catalog.rule_store import begin_repricings, lock_catalog
from numberdesk.catalog.rules import ExchangeRate, parse_rate
from numberdesk.core.errors import InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.money import MoneyError, parse_currency
from numberdesk.core.purchase import POOL
from numberdesk.infra.db import Tx


class Pair(NamedTuple):
    """Two currencies whose exchange rate is to go."""

    base: str
    quote: str


def new_rate(base: str, quote: str, rate: str, now: int) -> ExchangeRate:
    """Check what a person typed. Raises InvalidRequest naming the field."""
    for name, currency in (("base", base), ("quote", quote)):
        try:
            parse_currency(currency)
        except MoneyError as error:
            raise InvalidRequest(name, str(error)) from None
    if base == quote:
        raise InvalidRequest("quote", "must be another currency than base")
    try:
        return ExchangeRate(base, quote, parse_rate(rate), now)
    except MoneyError as error:
        raise InvalidRequest("rate", str(error)) from None


def set_rates(tx: Tx, rates: Sequence[ExchangeRate]) -> list[ExchangeRate]:
    """Store rates, in the place of those between the same currencies."""
    lock_catalog(tx)
    replace_rates(tx, list({(rate.base, rate.quote): rate for rate in rates}.values()))
    begin_repricings(tx, [POOL])
    return list(rates)


def remove_rates(tx: Tx, pairs: Sequence[Pair]) -> list[ExchangeRate | NumberdeskError]:
    """Remove rates and return them; NotFound for a pair without one."""
    lock_catalog(tx)
    known = {(rate.base, rate.quote): rate for rate in find_rates(tx)}
    delete_rates(tx, [(pair.base, pair.quote) for pair in pairs if (pair.base, pair.quote) in known])
    begin_repricings(tx, [POOL])
    return [known.pop((pair.base, pair.quote)) if (pair.base, pair.quote) in known else NotFound() for pair in pairs]
