"""Send events to a webhook again: one delivery, or all that failed since an instant.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from numberdesk.core.errors import Forbidden, NotFound, NumberdeskError
from numberdesk.flows.webhooks.change_webhooks import is_there
from numberdesk.infra.db import Tx
from numberdesk.webhooks.delivery_store import change_deliveries, lock_deliveries, lock_failed
from numberdesk.webhooks.model import Delivery, WebhookEndpoint, replayed
from numberdesk.webhooks.store import find_endpoints

MOST_AT_ONCE: Final = 1000
"""Failed deliveries of one transaction."""


class Replay(NamedTuple):
    """A delivery to send again at `now`, to an endpoint of an account (None: of any)."""

    endpoint_id: str
    account_id: str | None
    delivery_id: str
    now: int


class ReplayFailed(NamedTuple):
    """All deliveries of events since an instant that failed, at most `limit` in one go."""

    endpoint_id: str
    account_id: str | None
    since: int
    now: int
    limit: int = MOST_AT_ONCE


class ReplayReport(NamedTuple):
    """How many are sent again. `left`: there may be more."""

    replayed: int
    left: bool


def replay_deliveries(tx: Tx, commands: Sequence[Replay]) -> list[Delivery | NumberdeskError]:
    """Make deliveries due at once, whatever became of them before."""
    endpoints = find_endpoints(tx, [command.endpoint_id for command in commands])
    deliveries = lock_deliveries(tx, [command.delivery_id for command in commands])
    outcomes: list[Delivery | NumberdeskError] = []
    changed: dict[str, Delivery] = {}
    for command in commands:
        delivery = deliveries.get(command.delivery_id)
        refusal = _refusal(endpoints.get(command.endpoint_id), command.account_id)
        if refusal is None and (delivery is None or delivery.endpoint_id != command.endpoint_id):
            refusal = NotFound("There is no such delivery.")
        if refusal is not None or delivery is None:
            outcomes.append(refusal or NotFound())
            continue
        delivery = deliveries[delivery.id] = changed[delivery.id] = replayed(delivery, command.now)
        outcomes.append(delivery)
    change_deliveries(tx, list(changed.values()))
    return outcomes


def replay_failed(tx: Tx, commands: Sequence[ReplayFailed]) -> list[ReplayReport | NumberdeskError]:
    """Make failed deliveries due at once, the oldest first."""
    endpoints = find_endpoints(tx, [command.endpoint_id for command in commands])
    return [_replay_failed(tx, command, endpoints.get(command.endpoint_id)) for command in commands]


def _replay_failed(tx: Tx, command: ReplayFailed, endpoint: WebhookEndpoint | None) -> ReplayReport | NumberdeskError:
    refusal = _refusal(endpoint, command.account_id)
    if refusal is not None:
        return refusal
    failed = lock_failed(tx, command.endpoint_id, command.since, command.limit)
    change_deliveries(tx, [replayed(delivery, command.now) for delivery in failed])
    return ReplayReport(len(failed), left=len(failed) == command.limit)


def _refusal(endpoint: WebhookEndpoint | None, account_id: str | None) -> NumberdeskError | None:
    if endpoint is None or not is_there(endpoint, account_id):
        return NotFound("There is no such webhook.")
    return None if endpoint.is_enabled else Forbidden("This webhook is disabled. Enable it first.")
