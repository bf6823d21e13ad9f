"""`python -m simulation`: run seeds, tell what was met, and how to see again what went wrong.

Touches: clock, environment.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from datetime import UTC, date, datetime
from typing import Final

from simulation.goals import BARS, missed
from simulation.product import Product
from simulation.runs import Kind, Outcome, Totals, run_in_processes, run_seed, run_seeds
from simulation.storage import Disk

SEEDS_OF_A_DAY: Final = 1_000_000
_KINDS: Final = {
    Kind.MONTHS: "two months of rent, calls and connections for 20 numbers, instead of hours of everything",
    Kind.YEAR: "the same for a year and 1,000 numbers",
}


def first_of(day: date) -> int:
    """The first of the seeds of a day: other days have others, and all are beyond those that are always run."""
    return (day.year * 10_000 + day.month * 100 + day.day) * SEEDS_OF_A_DAY


def main() -> int:
    """Run what the command line asks for; 1 when something was violated or a goal was missed."""
    arguments = _arguments()
    if arguments.seed is not None:
        return _one(arguments.seed, Kind(arguments.kind), trace=arguments.trace)
    first = first_of(datetime.now(UTC).date()) if arguments.fresh else arguments.first
    seeds = range(first, first + arguments.seeds)
    kind = Kind(arguments.kind)
    print(f"python -m simulation{_option(kind)} --first {first} --seeds {arguments.seeds}", flush=True)
    outcomes = (
        run_seeds(seeds, Product(), kind) if arguments.jobs == 1 else run_in_processes(seeds, arguments.jobs, kind)
    )
    totals, began = Totals(), time.monotonic()
    for outcome in outcomes:
        totals.add(outcome)
        if outcome.violation:
            tell(outcome, kind)
        elif kind is Kind.YEAR:  # which takes minutes
            print(f"seed {outcome.seed}: {outcome.steps} steps, nothing violated", flush=True)
    return summary(totals, time.monotonic() - began, kind)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds to run (default 200)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--first", type=int, default=1, help="the first of them (default 1)")
    which.add_argument(
        "--fresh", action="store_true", help="begin with the seeds of today, which other days do not have"
    )
    kinds = parser.add_mutually_exclusive_group()
    for kind, does in _KINDS.items():
        kinds.add_argument(f"--{kind}", dest="kind", action="store_const", const=kind, help=does)
    parser.set_defaults(kind=Kind.HOURS)
    parser.add_argument("--jobs", type=int, default=1, help="processes to run them in (default 1)")
    parser.add_argument("--seed", type=int, help="run this one seed again")
    parser.add_argument("--trace", action="store_true", help="with --seed: print every step")
    return parser.parse_args()


def _option(kind: Kind) -> str:
    return f" --{kind}" if kind in _KINDS else ""


def _one(seed: int, kind: Kind, *, trace: bool) -> int:
    with Disk.temporary() as disk:
        outcome = run_seed(seed, disk, Product(), trace=trace, kind=kind)
    for line in outcome.lines:
        print(line)
    if outcome.violation:
        tell(outcome, kind)
        return 1
    print(f"seed {seed}: {outcome.steps} steps, nothing violated, trace {outcome.digest}")
    return 0


def tell(outcome: Outcome, kind: Kind = Kind.HOURS) -> None:
    """Tell what was violated, and how to see it again."""
    print(f"seed {outcome.seed}, step {outcome.steps}: {outcome.violation}")
    print(f"    again: python -m simulation{_option(kind)} --seed {outcome.seed} --trace", flush=True)


def summary(totals: Totals, seconds: float, kind: Kind = Kind.HOURS) -> int:
    """Tell what was met; 1 when something was violated or a goal was missed."""
    print(f"{totals.seeds} seeds, {totals.steps} steps, {totals.faults.total()} faults in {seconds:.1f} s")
    _table("faults", totals.faults)
    _table("goals reached", totals.goals)
    not_reached = missed(totals.goals + totals.faults, totals.seeds, BARS[kind])
    for line in not_reached:
        print(f"goal missed: {line}")
    print(f"violations: {len(totals.failed)}")
    return 1 if totals.failed or not_reached else 0


def _table(name: str, counts: Counter[str]) -> None:
    print(f"{name}:")
    for what, count in sorted(counts.items()):
        print(f"    {count:8}  {what}")


if __name__ == "__main__":
    sys.exit(main())
