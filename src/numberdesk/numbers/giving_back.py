"""Giving a number back to its carrier: tried until the carrier confirms it.

Touches: nothing.

The customer's rental ended before, whatever the carrier says. Instants are microseconds.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from numberdesk.core.fulfilment import LONGEST_SAID
from numberdesk.core.periods import MICROSECONDS

WAITS: Final = tuple(seconds * MICROSECONDS for seconds in (0, 2, 10, 60, 300, 3600, 6 * 3600))
"""Before each try; from then on it is tried at the last of these, until it is confirmed."""

LONGEST_WAIT: Final = max(WAITS)


class GivingBack(NamedTuple):
    """A number that its carrier is to take back: the row. `carrier_reference` is the carrier's id for it, if known.

    Whoever tells the carrier puts `next_at` off for as long as this may take, which is the lease.
    """

    id: str
    carrier: str
    e164: str
    carrier_reference: str | None
    asked_at: int
    tries: int = 0
    next_at: int = 0
    said: str = ""
    confirmed_at: int | None = None


def of_rental(rental_id: str, carrier: str, e164: str, carrier_reference: str | None, now: int) -> GivingBack:
    """The giving back of a rental's number. Derived, so that one rental cannot have two."""
    return GivingBack(f"rel_{rental_id.removeprefix('rnt_')}", carrier, e164, carrier_reference, now, next_at=now)


def of_finding(carrier: str, e164: str, carrier_reference: str | None, serial: str, now: int) -> GivingBack:
    """The giving back of a number that nobody rents: bought too late, or found by an audit."""
    return GivingBack(f"rel_{serial}", carrier, e164, carrier_reference, now, next_at=now)


def confirmed(one: GivingBack, now: int) -> GivingBack:
    """The carrier no longer has it for us."""
    return one._replace(tries=one.tries + 1, said="confirmed", confirmed_at=now)


def put_off(one: GivingBack, said: str, now: int) -> GivingBack:
    """It is not known to be back: to be tried again, ever more seldom."""
    tries = one.tries + 1
    wait = WAITS[min(tries, len(WAITS) - 1)]
    return one._replace(tries=tries, next_at=now + wait, said=said[:LONGEST_SAID])
