"""The transfers, line by line: what one pass over all of them proves, and the walk that explains.

Touches: wallets, transfers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, ColumnElement, and_, case, func, not_, or_, select, tuple_, type_coerce

from numberdesk.core.chain import (
    ENTRY_STEP,
    FIRST_STATE,
    MOST_ENTRIES,
    WALLET_STEP,
    Break,
    Line,
    first_break,
    path_sum,
    spread,
    state_number,
)
from numberdesk.core.invariants import MOST_SHOWN, Checked, Violation, amount, found, or_unexplained
from numberdesk.core.money import MAX_AMOUNT
from numberdesk.infra.audit import broken_rows, count_rows, in_key_order
from numberdesk.infra.db import Tx
from numberdesk.ledger.charges import audit_charges
from numberdesk.tables import transfers, wallets

SOUND: Final = "every transfer is between its wallet and a known account, in the wallet's currency"
CHAINED: Final = "every transfer continues the one before, the last is what its wallet has posted"
COVERED: Final = "no transfer left its wallet below the credit limit"

_PAGE: Final = 5000

_COUNTERPARTS: Final = ("revenue:", "funding:", "receivab")
_SYSTEM: Final = ("revenue:", "funding:", "receivable:", "cost:", "payable:")
"""Kinds of ledger accounts by how their names begin; a wallet's counterpart by the first eight characters."""

_WALLET: Final = "wallet:"


def _kind(side: ColumnElement[str]) -> ColumnElement[str]:
    return func.substr(side, 1, 8)


_owners = select(
    wallets.c.account_id,
    (_WALLET + wallets.c.account_id).label("ledger"),
    wallets.c.currency,
    wallets.c.credit_limit,
    wallets.c.posted,
    wallets.c.entries,
    (FIRST_STATE + WALLET_STEP * type_coerce(func.row_number().over(order_by=wallets.c.account_id), BigInteger)).label(
        "start"
    ),
).cte("owners")

_out = transfers.c.debit == _owners.c.ledger
_reached = state_number(_owners.c.start, transfers.c.entry, transfers.c.balance_after)
_covered = transfers.c.balance_after >= -_owners.c.credit_limit
_possible = and_(transfers.c.balance_after < FIRST_STATE, transfers.c.entry.between(1, MOST_ENTRIES))
_moves_money = and_(transfers.c.amount.between(1, MAX_AMOUNT), transfers.c.currency == _owners.c.currency, _possible)
_sound_out = and_(_out, _kind(transfers.c.credit).in_(_COUNTERPARTS), _moves_money)
_sound_in = and_(transfers.c.credit == _owners.c.ledger, _kind(transfers.c.debit).in_(_COUNTERPARTS), _moves_money)

# A line that is not right adds nothing, and the sum does not come out. So one sum proves all, and
# only figures that fit 64 bits are computed with, which PostgreSQL insists on.
_link = case(
    (and_(_sound_out, _covered), spread(_reached) - spread(_reached + transfers.c.amount - ENTRY_STEP)),
    (and_(_sound_in, _covered), spread(_reached) - spread(_reached - transfers.c.amount - ENTRY_STEP)),
)

# coalesce keeps SQLite from walking the wallets and looking up the transfers of each.
_all = transfers.join(_owners, _owners.c.account_id == func.coalesce(transfers.c.account_id, ""))
_PASS: Final = (
    select(
        func.count().label("lines"),
        func.count(transfers.c.order_id).label("of_orders"),
        func.coalesce(func.sum(_link), 0).label("links"),
    )
    .select_from(_all)
    .where(in_key_order(transfers.c.id))
)
# The same count where not every transfer has a wallet, which the pass does not see.
_OF_ORDERS: Final = select(func.count(transfers.c.order_id))
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
_UNCOVERED: Final = (
    select(transfers.c.id, transfers.c.balance_after, _owners.c.credit_limit)
    .select_from(_all)
    .where(in_key_order(transfers.c.id), case((_covered, 1), else_=0) == 0)
)
# What a transfer that names no account may move money between: anything but wallets.
_between_others = and_(
    *(or_(*(side.startswith(name) for name in _SYSTEM)) for side in (transfers.c.debit, transfers.c.credit))
)
_OWNERLESS: Final = select(func.count(case((_between_others, 1)))).where(transfers.c.account_id.is_(None))
_STRAYS: Final = (
    select(transfers.c.id, transfers.c.account_id, transfers.c.debit, transfers.c.credit)
    .select_from(transfers.outerjoin(wallets, wallets.c.account_id == transfers.c.account_id))
    .where(wallets.c.account_id.is_(None), or_(transfers.c.account_id.is_not(None), not_(_between_others)))
)


def audit_lines(tx: Tx) -> list[Checked]:
    """I1, I2 and I3 of every transfer, and with the orders I6, out of one pass over the transfers."""
    seen = tx.execute(_PASS).one()
    rows = count_rows(tx, transfers)
    complete = seen.lines == rows
    of_orders = seen.of_orders if complete else tx.execute(_OF_ORDERS).scalar_one()
    expected = sum(path_sum(row.start, row.entries, row.posted) for row in tx.execute(_WALLETS))
    if int(seen.links) == expected and (complete or seen.lines + tx.execute(_OWNERLESS).scalar_one() == rows):
        results = [Checked("I1", SOUND, rows), Checked("I2", CHAINED, rows), Checked("I3", COVERED, rows)]
    else:
        results = _explained(tx, rows)
    return [*results, *audit_charges(tx, of_orders)]


def _explained(tx: Tx, rows: int) -> list[Checked]:
    """Which lines are wrong, when some are."""
    sound, covered = _audit_sound(tx, rows), _audit_covered(tx, rows)
    chain = found("I2", CHAINED, rows, _breaks(tx))
    return [sound, chain if sound.broken or covered.broken else or_unexplained(chain, "transfers"), covered]


def _audit_sound(tx: Tx, rows: int) -> Checked:
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


def _audit_covered(tx: Tx, rows: int) -> Checked:
    broken, shown = broken_rows(tx, _UNCOVERED)
    violations = tuple(Violation("I3", "transfers", row.id, _says_uncovered(row)) for row in shown)
    return Checked("I3", COVERED, rows, broken, violations)


def _says_uncovered(row: Any) -> str:
    return f"balance_after is {amount(row.balance_after)}, the credit limit is {amount(row.credit_limit)}"


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


def _lines_of(tx: Tx, account_id: str) -> Iterator[Line]:
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
        yield from (Line._make(row) for row in page)


def _signed(account_id: str) -> Any:
    return case((transfers.c.debit == _WALLET + account_id, -transfers.c.amount), else_=transfers.c.amount)
