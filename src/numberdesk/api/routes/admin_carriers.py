"""The operator's endpoints for accounts at carriers: setting them up, checking them, how they stand.

Touches: nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec

from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.routes.admin_audits import AUDIT_EXAMPLE
from numberdesk.api.shapes import CarrierName, Label, id_in_path, stated
from numberdesk.carriers.client import CarrierClient
from numberdesk.carriers.port import Setup
from numberdesk.carriers.registry import KINDS, LONGEST_VALUE
from numberdesk.core.errors import InvalidRequest, NotFound
from numberdesk.core.lifecycle import CarrierState
from numberdesk.flows.carriers.connect_carriers import CarrierSetup, set_up_carriers
from numberdesk.flows.carriers.describe_carriers import describe_carriers
from numberdesk.infra.vault import VaultError
from numberdesk.views.carriers import (
    CarrierView,
    CheckView,
    KindView,
    carrier_view,
    carrier_views,
    check_view,
    kind_views,
)

_MOST_FIELDS: Final = 50
_FIELD: Final = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_CARRIER_EXAMPLE: Final = {
    "name": "twilio",
    "kind": "twilio",
    "status": "active",
    "options": {"account_sid": "AC0123456789abcdef0123456789abcdef", "at_once": "20"},
    "secrets": ["auth_token"],
    "problem": None,
    "paused_seconds": 0,
    "search_paused_seconds": 0,
    "failures": 0,
    "failures_since": None,
    "search_failures_since": None,
    "open_orders": 0,
    "parked_orders": 0,
    "orders_refused": 0,
    "orders_refused_since": None,
    "orders_refused_said": None,
    "unconfirmed_releases": 0,
    "open_findings": 0,
    "last_audit": AUDIT_EXAMPLE,
    "created_at": "2026-03-20T14:00:00Z",
    "updated_at": "2026-03-20T14:00:00Z",
}

_NAMES: Final = {"maxProperties": _MOST_FIELDS, "propertyNames": {"pattern": f"^{_FIELD.pattern}$"}}
Value = Annotated[str, stated(maxLength=LONGEST_VALUE)]
Options = Annotated[dict[str, Value | int | None], stated(**_NAMES)]
Secrets = Annotated[dict[str, Value | None], stated(**_NAMES)]


class NewCarrierBody(msgspec.Struct, frozen=True):
    """An account at a carrier, under a name that nothing stands for yet. `null` and "" are as if left out."""

    name: CarrierName
    kind: Annotated[Label, stated(enum=sorted(KINDS))]
    options: Options = {}
    secrets: Secrets = {}

    def __repr__(self) -> str:
        return f"NewCarrierBody({self.name})"


class CarrierBody(msgspec.Struct, frozen=True):
    """What is to change. A disabled account is not bought from; what is open or owned there goes on."""

    status: CarrierState | None = None
    options: Options = {}
    secrets: Secrets = {}

    def __repr__(self) -> str:
        return "CarrierBody()"


@endpoint(
    "GET",
    "/admin/carriers",
    summary="Accounts at carriers and how they stand, by name",
    tag="Carriers",
    scope="admin",
    data=list[CarrierView],
    paged=True,
    answer_example=[_CARRIER_EXAMPLE],
)
async def carriers(request: ApiRequest) -> ApiResponse:
    """List all: there are few."""
    vault = request.services.vault
    found = await request.read(lambda tx: describe_carriers(tx, vault))
    lines = {line.name: line for line in await request.services.carriers.clients(active_only=False)}
    return ApiResponse(carrier_views(found, request.now, lines), rest={"page": {"next": None}})


@endpoint(
    "GET",
    "/admin/carrier-kinds",
    summary="The carriers there are, and what an account at each is set up with",
    tag="Carriers",
    scope="admin",
    data=list[KindView],
    paged=True,
    answer_example=[
        {
            "kind": "telnyx",
            "fields": [
                {"name": "api_key", "secret": True, "required": True, "meaning": "the API key", "example": ""},
            ],
        }
    ],
)
async def carrier_kinds(request: ApiRequest) -> ApiResponse:  # noqa: ARG001  every handler takes one
    """List all."""
    return ApiResponse(kind_views(), rest={"page": {"next": None}})


@endpoint(
    "POST",
    "/admin/carriers",
    summary="Connect an account at a carrier under a new name; secrets are never shown again",
    tag="Carriers",
    scope="admin",
    body=NewCarrierBody,
    data=CarrierView,
    example={
        "name": "twilio",
        "kind": "twilio",
        "options": {"account_sid": "AC0123456789abcdef0123456789abcdef"},
        "secrets": {"auth_token": "the account's auth token"},
    },
    answer_example={**_CARRIER_EXAMPLE, "last_audit": None},
)
async def connect_carrier(request: ApiRequest) -> ApiResponse:
    """Connect."""
    body: NewCarrierBody = request.body
    known = KINDS.get(body.kind)
    if known is None:
        raise InvalidRequest("kind", f"must be one of {', '.join(KINDS)}")
    fields = _fields(body.kind, body.options, body.secrets)
    await _keep(request, CarrierSetup(body.name, body.kind, fields, None, request.now, new=True))
    return ApiResponse(await _described(request, body.name), "Carrier connected")


@endpoint(
    "GET",
    "/admin/carriers/{name:str}",
    summary="One account at a carrier",
    tag="Carriers",
    scope="admin",
    data=CarrierView,
    errors=("not_found",),
    answer_example=_CARRIER_EXAMPLE,
)
async def get_carrier(request: ApiRequest) -> ApiResponse:
    """Find one account at a carrier."""
    return ApiResponse(await _described(request, id_in_path(request.path["name"]), just_written=False))


@endpoint(
    "PATCH",
    "/admin/carriers/{name:str}",
    summary="Change options or secrets of an account at a carrier, disable or enable it",
    tag="Carriers",
    scope="admin",
    body=CarrierBody,
    data=CarrierView,
    errors=("not_found",),
    example={"status": "disabled", "options": {"at_once": "10"}},
    answer_example={**_CARRIER_EXAMPLE, "status": "disabled"},
)
async def change_carrier(request: ApiRequest) -> ApiResponse:
    """Change what is sent."""
    body: CarrierBody = request.body
    kind = (await _described(request, id_in_path(request.path["name"]), just_written=False)).kind
    fields = _fields(kind, body.options, body.secrets)
    await _keep(request, CarrierSetup(request.path["name"], None, fields, body.status, request.now))
    return ApiResponse(await _described(request, request.path["name"]), "Carrier updated")


@endpoint(
    "POST",
    "/admin/carriers/{name:str}/check",
    summary="Make one harmless request to a carrier; what is wrong, if anything is, in words",
    tag="Carriers",
    scope="admin",
    data=CheckView,
    errors=("not_found",),
    answer_example={"name": "twilio", "ok": True, "said": "Twilio knows the account", "facts": {"balance": "12.50"}},
)
async def check_carrier(request: ApiRequest) -> ApiResponse:
    """Ask the carrier. It is no failure of this request when the carrier fails."""
    line = await _line(request, id_in_path(request.path["name"]))
    return ApiResponse(check_view(line.name, await line.check()))


def _fields(kind: str, options: Mapping[str, str | int | None], secrets: Mapping[str, str | None]) -> Setup:
    """What was sent, each thing where it belongs. Raises InvalidRequest; no value is in it."""
    secret = {field.name for field in KINDS[kind].all_fields if field.secret}
    for place, sent in (("options", options), ("secrets", secrets)):
        if len(sent) > _MOST_FIELDS or not all(_FIELD.fullmatch(name) for name in sent):
            raise InvalidRequest(place, "must be an object of the fields that the carrier is set up with")
    for name in options:
        if name in secret:
            raise InvalidRequest(name, "is secret: send it in secrets")
    for name in secrets:
        if name not in secret:
            raise InvalidRequest(name, f"is no secret of {kind}, which has {', '.join(sorted(secret))}")
    return Setup({name: "" if value is None else str(value) for name, value in {**options, **secrets}.items()})


async def _keep(request: ApiRequest, command: CarrierSetup) -> None:
    try:
        await request.services.writer.submit(set_up_carriers(request.services.vault, request.services.egress), command)
    except VaultError as error:
        raise InvalidRequest("secrets", f"cannot be kept or read: {error}") from None
    request.services.carriers.forget()


async def _described(request: ApiRequest, name: str, *, just_written: bool = True) -> CarrierView:
    vault = request.services.vault
    read = request.read_back if just_written else request.read
    found = await read(lambda tx: describe_carriers(tx, vault, [name]))
    if not found:
        raise NotFound("There is no such carrier.")
    return carrier_view(found[0], request.now, await request.services.carriers.client(name))


async def _line(request: ApiRequest, name: str) -> CarrierClient:
    line = await request.services.carriers.client(name)
    if line is None:  # or connected a moment ago, by another process
        request.services.carriers.forget()
        line = await request.services.carriers.client(name)
    if line is None:
        raise NotFound("There is no such carrier.")
    return line
