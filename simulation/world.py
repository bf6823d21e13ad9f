"""What all parts of one simulation share: chance, time, ids, the trace, and what was seen so far.

Touches: randomness.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from simulation.loop import SimulatedLoop
from simulation.plan import Plan

Choice = TypeVar("Choice")

EPOCH: Final = 1_774_016_400_000_000
"""The true time at which every simulation begins, in microseconds: 2026-03-20."""

MICROSECONDS: Final = 1_000_000


class Violation(AssertionError):
    """Something that must hold did not. `rule` is its name, the text says what was found."""

    def __init__(self, rule: str, found: str) -> None:
        self.rule = rule
        super().__init__(f"{rule}: {found}")


@dataclass
class Trace:
    """What happened, step by step. Only its hash is kept, unless the lines are asked for."""

    keep: bool = False
    lines: list[str] = field(default_factory=list)
    _hash: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=16))

    def add(self, line: str) -> None:
        """Note a line."""
        self._hash.update(line.encode())
        self._hash.update(b"\n")
        if self.keep:
            self.lines.append(line)

    @property
    def digest(self) -> str:
        """Equal for equal traces."""
        return str(self._hash.hexdigest())


class World:
    """One simulation's surroundings, all of it from the seed.

    `late`: nobody begins anything new. `calm`: faults have stopped, everybody finishes. `rested`: there is no work
    left, and what was answered is asked again. `over`: whatever still happens is no part of it.
    `adopted`: orders for which a person took a number that was
    bought under another reference. `logged` is what the service wrote into its log.
    """

    def __init__(self, seed: int, trace: Trace) -> None:
        self.seed = seed
        self.chance = random.Random(seed)  # noqa: S311  it must be the same again
        self.plan = Plan.drawn(self.chance)
        self.loop = SimulatedLoop()  # type: ignore[abstract]  # what it lacks nobody here asks for
        self.trace = trace
        self.steps = 0
        self.goals: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.late = False
        self.calm = False
        self.rested = asyncio.Event()
        self.adopted: set[str] = set()
        self.logged: list[str] = []
        self.over = False
        self.violation: Violation | None = None

    def now(self) -> int:
        """True time, in microseconds."""
        return EPOCH + round(self.loop.time() * MICROSECONDS)

    def new_id(self, kind: str, now: int) -> str:
        """An id that sorts by the time of the clock it was made with."""
        return f"{kind}_{now // 1000:012x}7{self.chance.getrandbits(76):019x}"

    def note(self, what: str) -> None:
        """Put a line into the trace."""
        self.trace.add(f"{self.steps:5} {self.loop.time():14.6f}  {what}")

    def reached(self, goal: str) -> None:
        """Count a state that is to be reached now and then."""
        self.goals[goal] += 1
        self.note(f"goal {goal}")

    def fault(self, kind: str) -> None:
        """Count a fault that was injected."""
        self.faults[kind] += 1
        self.note(f"fault {kind}")

    def broken(self, rule: str, found: str) -> Violation:
        """Note the first violation; it stands, whoever catches what is raised."""
        violation = Violation(rule, found)
        if self.violation is None and not self.over:
            self.violation = violation
            self.note(f"VIOLATION {violation}")
        return violation

    def happens(self, probability: float) -> bool:
        """Whether something that has this probability happens."""
        return self.chance.random() < probability

    def one_of(self, choices: Sequence[Choice]) -> Choice:
        """One of several."""
        return choices[self.chance.randrange(len(choices))]

    def between(self, shortest: float, longest: float) -> float:
        """A number between two, as likely near the one as near the other in orders of magnitude."""
        return float(shortest * (longest / shortest) ** self.chance.random())
