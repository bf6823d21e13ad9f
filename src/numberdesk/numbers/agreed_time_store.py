"""The SQL of the time that two clocks agree on, by which numbers rest.

Touches: agreed_time.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import select, text, update

from numberdesk.core.agreed_time import AgreedTime
from numberdesk.infra.db import Tx
from numberdesk.tables import agreed_time

_BEGIN: Final = text(
    "INSERT INTO agreed_time (id, agreed_at, disputed_for) VALUES (1, :now, 0) ON CONFLICT (id) DO NOTHING"
)
_AGREED_AT: Final = "SELECT coalesce(max(agreed_at), 0) FROM agreed_time"  # text: every batch of purchases asks
_KNOWN: Final = select(agreed_time.c.agreed_at, agreed_time.c.disputed_for)


def find_agreed_time(tx: Tx) -> AgreedTime | None:
    """What was agreed on last; None when nothing ever was."""
    row = tx.execute(_KNOWN).one_or_none()
    return None if row is None else AgreedTime._make(row)


def find_agreed_at(tx: Tx) -> int:
    """The time that was agreed on last; 0 when none ever was.

    What is stored and kept for a while is kept from then on at the earliest: by a clock that is behind it would be
    forgotten as soon as that is set right.
    """
    (agreed_at,) = next(iter(tx.fetch(_AGREED_AT, [])))
    return int(agreed_at)


def lock_agreed_time(tx: Tx, now: int) -> AgreedTime:
    """The same, locked until the transaction ends; `now` when nothing ever was agreed on."""
    tx.execute(_BEGIN, {"now": now})
    return AgreedTime._make(tx.execute(_KNOWN.with_for_update()).one())


def save_agreed_time(tx: Tx, agreed: AgreedTime) -> None:
    """Write what is agreed on."""
    tx.execute(update(agreed_time).values(**agreed._asdict()))
