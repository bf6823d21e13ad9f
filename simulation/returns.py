"""What must become of numbers on their way back to their carriers: told again and again until it is confirmed.

Touches: nothing.
"""

from __future__ import annotations

from typing import Any, Final

from numberdesk.carriers.port import Released
from numberdesk.flows.carriers.confirm_carrier_releases import LeftOver, ReleaseReport
from simulation.books import Books, UnconfirmedRelease, require
from simulation.plan import HOUR, MINUTE
from simulation.world import MICROSECONDS

_WAITS: Final = (0, 2, 10, MINUTE, 5 * MINUTE, HOUR, 6 * HOUR)
"""Seconds before each try; from then on the last of them."""


def note(books: Books, told: ReleaseReport, given: Any) -> list[str]:
    """What a carrier said to a release; one that was confirmed stays so, and whoever lost the lease changes nothing."""
    one = books.releases[told.release_id]
    lease_lost = one.leased_until != told.leased_until
    require(lease_lost, given.lease_lost, "lease of a release")
    goals = [] if lease_lost and one.confirmed_at is None else _noted(books, one, told)
    require(one.row, _row(given.release), "release")
    return goals


def _noted(books: Books, one: UnconfirmedRelease, told: ReleaseReport) -> list[str]:
    if one.confirmed_at is not None:
        return ["release_confirmed_before"]
    if isinstance(told.answer, LeftOver):
        _park(books, one, told)
        return []
    one.tries += 1
    one.leased_until = None
    if isinstance(told.answer, Released):
        one.next_at, one.confirmed_at = None, told.now
        return ["release_confirmed"] if one.tries == 1 else ["release_confirmed_later"]
    one.next_at = told.now + _WAITS[min(one.tries, len(_WAITS) - 1)] * MICROSECONDS
    return ["release_put_off"]


def _park(books: Books, one: UnconfirmedRelease, told: ReleaseReport) -> None:
    """Its carrier goes by the digits, and it was due long before the process began: a person has to look at it."""
    one.next_at, one.leased_until, one.parked = None, None, True
    key = (one.carrier, one.e164, "stale_release")
    before = books.findings.get(key)
    first = told.now if before is None or before[0] == "ended" else before[3]
    books.findings[key] = ["open", "", "", first, told.now]


def _row(given: Any) -> tuple[Any, ...]:
    return (
        given.id, given.carrier, given.e164, given.carrier_reference, given.asked_at, given.next_at, given.attempts,
        given.leased_until, given.confirmed_at,
    )  # fmt: skip
