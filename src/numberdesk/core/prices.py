"""The prices of an offer, and which of several quotes a confirmation means.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from numberdesk.core.billing import UNSAID, Billing, length_of
from numberdesk.core.errors import Details
from numberdesk.core.money import as_decimal
from numberdesk.core.periods import MONTHLY, Term


class Prices(NamedTuple):
    """What an offer costs: `monthly` and `setup` in micros, rates in micros per minute, None where nobody set one.

    `monthly` is for a period, which `term` says; calls are billed as `billing` does.
    """

    currency: str
    monthly: int
    inbound: int | None
    outbound: int | None
    setup: int = 0
    term: Term = MONTHLY
    billing: Billing = UNSAID

    @property
    def total(self) -> int:
        """What a purchase charges at once, in micros: the first period and the setup price."""
        return self.monthly + self.setup

    @property
    def rank(self) -> tuple[int, ...]:
        """What compares prices of one currency: what is charged at once, then the rates; no rate counts as 0.

        Of equal ones the longer period comes first, and then what bills calls for less.
        """
        return self.total, self.inbound or 0, self.outbound or 0, -length_of(self.term), *self.billing.rank

    def billed(self, usual: Billing) -> Prices:
        """The same with what is usual where it is not said how calls are billed."""
        return self._replace(billing=self.billing.completed(usual))

    def told_of(self, deck: str) -> Prices:
        """The same for somebody who is told that outbound calls go by a rate deck; empty for none."""
        return self if self.billing.deck == deck else self._replace(billing=self.billing._replace(deck=deck))

    def details(self) -> Details:
        """The prices under the names of the API, as exact decimals; a rate that nobody set is None."""
        return {
            "price": as_decimal(self.monthly),
            "per_minute_price_inbound": decimal_or_none(self.inbound),
            "per_minute_price_outbound": decimal_or_none(self.outbound),
            "setup_price": as_decimal(self.setup),
            "currency": self.currency,
            "period_unit": self.term.unit.value,
            "period_every": self.term.every,
            "increments": None if self.billing.increments is None else str(self.billing.increments),
            "connect_fee": decimal_or_none(self.billing.connect),
            "rounding": self.billing.rounding.value,
        }


class Confirmation(NamedTuple):
    """The prices a client confirms, in micros, and terms. What was left out is None and agrees with every quote."""

    monthly: int
    inbound: int | None = None
    outbound: int | None = None
    setup: int | None = None
    unit: str | None = None
    every: int | None = None
    increments: str | None = None
    connect: int | None = None
    rounding: str | None = None

    def agrees_with(self, prices: Prices) -> bool:
        """Equal in the price of a period and in all else that was sent; a sent 0 equals a rate that nobody set."""
        return (
            self.monthly == prices.monthly
            and (self.inbound is None or self.inbound == (prices.inbound or 0))
            and (self.outbound is None or self.outbound == (prices.outbound or 0))
            and (self.setup is None or self.setup == prices.setup)
            and self._agrees_with_terms(prices)
        )

    def _agrees_with_terms(self, prices: Prices) -> bool:
        term, billing = prices.term, prices.billing
        return (
            (self.unit is None or self.unit == term.unit)
            and (self.every is None or self.every == term.every)
            and (self.increments is None or self.increments == str(billing.increments))
            and (self.connect is None or self.connect == (billing.connect or 0))
            and (self.rounding is None or self.rounding == billing.rounding.value)
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
    lower rates inbound, then outbound, then the longer period, then what bills calls for less, then the newest.
    """
    agreeing = (quote for quote in quotes if confirmed.agrees_with(quote.prices))
    return min(agreeing, key=lambda quote: quote.prices.rank, default=None)


def decimal_or_none(micros: int | None) -> Decimal | None:
    """Exact decimal of an optional rate."""
    return None if micros is None else as_decimal(micros)
