"""Change, disable, enable and delete webhooks, and give them new secrets.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeGuard

from numberdesk.core.errors import NotFound, NumberdeskError
from numberdesk.flows.webhooks.create_webhooks import kinds_refused
from numberdesk.infra.db import Tx
from numberdesk.webhooks.model import EndpointStatus, WebhookEndpoint, disabled, enabled, rotated
from numberdesk.webhooks.store import change_endpoints, find_endpoints

_BY_ITS_OWNER: Final = "it was disabled by its owner"


class WebhookChange(NamedTuple):
    """What is to change of an endpoint of an account (None: of any) at `now`; what is None stays as it is.

    `sealed` is a new secret. A deleted endpoint is there for nobody any more.
    """

    endpoint_id: str
    account_id: str | None
    now: int
    url: str | None = None
    kinds: str | None = None
    description: str | None = None
    status: EndpointStatus | None = None
    sealed: str | None = None
    delete: bool = False


def change_webhooks(tx: Tx, commands: Sequence[WebhookChange]) -> list[WebhookEndpoint | NumberdeskError]:
    """Write changes; the endpoints as they are then. One of another account is not found."""
    endpoints = find_endpoints(tx, [command.endpoint_id for command in commands], lock=True)
    changed: dict[str, WebhookEndpoint] = {}
    outcomes: list[WebhookEndpoint | NumberdeskError] = []
    for command in commands:
        endpoint = endpoints.get(command.endpoint_id)
        if not is_there(endpoint, command.account_id):
            outcomes.append(NotFound("There is no such webhook."))
            continue
        refused = kinds_refused(command.kinds or "", all_accounts=endpoint.all_accounts == 1)
        if refused is not None:
            outcomes.append(refused)
            continue
        endpoint = endpoints[endpoint.id] = changed[endpoint.id] = _changed(endpoint, command)
        outcomes.append(endpoint)
    change_endpoints(tx, list(changed.values()))
    return outcomes


def is_there(endpoint: WebhookEndpoint | None, account_id: str | None) -> TypeGuard[WebhookEndpoint]:
    """Whether there is an endpoint for an account, or for operators where that is None."""
    return endpoint is not None and endpoint.deleted_at is None and account_id in (None, endpoint.account_id)


def _changed(endpoint: WebhookEndpoint, command: WebhookChange) -> WebhookEndpoint:
    endpoint = endpoint._replace(
        url=endpoint.url if command.url is None else command.url,
        kinds=endpoint.kinds if command.kinds is None else command.kinds,
        description=endpoint.description if command.description is None else command.description,
        updated_at=command.now,
    )
    if command.sealed is not None:
        endpoint = rotated(endpoint, command.sealed, command.now)
    if command.status is EndpointStatus.DISABLED:
        endpoint = disabled(endpoint, _BY_ITS_OWNER, command.now)
    elif command.status is EndpointStatus.ENABLED and not endpoint.is_enabled:
        endpoint = enabled(endpoint, command.now)
    if command.delete:
        endpoint = endpoint._replace(deleted_at=command.now, secret="", former_secret=None, former_until=None)
    return endpoint
