"""What must hold of calls and of what is owed for them.

Touches: calls, call_reversals, transfers, receivables, rentals, wallets.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, not_, or_, select, union_all

from numberdesk.core.invariants import amount, differing
from numberdesk.ledger.model import REVENUE
from numberdesk.tables import call_reversals, calls, receivables, rentals, transfers, wallets
from numberdesk.verify.engine import Check, in_key_order, rule
from numberdesk.verify.sessions import added_of

_USAGE: Final = "usage"
_REVERSAL: Final = "usage_reversal"
_OWED_BY: Final = "receivable:"
_WALLET: Final = "wallet:"

_charged = calls.c.state == "charged"
_beyond = case((calls.c.seconds > calls.c.minimum, calls.c.seconds - calls.c.minimum), else_=0)
_billed = case(
    (calls.c.seconds > 0, calls.c.minimum + (_beyond + calls.c.step - 1) // calls.c.step * calls.c.step), else_=0
)
_added = added_of(calls.c.rounding)
_amount = case((calls.c.seconds > 0, calls.c.connect + (calls.c.billed * calls.c.per_minute + _added) // 60), else_=0)
_RATED: Final = (
    select(calls.c.id, calls.c.seconds, calls.c.billed, calls.c.amount, _billed.label("b"), _amount.label("a"))
    .where(in_key_order(calls.c.id), _charged)
    .where(or_(calls.c.billed.is_distinct_from(_billed), calls.c.amount.is_distinct_from(_amount)))
)


def _says_rated(row: Any) -> str:
    return f"of a call of {row.seconds} seconds " + differing(
        ("what is billed", row.billed, row.b), ("the charge", amount(row.amount), amount(row.a))
    )


_HAD: Final = (
    select(calls.c.id, calls.c.e164, calls.c.account_id, calls.c.rental_id)
    .select_from(calls.outerjoin(rentals, rentals.c.id == calls.c.rental_id))
    .where(
        in_key_order(calls.c.id),
        calls.c.rental_id.is_not(None),
        or_(
            rentals.c.id.is_(None),
            rentals.c.e164 != calls.c.e164,
            rentals.c.account_id.is_distinct_from(calls.c.account_id),
            rentals.c.created_at > calls.c.started_at,
            rentals.c.released_at <= calls.c.started_at,
        ),
    )
)


def _says_had(row: Any) -> str:
    return f"{row.rental_id} of {row.account_id} did not have {row.e164} when the call began"


def _shares(name: str, *parts: tuple[ColumnElement[str | None], ColumnElement[int], ColumnElement[str]]) -> Any:
    """The sums of shares by their transfer, out of one table or several."""
    every = union_all(
        *(
            select(transfer.label("transfer_id"), share.label("share"), owner.label("account_id")).where(
                transfer.is_not(None)
            )
            for transfer, share, owner in parts
        )
    ).subquery(f"every_{name}")
    return (
        select(
            every.c.transfer_id,
            func.sum(every.c.share).label("amount"),
            func.min(every.c.account_id).label("account_id"),
            func.max(every.c.account_id).label("last_account_id"),
        )
        .group_by(every.c.transfer_id)
        .subquery(name)
    )


_back = call_reversals.c
_paid = _shares(
    "paid",
    (calls.c.transfer_id, calls.c.amount - calls.c.owed, calls.c.account_id),
    (_back.transfer_id, _back.amount - _back.owed, _back.account_id),
)
_owed = _shares(
    "owed",
    (calls.c.owed_transfer_id, calls.c.owed, calls.c.account_id),
    (_back.owed_transfer_id, _back.owed, _back.account_id),
)
_returned = _shares("returned", (_back.reversal_id, _back.amount, _back.account_id))


def _carried(shares: Any, side: str) -> list[Select[Any]]:
    """Transfers of calls whose shares are others, and shares whose transfer is none of calls."""
    of_calls = and_(transfers.c.kind == _USAGE, transfers.c.debit.startswith(side))
    return [
        select(transfers.c.id, transfers.c.amount.label("moved"), shares.c.amount.label("shares"))
        .select_from(transfers.outerjoin(shares, shares.c.transfer_id == transfers.c.id))
        .where(
            of_calls,
            or_(
                transfers.c.amount.is_distinct_from(shares.c.amount),
                transfers.c.debit.is_distinct_from(side + shares.c.account_id),
                shares.c.account_id != shares.c.last_account_id,
                transfers.c.credit != REVENUE[_USAGE],
            ),
        ),
        select(shares.c.transfer_id, transfers.c.amount, shares.c.amount)
        .select_from(shares.outerjoin(transfers, and_(transfers.c.id == shares.c.transfer_id, of_calls)))
        .where(transfers.c.id.is_(None)),
    ]


_TRANSFERRED: Final = union_all(*_carried(_paid, _WALLET), *_carried(_owed, _OWED_BY)).subquery("carried").select()


def _says_transferred(row: Any) -> str:
    if row.moved is None:
        return f"calls have shares of {amount(int(row.shares))} in a transfer that does not exist"
    if row.shares is None:
        return f"it moves {amount(row.moved)} for calls, and no call has a share in it"
    return f"it moves {amount(row.moved)} for calls, whose shares come to {amount(int(row.shares))}"


_of_reversals = transfers.c.kind == _REVERSAL
_RETURNED: Final = (
    union_all(
        select(transfers.c.id, transfers.c.amount.label("moved"), _returned.c.amount.label("shares"))
        .select_from(transfers.outerjoin(_returned, _returned.c.transfer_id == transfers.c.id))
        .where(
            _of_reversals,
            or_(
                transfers.c.amount.is_distinct_from(_returned.c.amount),
                transfers.c.credit.is_distinct_from(_WALLET + _returned.c.account_id),
                _returned.c.account_id != _returned.c.last_account_id,
                transfers.c.debit != REVENUE[_USAGE],
            ),
        ),
        select(_returned.c.transfer_id, transfers.c.amount, _returned.c.amount)
        .select_from(_returned.outerjoin(transfers, and_(transfers.c.id == _returned.c.transfer_id, _of_reversals)))
        .where(transfers.c.id.is_(None)),
    )
    .subquery("given_back")
    .select()
)


def _says_returned(row: Any) -> str:
    if row.moved is None:
        return f"charges of {amount(int(row.shares))} are taken back by a transfer that does not exist"
    if row.shares is None:
        return f"it gives back {amount(row.moved)}, and no charge was taken back by it"
    return f"it gives back {amount(row.moved)} to a wallet for charges of {amount(int(row.shares))}"


_UNCARRIED: Final = select(calls.c.id, calls.c.amount, calls.c.owed).where(
    in_key_order(calls.c.id),
    or_(
        and_(_charged, calls.c.amount > calls.c.owed, calls.c.transfer_id.is_(None)),
        and_(calls.c.transfer_id.is_not(None), or_(not_(_charged), calls.c.amount <= calls.c.owed)),
    ),
)


def _says_uncarried(row: Any) -> str:
    return f"of its charge {amount(row.amount)}, of which {amount(row.owed)} is owed, no transfer carries the rest"


_owing = union_all(
    select(transfers.c.debit.label("ledger"), transfers.c.amount.label("moved"), literal(0).label("stored")).where(
        transfers.c.debit.startswith(_OWED_BY)
    ),
    select(transfers.c.credit, -transfers.c.amount, literal(0)).where(transfers.c.credit.startswith(_OWED_BY)),
    select(_OWED_BY + receivables.c.account_id, literal(0), receivables.c.owed),
).subquery("owing")
_OWING: Final = (
    select(
        _owing.c.ledger.label("id"),
        func.sum(_owing.c.moved).label("moved"),
        func.sum(_owing.c.stored).label("stored"),
    )
    .group_by(_owing.c.ledger)
    .having(func.sum(_owing.c.moved) != func.sum(_owing.c.stored))
)


def _says_owing(row: Any) -> str:
    return f"it owes {amount(int(row.stored))}, its transfers come to {amount(int(row.moved))}"


_UNPAID: Final = (
    select(receivables.c.id, receivables.c.owed, wallets.c.posted, wallets.c.held, wallets.c.credit_limit)
    .select_from(receivables.join(wallets, wallets.c.account_id == receivables.c.account_id))
    .where(receivables.c.owed > 0, wallets.c.posted - wallets.c.held + wallets.c.credit_limit > 0)
)


def _says_unpaid(row: Any) -> str:
    available = row.posted - row.held + row.credit_limit
    return f"{amount(row.owed)} is owed while {amount(available)} is there to pay it"


CHECKS: Final[tuple[Check, ...]] = (
    rule("I12", "every charge of a call is what its seconds and terms make", calls, _RATED, _says_rated),
    rule("I11", "every call is of the rental that had its number as it began", calls, _HAD, _says_had),
    rule("I11", "every charge of a call is carried by a transfer", calls, _UNCARRIED, _says_uncarried),
    rule("I11", "every transfer for calls is the sum of their shares", transfers, _TRANSFERRED, _says_transferred),
    rule("I11", "every transfer that gives back is the sum of the charges", transfers, _RETURNED, _says_returned),
    rule("I11", "every account owes what its calls left unpaid", receivables, _OWING, _says_owing),
    rule("I11", "no account owes what it could pay", receivables, _UNPAID, _says_unpaid),
)
