"""What an audit of the books says: which line breaks which invariant, and what was looked at.

Touches: nothing.

The invariants that apply so far:

    I1       a transfer moves an amount above zero between its wallet and a known account, in one currency
    I2       posted is the sum of a wallet's transfers, held that of its open holds; balances follow line by line
    I3       no wallet is below its credit limit, or ever was below that of its time
    I4       transfers and holds are only ever added to: no gap in a statement, the guards as they were made
    I5       a number has at most one holder: one live rental when assigned, one open order when claimed
    I6       a completed order charged its first month and its setup once and renews a month later; each period of a
             rental is charged or waived once, in order, and none that began after its end
    I7       what was bought at a carrier has the carrier's name for it, and goes back there when it is given back
    I8       an order was sent to its carrier no more often than may be
    I9       an answer stored under a key is the order of that account and number, or a refusal; a failed order says why
    I10      an open order is to be asked about at its carrier, or parked for a person, and no other is
    I11      each call is charged once or waits with a reason: its shares come to its charge, and those of a batch to
             the transfers that carried them; what is owed is what was put on the receivable and not paid since
    I12      the charge of a call is what its seconds, rate, increments and rounding make
    I13      each purchase, failure, release and debt is told by one event, and no event tells of what was not
    I15      of an API key only the hash and the beginning are stored, of a carrier's credentials only the sealed form
    I16      admin is for operators' accounts; no key has more scopes, or lasts longer, than the one that made it
    I20      every text in which JSON is kept can be read
    hold     an order has one hold, of its prices and in its state; a session one of what its seconds cost, open
             as long as it is; and no hold is anybody else's
    storage  what the database itself promises: sound pages, references, constraints and indexes
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from numberdesk.core.money import format_micros

MOST_SHOWN: Final = 100
"""Violations that one check lists; `Checked.broken` counts them all."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One row that breaks an invariant. `row` is its id, empty where the damage has no row."""

    invariant: str
    table: str
    row: str
    message: str


@dataclass(frozen=True, slots=True)
class Checked:
    """One check: how many rows it looked at, how many are broken, and the first MOST_SHOWN of those."""

    invariant: str
    what: str
    rows: int
    broken: int = 0
    violations: tuple[Violation, ...] = ()


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """All checks, in their order."""

    checked: tuple[Checked, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is broken."""
        return self.violations_total == 0

    @property
    def violations_total(self) -> int:
        """How many rows are broken, listed or not."""
        return sum(check.broken for check in self.checked)

    @property
    def violations(self) -> tuple[Violation, ...]:
        """What the checks listed."""
        return tuple(violation for check in self.checked for violation in check.violations)


class RunOutcome(StrEnum):
    """What a check of the books came to."""

    OK = "ok"
    BROKEN = "broken"


class VerifyRun(NamedTuple):
    """The last check of the books with an outcome: when it ended, in microseconds, and what it found."""

    outcome: RunOutcome
    ran_at: int
    violations: int


def found(invariant: str, what: str, rows: int, violations: Iterable[Violation]) -> Checked:
    """A check out of all its violations: counts them, keeps the first MOST_SHOWN."""
    kept: list[Violation] = []
    broken = 0
    for violation in violations:
        broken += 1
        if broken <= MOST_SHOWN:
            kept.append(violation)
    return Checked(invariant, what, rows, broken, tuple(kept))


def or_unexplained(checked: Checked, table: str) -> Checked:
    """A check that is known to fail: as it is when it found rows, else with a violation that has none.

    Two ways of reading the same table disagree then, which only a damaged index brings about.
    """
    if checked.broken:
        return checked
    message = f"{table} as a whole does not add up, though every row looks right: an index is damaged"
    return found(checked.invariant, checked.what, checked.rows, [Violation(checked.invariant, table, "", message)])


def amount(micros: object) -> str:
    """Micros as a decimal; a damaged value that is no whole number as it stands."""
    return format_micros(micros) if isinstance(micros, int) else repr(micros)


def differing(*pairs: tuple[str, object, object]) -> str:
    """Name what differs, out of (name, as it is, as it should be)."""
    return "; ".join(
        f"{name} is {_shown(is_now)}, not {_shown(expected)}" for name, is_now, expected in pairs if is_now != expected
    )


def _shown(value: object) -> str:
    return "nothing" if value is None else str(value)
