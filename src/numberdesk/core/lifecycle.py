"""The life cycles of numbers, orders, holds, rentals and sessions: one table each, all else is refused.

Touches: nothing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, TypeVar


class NumberState(StrEnum):
    """Where an E.164 number stands. Its row lives for ever."""

    AVAILABLE = "available"
    CLAIMED = "claimed"
    ASSIGNED = "assigned"
    QUARANTINED = "quarantined"
    WITHDRAWN = "withdrawn"


class OrderState(StrEnum):
    """Where one purchase attempt stands."""

    ORDERING = "ordering"
    COMPLETED = "completed"
    FAILED = "failed"


class OrderOrigin(StrEnum):
    """How an account came to have a number: it bought it, or an operator gave it."""

    PURCHASE = "purchase"
    ASSIGNMENT = "assignment"  # out of the own pool, without the customer's buying
    TRANSFER = "transfer"  # from another account
    RESTORATION = "restoration"  # a rental that had ended goes on
    ADOPTION = "adoption"  # it stood on the operator's account at a carrier already


class HoldState(StrEnum):
    """Where the money set aside for an order or a session stands."""

    OPEN = "open"
    CAPTURED = "captured"
    VOIDED = "voided"


class SessionState(StrEnum):
    """Where a prepaid call stands that a source asked for."""

    OPEN = "open"
    ENDED = "ended"  # a record says how long the call was
    EXPIRED = "expired"  # nobody asked for more in time


class RentalState(StrEnum):
    """Where an account's having of a number stands."""

    ACTIVE = "active"
    PAST_DUE = "past_due"
    RELEASED = "released"


class CarrierState(StrEnum):
    """Whether numbers are bought from an account at a carrier. What is owned there goes on either way."""

    ACTIVE = "active"
    DISABLED = "disabled"


class AccountState(StrEnum):
    """Whether an account may buy. A closed one is at its end: nobody uses it any more."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class AccountKind(StrEnum):
    """Whose an account is: a customer's, or of those who run the service."""

    CUSTOMER = "customer"
    OPERATOR = "operator"


State = TypeVar("State", bound=StrEnum)

_N = NumberState
_MOVES: Final[dict[type[StrEnum], dict[StrEnum, frozenset[StrEnum]]]] = {
    NumberState: {
        # available -> assigned in one step is the own pool: claim and assignment share one commit.
        _N.AVAILABLE: frozenset({_N.CLAIMED, _N.ASSIGNED, _N.WITHDRAWN}),
        _N.CLAIMED: frozenset({_N.ASSIGNED, _N.AVAILABLE, _N.WITHDRAWN}),
        _N.ASSIGNED: frozenset({_N.QUARANTINED}),
        # quarantined or withdrawn -> assigned: its rental is restored, or what a carrier has for us is adopted.
        _N.QUARANTINED: frozenset({_N.AVAILABLE, _N.WITHDRAWN, _N.ASSIGNED}),
        # withdrawn -> claimed: a carrier's number that we had before, offered again by a carrier.
        _N.WITHDRAWN: frozenset({_N.AVAILABLE, _N.CLAIMED, _N.ASSIGNED}),
    },
    OrderState: {
        OrderState.ORDERING: frozenset({OrderState.COMPLETED, OrderState.FAILED}),
        OrderState.COMPLETED: frozenset(),
        OrderState.FAILED: frozenset(),
    },
    HoldState: {
        HoldState.OPEN: frozenset({HoldState.CAPTURED, HoldState.VOIDED}),
        HoldState.CAPTURED: frozenset(),
        HoldState.VOIDED: frozenset(),
    },
    SessionState: {
        SessionState.OPEN: frozenset({SessionState.ENDED, SessionState.EXPIRED}),
        SessionState.ENDED: frozenset(),
        SessionState.EXPIRED: frozenset(),
    },
    RentalState: {
        RentalState.ACTIVE: frozenset({RentalState.PAST_DUE, RentalState.RELEASED}),
        RentalState.PAST_DUE: frozenset({RentalState.ACTIVE, RentalState.RELEASED}),
        RentalState.RELEASED: frozenset(),
    },
    CarrierState: {
        CarrierState.ACTIVE: frozenset({CarrierState.DISABLED}),
        CarrierState.DISABLED: frozenset({CarrierState.ACTIVE}),
    },
    AccountState: {
        AccountState.ACTIVE: frozenset({AccountState.SUSPENDED, AccountState.CLOSED}),
        AccountState.SUSPENDED: frozenset({AccountState.ACTIVE, AccountState.CLOSED}),
        AccountState.CLOSED: frozenset(),
    },
}


class IllegalMoveError(RuntimeError):
    """A state was to change in a way that its life cycle does not know: a defect, never bad input."""


def may_move(before: StrEnum, after: StrEnum) -> bool:
    """Say whether the life cycle of `before` has the step to `after`."""
    # Words of different life cycles are equal as text, so the kind is asked too.
    return type(after) is type(before) and after in _MOVES[type(before)][before]


def require_move(before: State, after: State) -> State:
    """Return `after` when the step is legal. Raises IllegalMoveError otherwise."""
    if not may_move(before, after):
        raise IllegalMoveError(f"{type(before).__name__}: {before} -> {after} is not a step of its life cycle")
    return after
