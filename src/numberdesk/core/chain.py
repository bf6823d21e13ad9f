"""The chain of a wallet's transfers: each line continues the one before, the last ends in the wallet.

Touches: nothing.

A line takes a wallet from the state (entry - 1, balance before) to (entry, balance_after). The
chain holds exactly when every state that a line leaves is a state that another line reached,
save for the first, (0, 0), and the last, (entries, posted), which is the wallet itself. Since
entries only grow, nothing else can cancel out. That needs no order: number the states, spread
the numbers like a hash, and the sum over all lines of spread(reached) - spread(left) must be the
sum over all wallets of spread(last) - spread(first). So one pass over the table in any order
does, in plain SQL (verify/statements.py), where putting ten million lines in order would take eight
times as long as reading them. Damage that was not made to fit is missed once in 2**31.

The sum must not have a shape that ordinary damage fits: with a square or a cube alone, errors
in several lines of the same amount can cancel out. Two prime moduli leave no such shape.

Only when the sums differ are the wallets walked line by line, which is exact and names the line.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from numberdesk.core.invariants import amount

ENTRY_STEP: Final = 1_073_676_287
"""What one entry more adds to a state's number: below 2**30, so that MOST_ENTRIES fit 64 bits."""

MOST_ENTRIES: Final = 2**31
"""More than any wallet will have."""

WALLET_STEP: Final = 715_827_883
"""What lies between the first states of two wallets."""

FIRST_STATE: Final = 2**60
"""Larger than any balance, so that every state's number is above zero."""

_P: Final = 2**31 - 1
_Q: Final = 2**31 - 19


class StatementLine(NamedTuple):
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


def spread(number: Any) -> Any:
    """A value that says nothing of its neighbours', from 0 to 2**31. Works on whole numbers and SQL columns alike."""
    return (number % _P) * (number % _P) % _Q * (number % _Q) % _P


def state_number(start: Any, entry: Any, balance: Any) -> Any:
    """The number of a state, for whole numbers and SQL columns alike. `start` is that of the wallet's state (0, 0)."""
    return balance + entry * ENTRY_STEP + start


def path_sum(start: int, entries: int, posted: int) -> int:
    """What the lines of one wallet must add up to."""
    return int(spread(state_number(start, entries, posted)) - spread(start))


def first_break(lines: Iterable[StatementLine], entries: int, posted: int) -> Break | None:
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


def _wrong_with(line: StatementLine, entry: int, balance: int) -> Break | None:
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
