"""The SQL of emergency addresses and caller names of numbers.

Touches: number_settings, rentals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import or_, select, update

from numberdesk.core.connecting import LOOKS, SCHEDULE
from numberdesk.core.number_settings import NumberSettings, SettingsState
from numberdesk.core.periods import MICROSECONDS
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import DueTable
from numberdesk.infra.statements import InsertRows, SelectSet, UpdateRows, in_set
from numberdesk.tables import number_settings, rentals

_LEASE: Final = 300 * MICROSECONDS
"""How long telling a carrier may take."""

DUE_SETTINGS: Final = DueTable(
    number_settings, NumberSettings, key="rental_id", party="carrier", lease=_LEASE, longest=SCHEDULE.longest
)
"""Numbers whose carriers are to be told of their settings."""

_COLUMNS: Final = tuple(number_settings.c[name] for name in NumberSettings._fields)
_CHANGED: Final = NumberSettings._fields[4:]
_INSERT: Final = InsertRows(number_settings, NumberSettings._fields)
_CHANGE: Final = UpdateRows(number_settings, "rental_id", *_CHANGED)
_LOCK: Final = SelectSet(
    select(*_COLUMNS)
    .where(in_set(number_settings.c.rental_id, "ids"))
    .order_by(number_settings.c.rental_id)
    .with_for_update(),
    "ids",
)


def insert_settings(tx: Tx, new: Sequence[NumberSettings]) -> None:
    """Record settings of rentals that had none."""
    _INSERT.run(tx, new)


def lock_settings(tx: Tx, rental_ids: Iterable[str]) -> dict[str, NumberSettings]:
    """Settings by rental, locked in sorted order; of those that have some."""
    return {row.rental_id: _row_of(row) for row in _LOCK.run(tx, ids=rental_ids)}


def find_settings(tx: Tx, rental_id: str) -> NumberSettings | None:
    """The settings of a rental; nothing is locked."""
    row: Any = tx.execute(select(*_COLUMNS).where(number_settings.c.rental_id == rental_id)).first()
    return None if row is None else _row_of(row)


def find_live_settings(tx: Tx, carrier: str, e164: str) -> str | None:
    """The live rental of a number of a carrier that has settings."""
    query = select(number_settings.c.rental_id).join(rentals, rentals.c.id == number_settings.c.rental_id)
    mine = query.where(rentals.c.e164 == e164, rentals.c.released_at.is_(None), number_settings.c.carrier == carrier)
    return tx.execute(mine).scalar()


def change_settings(tx: Tx, changed: Sequence[NumberSettings]) -> None:
    """Write locked rows back."""
    _CHANGE.run(tx, [(one.rental_id, *one[4:]) for one in changed])


def may_have_settings(tx: Tx, carrier: str, e164: str) -> bool:
    """Whether a carrier may have something set for a number of an earlier or present rental."""
    query = select(number_settings.c.rental_id).where(
        number_settings.c.e164 == e164, number_settings.c.carrier == carrier, number_settings.c.may_have == 1
    )
    return tx.execute(query.limit(1)).first() is not None


def note_given_back(tx: Tx, carrier: str, e164s: Iterable[str]) -> None:
    """The carrier has numbers back, and so nothing set for them; what was wanted is forgotten."""
    for e164 in e164s:
        mine = number_settings.c.e164 == e164, number_settings.c.carrier == carrier, number_settings.c.may_have == 1
        tx.execute(update(number_settings).where(*mine).values(may_have=0, emergency_address="", caller_name=""))


def find_settings_to_look_at(tx: Tx, now: int, limit: int) -> list[NumberSettings]:
    """Settings at whose carriers it is time to look, the longest due first; those far ahead, too."""
    due = or_(number_settings.c.look_at <= now, number_settings.c.look_at > now + 2 * LOOKS)
    query = select(*_COLUMNS).where(number_settings.c.look_at.is_not(None), due)
    return [_row_of(row) for row in tx.execute(query.order_by(number_settings.c.look_at).limit(limit))]


def _row_of(row: Any) -> NumberSettings:
    made = NumberSettings._make(row)
    return made._replace(state=SettingsState(made.state))
