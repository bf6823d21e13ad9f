"""Giving a number back to its carrier: tried until the carrier confirms it.

Touches: nothing.

The customer's rental ended before, whatever the carrier says. Instants are microseconds.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.schedule import LONGEST_MESSAGE, Schedule, resting, retried

SCHEDULE: Final = Schedule(tuple(seconds * MICROSECONDS for seconds in (2, 10, 60, 300, 3600, 6 * 3600)), endless=True)
"""It is tried at once, then ever more seldom, until it is confirmed."""


_FEWEST_DIGITS: Final = 7
"""So many of a number's digits in a reference are no chance."""


class CarrierRelease(NamedTuple):
    """A number that its carrier is to take back: the row, which is due work.

    `carrier_reference` is the carrier's id for it, if known.
    """

    id: str
    carrier: str
    e164: str
    carrier_reference: str | None
    asked_at: int
    next_at: int | None
    attempts: int = 0
    message: str = ""
    parked_at: int | None = None
    leased_until: int | None = None
    confirmed_at: int | None = None


def of_rental(rental_id: str, carrier: str, e164: str, carrier_reference: str | None, now: int) -> CarrierRelease:
    """The giving back of a rental's number. Derived, so that one rental cannot have two."""
    return CarrierRelease(f"rel_{rental_id.removeprefix('rnt_')}", carrier, e164, carrier_reference, now, next_at=now)


def of_finding(carrier: str, e164: str, carrier_reference: str | None, serial: str, now: int) -> CarrierRelease:
    """The giving back of a number that nobody rents: bought too late, or found by an audit."""
    return CarrierRelease(f"rel_{serial}", carrier, e164, carrier_reference, now, next_at=now)


def confirmed(one: CarrierRelease, now: int) -> CarrierRelease:
    """The carrier no longer has it for us."""
    return resting(one)._replace(attempts=one.attempts + 1, message="confirmed", confirmed_at=now)


def parked(one: CarrierRelease, message: str, now: int) -> CarrierRelease:
    """The carrier is not told: a person has to look at it."""
    return resting(one)._replace(message=message[:LONGEST_MESSAGE], parked_at=now)


def goes_by_digits(one: CarrierRelease) -> bool:
    """Whether its carrier is told the digits only, which somebody else may have got there since.

    Some carriers have no other name for a number, and their references are its digits.
    """
    digits = "".join(sign for sign in one.carrier_reference or "" if sign.isdigit())
    return not one.carrier_reference or (len(digits) >= _FEWEST_DIGITS and one.e164.endswith(digits))


def put_off(one: CarrierRelease, message: str, now: int) -> CarrierRelease:
    """It is not known to be back: to be tried again, ever more seldom."""
    return retried(one, SCHEDULE, message, now)
