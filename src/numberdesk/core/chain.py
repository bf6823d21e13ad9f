"""The chain of a wallet's transfers: each line continues the one before, the last ends in the wallet.

Touches: nothing.

A line takes a wallet from the state (entry - 1, balance before) to (entry, balance_after). The
chain holds exactly when every state that a line leaves is a state that another line reached,
save for the first, (0, 0), and the last, (entries, posted), which is the wallet itself. Since
entries only grow there is no other way to cancel out. That needs no order: give each state a
number, and the sum over all lines of f(reached) - f(left) must be the sum over all wallets of
f(last) - f(first). With f(x) = x * x modulo a prime this is one pass over the table in any
order, in plain SQL (`link` in ledger/lines.py), where sorting ten million lines would take
eight times as long as reading them. Damage that was not made to fit is missed once in 2**31.

Only when the sums differ are the wallets walked line by line, which is exact and names the line.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from numberdesk.core.invariants import amount

PRIME: Final = 2**31 - 1
"""The modulus: a product of two numbers below it fits 64 bits."""

ENTRY_STEP: Final = 1_073_676_287
WALLET_STEP: Final = 715_827_883
"""What one more entry, and the next wallet, add to a state's number. Below 2**30, so that sums fit 64 bits."""


class Line(NamedTuple):
    """A transfer as its wallet sees it: `moved` micros into the wallet, negative when out of it."""

    id: str
    entry: int
    moved: int
    balance_after: int


class Break(NamedTuple):
    """Where a chain breaks first; `line_id` is None when the lines hold and the wallet does not fit them."""

    invariant: str
    line_id: str | None
    message: str


def state_number(wallet: int, entry: int, balance: int) -> int:
    """The number x of a state; `wallet` is the wallet's number in the audit."""
    return balance + entry * ENTRY_STEP + wallet * WALLET_STEP


def path_sum(wallet: int, entries: int, posted: int) -> int:
    """What the lines of one wallet must add up to, modulo PRIME."""
    last, first = state_number(wallet, entries, posted), state_number(wallet, 0, 0)
    return (last * last - first * first) % PRIME


def first_break(lines: Iterable[Line], entries: int, posted: int) -> Break | None:
    """Walk a wallet's lines in the order of their entries; None when all hold and end in the wallet."""
    entry = balance = 0
    for line in lines:
        wrong = _wrong_with(line, entry, balance)
        if wrong is not None:
            return wrong
        entry, balance = line.entry, line.balance_after
    if entry != entries:
        return Break("I2", None, f"entries is {entries}, but its transfers end at entry {entry}")
    if balance != posted:
        return Break("I2", None, f"posted is {amount(posted)}, but its transfers come to {amount(balance)}")
    return None


def _wrong_with(line: Line, entry: int, balance: int) -> Break | None:
    values: tuple[object, ...] = (line.entry, line.moved, line.balance_after)
    if not all(isinstance(value, int) for value in values):
        return Break("I2", line.id, "entry, amount or balance_after is not a whole number")
    if line.entry != entry + 1:
        gap = "there are two of it" if line.entry == entry else "what lay between is gone"
        return Break("I4", line.id, f"entry {line.entry} comes after entry {entry}: {gap}")
    if line.balance_after != balance + line.moved:
        return Break(
            "I2",
            line.id,
            f"balance_after is {amount(line.balance_after)}, but {amount(balance)} and "
            f"{amount(line.moved)} make {amount(balance + line.moved)}",
        )
    return None
