"""The chain of a wallet's transfers: the walk names the first break, and the sum over all lines sees every break."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from numberdesk.core.chain import PRIME, Line, first_break, path_sum, state_number

MOVES = st.lists(st.integers(-(10**12), 10**12).filter(bool), min_size=1, max_size=12)


def lines_of(moves: list[int]) -> list[Line]:
    """A sound statement with these movements."""
    balances = [sum(moves[:count]) for count in range(len(moves) + 1)]
    return [
        Line(f"trf_{entry}", entry, after - before, after)
        for entry, (before, after) in enumerate(pairwise(balances), 1)
    ]


def link_sum(wallet: int, lines: list[Line]) -> int:
    """What the pass over the table adds up for these lines: in any order, each line by itself."""
    total = 0
    for line in lines:
        reached = state_number(wallet, line.entry, line.balance_after)
        left = state_number(wallet, line.entry - 1, line.balance_after - line.moved)
        total += reached * reached - left * left
    return total % PRIME


def test_a_wallet_without_transfers_holds_when_it_is_empty() -> None:
    assert first_break([], 0, 0) is None
    assert path_sum(7, 0, 0) == 0


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
    assert link_sum(3, lines[::-1]) == path_sum(3, len(moves), sum(moves))


@given(MOVES, st.data())
def test_the_sum_sees_whatever_the_walk_sees(moves: list[int], data: st.DataObject) -> None:
    """Remove, repeat, exchange or change lines in any way: sum and walk agree whether the chain still holds."""
    lines = lines_of(moves)
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, len(lines) - 1)) if lines else 0
        how = data.draw(st.sampled_from(("drop", "twice", "entry", "moved", "balance_after")))
        if how == "drop":
            del lines[place : place + 1]
        elif how == "twice":
            lines[place:place] = lines[place : place + 1]
        elif lines:
            changed = getattr(lines[place], how) + data.draw(st.integers(-5, 5))
            lines[place] = lines[place]._replace(**{how: changed})
    walked = first_break(sorted(lines, key=lambda line: line.entry), len(moves), sum(moves))
    assert (walked is None) == (link_sum(1, lines) == path_sum(1, len(moves), sum(moves)))


@given(MOVES, MOVES)
def test_a_line_in_another_wallet_is_seen(moves: list[int], others: list[int]) -> None:
    mine, theirs = lines_of(moves), lines_of(others)
    mine[-1], theirs[-1] = theirs[-1], mine[-1]
    together = link_sum(1, mine) + link_sum(2, theirs)
    expected = path_sum(1, len(moves), sum(moves)) + path_sum(2, len(others), sum(others))
    same = mine[-1][1:] == theirs[-1][1:]
    assert ((together - expected) % PRIME == 0) == same
