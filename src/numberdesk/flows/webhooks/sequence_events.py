"""Number committed events, and hand each to the webhooks that subscribed.

Touches: database.

Events are written without a number, in the transaction of their fact, which takes no lock for it. This step comes
after: it sees committed events only and runs in one process at a time, so that each account's numbers have no gap, and
whoever has read up to one never misses an event that was committed late. What has no number yet is the queue.
A number that was bought without a connection is given its default here: soon after the purchase, which knows nothing
of it, and surely, since its event waits for this step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from numberdesk.flows.connections.connect_bought import connect_by_default
from numberdesk.infra.db import Tx
from numberdesk.outbox.model import ON_DEMAND, NumberedEvent
from numberdesk.outbox.rental_event_types import NUMBER_ASSIGNED, NUMBER_PURCHASED
from numberdesk.outbox.store import find_unnumbered, lock_numbers, number_events
from numberdesk.webhooks.delivery_store import insert_deliveries
from numberdesk.webhooks.model import Delivery
from numberdesk.webhooks.store import find_subscribed

MOST_EVENTS: Final = 500
"""Events of one round, so that no purchase waits long behind one."""


_BEGINNINGS: Final = {kind.name: kind.id_prefix for kind in (NUMBER_PURCHASED, NUMBER_ASSIGNED)}
"""Events of rentals that begin."""


class SequenceEvents(NamedTuple):
    """One round at `now`, over at most `limit` events."""

    now: int
    limit: int = MOST_EVENTS


class SequenceReport(NamedTuple):
    """What a round did. `left`: there may be more."""

    events: int
    deliveries: int
    left: bool


SequenceFlow = Callable[[Tx, Sequence[SequenceEvents]], list[SequenceReport]]


def sequence_events(new_id: Callable[[str], str]) -> SequenceFlow:
    """The write flow; `new_id` names deliveries."""

    def apply(tx: Tx, commands: Sequence[SequenceEvents]) -> list[SequenceReport]:
        return [_round(tx, command, new_id) for command in commands]

    return apply


def _round(tx: Tx, command: SequenceEvents, new_id: Callable[[str], str]) -> SequenceReport:
    lock_numbers(tx)
    unnumbered = find_unnumbered(tx, command.limit)
    if not unnumbered:
        return SequenceReport(0, 0, left=False)
    events = number_events(tx, unnumbered)
    connect_by_default(tx, [_order_of(event) for event in events if event.kind in _BEGINNINGS], command.now)
    deliveries = _deliveries(tx, events, command.now, new_id)
    insert_deliveries(tx, deliveries)
    return SequenceReport(len(events), len(deliveries), left=len(events) == command.limit)


def _order_of(event: NumberedEvent) -> str:
    return f"ord_{event.id.removeprefix(_BEGINNINGS[event.kind])}"


def _deliveries(tx: Tx, events: Sequence[NumberedEvent], now: int, new_id: Callable[[str], str]) -> list[Delivery]:
    endpoints = find_subscribed(tx, {event.account_id for event in events})
    return [
        Delivery(new_id("dlv"), endpoint.account_id, endpoint.id, event.id, event.kind, event.created_at, next_at=now)
        for event in events
        for endpoint in endpoints
        if endpoint.takes(event.account_id, event.kind, on_demand=event.kind in ON_DEMAND)
    ]
