"""Send events to webhooks until they arrive, or their schedule is over.

Touches: database.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from numberdesk.core.periods import iso_seconds
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import DueWork, WorkOutcome
from numberdesk.infra.log import get_log
from numberdesk.infra.reader import Reader
from numberdesk.infra.writer import Writer
from numberdesk.outbox.model import WEBHOOK_DISABLED, Event, NumberedEvent, as_told
from numberdesk.outbox.store import find_event, insert_events
from numberdesk.webhooks.delivery_store import DUE_DELIVERIES, change_deliveries, find_delivery, lock_deliveries
from numberdesk.webhooks.model import Attempt, Delivery, WebhookEndpoint, after_attempt, delivered, given_up, put_off
from numberdesk.webhooks.sender import Sender, WebhookMessage
from numberdesk.webhooks.store import change_endpoints, find_endpoints

WEBHOOK_DELIVERIES: Final = "webhook_deliveries"
"""The name of this kind of due work."""

AT_ONCE: Final = 4
"""Requests that one process has at one endpoint at a time."""

ENDPOINTS_AT_ONCE: Final = 128
"""Endpoints that one process sends to side by side: those that hang keep none of the others waiting."""


class NothingToSend(NamedTuple):
    """The delivery is sent no more, for this reason."""

    reason: str


class LeaseOver(NamedTuple):
    """Somebody else has the delivery by now, or has ended it."""


SendOutcome = Attempt | NothingToSend | LeaseOver


class DeliveryReport(NamedTuple):
    """What came of sending a delivery that was taken up with a lease `leased_until`.

    `jitter` is a random number from 0 to 1, `serial` what the id of an event about its endpoint would end in.
    """

    delivery_id: str
    endpoint_id: str
    outcome: SendOutcome
    leased_until: int | None
    now: int
    jitter: float
    serial: str


def note_deliveries(tx: Tx, commands: Sequence[DeliveryReport]) -> list[WorkOutcome]:
    """The write flow: how deliveries and their endpoints stand after what receivers answered.

    Whoever has lost the lease changes nothing. An endpoint that is disabled so has an event that says why.
    """
    deliveries = lock_deliveries(tx, [report.delivery_id for report in commands])
    endpoints = find_endpoints(tx, [report.endpoint_id for report in commands], lock=True)
    before, changed, events = dict(endpoints), dict[str, Delivery](), list[Event]()
    outcomes = []
    for report in commands:
        delivery, endpoint = deliveries.get(report.delivery_id), endpoints.get(report.endpoint_id)
        if delivery is None or endpoint is None or _is_lost(delivery, report):
            outcomes.append(WorkOutcome.LEASE_LOST)
            continue
        if isinstance(report.outcome, Attempt):
            after = after_attempt(endpoint, delivery, report.outcome, report.now)
            if endpoint.is_enabled and not after.is_enabled:
                events.append(_disabled_event(after, report))
            endpoints[endpoint.id] = after
        deliveries[delivery.id] = changed[delivery.id] = _after(delivery, report)
        outcomes.append(_outcome(changed[delivery.id]))
    change_deliveries(tx, list(changed.values()))
    change_endpoints(tx, [one for one in endpoints.values() if one != before[one.id]])
    insert_events(tx, events)
    return outcomes


def _is_lost(delivery: Delivery, report: DeliveryReport) -> bool:
    return delivery.leased_until != report.leased_until or isinstance(report.outcome, LeaseOver)


def _after(delivery: Delivery, report: DeliveryReport) -> Delivery:
    if not isinstance(report.outcome, Attempt):
        reason = report.outcome.reason if isinstance(report.outcome, NothingToSend) else ""
        return given_up(delivery, reason, report.now)
    if report.outcome.is_success:
        return delivered(delivery, report.outcome, report.now)
    return put_off(delivery, report.outcome, report.now, report.jitter)


def _outcome(delivery: Delivery) -> WorkOutcome:
    if delivery.delivered_at is not None:
        return WorkOutcome.DONE
    return WorkOutcome.RETRIED if delivery.parked_at is None else WorkOutcome.PARKED


def _disabled_event(endpoint: WebhookEndpoint, report: DeliveryReport) -> Event:
    payload = {
        "webhook_id": endpoint.id,
        "url": endpoint.url,
        "reason": endpoint.disabled_reason or "",
        "disabled_at": iso_seconds(report.now),
    }
    return WEBHOOK_DISABLED.event(f"evt_{report.serial}", endpoint.account_id, payload, report.now)


class _Sending(NamedTuple):
    """All that a try needs, read in one transaction."""

    delivery: Delivery | None
    endpoint: WebhookEndpoint | None
    event: NumberedEvent | None


def message_of(event: NumberedEvent) -> WebhookMessage:
    """An event as it is sent."""
    return WebhookMessage(event.id, json.dumps(as_told(event), separators=(",", ":")).encode())


def deliver_events(
    writer: Writer,
    reader: Reader,
    sender: Sender,
    now: Callable[[], int],
    *,
    new_id: Callable[[str], str],
    random_bytes: Callable[[int], bytes],
) -> DueWork[Delivery, SendOutcome]:
    """The kind of due work: events on their way to webhooks."""

    def look(tx: Tx, taken: Delivery) -> _Sending:
        endpoint = find_endpoints(tx, [taken.endpoint_id]).get(taken.endpoint_id)
        return _Sending(find_delivery(tx, taken.id), endpoint, find_event(tx, taken.event_id))

    async def send(taken: Delivery) -> SendOutcome:
        found = await reader.look_up(lambda tx: look(tx, taken))
        if found.delivery is None or found.delivery.leased_until != taken.leased_until or found.event is None:
            return LeaseOver()
        if found.endpoint is None or not found.endpoint.is_enabled:
            return NothingToSend("the webhook is disabled")
        return await sender.send(found.endpoint, message_of(found.event))

    async def note(taken: Delivery, outcome: SendOutcome) -> WorkOutcome:
        jitter = random_bytes(1)[0] / 256
        serial = new_id("evt").partition("_")[2]
        report = DeliveryReport(taken.id, taken.endpoint_id, outcome, taken.leased_until, now(), jitter, serial)
        noted = await writer.submit(note_deliveries, report)
        if isinstance(outcome, Attempt) and not outcome.is_success:
            get_log().info(
                "webhook not delivered", webhook_id=taken.endpoint_id, delivery_id=taken.id, status=outcome.status
            )
        return noted

    return DueWork(WEBHOOK_DELIVERIES, DUE_DELIVERIES, send, note, at_once=AT_ONCE, parties=ENDPOINTS_AT_ONCE)
