"""Delete events that are old, with what is known of their deliveries.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from numberdesk.core.periods import MICROSECONDS
from numberdesk.infra.db import Tx
from numberdesk.outbox.model import EventStream, NumberedEvent
from numberdesk.outbox.store import change_stream, delete_events, find_old_streams, list_events, lock_numbers
from numberdesk.webhooks.delivery_store import (
    forget_deliveries_of_endpoint,
    forget_deliveries_of_events,
    has_deliveries,
    lock_still_due,
)
from numberdesk.webhooks.store import find_deleted, forget_endpoint

_MOST_STREAMS: Final = 20
_MOST_EVENTS: Final = 50
_MOST_DELIVERIES: Final = 1000
_LATER: Final = 86_400 * MICROSECONDS
"""After how long a stream is looked at again whose oldest event had to be kept."""


class PruneEvents(NamedTuple):
    """One round at `now`, which has surely passed: events older than `retention` microseconds go."""

    now: int
    retention: int


class PruneReport(NamedTuple):
    """What a round did. `left`: there may be more."""

    events: int
    left: bool


def prune_events(tx: Tx, commands: Sequence[PruneEvents]) -> list[PruneReport]:
    """Do rounds, of a bounded number of rows each.

    Of each account the oldest events go first, up to the first that is still to be sent somewhere, so that what is
    kept has no gap. Deliveries that failed for good go with their events. Endpoints that were deleted go as well, with
    all their deliveries.
    """
    return [_round(tx, command) for command in commands]


def _round(tx: Tx, command: PruneEvents) -> PruneReport:
    lock_numbers(tx)
    before = command.now - command.retention
    streams = find_old_streams(tx, before, _MOST_STREAMS)
    pruned = sum(_prune(tx, stream, before) for stream in streams)
    more = [_forget_deleted(tx, endpoint_id) for endpoint_id in find_deleted(tx, _MOST_STREAMS)]
    return PruneReport(pruned, left=len(streams) > 0 or any(more))


def _prune(tx: Tx, stream: EventStream, before: int) -> int:
    """Prune the beginning of a stream; its next look is at what then comes first, or a day later where that stays."""
    found = list_events(tx, stream.account_id, after=stream.pruned_to, limit=_MOST_EVENTS)
    still_due = lock_still_due(tx, [event.id for event in found])
    due = [event for event in found if event.id in still_due]
    kept = next((event for event in found if event in due or event.created_at >= before), None)
    gone = found if kept is None else found[: found.index(kept)]
    forget_deliveries_of_events(tx, [event.id for event in gone])
    if gone:
        delete_events(tx, stream.account_id, gone[-1].number)
        until = max(stream.pruned_until, *(event.created_at for event in gone))
        stream = stream._replace(pruned_to=gone[-1].number, pruned_until=until)
    change_stream(tx, stream._replace(look_at=_next_look(stream, found, kept, before, is_due=kept in due)))
    return len(gone)


def _next_look(
    stream: EventStream, found: Sequence[NumberedEvent], kept: NumberedEvent | None, before: int, *, is_due: bool
) -> int | None:
    if kept is not None:
        return max(kept.created_at, before + _LATER) if is_due else kept.created_at
    return found[-1].created_at if found and stream.pruned_to < stream.last_number else None


def _forget_deleted(tx: Tx, endpoint_id: str) -> bool:
    """Forget some of a deleted endpoint; True when there may be more of it."""
    if forget_deliveries_of_endpoint(tx, endpoint_id, _MOST_DELIVERIES) == _MOST_DELIVERIES:
        return True
    if not has_deliveries(tx, endpoint_id):
        forget_endpoint(tx, endpoint_id)
    return False
