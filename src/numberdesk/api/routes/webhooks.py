"""The account's webhooks: where its events are sent, and how that goes.

Touches: nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec

from numberdesk.accounts.model import Scope
from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.paging import PageQuery, PageSize, PageToken, page, position
from numberdesk.api.shapes import id_in_path, stated
from numberdesk.core.errors import Forbidden, InvalidRequest, NotFound
from numberdesk.core.periods import from_datetime
from numberdesk.flows.webhooks.change_webhooks import WebhookChange, change_webhooks, is_there
from numberdesk.flows.webhooks.create_webhooks import (
    LONGEST_DESCRIPTION,
    NewWebhook,
    checked_description,
    checked_kinds,
    checked_url,
    create_webhooks,
)
from numberdesk.flows.webhooks.replay_deliveries import Replay, ReplayFailed, replay_deliveries, replay_failed
from numberdesk.infra.egress import LONGEST_URL
from numberdesk.infra.vault import VaultError
from numberdesk.outbox.model import KINDS_OF_EVENTS
from numberdesk.views.formats import EventKind
from numberdesk.views.webhooks import (
    DeliveryView,
    NewWebhookView,
    ReplayView,
    WebhookTestView,
    WebhookView,
    delivery_view,
    new_webhook_view,
    replay_view,
    webhook_test_view,
    webhook_view,
)
from numberdesk.webhooks.delivery_store import list_deliveries
from numberdesk.webhooks.model import SECRET_BYTES, DeliveryStatus, EndpointStatus, WebhookEndpoint, secret_text
from numberdesk.webhooks.sender import seal_secret
from numberdesk.webhooks.store import find_endpoints, list_endpoints

_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_KEY_REFUSAL: Final = "is not taken by this request: the answer has a secret, which is not kept to be given again"
_NO_VAULT: Final = "This service has no key to keep secrets with, so its operator has to set one first."
_EXAMPLE: Final = {
    "id": "whk_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "account_id": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "url": "https://example.com/webhooks",
    "description": "billing",
    "kinds": ["number.purchased", "number.released"],
    "all_accounts": False,
    "status": "enabled",
    "disabled_at": None,
    "disabled_reason": None,
    "failing_since": None,
    "former_secret_until": None,
    "created_at": "2026-03-20T14:30:00Z",
    "updated_at": "2026-03-20T14:30:00Z",
}
_WITH_SECRET: Final = {**_EXAMPLE, "secret": "whsec_... (base64, shown once)"}
_DELIVERY_EXAMPLE: Final = {
    "id": "dlv_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "webhook_id": "whk_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "event_id": "evt_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "type": "number.purchased",
    "status": "pending",
    "attempts": 1,
    "message": "answered 503",
    "next_attempt_at": "2026-03-20T14:30:06Z",
    "last_attempt_at": "2026-03-20T14:30:01Z",
    "delivered_at": None,
    "answer_status": 503,
    "answer": "upstream is down",
    "created_at": "2026-03-20T14:30:00Z",
}

WebhookUrl = Annotated[str, stated(format="uri", maxLength=LONGEST_URL)]
Description = Annotated[str, stated(maxLength=LONGEST_DESCRIPTION)]
Kinds = Annotated[list[EventKind], msgspec.Meta(max_length=len(KINDS_OF_EVENTS))]


class NewWebhookBody(msgspec.Struct, frozen=True):
    """A webhook to set up."""

    url: WebhookUrl
    kinds: Kinds | None = None
    description: Description | None = None
    all_accounts: bool = False


class WebhookBody(msgspec.Struct, frozen=True):
    """What is to change of a webhook; what is left out stays as it is."""

    url: WebhookUrl | None = None
    kinds: Kinds | None = None
    description: Description | None = None
    status: EndpointStatus | None = None


class DeliveriesQuery(msgspec.Struct, frozen=True):
    """Which deliveries, and where the list goes on."""

    page_size: PageSize = 10
    page_token: PageToken | None = None
    status: DeliveryStatus | None = None


class ReplayBody(msgspec.Struct, frozen=True):
    """Which failed deliveries are to be sent again."""

    since: Annotated[str, stated(format="date-time")]


@endpoint(
    "GET",
    "/webhooks",
    summary="The account's webhooks, without their secrets",
    tag="Webhooks",
    scope="webhooks:manage",
    query=PageQuery,
    data=list[WebhookView],
    paged=True,
    answer_example=[_EXAMPLE],
    operators_too=True,
)
async def webhooks(request: ApiRequest) -> ApiResponse:
    """Page the account's webhooks, oldest first."""
    query, account_id = request.query, request.caller.account_id
    after = position(query.page_token, "whk_")
    found = await request.read(lambda tx: list_endpoints(tx, account_id, after_id=after, limit=query.page_size + 1))
    items, rest = page(found, query.page_size, "id")
    return ApiResponse([webhook_view(item) for item in items], rest=rest)


