"""The account's own API keys: list, create, revoke.

Touches: nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec

from numberdesk.accounts.model import CUSTOMER_SCOPES, RANDOM_BYTES, SCOPES, Scope, new_key
from numberdesk.accounts.store import find_keys, list_keys
from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.paging import PageQuery, page, position
from numberdesk.api.shapes import Label, id_in_path, stated
from numberdesk.core.errors import InvalidRequest, NotFound
from numberdesk.core.periods import from_datetime
from numberdesk.flows.accounts.issue_keys import LONGEST_NAME, NewKey, Revocation, issue_keys, new_key_record, revoke
from numberdesk.views.accounts import KeyView, NewKeyView, key_view, new_key_view

_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_KEY_EXAMPLE: Final = {
    "id": "key_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "account_id": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "name": "shop",
    "starts_with": "nd_live_4fQx",
    "scopes": ["numbers:read", "numbers:buy"],
    "created_at": "2026-03-20T14:30:00Z",
    "expires_at": None,
    "revoked_at": None,
}
KEY_REFUSAL: Final = "is not taken by this request: the answer has a secret, which is not kept to be given again"
NEW_KEY_EXAMPLE: Final = {**_KEY_EXAMPLE, "key": "nd_live_... (54 characters, shown once)"}


SomeScopes = Annotated[list[Scope], msgspec.Meta(max_length=len(SCOPES), extra_json_schema={"minItems": 1})]


class NewKeyBody(msgspec.Struct, frozen=True):
    """A key to create. Without scopes it gets those of a customer, as far as the asking key has them."""

    name: Annotated[Label, stated(maxLength=LONGEST_NAME)] | None = None
    scopes: SomeScopes | None = None
    expires_at: Annotated[str, stated(format="date-time")] | None = None


@endpoint(
    "GET",
    "/api-keys",
    summary="The account's keys, without their secrets",
    tag="Keys",
    scope="keys:manage",
    query=PageQuery,
    data=list[KeyView],
    paged=True,
    answer_example=[_KEY_EXAMPLE],
)
async def keys(request: ApiRequest) -> ApiResponse:
    """Page the account's keys, oldest first."""
    return await listed_keys(request, request.caller.account_id)


@endpoint(
    "POST",
    "/api-keys",
    summary="Create a key; its secret is shown this once",
    tag="Keys",
    scope="keys:manage",
    body=NewKeyBody,
    data=NewKeyView,
    example={"name": "shop", "scopes": ["numbers:read", "numbers:buy"]},
    answer_example=NEW_KEY_EXAMPLE,
    key_refusal=KEY_REFUSAL,
)
async def create_key(request: ApiRequest) -> ApiResponse:
    """Create a key with scopes that the asking key has itself."""
    return await created_key(request, request.caller.account_id, tuple(request.caller.scopes))


@endpoint(
    "GET",
    "/api-keys/{key_id:str}",
    summary="One key",
    tag="Keys",
    scope="keys:manage",
    data=KeyView,
    errors=("not_found",),
    answer_example=_KEY_EXAMPLE,
)
async def get_key(request: ApiRequest) -> ApiResponse:
    """Find one key of the account."""
    wanted = id_in_path(request.path["key_id"])
    found = (await request.read(lambda tx: find_keys(tx, [wanted]))).get(wanted)
    if found is None or found.account_id != request.caller.account_id:
        raise NotFound
    return ApiResponse(key_view(found))


@endpoint(
    "DELETE",
    "/api-keys/{key_id:str}",
    summary="Revoke a key: it stops working within a second; safe to send again",
    tag="Keys",
    scope="keys:manage",
    data=KeyView,
    errors=("not_found",),
    answer_example={**_KEY_EXAMPLE, "revoked_at": "2026-04-02T09:00:00Z"},
)
async def revoke_key(request: ApiRequest) -> ApiResponse:
    """Revoke a key of the account, also the one that asks."""
    command = Revocation(id_in_path(request.path["key_id"]), request.caller.account_id, request.now)
    revoked = await request.services.writer.submit(revoke, command)
    return ApiResponse(key_view(revoked), "Key revoked")


async def listed_keys(request: ApiRequest, account_id: str) -> ApiResponse:
    """A page of an account's keys."""
    query: PageQuery = request.query
    after = position(query.page_token, "key_")
    found = await request.read(lambda tx: list_keys(tx, account_id, after_id=after, limit=query.page_size + 1))
    items, rest = page(found, query.page_size, "id")
    return ApiResponse([key_view(item) for item in items], rest=rest)


async def created_key(request: ApiRequest, account_id: str, grantable: tuple[str, ...]) -> ApiResponse:
    """Create a key of an account with scopes out of the grantable ones."""
    body: NewKeyBody = request.body
    secret = new_key(request.services.random_bytes(RANDOM_BYTES))
    scopes = body.scopes if body.scopes is not None else [scope for scope in CUSTOMER_SCOPES if scope in grantable]
    record = new_key_record(
        request.services.new_id("key"),
        secret,
        account_id=account_id,
        name=body.name or "",
        scopes=list(scopes),
        expires_at=_instant(body.expires_at),
        now=request.now,
        grantable=grantable,
    )
    made = await request.services.writer.submit(issue_keys, NewKey(record))
    return ApiResponse(new_key_view(made, secret), "Key created. It is shown only now.")


def _instant(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return from_datetime(msgspec.convert(text, _Moment))
    except (msgspec.ValidationError, OverflowError):
        raise InvalidRequest("expires_at", "must be an ISO 8601 date and time with its offset") from None
