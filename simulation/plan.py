"""What one seed is about: how many take part, and how often which fault strikes.

Touches: nothing.

Every seed has rates of its own, and most faults are left out of most seeds. So some seeds see one
kind of fault in peace and quiet, and some see everything at once.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, Self

from testbed.carrier_books import Does

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 24 * HOUR


@dataclass(frozen=True)
class Plan:
    """The numbers of one seed. Rates are per step of the scheduler, or per message where they say so."""

    doors: int
    workers: int
    accounts: int
    programs: int
    numbers: int
    intents: int
    errands: int
    quote_seconds: int
    quarantine_days: int
    retention_hours: int
    queue_limit: int
    turn_eagerness: float
    hurry: float
    kill: float
    kill_at_point: float
    power: float
    restart: float
    statement_fails: float
    commit_fails: float
    disk_full: float
    locked: float
    clock_jump: float
    stall: float
    request_lost: float
    reply_lost: float
    sent_twice: float
    impatience: float
    carriers: int
    remote_numbers: int
    shared_numbers: int
    deeds: tuple[Does, ...]
    lag: float
    reference_lag: float
    breaks_window: bool
    outage: float
    rivals: float
    slips: float
    look_up_fails: float
    release_fails: float
    answer_seconds: float
    patience_minutes: int
    audit_hours: int
    one_flow: bool
    commit_lost: float
    commit_again: float
    other_currency: bool
    credit_limit: int
    minutes_pass: float
    gives_back: float
    meddles: bool
    time_passes: float

    @classmethod
    def drawn(cls, chance: random.Random) -> Self:
        """The plan of a seed."""

        def rate(most: float) -> float:
            return chance.choice((0.0, 0.0, most / 5, most))

        carriers = chance.choice((0, 1, 2, 2, 2, 2))
        less = 0.5 if carriers else 1.0  # carriers bring troubles of their own, and more steps
        lag = chance.choice((0, 0, 5, 2 * MINUTE, 10 * MINUTE))
        return cls(
            doors=chance.choice((1, 1, 2, 3)),
            workers=chance.choice((1, 1, 2)),
            accounts=chance.choice((1, 2, 2, 2)),
            programs=chance.choice((1, 2, 2)),
            numbers=chance.randint(2, 6),
            intents=chance.randint(4, 8),
            errands=chance.randint(4, 10),
            quote_seconds=chance.choice((0, 10 * MINUTE, 10 * MINUTE, 24 * HOUR)),
            quarantine_days=chance.choice((0, 0, 0, 1, 30)),
            retention_hours=chance.choice((24, 24, 168)),
            queue_limit=chance.choice((4096, 4096, 4096, 2)),
            turn_eagerness=chance.choice((0.03, 0.15, 0.6)),
            hurry=chance.choice((0.0, 0.05)),
            kill=less * rate(0.02),
            kill_at_point=rate(0.10),
            power=less * rate(0.04),
            restart=less * rate(0.01),
            statement_fails=rate(0.08),
            commit_fails=rate(0.08),
            disk_full=less * rate(0.02),
            locked=rate(0.3),
            clock_jump=less * rate(0.04),
            stall=less * rate(0.01),
            request_lost=rate(0.1),
            reply_lost=rate(0.15),
            sent_twice=rate(0.2),
            impatience=rate(0.3),
            carriers=carriers,
            remote_numbers=chance.choice((1, 3, 4, 5)),
            shared_numbers=chance.choice((0, 0, 1)),
            deeds=_deeds(chance),
            lag=lag,
            reference_lag=chance.choice((0, lag)),
            breaks_window=chance.random() < 0.1,
            outage=rate(0.1),
            rivals=rate(0.1),
            slips=chance.choice((0.0,) * 5 + (0.1,)),
            look_up_fails=rate(0.3),
            release_fails=chance.choice((0.0, 0.3, 0.6)),
            answer_seconds=chance.choice((0.7, 1.7)),
            patience_minutes=chance.choice((0, 30, 30)),
            audit_hours=chance.choice((1, 24)),
            one_flow=chance.random() < 0.3,
            commit_lost=rate(0.06),
            commit_again=chance.choice((0.0,) * 9 + (0.03,)),
            other_currency=chance.random() < 0.25,
            credit_limit=chance.choice((0, 0, 0, 1_500_000)),
            minutes_pass=rate(0.03),
            gives_back=chance.choice((0.1, 0.5, 0.9)),
            meddles=chance.random() < 0.4,
            time_passes=0.003 if carriers else 0.01,
        )


def _deeds(chance: random.Random) -> tuple[Does, ...]:
    """What carriers of a seed do, each as likely as it is often in here: mostly what they should."""
    strange = [does for does in Does if does not in (Does.BUYS, Does.RAISES, Does.FORBIDS)]
    strange += Does.BUYS_LATER, Does.FAILS_LATER, Does.REFUSES  # half of these forbid
    some = chance.sample(strange, chance.choice((0, 4, len(strange), len(strange))))
    return (Does.BUYS,) * chance.choice((1, 3)) + tuple(some)
