"""What one seed is about: how many take part, and how often which fault strikes.

Touches: nothing.

Every seed has rates of its own, and most faults are left out of most seeds. So some seeds see one
kind of fault in peace and quiet, and some see everything at once.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, Self

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

    @classmethod
    def drawn(cls, chance: random.Random) -> Self:
        """The plan of a seed."""

        def rate(most: float) -> float:
            return chance.choice((0.0, 0.0, most / 5, most))

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
            kill=rate(0.02),
            kill_at_point=rate(0.10),
            power=rate(0.04),
            restart=rate(0.01),
            statement_fails=rate(0.08),
            commit_fails=rate(0.08),
            disk_full=rate(0.02),
            locked=rate(0.3),
            clock_jump=rate(0.04),
            stall=rate(0.01),
            request_lost=rate(0.1),
            reply_lost=rate(0.15),
            sent_twice=rate(0.2),
            impatience=rate(0.3),
        )
