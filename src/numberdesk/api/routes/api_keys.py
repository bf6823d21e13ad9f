"""The account's own API keys: list, create, revoke.

Touches: nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec

from numberdesk.accounts.cap_store import find_caps_of
from numberdesk.accounts.model import RANDOM_BYTES, SCOPES, Scope, default_scopes, new_key
from numberdesk.accounts.store import find_keys, page_keys
from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.paging import PageQuery, page, position
from numberdesk.api.shapes import Amount, Label, id_in_path, stated
from numberdesk.core.errors import InvalidRequest, NotFound
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.periods import from_datetime
from numberdesk.core.spending import SpendCaps
from numberdesk.flows.accounts.cap_spending import CapKey, CappedKey, cap_keys, check_caps
from numberdesk.flows.accounts.issue_keys import (
    LONGEST_NAME,
    NewKey,
    Revocation,
    Revoked,
    issue_keys,
    new_key_record,
    revoke,
)
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
    "created_by": None,
    "spend_limits": {"per_purchase": None, "per_day": 20, "per_month": None},
}
KEY_REFUSAL: Final = "is not taken by this request: the answer has a secret, which is not kept to be given again"
NEW_KEY_EXAMPLE: Final = {**_KEY_EXAMPLE, "key": "nd_live_... (54 characters, shown once)"}


Cap = Annotated[Amount, stated(minimum=0)]
SomeScopes = Annotated[list[Scope], msgspec.Meta(max_length=len(SCOPES), extra_json_schema={"minItems": 1})]


class RevokeQuery(msgspec.Struct, frozen=True):
    """What goes along with a key that is revoked."""

    with_descendants: bool = False


class SpendLimitsBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The most that may be spent on purchases; what is left out is without a limit."""

    per_purchase: Cap | None = None
    per_day: Cap | None = None
    per_month: Cap | None = None

    @property
    def caps(self) -> SpendCaps:
        """The caps that are meant."""
        given = (self.per_purchase, self.per_day, self.per_month)
        return SpendCaps(*(None if cap is None else int(cap) for cap in given))


class KeyBody(msgspec.Struct, frozen=True):
    """What to change of a key. Its limits are set as a whole: what is left out within them is without a limit."""

    spend_limits: SpendLimitsBody


class NewKeyBody(msgspec.Struct, frozen=True):
    """A key to create. Without scopes it gets the usual ones of its account, as far as the asking key has them."""

    name: Annotated[Label, stated(maxLength=LONGEST_NAME)] | None = None
    scopes: SomeScopes | None = None
    expires_at: Annotated[str, stated(format="date-time")] | None = None
    spend_limits: SpendLimitsBody | None = None


@endpoint(
    "GET",
    "/api-keys",
    summary="The account's keys that have no scope beyond one's own, without their secrets",
    tag="Keys",
    scope="keys:manage",
    query=PageQuery,
    data=list[KeyView],
    paged=True,
    answer_example=[_KEY_EXAMPLE],
)
async def keys(request: ApiRequest) -> ApiResponse:
    """Page the account's keys that the asking one may see, oldest first."""
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
    return await created_key(request, request.caller.account_id, request.caller.kind)


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
    """Find one key of the account, among those that the asking one may see."""
    wanted = id_in_path(request.path["key_id"])
    found = (await request.read(lambda tx: find_keys(tx, [wanted]))).get(wanted)
    if (
        found is None
        or found.account_id != request.caller.account_id
        or not request.caller.key_scopes.issuperset(found.scopes)
    ):
        raise NotFound
    caps = await request.read(lambda tx: find_caps_of(tx, [wanted]))
    return ApiResponse(key_view(found, caps.get(wanted, SpendCaps())))


@endpoint(
    "PATCH",
    "/api-keys/{key_id:str}",
    summary="Limit what a key may spend on purchases, no higher than the account is limited itself",
    tag="Keys",
    scope="keys:manage",
    body=KeyBody,
    data=KeyView,
    errors=("not_found",),
    example={"spend_limits": {"per_day": 20}},
    answer_example=_KEY_EXAMPLE,
)
async def change_key(request: ApiRequest) -> ApiResponse:
    """Cap a key of the account that the asking one may see."""
    return await capped_key(request, request.caller.account_id)


