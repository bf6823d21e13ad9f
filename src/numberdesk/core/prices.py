"""The prices of an offer, and which of several quotes a confirmation means.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from numberdesk.core.errors import Details
from numberdesk.core.money import as_decimal


class Prices(NamedTuple):
    """What an offer costs: `monthly` and `setup` in micros, rates in micros per minute, None where nobody set one."""

    currency: str
    monthly: int
    inbound: int | None
    outbound: int | None
    setup: int = 0

    @property
    def total(self) -> int:
        """What a purchase charges at once, in micros: the first month and the setup price."""
        return self.monthly + self.setup

    @property
    def rank(self) -> tuple[int, int, int]:
        """What compares prices of one currency: what is charged at once, then the rates; no rate counts as 0."""
        return self.total, self.inbound or 0, self.outbound or 0

    def details(self) -> Details:
        """The prices under the names of the API, as exact decimals; a rate that nobody set is None."""
        return {
            "price": as_decimal(self.monthly),
            "per_minute_price_inbound": decimal_or_none(self.inbound),
            "per_minute_price_outbound": decimal_or_none(self.outbound),
            "setup_price": as_decimal(self.setup),
            "currency": self.currency,
        }


class Confirmation(NamedTuple):
    """The prices a client confirms, in micros. What was left out is None and agrees with every quote."""

    monthly: int
    inbound: int | None = None
    outbound: int | None = None
    setup: int | None = None

    def agrees_with(self, prices: Prices) -> bool:
        """Equal in the monthly price and in all else that was sent; a sent 0 equals a rate that nobody set."""
        return (
            self.monthly == prices.monthly
            and (self.inbound is None or self.inbound == (prices.inbound or 0))
            and (self.outbound is None or self.outbound == (prices.outbound or 0))
            and (self.setup is None or self.setup == prices.setup)
        )


class Quote(NamedTuple):
    """Prices at which a carrier's number was offered, good in buys before `until` (microseconds; None: no end).

    `requires` are the papers that its carrier asks for.
    """

    carrier: str
    prices: Prices
    until: int | None = None
    requires: tuple[str, ...] = ()


def cheapest_agreeing(confirmed: Confirmation, quotes: Iterable[Quote]) -> Quote | None:
    """The quote that a confirmation means, out of quotes in one currency, newest first.

    Of those that agree with what was sent it is the one that charges least now, then the one with the
    lower rates inbound, then outbound, then the newest.
    """
    agreeing = (quote for quote in quotes if confirmed.agrees_with(quote.prices))
    return min(agreeing, key=lambda quote: quote.prices.rank, default=None)


def decimal_or_none(micros: int | None) -> Decimal | None:
    """Exact decimal of an optional rate."""
    return None if micros is None else as_decimal(micros)
