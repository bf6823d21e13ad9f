"""Verify the books: check every invariant that applies, and name the rows that break one.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Callable

from numberdesk.core.invariants import Checked, VerifyReport, Violation, found
from numberdesk.infra.db import Tx
from numberdesk.verify.carrier_orders import CHECKS as OF_CARRIER_ORDERS
from numberdesk.verify.carriers import CHECKS as OF_CARRIERS
from numberdesk.verify.connections import CHECKS as OF_CONNECTIONS
from numberdesk.verify.decks import CHECKS as OF_DECKS
from numberdesk.verify.engine import Check, StorageDamagedError, naming_damage
from numberdesk.verify.events import CHECKS as OF_EVENTS
from numberdesk.verify.kept_texts import CHECKS as OF_KEPT_TEXTS
from numberdesk.verify.keys import CHECKS as OF_KEYS
from numberdesk.verify.limits import CHECKS as OF_LIMITS
from numberdesk.verify.line_sums import CHECKS as OF_LINE_SUMS
from numberdesk.verify.money import CHECKS as OF_MONEY
from numberdesk.verify.numbers import CHECKS as OF_NUMBERS
from numberdesk.verify.operator_events import CHECKS as OF_OPERATORS
from numberdesk.verify.orders import CHECKS as OF_ORDERS
from numberdesk.verify.origins import CHECKS as OF_ORIGINS
from numberdesk.verify.refunds import CHECKS as OF_REFUNDS
from numberdesk.verify.rent import CHECKS as OF_RENT
from numberdesk.verify.schema import DEFINITION_CHECK, GUARD_CHECK
from numberdesk.verify.sessions import CHECKS as OF_SESSIONS
from numberdesk.verify.storage import REFERENCE_CHECK, STORAGE, storage_check
from numberdesk.verify.terms import CHECKS as OF_TERMS
from numberdesk.verify.usage import CHECKS as OF_USAGE
from numberdesk.verify.webhooks import CHECKS as OF_WEBHOOKS

__all__ = ["VerifyReport", "verify"]

Progress = Callable[[str, int, int], None]
"""Told what is being checked, how many checks are done, and how many there are."""


def verify(tx: Tx, progress: Progress, *, thorough: bool = False) -> VerifyReport:
    """Check a consistent view of the books; reads only.

    On SQLite the pages of the file are checked too; `thorough` also compares every index with
    its table, which takes several times as long as everything else. Where the database cannot
    read what it holds, that is a violation of `storage` and the last check made.
    """
    checks = (
        storage_check(thorough=thorough),
        *OF_MONEY,
        *OF_LINE_SUMS,
        *OF_LIMITS,
        *OF_USAGE,
        *OF_SESSIONS,
        *OF_DECKS,
        *OF_ORDERS,
        *OF_CARRIER_ORDERS,
        *OF_NUMBERS,
        *OF_RENT,
        *OF_TERMS,
        *OF_ORIGINS,
        *OF_REFUNDS,
        *OF_EVENTS,
        *OF_OPERATORS,
        *OF_KEYS,
        *OF_CARRIERS,
        *OF_WEBHOOKS,
        *OF_KEPT_TEXTS,
        *OF_CONNECTIONS,
        GUARD_CHECK,
        DEFINITION_CHECK,
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
    return VerifyReport(tuple(checked))


def _unreadable(check: Check, error: StorageDamagedError) -> Checked:
    message = f"the database could not answer: {error}; the checks that were to follow were not made"
    return found(STORAGE, check.what, 0, [Violation(STORAGE, "", "", message)])
