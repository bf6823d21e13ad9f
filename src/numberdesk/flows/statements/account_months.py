"""The months of an account: of the zones that it had and has.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Iterable

from numberdesk.accounts.zone_store import find_zone_changes
from numberdesk.core.statement import AccountMonths, ZoneChange, month_number
from numberdesk.infra.db import Tx
from numberdesk.infra.time_zones import zone_called


def find_months(tx: Tx, account_id: str) -> AccountMonths:
    """The months of an account; those of UTC where there is none of this id."""
    return months_of(find_zone_changes(tx, [account_id]).get(account_id, ()))


def months_of(changes: Iterable[ZoneChange]) -> AccountMonths:
    """The months of an account by what is kept of its zones."""
    return AccountMonths((month_number(one.from_month) or 0, zone_called(one.time_zone)) for one in changes)
