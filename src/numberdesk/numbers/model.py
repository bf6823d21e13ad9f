"""Rentals as values, and what a customer may write on them.

Touches: nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from numberdesk.core.lifecycle import RentalState
from numberdesk.core.prices import Prices
from numberdesk.core.purchase import Order


class Rental(NamedTuple):
    """An account having a number, at the prices it confirmed. Instants in microseconds."""

    id: str
    order_id: str
    account_id: str
    e164: str
    state: RentalState
    prices: Prices
    anchor: int
    renews_at: int
    friendly_name: str
    agent_id: str
    tags: tuple[str, ...]
    created_at: int
    updated_at: int
    released_at: int | None


class RentedNumber(NamedTuple):
    """A rental with what its number is: where, of which type, and good for what (`capabilities`, a bit set)."""

    rental: Rental
    iso_country: str
    region: str
    locality: str
    number_type: str
    capabilities: int


class RentedFilter(NamedTuple):
    """Which of an account's rentals are asked for: those that go on or those that have ended; None is any."""

    live: bool
    state: RentalState | None = None
    iso_country: str | None = None
    region: str | None = None
    e164: str | None = None

    @property
    def is_walked(self) -> bool:
        """Whether no index knows all that is asked, so that rentals have to be looked at one after the other."""
        return (self.state, self.iso_country, self.region) != (None, None, None)


class RentedPage(NamedTuple):
    """Rentals that fit. `walked_to` is the id of the last that was looked at, where more may fit behind it."""

    items: list[RentedNumber]
    walked_to: str | None


class Labels(NamedTuple):
    """What a customer may write on a rental; None leaves it as it is."""

    friendly_name: str | None
    agent_id: str | None
    tags: tuple[str, ...] | None


def rental_of(order: Order) -> Rental:
    """The rental that a completed order makes: period 0 begins when the order completed."""
    if order.completed_at is None or order.renews_at is None:
        raise ValueError("only a completed order makes a rental")
    return Rental(
        id=order.rental_id,
        order_id=order.id,
        account_id=order.account_id,
        e164=order.e164,
        state=RentalState.ACTIVE,
        prices=order.prices,
        anchor=order.completed_at,
        renews_at=order.renews_at,
        friendly_name="",
        agent_id="",
        tags=(),
        created_at=order.completed_at,
        updated_at=order.completed_at,
        released_at=None,
    )
