"""The operator's endpoints for audits of carriers: what they found, and numbers on their way back.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

import msgspec

from numberdesk.api.carrier_filter import check_filter
from numberdesk.api.endpoint import BASE, ApiRequest, ApiResponse, endpoint
from numberdesk.api.paging import PageQuery, page, position
from numberdesk.api.shapes import E164, CarrierName, Label, id_in_path
from numberdesk.carriers.audit_store import list_audits
from numberdesk.carriers.finding_store import list_findings
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.findings import FindingKind
from numberdesk.flows.carriers.note_audits import (
    AskForAudit,
    FindingResolution,
    ResolveFinding,
    ask_for_audits,
    resolve_findings,
)
from numberdesk.numbers.carrier_release_store import list_unconfirmed
from numberdesk.views.carriers import (
    AuditView,
    CarrierReleaseView,
    FindingView,
    audit_view,
    carrier_release_view,
    finding_view,
)

AUDIT_EXAMPLE: Final = {
    "carrier": "twilio",
    "status": "done",
    "began_at": "2026-03-20T14:30:00Z",
    "ended_at": "2026-03-20T14:30:21Z",
    "next_at": "2026-03-21T14:30:00Z",
    "owned": 1200,
    "found": 0,
    "said": "",
}
_FINDING_EXAMPLE: Final = {
    "id": "twilio:+13612738809:orphan",
    "carrier": "twilio",
    "phone_number": "+13612738809",
    "kind": "orphan",
    "status": "open",
    "carrier_reference": "PN0123456789abcdef0123456789abcdef",
    "reference": None,
    "said": "on our account at the carrier, and nobody's in the books",
    "first_seen_at": "2026-03-20T14:30:00Z",
    "last_seen_at": "2026-03-20T14:30:00Z",
}


class FindingsQuery(PageQuery, frozen=True):
    """Filters of the findings. `ended`: also those that are over."""

    carrier: CarrierName | None = None
    ended: bool = False


class FindingBody(msgspec.Struct, frozen=True):
    """A finding, by its carrier and number. Without `kind` it is the one that has not ended."""

    carrier: Label
    phone_number: E164
    kind: FindingKind | None = None


@endpoint(
    "POST",
    "/admin/carriers/{name:str}/audit",
    summary="Have a carrier's list of our numbers compared with the books; the worker begins within half a minute",
    tag="Carriers",
    scope="admin",
    data=None,
    errors=("not_found",),
    pending=AuditView,
    pending_example={**AUDIT_EXAMPLE, "status": "due", "next_at": "2026-03-20T18:00:00Z"},
)
async def ask_for_audit(request: ApiRequest) -> ApiResponse:
    """Leave it to the worker: it may take minutes, and this process has purchases to answer."""
    wanted = AskForAudit(id_in_path(request.path["name"]), request.now)
    audit = await request.services.writer.submit(ask_for_audits, wanted)
    headers = {"Location": f"{BASE}/admin/audits"}
    return ApiResponse(audit_view(audit, request.now), "The audit begins shortly", status=202, headers=headers)


@endpoint(
    "GET",
    "/admin/audits",
    summary="The last audit of each carrier",
    tag="Carriers",
    scope="admin",
    data=list[AuditView],
    paged=True,
    answer_example=[AUDIT_EXAMPLE],
)
async def audits(request: ApiRequest) -> ApiResponse:
    """List all: there is one for each carrier."""
    found = await request.read(list_audits)
    return ApiResponse([audit_view(audit, request.now) for audit in found], rest={"page": {"next": None}})


@endpoint(
    "GET",
    "/admin/findings",
    summary="Where carriers' lists of our numbers and the books differ, by carrier and number",
    tag="Carriers",
    scope="admin",
    query=FindingsQuery,
    data=list[FindingView],
    paged=True,
    answer_example=[_FINDING_EXAMPLE],
)
async def findings(request: ApiRequest) -> ApiResponse:
    """Page the findings."""
    query: FindingsQuery = request.query
    after = _finding_position(query.page_token)
    await check_filter(request, query.carrier)
    found = await request.read(
        lambda tx: list_findings(tx, query.carrier, ended=query.ended, after=after, limit=query.page_size + 1)
    )
    items, rest = page([finding_view(item) for item in found], query.page_size, "id")
    return ApiResponse(items, rest=rest)


@endpoint(
    "POST",
    "/admin/findings/keep",
    summary="Say that a finding is right so: it is no longer reported",
    tag="Carriers",
    scope="admin",
    body=FindingBody,
    data=FindingView,
    errors=("not_found",),
    example={"carrier": "twilio", "phone_number": "+13612738809"},
    answer_example={**_FINDING_EXAMPLE, "status": "kept"},
)
async def keep_finding(request: ApiRequest) -> ApiResponse:
    """Keep."""
    return await _resolved(request, FindingResolution.KEEP, "Finding kept")


@endpoint(
    "POST",
    "/admin/findings/release",
    summary="Give an orphan back to its carrier: told until it confirms",
    tag="Carriers",
    scope="admin",
    body=FindingBody,
    data=FindingView,
    errors=("not_found",),
    example={"carrier": "twilio", "phone_number": "+13612738809"},
    answer_example={**_FINDING_EXAMPLE, "status": "releasing"},
)
async def release_finding(request: ApiRequest) -> ApiResponse:
    """Give back."""
    return await _resolved(request, FindingResolution.RELEASE, "The number goes back to its carrier")


@endpoint(
    "POST",
    "/admin/findings/put-back",
    summary="Tell a carrier anew what is wanted of a number that drifted",
    tag="Carriers",
    scope="admin",
    body=FindingBody,
    data=FindingView,
    errors=("not_found",),
    example={"carrier": "twilio", "phone_number": "+13612738809"},
    answer_example={
        **_FINDING_EXAMPLE,
        "id": "twilio:+13612738809:drifted",
        "kind": "drifted",
        "said": "calls should go to con_1; the carrier has: nothing; it is being put back",
    },
)
async def put_finding_back(request: ApiRequest) -> ApiResponse:
    """Put back."""
    return await _resolved(request, FindingResolution.PUT_BACK, "The carrier is told anew")


@endpoint(
    "GET",
    "/admin/releases",
    summary="Numbers that carriers have not confirmed to be back, by id",
    tag="Carriers",
    scope="admin",
    query=PageQuery,
    data=list[CarrierReleaseView],
    paged=True,
    answer_example=[
        {
            "id": "rel_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
            "carrier": "twilio",
            "phone_number": "+13612738809",
            "carrier_reference": "PN0123456789abcdef0123456789abcdef",
            "asked_at": "2026-03-20T14:30:00Z",
            "tries": 3,
            "next_try_at": "2026-03-20T14:31:12Z",
            "said": "unreachable: api.twilio.com: no connection in time",
        }
    ],
)
async def carrier_releases(request: ApiRequest) -> ApiResponse:
    """Page the releases that are not confirmed."""
    query: PageQuery = request.query
    after = position(query.page_token, "rel_")
    found = await request.read(lambda tx: list_unconfirmed(tx, after_id=after, limit=query.page_size + 1))
    items, rest = page(found, query.page_size, "id")
    return ApiResponse([carrier_release_view(item) for item in items], rest=rest)


def _finding_position(token: str | None) -> tuple[str, str, str] | None:
    text = position(token, "")
    if text is None:
        return None
    parts = text.split(":")
    if len(parts) != len(("carrier", "e164", "kind")):
        raise InvalidRequest("page_token", "is not a token of this list")
    return parts[0], parts[1], parts[2]


async def _resolved(request: ApiRequest, resolution: FindingResolution, message: str) -> ApiResponse:
    body: FindingBody = request.body
    serial = request.services.new_id("rel").removeprefix("rel_")
    command = ResolveFinding(body.carrier, body.phone_number, body.kind, resolution, serial, request.now)
    resolved = await request.services.writer.submit(resolve_findings, command)
    return ApiResponse(finding_view(resolved), message)
