"""What the check of the books found.

Touches: nothing.
"""

from __future__ import annotations

import msgspec

from numberdesk.core.invariants import VerifyReport


class ViolationView(msgspec.Struct, frozen=True):
    """A row that breaks an invariant."""

    invariant: str
    table: str
    row: str
    message: str


class CheckedView(msgspec.Struct, frozen=True):
    """One check: what it looked at, how many rows, how many broke it."""

    invariant: str
    what: str
    rows: int
    broken: int


class VerifyView(msgspec.Struct, frozen=True):
    """What the check of the books found. `violations` lists the first of each check."""

    ok: bool
    checked: tuple[CheckedView, ...]
    violations: tuple[ViolationView, ...]
    violations_total: int


def verify_view(report: VerifyReport) -> VerifyView:
    """What the check of the books found."""
    checked = tuple(CheckedView(one.invariant, one.what, one.rows, one.broken) for one in report.checked)
    listed = tuple(
        ViolationView(broken.invariant, broken.table, broken.row, broken.message)
        for one in report.checked
        for broken in one.violations
    )
    total = sum(one.broken for one in checked)
    return VerifyView(total == 0, checked, listed, total)
