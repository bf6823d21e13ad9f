"""Read statements: an account's months, how each opens and closes, and its lines with their numbers, periods and calls.

Touches: database.

A statement is read from the ledger. Of many lines sums are kept, which `verify` compares with the balances.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from numberdesk.accounts.model import Account
from numberdesk.accounts.store import find_accounts
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.periods import Term
from numberdesk.core.purchase import Order
from numberdesk.core.rental import Rental
from numberdesk.core.statement import CarriedCalls, KindTotal, Month, StatementEdges
from numberdesk.flows.statements.account_months import find_months
from numberdesk.infra.db import Tx
from numberdesk.ledger.line_store import LineFilter, page_lines
from numberdesk.ledger.line_sum_store import sum_kinds
from numberdesk.ledger.model import Transfer, receivable_account, wallet_account
from numberdesk.ledger.statement_store import (
    OwedPlace,
    find_edges,
    find_first_posting,
    list_owed_lines,
    list_wallet_lines,
)
from numberdesk.numbers.rental_store import find_rentals
from numberdesk.orders.store import find_orders
from numberdesk.usage.sum_store import sum_carried

LINES_AT_ONCE: Final = 100
"""Lines that are read at a time, however many a month has."""


class Section(StrEnum):
    """The two accounts of the ledger that a statement tells of."""

    WALLET = "wallet"
    OWED = "owed"


class LinePeriod(NamedTuple):
    """The period of a rental that a line paid."""

    number: int
    begins_at: int
    ends_at: int
    term: Term


class DescribedLine(NamedTuple):
    """A line: `amount` with its sign in its section. `balance` is what is there after it, where that is known."""

    section: Section
    transfer: Transfer
    amount: int
    balance: int | None
    e164: str | None
    period: LinePeriod | None
    calls: tuple[CarriedCalls, ...]
    month: str = ""

    @property
    def place(self) -> str:
        """Where it stands in a statement, as text."""
        if self.section is Section.WALLET:
            return f"{self.month}.{self.section}.{self.transfer.entry}"
        return f"{self.month}.{self.section}.{self.transfer.created_at}.{self.transfer.id}"


class StatementHead(NamedTuple):
    """A month of an account. It is still open before it ends at `made_at`."""

    account: Account
    month: Month
    edges: StatementEdges
    made_at: int

    @property
    def is_open(self) -> bool:
        """Whether lines may still come."""
        return self.made_at < self.month.ends_at


class LinePlace(NamedTuple):
    """After which line a statement goes on: an entry of the wallet, or a place among what is owed."""

    section: Section
    entry: int = 0
    owed: OwedPlace | None = None


def list_transactions(
    tx: Tx, account_id: str, wanted: LineFilter, *, before: int | None, limit: int
) -> tuple[list[DescribedLine], str | None]:
    """Lines of a wallet that fit, newest first, from before an entry; and how far was looked, if no further."""
    found = page_lines(tx, account_id, wanted, before=before, limit=limit)
    return describe_lines(tx, found.items), None if found.walked_to is None else str(found.walked_to)


def find_statement(tx: Tx, account_id: str, wanted: Month, now: int) -> StatementHead | None:
    """The head of a statement; None for no account of a customer, and for a month that has not begun.

    The month is wanted by its name: where the account has another zone it begins and ends elsewhere.
    """
    account = find_accounts(tx, [account_id], lock=False).get(account_id)
    month = find_months(tx, account_id).numbered(wanted.number)
    if account is None or account.kind is AccountKind.OPERATOR or month.begins_at > now:
        return None
    return StatementHead(account, month, find_edges(tx, account_id, month), now)


def list_statements(tx: Tx, account_id: str, now: int, *, before: Month | None, limit: int) -> list[StatementHead]:
    """The months of an account, the latest first, from before one, back to that of its first line."""
    account = find_accounts(tx, [account_id], lock=False).get(account_id)
    if account is None or account.kind is AccountKind.OPERATOR:
        return []
    first = find_first_posting(tx, account_id)
    months = find_months(tx, account_id)
    oldest = months.month_of(account.created_at if first is None else min(first, account.created_at)).number
    latest = months.month_of(now).number if before is None else before.number - 1
    shown = map(months.numbered, range(latest, max(oldest - 1, latest - limit), -1))
    return [StatementHead(account, month, find_edges(tx, account_id, month), now) for month in shown]


def total_kinds(tx: Tx, head: StatementHead) -> list[KindTotal]:
    """What the lines of each kind come to."""
    return sum_kinds(tx, head.account.id, head.edges)


def read_lines(tx: Tx, head: StatementHead, after: LinePlace | None, limit: int) -> list[DescribedLine]:
    """Lines after a place, of one section. The wallet's come first; where they end, so does the page."""
    account_id = head.account.id
    if after is None or after.section is Section.WALLET:
        entry = 0 if after is None else after.entry
        return describe_lines(tx, list_wallet_lines(tx, account_id, head.edges, entry, limit))
    owed = list_owed_lines(tx, account_id, head.month, head.edges, after.owed, limit)
    return describe_lines(tx, owed, section=Section.OWED, account_id=account_id)


