"""The simulation reaches its goals, repeats itself exactly, and tells what it found and how to see it again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from simulation import __main__ as program
from simulation.goals import FEWEST_SEEDS, GOALS, missed
from simulation.product import Product
from simulation.runs import Outcome, Totals, run_in_processes, run_seed, run_seeds
from simulation.storage import Disk
from tests.simulation.planted import PLANTED

ROOT: Final = Path(__file__).parents[2]
SEEDS: Final = FEWEST_SEEDS
FIRST_SEEDS: Final = 15
"""Enough for each kind of step; goals are asked of the long run, which runs these too."""


@pytest.fixture
def disk() -> Iterator[Disk]:
    with Disk.temporary() as disk:
        yield disk


@pytest.mark.slow
@pytest.mark.timeout(600)  # minutes on a machine that does other things beside
def test_the_first_seeds_violate_nothing() -> None:
    outcomes = list(run_seeds(range(1, FIRST_SEEDS + 1), Product()))
    assert [(outcome.seed, outcome.violation) for outcome in outcomes if outcome.violation] == []
    assert all(outcome.steps for outcome in outcomes)


@pytest.mark.long
@pytest.mark.timeout(600)  # two minutes on a machine that does other things beside
def test_hundreds_of_seeds_violate_nothing_and_reach_every_goal() -> None:
    totals = Totals()
    for outcome in run_seeds(range(1, SEEDS + 1), Product()):
        totals.add(outcome)
    assert [(outcome.seed, outcome.violation) for outcome in totals.failed] == []
    assert missed(totals.goals + totals.faults, totals.seeds) == []


@pytest.mark.parametrize("seed", [20054, 500384, 503119, 9005692, 9006511])
def test_seeds_that_once_found_something_find_nothing_any_more(disk: Disk, seed: int) -> None:
    """A number that its carrier has back becomes the pool's; an order whose number was lost is left to a person;
    what went back by a clock that was ahead is seen on the carrier's list.
    """
    assert run_seed(seed, disk, Product()).violation == ""


def test_a_seed_runs_the_same_twice_whatever_ran_before_it(disk: Disk) -> None:
    first = {seed: run_seed(seed, disk, Product()) for seed in (1, 2, 3)}
    again = {seed: run_seed(seed, disk, Product()) for seed in (3, 1, 2)}
    assert first == again
    assert len({outcome.digest for outcome in first.values()}) == len(first)


def test_a_seed_runs_the_same_in_another_process(disk: Disk) -> None:
    told = {ran(seed, hash_seed="7").stdout.split()[-1] for seed in (5,)}
    assert told == {run_seed(5, disk, Product()).digest}


def test_several_processes_find_what_one_finds() -> None:
    seeds = range(1, 4)
    assert list(run_in_processes(seeds, 2)) == list(run_seeds(seeds, Product()))


def test_a_trace_tells_every_step(disk: Disk) -> None:
    outcome = run_seed(1, disk, Product(), trace=True)
    assert any("commits" in line for line in outcome.lines)
    assert any(line.endswith("calm") for line in outcome.lines)
    assert outcome.digest == run_seed(1, disk, Product()).digest


def test_a_violation_is_told_with_its_seed_its_step_and_the_command_that_repeats_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    product = PLANTED["a replay is charged again"]
    outcome = next(outcome for outcome in run_seeds(range(1, 100), product) if outcome.violation)
    program.tell(outcome)
    told = capsys.readouterr().out
    assert re.match(rf"seed {outcome.seed}, step {outcome.steps}: I1, I4: transfers", told)
    assert f"python -m simulation --seed {outcome.seed} --trace" in told


def test_a_run_with_a_violation_or_a_missed_goal_fails(capsys: pytest.CaptureFixture[str]) -> None:
    enough = Counter(GOALS)
    sound = Outcome(1, 10, "", "", enough, Counter(), [])
    assert program.summary(totals(sound), 1.0) == 0
    broken = Outcome(2, 10, "", "I1: something", Counter(), Counter(), [])
    assert program.summary(totals(sound, broken), 1.0) == 1
    without = Outcome(1, 10, "", "", Counter({**enough, "batch_isolated": 0}), Counter(), [])
    assert program.summary(totals(without), 1.0) == 1
    assert "goal missed: batch_isolated: 0 of" in capsys.readouterr().out


def test_fresh_seeds_are_those_of_the_day_and_told_so_that_they_can_be_run_again() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "simulation", "--fresh", "--seeds", "1"],
        cwd=ROOT, env={**os.environ}, capture_output=True, text=True, timeout=60, check=False,
    ).stdout.splitlines()[0]  # fmt: skip
    again = re.fullmatch(r"python -m simulation --first (\d+) --seeds 1", told)
    assert again is not None
    day = datetime.strptime(str(int(again[1]) // program.SEEDS_OF_A_DAY), "%Y%m%d").replace(tzinfo=UTC).date()
    assert program.first_of(day) == int(again[1])
    assert program.first_of(day + timedelta(1)) >= int(again[1]) + program.SEEDS_OF_A_DAY


def test_goals_grow_with_the_seeds_and_are_not_asked_of_a_few() -> None:
    assert missed(Counter(), 10) == []
    assert len(missed(Counter(), 1000)) == len(GOALS)
    half = Counter({goal: bar // 2 + 1 for goal, bar in GOALS.items()})
    assert missed(half, 500) == []
    assert missed(half, 2000) != []


def totals(*outcomes: Outcome) -> Totals:
    """A run of a thousand seeds, of which only some did anything."""
    made = Totals(seeds=1000 - len(outcomes))
    for outcome in outcomes:
        made.add(outcome)
    return made


def ran(seed: int, *, hash_seed: str) -> subprocess.CompletedProcess[str]:
    """The program on one seed, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "simulation", "--seed", str(seed)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
