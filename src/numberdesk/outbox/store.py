"""The outbox's SQL: events are written in the transaction of the change they tell of.

Touches: events.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows
from numberdesk.outbox.model import Event
from numberdesk.tables import events

_INSERT_EVENTS: Final = InsertRows(events, Event._fields)


def insert_events(tx: Tx, new: Sequence[Event]) -> None:
    """Append events."""
    _INSERT_EVENTS.run(tx, new)
