"""What must become of numbers on their way back to their carriers: told again and again until it is confirmed.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from numberdesk.carriers.port import Released
from numberdesk.flows.confirm_releases import TakeUpReleases, Told
from simulator.books import Books, GivingBack, require
from simulator.plan import HOUR, MINUTE
from simulator.world import MICROSECONDS

_WAITS: Final = (0, 2, 10, MINUTE, 5 * MINUTE, HOUR, 6 * HOUR)
"""Seconds before each try; from then on the last of them."""

_LEASE: Final = 200 * MICROSECONDS


def take_up(books: Books, command: TakeUpReleases, given: Sequence[Any]) -> list[str]:
    """Releases that are due are nobody else's for a while."""
    longest = command.now + max(_WAITS) * MICROSECONDS
    due = [
        one
        for one in books.releases.values()
        if one.confirmed_at is None and (one.next_at <= command.now or one.next_at > longest)
    ]
    due = sorted(due, key=lambda one: (one.next_at, one.id))[: command.limit]
    for one in due:
        one.next_at = command.now + _LEASE
    require([one.row for one in due], [_row(one) for one in given], "releases taken up")
    return []


def note(books: Books, told: Told, given: Any) -> list[str]:
    """What a carrier said to a release; one that was confirmed stays so."""
    one = books.releases[told.release_id]
    goals = _noted(one, told)
    require(one.row, _row(given), "release")
    return goals


def _noted(one: GivingBack, told: Told) -> list[str]:
    if one.confirmed_at is not None:
        return ["release_confirmed_before"]
    one.tries += 1
    if isinstance(told.word, Released):
        one.confirmed_at = told.now
        return ["release_confirmed"] if one.tries == 1 else ["release_confirmed_later"]
    one.next_at = told.now + _WAITS[min(one.tries, len(_WAITS) - 1)] * MICROSECONDS
    return ["release_put_off"]


def _row(given: Any) -> tuple[Any, ...]:
    return (
        given.id, given.carrier, given.e164, given.carrier_reference, given.asked_at, given.tries, given.next_at,
        given.confirmed_at,
    )  # fmt: skip