@endpoint(
    "POST",
    "/webhooks",
    summary="Set up a webhook; its secret is shown this once",
    tag="Webhooks",
    scope="webhooks:manage",
    body=NewWebhookBody,
    data=NewWebhookView,
    example={"url": "https://example.com/webhooks", "kinds": ["number.purchased", "number.released"]},
    answer_example=_WITH_SECRET,
    key_refusal=_KEY_REFUSAL,
    operators_too=True,
)
async def create_webhook(request: ApiRequest) -> ApiResponse:
    """Check where it leads, and record it with its secret sealed."""
    body: NewWebhookBody = request.body
    if body.all_accounts and Scope.ADMIN not in request.caller.scopes:
        raise Forbidden("Only a key with the scope admin may be told the events of every account.")
    kinds, description = checked_kinds(body.kinds), checked_description(body.description or "")
    url = await checked_url(request.services.egress, body.url)
    webhook_id = request.services.new_id("whk")
    secret, sealed = _new_secret(request, webhook_id)
    made = await request.services.writer.submit(
        create_webhooks,
        NewWebhook(
            WebhookEndpoint(
                webhook_id,
                request.caller.account_id,
                int(body.all_accounts),
                url,
                description,
                kinds,
                sealed,
                request.now,
                request.now,
            )
        ),
    )
    return ApiResponse(new_webhook_view(made, secret), "Webhook created. Its secret is shown only now.")


@endpoint(
    "GET",
    "/webhooks/{webhook_id:str}",
    summary="One webhook",
    tag="Webhooks",
    scope="webhooks:manage",
    data=WebhookView,
    errors=("not_found",),
    answer_example=_EXAMPLE,
    operators_too=True,
)
async def get_webhook(request: ApiRequest) -> ApiResponse:
    """Find one webhook of the account."""
    return ApiResponse(webhook_view(await _found(request)))


@endpoint(
    "PATCH",
    "/webhooks/{webhook_id:str}",
    summary="Change a webhook, disable it, or enable it again",
    tag="Webhooks",
    scope="webhooks:manage",
    body=WebhookBody,
    data=WebhookView,
    errors=("not_found",),
    example={"status": "disabled"},
    answer_example={
        **_EXAMPLE,
        "status": "disabled",
        "disabled_at": "2026-04-02T09:00:00Z",
        "disabled_reason": "it was disabled by its owner",
    },
    operators_too=True,
)
async def change_webhook(request: ApiRequest) -> ApiResponse:
    """Write what was sent; a new address is checked as a first one."""
    body: WebhookBody = request.body
    change = _change(request)._replace(
        kinds=None if body.kinds is None else checked_kinds(body.kinds),
        description=None if body.description is None else checked_description(body.description),
        status=body.status,
    )
    if body.url is not None:
        await _found(request)  # nobody looks a host up for a webhook that is not theirs
        change = change._replace(url=await checked_url(request.services.egress, body.url))
    changed = await request.services.writer.submit(change_webhooks, change)
    return ApiResponse(webhook_view(changed), "Webhook changed")


@endpoint(
    "DELETE",
    "/webhooks/{webhook_id:str}",
    summary="Delete a webhook: nothing is sent to it any more",
    tag="Webhooks",
    scope="webhooks:manage",
    data=WebhookView,
    errors=("not_found",),
    answer_example=_EXAMPLE,
    operators_too=True,
)
async def delete_webhook(request: ApiRequest) -> ApiResponse:
    """Delete a webhook, and with time its deliveries."""
    changed = await request.services.writer.submit(change_webhooks, _change(request)._replace(delete=True))
    return ApiResponse(webhook_view(changed), "Webhook deleted")


@endpoint(
    "POST",
    "/webhooks/{webhook_id:str}/rotate-secret",
    summary="Give a webhook a new secret, shown this once; the former signs beside it for 24 hours",
    tag="Webhooks",
    scope="webhooks:manage",
    data=NewWebhookView,
    errors=("not_found",),
    answer_example={**_WITH_SECRET, "former_secret_until": "2026-03-21T14:30:00Z"},
    key_refusal=_KEY_REFUSAL,
    operators_too=True,
)
async def rotate_secret(request: ApiRequest) -> ApiResponse:
    """Make a new secret and seal it."""
    secret, sealed = _new_secret(request, (await _found(request)).id)
    changed = await request.services.writer.submit(change_webhooks, _change(request)._replace(sealed=sealed))
    return ApiResponse(new_webhook_view(changed, secret), "The secret was changed. It is shown only now.")


