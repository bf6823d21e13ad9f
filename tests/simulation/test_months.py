"""Simulated months find nothing in the service as it is, repeat themselves, and reckon as the tables say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from numberdesk.core.periods import from_datetime
from simulation.months.reckoning import Terms, cost, month_after
from simulation.product import Product
from simulation.runs import Kind, run_seed, run_seeds
from simulation.storage import Disk


def test_a_history_of_months_violates_nothing() -> None:
    with Disk.temporary() as disk:
        outcome = run_seed(4, disk, Product(), kind=Kind.MONTHS)
    assert outcome.violation == ""
    assert {"rented", "call_charged", "looked", "verified"} <= set(outcome.goals)


@pytest.mark.long
def test_a_seed_that_once_found_something_finds_nothing_any_more() -> None:
    """A clock that was behind let a rental begin before the terms of its calls were set."""
    with Disk.temporary() as disk:
        assert run_seed(14, disk, Product(), kind=Kind.MONTHS).violation == ""


@pytest.mark.long
@pytest.mark.timeout(1200)  # minutes on a machine that does other things beside
def test_a_hundred_histories_violate_nothing_and_are_the_same_again() -> None:
    first = list(run_seeds(range(1, 101), Product(), Kind.MONTHS))
    assert [(outcome.seed, outcome.violation) for outcome in first if outcome.violation] == []
    assert list(run_seeds(range(1, 3), Product(), Kind.MONTHS)) == first[:2]


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_year_of_a_thousand_numbers_violates_nothing() -> None:
    assert [outcome.violation for outcome in run_seeds([1], Product(), Kind.YEAR)] == [""]


@pytest.mark.parametrize(
    ("seconds", "terms", "micros"),
    [
        (32, Terms(6_000, 0, 30, 6), 3_600),
        (57, Terms(6_000, 0, 30, 6), 6_000),
        (75, Terms(6_000, 0, 30, 6), 7_800),
        (30, Terms(50_000, 150_000, 30, 6), 175_000),
        (151, Terms(60_000_000, 0, 90, 60), 210_000_000),
        (0, Terms(50_000, 150_000, 60, 60), 0),
        (1, Terms(1, 0, 60, 60), 1),
        (61, Terms(8_500, 0, 1, 1, "half_up"), 8_642),
        (61, Terms(8_500, 0, 1, 1, "down"), 8_641),
        (1, Terms(30, 0, 1, 1, "half_up"), 1),
        (1, Terms(30, 0, 1, 1, "down"), 0),
    ],
)
def test_the_judge_reckons_calls_as_the_table_says(seconds: int, terms: Terms, micros: int) -> None:
    assert cost(seconds, terms) == micros


@pytest.mark.parametrize(
    ("begins", "months", "then"),
    [
        ((2027, 1, 31), 1, (2027, 2, 28)),
        ((2027, 1, 31), 2, (2027, 3, 31)),
        ((2028, 1, 30), 1, (2028, 2, 29)),
        ((2027, 11, 30), 3, (2028, 2, 29)),
    ],
)
def test_the_judge_counts_months_from_the_anchor(
    begins: tuple[int, int, int], months: int, then: tuple[int, int, int]
) -> None:
    assert month_after(from_datetime(datetime(*begins, tzinfo=UTC)), months) == from_datetime(
        datetime(*then, tzinfo=UTC)
    )
