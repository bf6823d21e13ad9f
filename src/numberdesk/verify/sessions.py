"""What must hold of prepaid sessions: money is held for those that go on, and for no other.

Touches: calls, holds, rentals, usage_sessions.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, literal, or_, select

from numberdesk.core.invariants import amount, differing
from numberdesk.core.lifecycle import HoldState, SessionState
from numberdesk.tables import calls, holds, rentals, usage_sessions
from numberdesk.verify.engine import Check, in_key_order, rule


def added_of(rounding: ColumnElement[str]) -> ColumnElement[int]:
    """What a charge in sixtieths of a micro gets before it is cut to whole ones; none is up."""
    return case((rounding == "down", 0), (rounding == "half_up", 30), else_=59)


_s = usage_sessions.c
_beyond = case((_s.granted > _s.minimum, _s.granted - _s.minimum), else_=0)
_billed = _s.minimum + (_beyond + _s.step - 1) // _s.step * _s.step
_added = added_of(_s.rounding)
_cost = _s.connect + (_billed * _s.per_minute + _added) // 60
_COSTS: Final = select(_s.id, _s.granted, _s.amount, _cost.label("cost")).where(
    in_key_order(_s.id), _s.amount.is_distinct_from(_cost)
)


def _says_cost(row: Any) -> str:
    return f"{row.granted} seconds are granted, which cost {amount(row.cost)}, not {amount(row.amount)}"


_hold_state = case((_s.state == SessionState.OPEN.value, HoldState.OPEN.value), else_=HoldState.VOIDED.value)
_expected = case((_s.amount > 0, _hold_state), else_=literal(None))
_HOLDS: Final = (
    select(
        _s.id,
        _s.state,
        _s.amount,
        _s.account_id,
        _expected.label("expected"),
        holds.c.state.label("hold_state"),
        holds.c.amount.label("held"),
        holds.c.account_id.label("hold_account"),
    )
    .select_from(usage_sessions.outerjoin(holds, holds.c.owner_id == _s.id))
    .where(
        in_key_order(_s.id),
        or_(
            holds.c.state.is_distinct_from(_expected),
            and_(holds.c.owner_id.is_not(None), holds.c.amount.is_distinct_from(_s.amount)),
            and_(holds.c.owner_id.is_not(None), holds.c.account_id.is_distinct_from(_s.account_id)),
        ),
    )
)


def _says_hold(row: Any) -> str:
    if row.hold_state is None:
        return f"the session is {row.state}, costs {amount(row.amount)} so far, and has no hold"
    return f"the session is {row.state}; of its hold " + differing(
        ("state", row.hold_state, row.expected),
        ("amount", amount(row.held), amount(row.amount)),
        ("account", row.hold_account, row.account_id),
    )


_ASTRAY: Final = (
    select(_s.id, _s.rental_id, _s.e164, _s.account_id)
    .select_from(usage_sessions.outerjoin(rentals, rentals.c.id == _s.rental_id))
    .where(
        in_key_order(_s.id),
        or_(
            rentals.c.id.is_(None),
            rentals.c.e164 != _s.e164,
            rentals.c.account_id.is_distinct_from(_s.account_id),
            rentals.c.currency != _s.currency,
            rentals.c.created_at > _s.opened_at,
            # How a call began that has ended is what its record tells, and the rule about calls holds that. One that
            # expired before the release was of the rental, whatever clock it was opened by.
            and_(
                rentals.c.released_at <= _s.opened_at,
                _s.state != SessionState.ENDED.value,
                or_(_s.ended_at.is_(None), _s.ended_at > rentals.c.released_at),
            ),
        ),
    )
)


def _says_astray(row: Any) -> str:
    return f"{row.rental_id} of {row.account_id} did not have {row.e164} when the session was opened"


_UNTOLD: Final = (
    select(_s.id, _s.state, _s.call_id, calls.c.id.label("call"))
    .select_from(
        usage_sessions.outerjoin(
            calls, and_(calls.c.source == _s.source, calls.c.call_id == _s.call_id, calls.c.leg == _s.leg)
        )
    )
    .where(
        in_key_order(_s.id),
        or_(
            and_(_s.state == SessionState.ENDED.value, calls.c.id.is_(None)),
            and_(_s.state == SessionState.OPEN.value, calls.c.id.is_not(None), calls.c.account_id == _s.account_id),
        ),
    )
)


def _says_untold(row: Any) -> str:
    if row.call is None:
        return f"the session has ended, and no record tells of its call {row.call_id}"
    return f"the session is open, and {row.call} tells how its call ended"


CHECKS: Final[tuple[Check, ...]] = (
    rule("hold", "every session has what it holds by one hold, in its state", usage_sessions, _HOLDS, _says_hold),
    rule("I12", "every session holds what its seconds and terms make", usage_sessions, _COSTS, _says_cost),
    rule("I11", "every session is of the rental that had its number", usage_sessions, _ASTRAY, _says_astray),
    rule("I11", "every session is open until a record tells of its call", usage_sessions, _UNTOLD, _says_untold),
)
