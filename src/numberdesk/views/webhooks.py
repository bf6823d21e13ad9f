"""Events, webhooks and their deliveries.

Touches: nothing.
"""

from __future__ import annotations

from typing import Any

import msgspec

from numberdesk.core.periods import iso_or_none, iso_seconds
from numberdesk.flows.webhooks.replay_deliveries import ReplayReport
from numberdesk.outbox.model import NumberedEvent, as_told
from numberdesk.views.formats import AccountId, DeliveryId, EventId, EventKind, Instant, WebhookId
from numberdesk.webhooks.model import Attempt, Delivery, DeliveryStatus, EndpointStatus, WebhookEndpoint


class EventView(msgspec.Struct, frozen=True):
    """An event, as webhooks carry it."""

    type: EventKind
    timestamp: Instant
    id: EventId
    account_id: AccountId | None
    number: int
    data: dict[str, Any]


class WebhookView(msgspec.Struct, frozen=True):
    """A webhook without its secret."""

    id: WebhookId
    account_id: AccountId
    url: str
    description: str
    kinds: tuple[EventKind, ...]
    all_accounts: bool
    status: EndpointStatus
    disabled_at: Instant | None
    disabled_reason: str | None
    failing_since: Instant | None
    former_secret_until: Instant | None
    created_at: Instant
    updated_at: Instant


class NewWebhookView(WebhookView, frozen=True):
    """A webhook with its secret, which is shown this once."""

    secret: str


class DeliveryView(msgspec.Struct, frozen=True):
    """An event on its way to a webhook."""

    id: DeliveryId
    webhook_id: WebhookId
    event_id: EventId
    type: EventKind
    status: DeliveryStatus
    attempts: int
    message: str
    next_attempt_at: Instant | None
    last_attempt_at: Instant | None
    delivered_at: Instant | None
    answer_status: int | None
    answer: str
    created_at: Instant


class WebhookTestView(msgspec.Struct, frozen=True):
    """What came of a test message."""

    delivered: bool
    answer_status: int | None
    answer: str
    message: str


class ReplayView(msgspec.Struct, frozen=True):
    """How many deliveries are sent again."""

    replayed: int
    left: bool


def event_view(event: NumberedEvent) -> EventView:
    """An event."""
    return EventView(**as_told(event))


def webhook_view(endpoint: WebhookEndpoint) -> WebhookView:
    """A webhook without its secret."""
    return WebhookView(
        id=endpoint.id,
        account_id=endpoint.account_id,
        url=endpoint.url,
        description=endpoint.description,
        kinds=tuple(endpoint.kinds.split()),
        all_accounts=endpoint.all_accounts == 1,
        status=endpoint.status,
        disabled_at=iso_or_none(endpoint.disabled_at),
        disabled_reason=endpoint.disabled_reason,
        failing_since=iso_or_none(endpoint.failing_since),
        former_secret_until=iso_or_none(endpoint.former_until),
        created_at=iso_seconds(endpoint.created_at),
        updated_at=iso_seconds(endpoint.updated_at),
    )


def new_webhook_view(endpoint: WebhookEndpoint, secret: str) -> NewWebhookView:
    """A webhook with its secret, for the one answer that shows it."""
    return NewWebhookView(**msgspec.structs.asdict(webhook_view(endpoint)), secret=secret)


def delivery_view(delivery: Delivery) -> DeliveryView:
    """A delivery."""
    return DeliveryView(
        id=delivery.id,
        webhook_id=delivery.endpoint_id,
        event_id=delivery.event_id,
        type=delivery.kind,
        status=delivery.status,
        attempts=delivery.attempts,
        message=delivery.message,
        next_attempt_at=iso_or_none(delivery.next_at),
        last_attempt_at=iso_or_none(delivery.tried_at),
        delivered_at=iso_or_none(delivery.delivered_at),
        answer_status=delivery.answer_status,
        answer=delivery.answer,
        created_at=iso_seconds(delivery.created_at),
    )


def webhook_test_view(attempt: Attempt) -> WebhookTestView:
    """What came of a test message."""
    message = attempt.message or f"answered {attempt.status}"
    return WebhookTestView(attempt.is_success, attempt.status, attempt.answer, message)


def replay_view(report: ReplayReport) -> ReplayView:
    """How many deliveries are sent again."""
    return ReplayView(report.replayed, report.left)
