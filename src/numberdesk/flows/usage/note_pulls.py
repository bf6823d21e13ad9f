"""Write down how reading carriers' calls goes: which days are due, and what calls cost.

Touches: database.

A day is read again until it is two days old: calls end, and costs are told, long after they begin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from numberdesk.carriers.call_port import CallCost
from numberdesk.core.periods import MICROSECONDS, iso_seconds
from numberdesk.core.schedule import Schedule, resting, retried
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import WorkOutcome
from numberdesk.usage.pull_store import (
    CallPull,
    ToldCost,
    change_pull,
    find_call_ids,
    find_costs,
    insert_pulls,
    lock_pulls,
    save_costs,
)

HOUR: Final = 3600 * MICROSECONDS
DAY: Final = 24 * HOUR
SETTLED: Final = 2 * DAY
"""How long after its end a day is read for the last time: no call is longer, and costs are known by then."""

SELDOM: Final = 6 * HOUR
"""How long after another a day is read that is over for as long."""

FAILED: Final = Schedule((60 * MICROSECONDS, 300 * MICROSECONDS, 1800 * MICROSECONDS), endless=True)


class BeginPulls(NamedTuple):
    """Carriers that nobody has read calls from, from the day of `now` on."""

    carriers: tuple[str, ...]
    now: int


class NotePull(NamedTuple):
    """A day was read from `began_at` on, or was not, for the reason in `message`. `every`: how often days are read."""

    pull: CallPull
    began_at: int
    now: int
    every: int
    listed: int
    message: str


class NoteCosts(NamedTuple):
    """What a carrier told of the costs of calls, by its names for them."""

    carrier: str
    costs: Mapping[str, CallCost]
    now: int


def day_of(instant: int) -> int:
    """The beginning of the day of UTC that an instant is in."""
    return instant // DAY * DAY


def new_pull(carrier: str, day: int, now: int) -> CallPull:
    """A day of a carrier, due at once."""
    return CallPull(f"{carrier}/{iso_seconds(day)[:10]}", carrier, day, now)


def begin_pulls(tx: Tx, commands: Sequence[BeginPulls]) -> list[None]:
    """Have the first days of carriers read."""
    for command in commands:
        insert_pulls(tx, [new_pull(name, day_of(command.now), command.now) for name in command.carriers])
    return [None] * len(commands)


def note_pulls(tx: Tx, commands: Sequence[NotePull]) -> list[WorkOutcome]:
    """Write readings down. When a day is over the next one is read as well, so that none is left out."""
    locked = lock_pulls(tx, [command.pull.id for command in commands])
    outcomes: list[WorkOutcome] = []
    for command in commands:
        held = locked[command.pull.id]
        if held.leased_until != command.pull.leased_until or held.next_at is None:
            outcomes.append(WorkOutcome.LEASE_LOST)
            continue
        if held.day + DAY <= command.now:
            insert_pulls(tx, [new_pull(held.carrier, held.day + DAY, command.now)])
        after = after_reading(held, command)
        change_pull(tx, after)
        outcomes.append(WorkOutcome.RETRIED if command.message else WorkOutcome.DONE)
    return outcomes


def after_reading(pull: CallPull, reading: NotePull) -> CallPull:
    """The day after it was read, or could not be."""
    if reading.message:
        return retried(pull, FAILED, reading.message, reading.now)
    read = pull._replace(attempts=0, message="", listed=reading.listed, leased_until=None)
    over = pull.day + DAY
    if reading.began_at >= over + SETTLED:
        return resting(read)._replace(ended_at=reading.now)
    if reading.began_at < over:  # what a day ends with is read soon after
        return read._replace(next_at=min(reading.now + reading.every, max(reading.now, over + reading.every)))
    seldom = reading.every if reading.began_at < over + SELDOM else max(reading.every, SELDOM)
    return read._replace(next_at=min(reading.now + seldom, max(reading.now, over + SETTLED)))


def note_costs(tx: Tx, commands: Sequence[NoteCosts]) -> list[int]:
    """Keep what calls cost, where it is new; how many were."""
    outcomes: list[int] = []
    for command in commands:
        ids = find_call_ids(tx, command.carrier, command.costs)
        told = {
            ids[name][0]: ToldCost(*ids[name], cost.currency, cost.amount, command.now)
            for name, cost in sorted(command.costs.items())
            if name in ids
        }
        known = find_costs(tx, told)
        news = {call: cost for call, cost in told.items() if _differs(cost, known.get(call))}
        save_costs(tx, news, known)
        outcomes.append(len(news))
    return outcomes


def _differs(cost: ToldCost, known: ToldCost | None) -> bool:
    return known is None or (known.currency, known.amount) != (cost.currency, cost.amount)