def read_page(tx: Tx, head: StatementHead, after: LinePlace | None, limit: int) -> list[DescribedLine]:
    """Lines after a place, of both sections, each knowing its month."""
    found = read_lines(tx, head, after, limit)
    if len(found) < limit and (after is None or after.section is Section.WALLET):
        found += read_lines(tx, head, LinePlace(Section.OWED), limit - len(found))
    return [line._replace(month=head.month.name) for line in found]


def place_of(line: DescribedLine) -> LinePlace:
    """Where a line stands."""
    transfer = line.transfer
    if line.section is Section.WALLET:
        return LinePlace(Section.WALLET, transfer.entry or 0)
    return LinePlace(Section.OWED, 0, OwedPlace(transfer.created_at, transfer.id))


def describe_lines(
    tx: Tx, transfers: Sequence[Transfer], *, section: Section = Section.WALLET, account_id: str | None = None
) -> list[DescribedLine]:
    """Transfers with the numbers, periods and calls that they are for."""
    orders = find_orders(tx, [one.order_id for one in transfers if one.order_id is not None])
    rental_ids = {one.rental_id for one in transfers if one.rental_id is not None}
    rentals = {rental.id: rental for rental in find_rentals(tx, rental_ids)} if rental_ids else {}
    calls = _by_transfer(_carried(tx, transfers))
    lines = []
    for transfer in transfers:
        mine = calls.get(transfer.id, ())
        numbers = {one.e164 for one in mine}
        order, rental = orders.get(transfer.order_id or ""), rentals.get(transfer.rental_id or "")
        rented = order or rental
        e164 = rented.e164 if rented is not None else numbers.pop() if len(numbers) == 1 else None
        amount, balance = _signed(transfer, section, account_id)
        period = _period(transfer, order, rental)
        lines.append(DescribedLine(section, transfer, amount, balance, e164, period, mine))
    return lines


def _carried(tx: Tx, transfers: Sequence[Transfer]) -> Iterable[CarriedCalls]:
    paid = [one.id for one in transfers if one.kind == "usage" and one.account_id is not None]
    owed = [one.id for one in transfers if one.kind == "usage" and one.account_id is None]
    return [*sum_carried(tx, paid), *sum_carried(tx, owed, owed=True)]


def _by_transfer(carried: Iterable[CarriedCalls]) -> dict[str, tuple[CarriedCalls, ...]]:
    found: dict[str, list[CarriedCalls]] = {}
    for one in carried:
        found.setdefault(one.transfer_id, []).append(one)
    return {transfer_id: tuple(some) for transfer_id, some in found.items()}


def _signed(transfer: Transfer, section: Section, account_id: str | None) -> tuple[int, int | None]:
    """What a line adds to its section, and the balance after it where the ledger has one."""
    if section is Section.WALLET:
        inward = transfer.credit == wallet_account(transfer.account_id or "")
        return (transfer.amount if inward else -transfer.amount), transfer.balance_after
    grows = transfer.debit == receivable_account(account_id or "")
    return (transfer.amount if grows else -transfer.amount), None


def _period(transfer: Transfer, order: Order | None, rental: Rental | None) -> LinePeriod | None:
    if rental is not None and transfer.period is not None:
        begin, end = rental.begin_of(transfer.period), rental.begin_of(transfer.period + 1)
        return LinePeriod(transfer.period, begin, end, rental.term)
    if transfer.kind != "rental" or order is None or order.completed_at is None or order.renews_at is None:
        return None
    return LinePeriod(0, order.completed_at, order.renews_at, order.prices.term)
