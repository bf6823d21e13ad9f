"""The prices of an offer, and whether a confirmation agrees with them.

Touches: nothing.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from numberdesk.core.errors import Details
from numberdesk.core.money import as_decimal


class Prices(NamedTuple):
    """What an offer costs: `monthly` and `setup` in micros, rates in micros per minute, None where there is none."""

    currency: str
    monthly: int
    inbound: int | None
    outbound: int | None
    setup: int = 0

    @property
    def total(self) -> int:
        """What a purchase charges at once, in micros: the first month and the setup price."""
        return self.monthly + self.setup

    def details(self) -> Details:
        """The prices under the names of the API, as exact decimals."""
        return {
            "price": as_decimal(self.monthly),
            "per_minute_price_inbound": as_decimal(self.inbound or 0),
            "per_minute_price_outbound": as_decimal(self.outbound or 0),
            "setup_price": as_decimal(self.setup),
            "currency": self.currency,
        }


class Confirmation(NamedTuple):
    """The prices a client confirms, in micros. A rate left out is None and means the offer's."""

    monthly: int
    inbound: int | None = None
    outbound: int | None = None

    def agrees_with(self, prices: Prices) -> bool:
        """Equal in the monthly price and in each rate that was sent; a sent 0 equals a rate the offer has not."""
        return (
            self.monthly == prices.monthly
            and (self.inbound is None or self.inbound == (prices.inbound or 0))
            and (self.outbound is None or self.outbound == (prices.outbound or 0))
        )


class Former(NamedTuple):
    """Prices that an offer had, honoured in buys before `until`, in microseconds."""

    prices: Prices
    until: int


def first_agreeing(confirmed: Confirmation, offered: Prices, superseded: tuple[Prices, ...]) -> Prices | None:
    """The prices a confirmation means: the current ones, else the newest superseded ones that agree."""
    for prices in (offered, *superseded):
        if confirmed.agrees_with(prices):
            return prices
    return None


def decimal_or_none(micros: int | None) -> Decimal | None:
    """Exact decimal of an optional rate."""
    return None if micros is None else as_decimal(micros)
