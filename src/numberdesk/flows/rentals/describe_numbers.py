"""A number as operators see it: where it stands, who rents and rented it, and what operators did with it.

Touches: database.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from numberdesk.accounts.intervention_store import list_interventions
from numberdesk.core.interventions import Intervention
from numberdesk.core.lifecycle import NumberState
from numberdesk.core.rental import Rental
from numberdesk.infra.db import Tx
from numberdesk.numbers.rent_store import list_rentals_of
from numberdesk.numbers.store import find_rental_numbers, find_standing

RENTAL_ID: Final = "rnt_"
MOST_TOLD: Final = 50
"""Rentals, and deeds, that are told of a number: the latest."""


class HeldNumber(NamedTuple):
    """A number with its rentals and what operators did, the latest first."""

    e164: str
    carrier: str
    state: NumberState
    quarantined_until: int | None
    rentals: list[Rental]
    interventions: list[Intervention]


def describe_named(tx: Tx, named: str) -> HeldNumber | None:
    """What is known of a number that is named by its digits, or by the id of a rental of it, live or ended."""
    e164 = find_rental_numbers(tx, [named]).get(named) if named.startswith(RENTAL_ID) else named
    return None if e164 is None else describe_number(tx, e164)


def describe_number(tx: Tx, e164: str) -> HeldNumber | None:
    """What is known of a number; None where the books never had it."""
    standing = find_standing(tx, e164)
    if standing is None:
        return None
    rentals = list_rentals_of(tx, e164, limit=MOST_TOLD)
    return HeldNumber(e164, *standing, rentals, list_interventions(tx, e164=e164, limit=MOST_TOLD))
