"""Faults planted on purpose are found, each of them, within a bounded number of seeds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from simulator.product import Product
from simulator.runs import run_seeds
from tests.simulator.planted import PLANTED

DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "simulator.md"
MOST_SEEDS: Final = 400


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(fault: str) -> None:
    assert found_at(PLANTED[fault]) is not None


def test_every_planted_fault_is_documented() -> None:
    listed = re.findall(r"^\| (?!fault|-)([^|]+?) \| (\d+) \|", DOCUMENT.read_text(), flags=re.MULTILINE)
    assert [name for name, _ in listed] == list(PLANTED)
    assert all(int(seed) <= MOST_SEEDS for _, seed in listed)


def found_at(product: Product) -> int | None:
    """The first seed that finds something."""
    seeds = run_seeds(range(1, MOST_SEEDS + 1), product)
    return next((outcome.seed for outcome in seeds if outcome.violation), None)
