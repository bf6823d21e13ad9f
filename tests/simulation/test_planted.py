"""Faults planted on purpose are found, each of them, within a bounded number of seeds, by what they break."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from simulation.product import Product
from simulation.runs import run_seeds
from tests.simulation.planted import PLANTED

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "simulation.md"
MOST_SEEDS: Final = 2000


class Documented(NamedTuple):
    """A line of the table: the seed that found a fault first when it was written, and the rules that it breaks."""

    seed: int
    breaks: list[str]


def documented() -> Iterator[tuple[str, Documented]]:
    for name, seed, breaks in re.findall(
        r"^\| (?!fault|-)([^|]+?) \| (\d+) \| ([^|]+?) \|", text(), flags=re.MULTILINE
    ):
        yield name, Documented(int(seed), breaks.split("; "))


def text() -> str:
    return DOCUMENT.read_text()


DOCUMENTED: Final = dict(documented())
FIRST_OF_A_RULE: Final = {
    next(name for name, other in DOCUMENTED.items() if rule in other.breaks)
    for line in DOCUMENTED.values()
    for rule in line.breaks
}
"""Faults enough for each rule to find one; the others are planted in the long run."""


@pytest.mark.timeout(600)  # a documented seed that finds nothing any more is followed by many
@pytest.mark.parametrize(
    "fault", [pytest.param(each, marks=[] if each in FIRST_OF_A_RULE else pytest.mark.long) for each in PLANTED]
)
def test_a_planted_fault_is_found_by_what_it_breaks(fault: str) -> None:
    line = DOCUMENTED[fault]
    assert found_by(PLANTED[fault], line.seed) in line.breaks


def test_every_planted_fault_is_documented() -> None:
    assert list(DOCUMENTED) == list(PLANTED)
    assert all(line.seed <= MOST_SEEDS for line in DOCUMENTED.values())


def test_every_way_of_finding_a_fault_finds_one() -> None:
    """What no planted fault breaks might as well not be checked."""
    section = text().partition("## What is checked")[2].partition("## ")[0]
    checked = set(re.findall(r"^\| (?!invariant|-)([^|]+?) \| ", section, flags=re.MULTILINE))
    assert len(checked) > 10
    found = {rule for line in DOCUMENTED.values() for rule in line.breaks}
    assert {rule for rule in checked if not found & {rule}} == set()


def found_by(product: Product, hint: int) -> str | None:
    """The rule that the first seed to find something names. The documented one is tried first: it mostly still does."""
    for outcome in run_seeds([hint, *range(1, MOST_SEEDS + 1)], product):
        if outcome.violation:
            return outcome.violation.partition(":")[0]
    return None
