"""Verify the books: check every invariant that applies, and name the rows that break one.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Callable

from numberdesk.accounts.audit import CHECKS as OF_KEYS
from numberdesk.carriers.audit import CHECKS as OF_CARRIERS
from numberdesk.core.invariants import Checked, Verdict, Violation, found
from numberdesk.infra.audit import Check, StorageDamagedError, naming_damage
from numberdesk.infra.db import Tx
from numberdesk.ledger.audit import CHECKS as OF_MONEY
from numberdesk.migrations.soundness import REFERENCE_CHECK, STORAGE, storage_check
from numberdesk.migrations.walls import GUARD_CHECK, WALL_CHECK
from numberdesk.numbers.audit import CHECKS as OF_NUMBERS
from numberdesk.orders.audit import CHECKS as OF_ORDERS
from numberdesk.orders.carrier_order_audit import CHECKS as OF_CHASES
from numberdesk.outbox.audit import CHECKS as OF_EVENTS

__all__ = ["Verdict", "verify"]

Progress = Callable[[str, int, int], None]
"""Told what is being checked, how many checks are done, and how many there are."""


def verify(tx: Tx, progress: Progress, *, thorough: bool = False) -> Verdict:
    """Check a consistent view of the books; reads only.

    On SQLite the pages of the file are checked too; `thorough` also compares every index with
    its table, which takes several times as long as everything else. Where the database cannot
    read what it holds, that is a violation of `storage` and the last check made.
    """
    checks = (
        storage_check(thorough=thorough),
        *OF_MONEY,
        *OF_ORDERS,
        *OF_CHASES,
        *OF_NUMBERS,
        *OF_EVENTS,
        *OF_KEYS,
        *OF_CARRIERS,
        GUARD_CHECK,
        WALL_CHECK,
        REFERENCE_CHECK,
    )
    checked: list[Checked] = []
    for done, check in enumerate(checks):
        progress(check.what, done, len(checks))
        try:
            with naming_damage(tx):
                checked.extend(check.run(tx))
        except StorageDamagedError as error:
            checked.append(_unreadable(check, error))
            break
    progress("done", len(checks), len(checks))
    return Verdict(tuple(checked))


def _unreadable(check: Check, error: StorageDamagedError) -> Checked:
    message = f"the database could not answer: {error}; the checks that were to follow were not made"
    return found(STORAGE, check.what, 0, [Violation(STORAGE, "", "", message)])