@endpoint(
    "DELETE",
    "/api-keys/{key_id:str}",
    summary="Revoke a key: it stops working within a second; safe to send again",
    tag="Keys",
    scope="keys:manage",
    query=RevokeQuery,
    data=KeyView,
    errors=("not_found",),
    answer_example={**_KEY_EXAMPLE, "revoked_at": "2026-04-02T09:00:00Z"},
)
async def revoke_key(request: ApiRequest) -> ApiResponse:
    """Revoke a key of the account that has no scope beyond those of the asking one; also that one itself."""
    return await revoked_key(request, request.caller.account_id)


async def listed_keys(request: ApiRequest, account_id: str) -> ApiResponse:
    """A page of those keys of an account that the caller may see."""
    query: PageQuery = request.query
    after, scopes = position(query.page_token, "key_"), request.caller.key_scopes
    found = await request.read(lambda tx: page_keys(tx, account_id, scopes, after_id=after, limit=query.page_size + 1))
    items, rest = page(found.items, query.page_size, "id", walked_to=found.walked_to)
    caps = await request.read_back(lambda tx: find_caps_of(tx, [item.id for item in items]))
    return ApiResponse([key_view(item, caps.get(item.id, SpendCaps())) for item in items], rest=rest)


async def capped_key(request: ApiRequest, account_id: str | None) -> ApiResponse:
    """Cap a key that the caller may see, of an account or of any."""
    command = CapKey(
        id_in_path(request.path["key_id"]),
        request.body.spend_limits.caps,
        request.now,
        account_id,
        request.caller.key_id,
        request.caller.key_scopes,
    )
    check_caps(command.caps)
    capped: CappedKey = await request.services.writer.submit(cap_keys, command)
    return ApiResponse(key_view(capped.key, capped.caps), "Key updated")


async def revoked_key(request: ApiRequest, account_id: str | None) -> ApiResponse:
    """Revoke a key that the caller may see, of an account or of any."""
    command = Revocation(
        id_in_path(request.path["key_id"]),
        account_id,
        request.now,
        request.caller.key_scopes,
        with_descendants=request.query.with_descendants,
    )
    revoked: Revoked = await request.services.writer.submit(revoke, command)
    caps = await request.read_back(lambda tx: find_caps_of(tx, [revoked.key.id]))
    beside = f", and {revoked.descendants} that were made with it" if command.with_descendants else ""
    return ApiResponse(key_view(revoked.key, caps.get(revoked.key.id, SpendCaps())), f"Key revoked{beside}")


async def created_key(request: ApiRequest, account_id: str, kind: AccountKind) -> ApiResponse:
    """Create a key of an account of a kind, with scopes out of those that the caller may give."""
    body: NewKeyBody = request.body
    secret, grantable = new_key(request.services.random_bytes(RANDOM_BYTES)), request.caller.key_scopes
    scopes = body.scopes if body.scopes is not None else [each for each in default_scopes(kind) if each in grantable]
    record = new_key_record(
        request.services.new_id("key"),
        secret,
        account_id=account_id,
        name=body.name or "",
        scopes=list(scopes),
        expires_at=_instant(body.expires_at),
        now=request.now,
        grantable=grantable,
        created_by=request.caller.maker_id,
        made_by=request.caller.person_id,
    )
    caps = SpendCaps() if body.spend_limits is None else body.spend_limits.caps
    check_caps(caps)
    made = await request.services.writer.submit(issue_keys, NewKey(record, caps))
    return ApiResponse(new_key_view(made, secret, caps), "Key created. It is shown only now.")


def _instant(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return from_datetime(msgspec.convert(text, _Moment))
    except (msgspec.ValidationError, OverflowError):
        raise InvalidRequest("expires_at", "must be an ISO 8601 date and time with its offset") from None
