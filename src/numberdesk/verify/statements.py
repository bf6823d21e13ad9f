"""The transfers, line by line: what one pass over all of them proves, and the walk that explains.

Touches: wallets, transfers, credit_limit_changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    and_,
    case,
    func,
    not_,
    or_,
    select,
    tuple_,
    type_coerce,
)

from numberdesk.core.chain import (
    ENTRY_STEP,
    FIRST_STATE,
    MOST_ENTRIES,
    WALLET_STEP,
    Break,
    StatementLine,
    first_break,
    path_sum,
    spread,
    state_number,
)
from numberdesk.core.invariants import MOST_SHOWN, Checked, Violation, amount, found, or_unexplained
from numberdesk.core.money import MAX_AMOUNT
from numberdesk.infra.db import Tx
from numberdesk.ledger.model import REVENUE
from numberdesk.tables import credit_limit_changes, transfers, wallets
from numberdesk.verify.charges import check_charges
from numberdesk.verify.engine import broken_rows, count_rows, in_key_order

SOUND: Final = "every transfer is between its wallet and a known account, in the wallet's currency"
CHAINED: Final = "every transfer continues the one before, the last is what its wallet has posted"
COVERED: Final = "no transfer left its wallet below the credit limit of its time"

_PAGE: Final = 5000

_COUNTERPARTS: Final = ("funding:", "revenue:", "receivable:")
_CARRIERS: Final = ("cost:", "payable:")
"""Kinds of ledger accounts by how their names begin: those that a wallet's counterpart may be, the commonest first, and
those of carriers."""

_WALLET: Final = "wallet:"


def _is_one_of(side: ColumnElement[str], kinds: Sequence[str]) -> ColumnElement[bool]:
    """Whether a name begins as one of the kinds do: two comparisons, where taking the beginning makes a new text."""
    return or_(*(and_(side >= kind, side < kind[:-1] + chr(ord(kind[-1]) + 1)) for kind in kinds))


# Limits before today's. A line is judged by the one that its wallet had when it was written, which its entry tells:
# clocks may go back. The pass takes the widest that a wallet ever had, and wallets whose limit changed are asked again.
_widest = (
    select(credit_limit_changes.c.account_id, func.max(credit_limit_changes.c.before).label("before"))
    .group_by(credit_limit_changes.c.account_id)
    .subquery("widest")
)
_owners = (
    select(
        wallets.c.account_id,
        (_WALLET + wallets.c.account_id).label("ledger"),
        wallets.c.currency,
        wallets.c.credit_limit,
        case((_widest.c.before > wallets.c.credit_limit, _widest.c.before), else_=wallets.c.credit_limit).label(
            "widest"
        ),
        wallets.c.posted,
        wallets.c.entries,
        (
            FIRST_STATE + WALLET_STEP * type_coerce(func.row_number().over(order_by=wallets.c.account_id), BigInteger)
        ).label("start"),
    )
    .select_from(wallets.outerjoin(_widest, _widest.c.account_id == wallets.c.account_id))
    .cte("owners")
)
_first_after = (
    select(credit_limit_changes.c.before)
    .where(
        credit_limit_changes.c.account_id == transfers.c.account_id, credit_limit_changes.c.entries >= transfers.c.entry
    )
    .order_by(credit_limit_changes.c.change)
    .limit(1)
    .correlate(transfers)
    .scalar_subquery()
)
_limit_then = func.coalesce(_first_after, _owners.c.credit_limit)

_is_out = and_(transfers.c.debit == _owners.c.ledger, _is_one_of(transfers.c.credit, _COUNTERPARTS))
_is_in = and_(transfers.c.credit == _owners.c.ledger, _is_one_of(transfers.c.debit, _COUNTERPARTS))
_reached = state_number(_owners.c.start, transfers.c.entry, transfers.c.balance_after)
_covered = transfers.c.balance_after >= -_owners.c.widest
_possible = and_(transfers.c.balance_after < FIRST_STATE, transfers.c.entry.between(1, MOST_ENTRIES))
_moves_money = and_(transfers.c.amount.between(1, MAX_AMOUNT), transfers.c.currency == _owners.c.currency, _possible)
_sound_out = and_(_is_out, _moves_money)
_sound_in = and_(_is_in, _moves_money)

# coalesce keeps SQLite from walking the wallets and looking up the transfers of each.
_all = transfers.join(_owners, _owners.c.account_id == func.coalesce(transfers.c.account_id, ""))
_each = transfers.outerjoin(_owners, _owners.c.account_id == transfers.c.account_id)


def _pass(source: FromClause, link: ColumnElement[int], owner: ColumnElement[int], order: ColumnElement[str]) -> Any:
    """How many transfers have a wallet, how many an order, and the sum of their links."""
    return select(
        func.count(owner).label("lines"),
        func.count(order).label("of_orders"),
        func.coalesce(func.sum(link), 0).label("links"),
    ).select_from(source)


# A line that is not right adds nothing, and the sum does not come out. So one sum proves all, and
# only figures that fit 64 bits are computed with, which PostgreSQL insists on.
_PASS: Final = _pass(
    _each,
    case(
        (and_(_sound_out, _covered), spread(_reached) - spread(_reached + transfers.c.amount - ENTRY_STEP)),
        (and_(_sound_in, _covered), spread(_reached) - spread(_reached - transfers.c.amount - ENTRY_STEP)),
    ),
    _owners.c.start,
    transfers.c.order_id,
)
# SQLite computes an expression as often as it is written. A limit, though it is none, keeps it from writing the states
# out, which are then computed once for each line.
_states = (
    select(
        _owners.c.start,
        transfers.c.order_id,
        _reached.label("reached"),
        case(
            (
                and_(_moves_money, _covered),
                case((_is_out, transfers.c.amount - ENTRY_STEP), (_is_in, -transfers.c.amount - ENTRY_STEP)),
            )
        ).label("back"),
    )
    .select_from(_each)
    .where(in_key_order(transfers.c.id))
    .limit(-1)
    .subquery("states")
)
_PASS_OF_SQLITE: Final = _pass(
    _states,
    spread(_states.c.reached) - spread(_states.c.reached + _states.c.back),
    _states.c.start,
    _states.c.order_id,
)
_WALLETS: Final = select(_owners.c.account_id, _owners.c.start, _owners.c.entries, _owners.c.posted).order_by(
    _owners.c.account_id
)
_UNSOUND: Final = (
    select(
        transfers.c.id,
        transfers.c.amount,
        transfers.c.debit,
        transfers.c.credit,
        transfers.c.currency,
        transfers.c.entry,
        transfers.c.balance_after,
        _owners.c.ledger,
        _owners.c.currency.label("wallet_currency"),
    )
    .select_from(_all)
    .where(in_key_order(transfers.c.id), case((_sound_out, 1), (_sound_in, 1), else_=0) == 0)
)
_below_its_limit = (
    select(transfers.c.id, transfers.c.balance_after, _limit_then.label("credit_limit"))
    .select_from(_all)
    .where(case((transfers.c.balance_after >= -_limit_then, 1), else_=0) == 0)
)
_UNCOVERED: Final = _below_its_limit.where(in_key_order(transfers.c.id))
_CHANGED: Final = select(credit_limit_changes.c.account_id).distinct()
_UNCOVERED_WHERE_CHANGED: Final = _below_its_limit.where(transfers.c.account_id.in_(_CHANGED))
# A transfer that names no account may move what carriers cost, or what a customer owes for calls (verify/usage.py).
# What customers pay is never without a wallet.
_sides = (transfers.c.debit, transfers.c.credit)
_between_others = and_(
    *(_is_one_of(side, (*_COUNTERPARTS, *_CARRIERS)) for side in _sides),
    or_(
        *(_is_one_of(side, _CARRIERS) for side in _sides),
        and_(_is_one_of(transfers.c.debit, ("receivable:",)), transfers.c.credit == REVENUE["usage"]),
    ),
)
_OWNERLESS: Final = select(func.count(case((_between_others, 1)))).where(transfers.c.account_id.is_(None))
_STRAYS: Final = (
    select(transfers.c.id, transfers.c.account_id, transfers.c.debit, transfers.c.credit)
    .select_from(transfers.outerjoin(wallets, wallets.c.account_id == transfers.c.account_id))
    .where(wallets.c.account_id.is_(None), or_(transfers.c.account_id.is_not(None), not_(_between_others)))
)


def check_statements(tx: Tx) -> list[Checked]:
    """I1, I2 and I3 of every transfer, and with the orders I6, out of one pass over the transfers."""
    seen = tx.execute(_PASS_OF_SQLITE if tx.engine_name == "sqlite" else _PASS).one()
    rows = count_rows(tx, transfers)  # by an index, which has to agree with the table
    others = 0 if seen.lines == rows else tx.execute(_OWNERLESS).scalar_one()
    expected = sum(path_sum(row.start, row.entries, row.posted) for row in tx.execute(_WALLETS))
    if int(seen.links) == expected and seen.lines + others == rows:
        results = [Checked("I1", SOUND, rows), Checked("I2", CHAINED, rows), _covered_where_changed(tx, rows)]
    else:
        results = _explained(tx, rows)
    return [*results, *check_charges(tx, seen.of_orders)]


def _explained(tx: Tx, rows: int) -> list[Checked]:
    """Which lines are wrong, when some are."""
    sound, covered = _check_sound(tx, rows), _check_covered(tx, rows)
    chain = found("I2", CHAINED, rows, _breaks(tx))
    return [sound, chain if sound.broken or covered.broken else or_unexplained(chain, "transfers"), covered]


def _check_sound(tx: Tx, rows: int) -> Checked:
    unsound, shown = broken_rows(tx, _UNSOUND)
    strays, shown_strays = broken_rows(tx, _STRAYS)
    violations = [Violation("I1", "transfers", row.id, _says_unsound(row)) for row in shown]
    violations += [Violation("I1", "transfers", row.id, _says_stray(row)) for row in shown_strays]
    return Checked("I1", SOUND, rows, unsound + strays, tuple(violations[:MOST_SHOWN]))


def _says_unsound(row: Any) -> str:
    if not isinstance(row.amount, int) or not 0 < row.amount <= MAX_AMOUNT:
        return f"it moves {amount(row.amount)}: not above zero and at most {amount(MAX_AMOUNT)}"
    if row.currency != row.wallet_currency:
        return f"it is in {row.currency}, its wallet in {row.wallet_currency}"
    if row.ledger in (row.debit, row.credit) and not _can_be(row.entry, row.balance_after):
        return f"entry {row.entry} with balance_after {amount(row.balance_after)} cannot be"
    return f"it goes from {row.debit} to {row.credit}: not between {row.ledger} and a known account"


def _can_be(entry: object, balance: object) -> bool:
    return isinstance(entry, int) and 1 <= entry <= MOST_ENTRIES and isinstance(balance, int) and balance < FIRST_STATE


def _says_stray(row: Any) -> str:
    if row.account_id is not None:
        return f"account_id is {row.account_id}, which has no wallet"
    return f"it goes from {row.debit} to {row.credit} and names no account"


def _covered_where_changed(tx: Tx, rows: int) -> Checked:
    """I3 where the pass cannot tell: of wallets whose limit changed. Mostly there is none."""
    if tx.execute(_CHANGED.limit(1)).first() is None:
        return Checked("I3", COVERED, rows)
    return _check_covered(tx, rows, _UNCOVERED_WHERE_CHANGED)


def _check_covered(tx: Tx, rows: int, lines: Select[Any] = _UNCOVERED) -> Checked:
    broken, shown = broken_rows(tx, lines)
    violations = tuple(Violation("I3", "transfers", row.id, _says_uncovered(row)) for row in shown)
    return Checked("I3", COVERED, rows, broken, violations)


def _says_uncovered(row: Any) -> str:
    return f"balance_after is {amount(row.balance_after)}, the credit limit was {amount(row.credit_limit)}"


def _breaks(tx: Tx) -> Iterator[Violation]:
    """The first break of every wallet that has one."""
    for wallet in tx.execute(_WALLETS).all():
        broken = first_break(_lines_of(tx, wallet.account_id), wallet.entries, wallet.posted)
        if broken is not None:
            yield _violation(wallet.account_id, broken)


def _violation(account_id: str, broken: Break) -> Violation:
    if broken.line_id is None:
        return Violation(broken.invariant, "wallets", account_id, broken.message)
    return Violation(broken.invariant, "transfers", broken.line_id, broken.message)


def _lines_of(tx: Tx, account_id: str) -> Iterator[StatementLine]:
    """A wallet's transfers in the order of their entries, read page by page."""
    page: Sequence[Any] = ()
    first = True
    while first or len(page) == _PAGE:
        query = select(transfers.c.id, transfers.c.entry, _signed(account_id), transfers.c.balance_after).where(
            transfers.c.account_id == account_id
        )
        if not first:
            last = page[-1]
            query = query.where(tuple_(transfers.c.entry, transfers.c.id) > (last.entry, last.id))
        page = tx.execute(query.order_by(transfers.c.entry, transfers.c.id).limit(_PAGE)).all()
        first = False
        yield from (StatementLine._make(row) for row in page)


def _signed(account_id: str) -> Any:
    return case((transfers.c.debit == _WALLET + account_id, -transfers.c.amount), else_=transfers.c.amount)
