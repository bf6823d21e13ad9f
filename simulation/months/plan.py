"""What one history of months is like: how long, how many, how often what goes wrong.

Touches: randomness.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Final, Self

from simulation.plan import DAY, HOUR, Plan

SHORT: Final = 60
YEAR: Final = 366
_ROUNDINGS: Final = ("up", "half_up", "down")


@dataclass(frozen=True)
class MonthsPlan:
    """The numbers of one seed; what is said in hours and days is of simulated time.

    `increments`, `connect` and `rounding` are the terms of the pool's numbers. `lies` is how often a carrier says
    that it has set what it has not, `by_hand` how often somebody changes something in its console. `found_numbers`
    stand on its account before anybody has them in the books, `strays` come there unasked later, and `papers` is
    which part of its numbers ask for papers.
    """

    days: int
    begins_after: int
    accounts: int
    pool_numbers: int
    carrier_numbers: int
    found_numbers: int
    strays: int
    processes: int
    round_hours: float
    look_hours: float
    call_hours: float
    deed_hours: float
    increments: tuple[int, int]
    connect: int
    lies: float
    by_hand: float
    papers: float
    poverty: float
    waives_missed: bool

    @property
    def rounding(self) -> str:
        """Which way calls of the pool's numbers are rounded."""
        return _ROUNDINGS[self.begins_after % len(_ROUNDINGS)]

    @classmethod
    def drawn(cls, chance: random.Random, *, year: bool) -> Self:
        """The plan of a seed: 20 numbers for 60 days, or 1,000 for a year."""
        return cls(
            days=YEAR if year else SHORT,
            begins_after=chance.randrange(1000),
            accounts=40 if year else 3,
            pool_numbers=700 if year else 12,
            carrier_numbers=300 if year else 8,
            found_numbers=60 if year else 6,
            strays=40 if year else 4,
            processes=2,
            round_hours=chance.choice((12, 20, 24)) if not year else 24,
            look_hours=24 * 30 if year else 72,
            call_hours=2 if year else 20,
            deed_hours=60 if year else 48,
            increments=chance.choice(((60, 60), (1, 1), (30, 6), (6, 6), (90, 60))),
            connect=chance.choice((0, 0, 150_000)),
            lies=chance.choice((0.0, 0.0, 0.2)),
            by_hand=chance.choice((0.0, 0.1, 0.3)),
            papers=chance.choice((0.0, 0.3, 0.6)),
            poverty=chance.choice((0.0, 0.3, 0.8)),
            waives_missed=chance.random() < 0.2,
        )


def troubles(plan: Plan, chance: random.Random, *, year: bool) -> Plan:
    """The faults of a history, which has many more steps than those of a day: each is as much more seldom."""

    def rate(most: float) -> float:
        return chance.choice((0.0, most / 4, most)) / (10 if year else 1)

    return replace(
        plan,
        quote_seconds=10 * 60,
        quarantine_days=chance.choice((1, 7)),
        retention_hours=24,
        queue_limit=4096,
        turn_eagerness=0.3,
        hurry=0.0,
        kill=rate(0.002),
        kill_at_point=rate(0.02),
        power=rate(0.004),
        restart=rate(0.0005),
        statement_fails=rate(0.01),
        commit_fails=rate(0.01),
        disk_full=rate(0.0005),
        locked=rate(0.05),
        clock_jump=rate(0.001),
        stall=rate(0.0005),
        answer_seconds=1.7,
        patience_minutes=30,
        audit_hours=24,
        one_flow=False,
        commit_lost=rate(0.01),
        commit_again=0.0,
        minutes_pass=rate(0.0005),
        time_passes=rate(0.0002),
        lag=0,
        reference_lag=0,
        release_fails=chance.choice((0.0, 0.2, 0.5)),
        look_up_fails=chance.choice((0.0, 0.2)),
    )


__all__ = ["DAY", "HOUR", "MonthsPlan", "troubles"]
