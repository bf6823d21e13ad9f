"""The chain of a wallet's transfers: the walk names the first break, and the sum over all lines sees every break."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numberdesk.core.chain import (
    FIRST_STATE,
    MOST_ENTRIES,
    WALLET_STEP,
    StatementLine,
    first_break,
    path_sum,
    spread,
    state_number,
)

START, OTHER_START = FIRST_STATE + WALLET_STEP, FIRST_STATE + 2 * WALLET_STEP
MOVES = st.lists(st.integers(-(10**12), 10**12).filter(bool), min_size=1, max_size=12)
ALIKE = st.lists(st.sampled_from((-1_150_000, -500_000, 1)), min_size=1, max_size=8)


def lines_of(moves: list[int]) -> list[StatementLine]:
    """A sound statement with these movements."""
    balances = [sum(moves[:count]) for count in range(len(moves) + 1)]
    return [
        StatementLine(f"trf_{entry}", entry, after - before, after)
        for entry, (before, after) in enumerate(pairwise(balances), 1)
    ]


def link_sum(start: int, lines: list[StatementLine]) -> int:
    """What the pass over the table adds up for these lines: in any order, each line by itself."""
    total = 0
    for line in lines:
        total += spread(state_number(start, line.entry, line.balance_after))
        total -= spread(state_number(start, line.entry - 1, line.balance_after - line.moved))
    return total


def test_a_wallet_without_transfers_holds_when_it_is_empty() -> None:
    assert first_break([], 0, 0) is None
    assert path_sum(START, 0, 0) == 0


def test_a_wallet_without_transfers_must_have_nothing_posted() -> None:
    broken = first_break([], 0, 5)
    assert broken is not None
    assert (broken.invariant, broken.line_id) == ("I2", None)
    assert broken.message == "posted is 0.000005, but its transfers come to 0"


def test_only_the_first_break_is_named() -> None:
    lines = lines_of([10, 20, 30, 40])
    lines[1] = lines[1]._replace(balance_after=31)
    lines[3] = lines[3]._replace(entry=9)
    broken = first_break(lines, 4, 100)
    assert broken is not None
    assert (broken.invariant, broken.line_id) == ("I2", "trf_2")


def test_a_line_after_a_gap_is_named_with_both_entries() -> None:
    first, _, third = lines_of([10, 20, 30])
    broken = first_break([first, third], 3, 60)
    assert broken is not None
    assert broken == ("I4", "trf_3", "entry 3 comes after entry 1: what lay between is gone")


@given(MOVES)
def test_sound_statements_hold_and_add_up(moves: list[int]) -> None:
    lines = lines_of(moves)
    assert first_break(lines, len(moves), sum(moves)) is None
    assert link_sum(START, lines[::-1]) == path_sum(START, len(moves), sum(moves))


@settings(max_examples=300)
@given(st.one_of(MOVES, ALIKE), st.data())
def test_the_sum_sees_whatever_the_walk_sees(moves: list[int], data: st.DataObject) -> None:
    """Remove, repeat, exchange or change lines in any way: sum and walk agree whether the chain still holds."""
    lines = lines_of(moves)
    for _ in range(data.draw(st.integers(0, 4))):
        place, other = (data.draw(st.integers(0, max(0, len(lines) - 1))) for _ in range(2))
        how = data.draw(st.sampled_from(("drop", "twice", "swap", "entry", "moved", "balance_after")))
        if how == "drop":
            del lines[place : place + 1]
        elif how == "twice":
            lines[place:place] = lines[place : place + 1]
        elif how == "swap" and lines:
            here, there = lines[place], lines[other]
            lines[place] = here._replace(balance_after=there.balance_after)
            lines[other] = there._replace(balance_after=here.balance_after)
        elif lines:
            changed = getattr(lines[place], how) + data.draw(st.sampled_from((-2, -1, 1, 2)))
            lines[place] = lines[place]._replace(**{how: changed})
    walked = first_break(sorted(lines, key=lambda line: line.entry), len(moves), sum(moves))
    assert (walked is None) == (link_sum(START, lines) == path_sum(START, len(moves), sum(moves)))


@given(st.one_of(MOVES, ALIKE), st.one_of(MOVES, ALIKE))
def test_a_line_in_another_wallet_is_seen(moves: list[int], others: list[int]) -> None:
    mine, theirs = lines_of(moves), lines_of(others)
    mine[-1], theirs[-1] = theirs[-1], mine[-1]
    together = link_sum(START, mine) + link_sum(OTHER_START, theirs)
    expected = path_sum(START, len(moves), sum(moves)) + path_sum(OTHER_START, len(others), sum(others))
    assert (together == expected) == (mine[-1][1:] == theirs[-1][1:])


def test_a_wallet_that_counts_other_entries_than_it_has_is_named() -> None:
    assert first_break(lines_of([10]), 2, 10) == ("I2", None, "entries is 2, but its transfers end at entry 1")


def test_a_line_that_is_there_twice_is_named() -> None:
    (line,) = lines_of([10])
    assert first_break([line, line._replace(id="trf_2")], 1, 10) == (
        "I4",
        "trf_2",
        "entry 1 comes after entry 1: there are two of it",
    )


def test_a_line_that_does_not_add_up_is_named_with_all_its_figures() -> None:
    first, second = lines_of([2_000_000, -500_000])
    assert first_break([first, second._replace(balance_after=1_400_000)], 2, 1_500_000) == (
        "I2",
        "trf_2",
        "balance_after is 1.4, but 2 and -0.5 make 1.5",
    )


@pytest.mark.parametrize("field", ["entry", "moved", "balance_after"])
def test_a_damaged_figure_is_named_and_not_reckoned_with(field: str) -> None:
    (line,) = lines_of([10])
    damage: dict[str, Any] = {field: "10"}
    assert first_break([line._replace(**damage)], 1, 10) == (
        "I2",
        "trf_1",
        "entry, amount or balance_after is not a whole number",
    )


def test_the_numbers_of_all_states_are_above_zero_and_fit_64_bits() -> None:
    far = FIRST_STATE + 1_000_000 * WALLET_STEP
    for balance in (-(10**17), 0, 10**17):
        for start in (FIRST_STATE, far):
            assert 0 < state_number(start, 0, balance) < state_number(start, MOST_ENTRIES, balance) < 2**63


@pytest.mark.parametrize("number", [0, 1, 2**31 - 20, 2**31 - 19, 2**31 - 1, FIRST_STATE, FIRST_STATE + 7, 2**63 - 1])
def test_spread_is_exact_however_large_the_number(number: int) -> None:
    below_p, below_q = number - number // (2**31 - 1) * (2**31 - 1), number - number // (2**31 - 19) * (2**31 - 19)
    square = below_p**2 - below_p**2 // (2**31 - 19) * (2**31 - 19)
    assert spread(number) == square * below_q - square * below_q // (2**31 - 1) * (2**31 - 1)
    assert isinstance(spread(number), int)
