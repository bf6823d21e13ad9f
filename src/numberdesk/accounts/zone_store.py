"""The SQL of the time zones that accounts' statements are of.

Touches: time_zone_changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import delete, select

from numberdesk.core.statement import ZoneChange
from numberdesk.infra.db import Tx
from numberdesk.tables import time_zone_changes


def find_zone_changes(tx: Tx, account_ids: Iterable[str]) -> dict[str, list[ZoneChange]]:
    """The zones of accounts with the months from which they are, the first first; of UTC alone is left out."""
    wanted = time_zone_changes.c.account_id.in_(sorted(set(account_ids)))
    order = (time_zone_changes.c.account_id, time_zone_changes.c.from_month)
    found: dict[str, list[ZoneChange]] = {}
    for row in tx.execute(select(time_zone_changes).where(wanted).order_by(*order)):
        found.setdefault(row.account_id, []).append(ZoneChange(row.from_month, row.time_zone))
    return found


def save_zone_changes(tx: Tx, changed: Mapping[str, tuple[str, Sequence[ZoneChange]]]) -> None:
    """Write the zones of locked accounts from a month on, in place of those that were to come from then on."""
    for account_id, (month, changes) in sorted(changed.items()):
        mine = (time_zone_changes.c.account_id == account_id, time_zone_changes.c.from_month >= month)
        tx.execute(delete(time_zone_changes).where(*mine))
        rows = [{"account_id": account_id, **one._asdict()} for one in changes if one.from_month >= month]
        if rows:
            tx.execute(time_zone_changes.insert(), rows)
