"""The outbox's SQL: events are written in the transaction of the change they tell of, and numbered after it.

Touches: events, event_streams.

Only one process at a time numbers events, or deletes old ones, under a lock that nobody else takes: whoever writes an
event waits for nobody here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import BigInteger, bindparam, delete, exists, func, select, update

from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows, SelectSet, UpdateRows, in_set, text
from numberdesk.outbox.model import Event, EventStream, NumberedEvent
from numberdesk.tables import event_streams, events

_NUMBERS: Final = 0x6E64_6576_6E74
"""The advisory lock under which events are numbered."""

_INSERT_EVENTS: Final = InsertRows(events, NumberedEvent._fields)
_EVENT: Final = [events.c[name] for name in Event._fields]
_NUMBERED_EVENT: Final = [events.c[name] for name in NumberedEvent._fields]
_UNNUMBERED: Final = events.c.number.is_(None)
_HAS_UNNUMBERED: Final = select(exists().where(_UNNUMBERED))
_FIND_UNNUMBERED: Final = SelectSet(
    select(*_EVENT)
    .where(_UNNUMBERED)
    .order_by(events.c.created_at, events.c.id)
    .limit(bindparam("most", type_=BigInteger)),
    others=("most",),
)
_FIND_NUMBERED: Final = SelectSet.of(select(*_NUMBERED_EVENT).where(events.c.id == text("id"), ~_UNNUMBERED))
_STREAMS: Final = SelectSet(select(event_streams).where(in_set(event_streams.c.account_id, "ids")), "ids")
_NUMBER: Final = UpdateRows(events, "id", "number")
_THERE: Final = SelectSet(select(events.c.id).where(in_set(events.c.id, "ids")), "ids")
_INSERT_STREAMS: Final = InsertRows(event_streams, EventStream._fields)
_CHANGE_STREAMS: Final = UpdateRows(event_streams, *EventStream._fields)


def insert_events(tx: Tx, new: Sequence[Event]) -> None:
    """Append events, which the sequencer will number."""
    _INSERT_EVENTS.run(tx, [(*event, None) for event in new])
    for event in new:
        tx.count("events", event.kind)


def insert_untold(tx: Tx, new: Sequence[Event]) -> None:
    """Append those events that are not there yet. Whoever may write the same at the same time has to lock first."""
    there = find_told(tx, [event.id for event in new])
    insert_events(tx, list({event.id: event for event in new if event.id not in there}.values()))


def find_told(tx: Tx, ids: Sequence[str]) -> set[str]:
    """Which of some events are there."""
    return set() if not ids else {row.id for row in _THERE.run(tx, ids=ids)}


def lock_numbers(tx: Tx) -> None:
    """Let one process at a time number events, until the transaction ends. SQLite has one writer anyway."""
    if tx.engine_name == "postgresql":
        tx.execute(select(func.pg_advisory_xact_lock(_NUMBERS)))


def has_unnumbered(tx: Tx) -> bool:
    """Whether there is an event without a number."""
    return bool(tx.execute(_HAS_UNNUMBERED).scalar_one())


def find_unnumbered(tx: Tx, limit: int) -> list[Event]:
    """The oldest events without a number."""
    return [Event._make(row) for row in _FIND_UNNUMBERED.run(tx, most=limit)]


def find_streams(tx: Tx, account_ids: Iterable[str]) -> dict[str, EventStream]:
    """The streams of accounts; one that has no numbered event yet is left out."""
    return {row.account_id: EventStream._make(row) for row in _STREAMS.run(tx, ids=account_ids)}


def number_events(tx: Tx, unnumbered: Sequence[Event]) -> list[NumberedEvent]:
    """Give events the next numbers of their accounts, in the order given. The numbers must be locked."""
    before = find_streams(tx, {event.account_id for event in unnumbered})
    streams, numbered = dict(before), list[NumberedEvent]()
    for event in unnumbered:
        account_id, last, pruned_to, pruned_until, look_at = streams.get(event.account_id) or (
            event.account_id, 0, 0, 0, None,
        )  # fmt: skip
        look_at = event.created_at if look_at is None else look_at
        streams[account_id] = EventStream(account_id, last + 1, pruned_to, pruned_until, look_at)
        numbered.append(NumberedEvent(*event, last + 1))
    _NUMBER.run(tx, [(event.id, event.number) for event in numbered])
    _INSERT_STREAMS.run(tx, [stream for account_id, stream in streams.items() if account_id not in before])
    _CHANGE_STREAMS.run(tx, [stream for account_id, stream in streams.items() if account_id in before])
    return numbered


def list_events(tx: Tx, account_id: str, *, after: int, limit: int) -> list[NumberedEvent]:
    """An account's events with numbers above one, in their order."""
    query = select(*_NUMBERED_EVENT).where(events.c.account_id == account_id, events.c.number > after)
    return [NumberedEvent._make(row) for row in tx.execute(query.order_by(events.c.number).limit(limit))]


def find_event(tx: Tx, event_id: str) -> NumberedEvent | None:
    """An event that has its number."""
    rows = _FIND_NUMBERED.run(tx, id=event_id)
    return NumberedEvent._make(rows[0]) if rows else None


def find_old_streams(tx: Tx, before: int, limit: int) -> list[EventStream]:
    """Streams whose oldest event was made before an instant, the oldest first."""
    query = select(event_streams).where(event_streams.c.look_at < before)
    rows = tx.execute(query.order_by(event_streams.c.look_at, event_streams.c.account_id).limit(limit))
    return [EventStream._make(row) for row in rows]


def delete_events(tx: Tx, account_id: str, up_to: int) -> None:
    """Delete the events of an account up to a number."""
    mine = (events.c.account_id == account_id, events.c.number <= up_to)
    tx.execute(delete(events).where(*mine))


def change_stream(tx: Tx, stream: EventStream) -> None:
    """Write a stream back. The numbers must be locked."""
    mine = event_streams.c.account_id == stream.account_id
    tx.execute(update(event_streams).where(mine).values(stream._asdict()))