@endpoint(
    "POST",
    "/webhooks/{webhook_id:str}/test",
    summary="Send a test message at once, and say what came of it",
    tag="Webhooks",
    scope="webhooks:manage",
    data=WebhookTestView,
    errors=("not_found",),
    answer_example={"delivered": True, "answer_status": 204, "answer": "", "message": "answered 204"},
    operators_too=True,
)
async def test_webhook(request: ApiRequest) -> ApiResponse:
    """Send once. It is no failure of this request when the receiver fails."""
    found = await _found(request)
    attempt = await request.services.webhook_tests.run(found, request.services.new_id("tst"), request.now)
    return ApiResponse(webhook_test_view(attempt), "Test message sent")


@endpoint(
    "GET",
    "/webhooks/{webhook_id:str}/deliveries",
    summary="What was sent to a webhook and what came of it, newest first",
    tag="Webhooks",
    scope="webhooks:manage",
    query=DeliveriesQuery,
    data=list[DeliveryView],
    paged=True,
    errors=("not_found",),
    answer_example=[_DELIVERY_EXAMPLE],
    operators_too=True,
)
async def deliveries(request: ApiRequest) -> ApiResponse:
    """Filter and page the deliveries of a webhook."""
    query: DeliveriesQuery = request.query
    before, webhook_id = position(query.page_token, "dlv_"), (await _found(request)).id
    found = await request.read(
        lambda tx: list_deliveries(tx, webhook_id, query.status, before_id=before, limit=query.page_size + 1)
    )
    items, rest = page(found, query.page_size, "id", walked_to=found.walked_to)
    return ApiResponse([delivery_view(item) for item in items], rest=rest)


@endpoint(
    "POST",
    "/webhooks/{webhook_id:str}/deliveries/{delivery_id:str}/replay",
    summary="Send one event to a webhook again",
    tag="Webhooks",
    scope="webhooks:manage",
    data=DeliveryView,
    errors=("not_found",),
    answer_example={**_DELIVERY_EXAMPLE, "attempts": 0, "message": "replayed"},
    operators_too=True,
)
async def replay_one(request: ApiRequest) -> ApiResponse:
    """Make a delivery due now, whatever became of it."""
    webhook_id, delivery_id = (id_in_path(request.path[name]) for name in ("webhook_id", "delivery_id"))
    replayed = await request.services.writer.submit(
        replay_deliveries, Replay(webhook_id, request.caller.account_id, delivery_id, request.now)
    )
    return ApiResponse(delivery_view(replayed), "The event is sent again")


@endpoint(
    "POST",
    "/webhooks/{webhook_id:str}/replay",
    summary="Send events again whose delivery to a webhook failed, a thousand at a time",
    tag="Webhooks",
    scope="webhooks:manage",
    body=ReplayBody,
    data=ReplayView,
    errors=("not_found",),
    example={"since": "2026-03-20T00:00:00Z"},
    answer_example={"replayed": 12, "left": False},
    operators_too=True,
)
async def replay_since(request: ApiRequest) -> ApiResponse:
    """Make failed deliveries of events since an instant due now."""
    command = ReplayFailed(
        id_in_path(request.path["webhook_id"]), request.caller.account_id, _instant(request.body.since), request.now
    )
    report = await request.services.writer.submit(replay_failed, command)
    return ApiResponse(replay_view(report), "The events are sent again")


async def _found(request: ApiRequest) -> WebhookEndpoint:
    wanted = id_in_path(request.path["webhook_id"])
    found = (await request.read(lambda tx: find_endpoints(tx, [wanted]))).get(wanted)
    if not is_there(found, request.caller.account_id):
        raise NotFound("There is no such webhook.")
    return found


def _change(request: ApiRequest) -> WebhookChange:
    return WebhookChange(id_in_path(request.path["webhook_id"]), request.caller.account_id, request.now)


def _new_secret(request: ApiRequest, webhook_id: str) -> tuple[str, str]:
    """A secret, and the same sealed."""
    secret = secret_text(request.services.random_bytes(SECRET_BYTES))
    try:
        return secret, seal_secret(request.services.vault, webhook_id, secret)
    except VaultError:
        raise Forbidden(_NO_VAULT) from None


def _instant(text: str) -> int:
    try:
        return from_datetime(msgspec.convert(text, _Moment))
    except (msgspec.ValidationError, OverflowError):
        raise InvalidRequest("since", "must be an ISO 8601 date and time with its offset") from None
