"""Many seeds, one after the other or in several processes, and what came of them.

Touches: database, files, threads.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import Final

from simulation.journal import heard
from simulation.months.history import History
from simulation.product import Product
from simulation.simulation import Simulation
from simulation.storage import Disk
from simulation.world import Trace, Violation, World

_SEEDS_PER_JOB: Final = 50
_SEEDS_PER_COLLECTION: Final = 20


@dataclass
class Outcome:
    """What came of one seed. `violation` is empty when everything held."""

    seed: int
    steps: int
    digest: str
    violation: str
    goals: Counter[str]
    faults: Counter[str]
    lines: list[str]


@dataclass
class Totals:
    """What came of many."""

    seeds: int = 0
    steps: int = 0
    goals: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    failed: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one seed."""
        self.seeds += 1
        self.steps += outcome.steps
        self.goals.update(outcome.goals)
        self.faults.update(outcome.faults)
        if outcome.violation:
            self.failed.append(outcome)


class Kind(StrEnum):
    """What is simulated: some hours of everything, two months of rent and calls, or a year of them."""

    HOURS = "hours"
    MONTHS = "months"
    YEAR = "year"


def run_seed(seed: int, disk: Disk, product: Product, *, trace: bool = False, kind: Kind = Kind.HOURS) -> Outcome:
    """Run one seed. What is no violation, but raised all the same, is one too: nothing may raise."""
    kept = Trace(keep=trace)
    world = World(seed, kept)
    disk.format()
    violation = ""
    try:
        with heard(world):
            if kind is Kind.HOURS:
                Simulation(world, product, disk).run()
            else:
                History(world, product, disk, year=kind is Kind.YEAR).run()
    except Violation as found:
        violation = str(found)
    except Exception as error:  # noqa: BLE001  it is reported with the seed that brought it about
        violation = f"defect: {error!r}"
    return Outcome(seed, world.steps, kept.digest, violation, world.goals, world.faults, kept.lines)


def run_seeds(seeds: Sequence[int], product: Product, kind: Kind = Kind.HOURS) -> Iterator[Outcome]:
    """Run seeds in this process."""
    gc.freeze()  # what is there already stays anyway
    gc.disable()  # cycles are collected between seeds: inside one it would cost a fifth of the time
    try:
        with Disk.temporary() as disk:
            for place, seed in enumerate(seeds):
                yield run_seed(seed, disk, product, kind=kind)
                if place % _SEEDS_PER_COLLECTION == 0:
                    gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()


def run_in_processes(seeds: Sequence[int], jobs: int, kind: Kind = Kind.HOURS) -> Iterator[Outcome]:
    """Run seeds in several processes, in portions."""
    size = 1 if kind is Kind.YEAR else _SEEDS_PER_JOB
    portions = [seeds[place : place + size] for place in range(0, len(seeds), size)]
    with ProcessPoolExecutor(jobs) as pool:
        for outcomes in pool.map(partial(_portion, kind=kind), portions):
            yield from outcomes


def _portion(seeds: Sequence[int], kind: Kind) -> list[Outcome]:
    return list(run_seeds(seeds, Product(), kind))
