"""Every step of every life cycle, the legal ones written out once more, and that all others are refused."""

from __future__ import annotations

import itertools
from enum import StrEnum

import pytest

from numberdesk.core.lifecycle import (
    AccountState,
    CarrierState,
    HoldState,
    IllegalMoveError,
    NumberState,
    OrderState,
    RentalState,
    SessionState,
    may_move,
    require_move,
)

LEGAL: dict[type[StrEnum], set[str]] = {
    NumberState: {
        "available > claimed",
        "available > assigned",
        "available > withdrawn",
        "claimed > assigned",
        "claimed > available",
        "claimed > withdrawn",
        "assigned > quarantined",
        "quarantined > available",
        "quarantined > withdrawn",
        "quarantined > assigned",
        "withdrawn > assigned",
        "withdrawn > available",
        "withdrawn > claimed",
    },
    OrderState: {"ordering > completed", "ordering > failed"},
    HoldState: {"open > captured", "open > voided"},
    SessionState: {"open > ended", "open > expired"},
    RentalState: {
        "active > past_due",
        "active > released",
        "past_due > active",
        "past_due > released",
    },
    AccountState: {"active > suspended", "suspended > active", "active > closed", "suspended > closed"},
    CarrierState: {"active > disabled", "disabled > active"},
}
STEPS = [step for states in LEGAL for step in itertools.product(states, repeat=2)]


@pytest.mark.parametrize(("before", "after"), STEPS, ids=[f"{type(a).__name__}: {a} > {b}" for a, b in STEPS])
def test_a_step_is_taken_when_it_is_in_the_table_and_refused_otherwise(before: StrEnum, after: StrEnum) -> None:
    if f"{before} > {after}" in LEGAL[type(before)]:
        assert may_move(before, after)
        assert require_move(before, after) is after
    else:
        assert not may_move(before, after)
        with pytest.raises(IllegalMoveError, match=f"{type(before).__name__}: {before} -> {after}"):
            require_move(before, after)


def test_states_have_their_stored_words() -> None:
    assert [state.value for states in LEGAL for state in states] == [
        *("available", "claimed", "assigned", "quarantined", "withdrawn"),
        *("ordering", "completed", "failed"),
        *("open", "captured", "voided"),
        *("open", "ended", "expired"),
        *("active", "past_due", "released"),
        *("active", "suspended", "closed"),
        *("active", "disabled"),
    ]


def test_a_number_that_is_rented_goes_nowhere_but_into_quarantine() -> None:
    assert [state for state in NumberState if may_move(NumberState.ASSIGNED, state)] == [NumberState.QUARANTINED]


@pytest.mark.parametrize("state", [*list(OrderState)[1:], *list(HoldState)[1:], RentalState.RELEASED])
def test_what_is_final_stays_so(state: StrEnum) -> None:
    assert not any(may_move(state, other) for other in type(state))


def test_a_state_of_another_life_cycle_is_refused_though_its_word_is_the_same() -> None:
    assert RentalState.ACTIVE.value == AccountState.ACTIVE.value
    assert not may_move(AccountState.SUSPENDED, RentalState.ACTIVE)
    assert not may_move(RentalState.PAST_DUE, AccountState.ACTIVE)
