"""Planted faults of rent, calls and connections are found in simulated months, each by what it breaks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from simulation.runs import Kind, run_seeds
from tests.simulation.planted_months import PLANTED
from tests.simulation.planted_tools import MOST_SEEDS

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "simulated-months.md"
LINES: Final = re.findall(
    r"^\| (?!fault|rule|-)([^|]+?) \| (\d+) \| ([^|]+?) \|", DOCUMENT.read_text(), flags=re.MULTILINE
)
DOCUMENTED: Final = {fault: (int(seed), breaks.split("; ")) for fault, seed, breaks in LINES}
QUICK: Final = ("a period is paid twice", "a call is rounded down")
"""Found in the first days of a history: all others are left to the long run."""


def faults(*, quick: bool) -> list[str]:
    return [fault for fault in PLANTED if (fault in QUICK) is quick]


def is_found(fault: str) -> None:
    """The documented seed is tried first: it mostly still finds it."""
    seed, breaks = DOCUMENTED[fault]
    for outcome in run_seeds([seed, *range(1, MOST_SEEDS + 1)], PLANTED[fault], Kind.MONTHS):
        if outcome.violation:
            assert outcome.violation.partition(":")[0] in breaks
            return
    pytest.fail("no seed found it")


@pytest.mark.parametrize("fault", faults(quick=True))
def test_a_planted_fault_is_found_by_what_it_breaks(fault: str) -> None:
    is_found(fault)


@pytest.mark.long
@pytest.mark.timeout(600)  # a documented seed that finds nothing any more is followed by many
@pytest.mark.parametrize("fault", faults(quick=False))
def test_each_of_the_others_is_found_as_well(fault: str) -> None:
    is_found(fault)


def test_every_planted_fault_is_documented() -> None:
    assert list(DOCUMENTED) == list(PLANTED)
    assert len(PLANTED) >= 15
    assert all(seed <= MOST_SEEDS for seed, _ in DOCUMENTED.values())
