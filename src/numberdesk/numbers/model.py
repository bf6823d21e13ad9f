"""Rented numbers as they are listed, and what a customer may write on them.

Touches: nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from numberdesk.core.lifecycle import RentalState
from numberdesk.core.rental import Rental


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
