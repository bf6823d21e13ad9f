"""Compliance profiles: what carriers approved for accounts, by reference.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.instants import Written, instant_of
from numberdesk.api.paging import PageQuery, page, position
from numberdesk.api.shapes import LONGEST_ID, CarrierName, id_in_path, stated
from numberdesk.carriers.compliance_store import find_profiles, list_profiles
from numberdesk.catalog.model import NumberType
from numberdesk.catalog.rules import COUNTRY_CODE
from numberdesk.core.compliance import ComplianceProfile, ProfileState
from numberdesk.core.errors import NotFound
from numberdesk.flows.compliance.register_profiles import (
    LONGEST_SAID,
    MOST_PAPERS,
    ProfileChange,
    change_registered,
    register_profiles,
)
from numberdesk.views.compliance import AdminProfileView, ProfileView, admin_profile_view, profile_view

_EXAMPLE: Final = {
    "id": "cmp_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "iso_country": "DE",
    "number_type": "local",
    "status": "approved",
    "valid_until": "2027-03-20T00:00:00Z",
    "created_at": "2026-03-20T14:30:00Z",
    "updated_at": "2026-03-20T14:30:00Z",
}
_ADMIN_EXAMPLE: Final = {
    **_EXAMPLE,
    "account_id": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "carrier": "twilio",
    "papers": {"bundle_sid": "BU0123456789abcdef0123456789abcdef"},
    "said": "",
}
_NO_PROFILE: Final = "There is no such compliance profile."
_Text = Annotated[str, stated(maxLength=LONGEST_SAID)]
Papers = Annotated[dict[str, str], msgspec.Meta(max_length=MOST_PAPERS)]
_Id = Annotated[str, msgspec.Meta(pattern=f"^[!-~]{{1,{LONGEST_ID}}}$")]


class ProfileBody(msgspec.Struct, frozen=True):
    """What a carrier approved for an account."""

    account_id: _Id
    carrier: CarrierName
    iso_country: Annotated[str, stated(pattern=f"^{COUNTRY_CODE.pattern}$")]
    papers: Papers | None = None
    number_type: NumberType | None = None
    status: ProfileState | None = None
    valid_until: Written | None = None
    said: _Text | None = None


class ProfileChangeBody(msgspec.Struct, frozen=True):
    """What is to change of a profile; what is left out stays as it is."""

    papers: Papers | None = None
    status: ProfileState | None = None
    valid_until: Written | None = None
    unlimited: Annotated[bool, msgspec.Meta(description="Whether it does not end any more.")] = False
    said: _Text | None = None


class AllProfilesQuery(PageQuery, frozen=True):
    """Whose profiles."""

    account_id: _Id | None = None


@endpoint(
    "GET",
    "/compliance-profiles",
    summary="What is approved of the account, for numbers that ask for papers",
    tag="Numbers",
    scope="numbers:read",
    query=PageQuery,
    data=list[ProfileView],
    paged=True,
    answer_example=[_EXAMPLE],
)
async def my_profiles(request: ApiRequest) -> ApiResponse:
    """Page the account's profiles, oldest first."""
    query, account_id = request.query, request.caller.account_id
    after = position(query.page_token, "cmp_")
    found = await request.read(lambda tx: list_profiles(tx, account_id, after_id=after, limit=query.page_size + 1))
    items, rest = page(found, query.page_size, "id")
    return ApiResponse([profile_view(item) for item in items], rest=rest)


@endpoint(
    "GET",
    "/admin/compliance-profiles",
    summary="Compliance profiles of all accounts",
    tag="Operators",
    scope="admin",
    query=AllProfilesQuery,
    data=list[AdminProfileView],
    paged=True,
    answer_example=[_ADMIN_EXAMPLE],
)
async def all_profiles(request: ApiRequest) -> ApiResponse:
    """Page the profiles of all accounts, oldest first."""
    query: AllProfilesQuery = request.query
    after = position(query.page_token, "cmp_")
    found = await request.read(
        lambda tx: list_profiles(tx, query.account_id, after_id=after, limit=query.page_size + 1)
    )
    items, rest = page(found, query.page_size, "id")
    return ApiResponse([admin_profile_view(item) for item in items], rest=rest)


@endpoint(
    "POST",
    "/admin/compliance-profiles",
    summary="Register what a carrier approved for an account, by the carrier's ids",
    tag="Operators",
    scope="admin",
    body=ProfileBody,
    data=AdminProfileView,
    errors=("not_found",),
    example={
        "account_id": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
        "carrier": "twilio",
        "iso_country": "DE",
        "number_type": "local",
        "papers": {"bundle_sid": "BU0123456789abcdef0123456789abcdef"},
        "valid_until": "2027-03-20T00:00:00Z",
    },
    answer_example=_ADMIN_EXAMPLE,
)
async def register_profile(request: ApiRequest) -> ApiResponse:
    """Record a profile; without a status it is approved."""
    body: ProfileBody = request.body
    new = ComplianceProfile(
        request.services.new_id("cmp"),
        body.account_id,
        body.carrier,
        body.iso_country,
        body.number_type or "",
        body.papers or {},
        body.status or ProfileState.APPROVED,
        instant_of("valid_until", body.valid_until),
        body.said or "",
        request.now,
        request.now,
    )
    made = await request.services.writer.submit(register_profiles, new)
    return ApiResponse(admin_profile_view(made), "Compliance profile registered")


@endpoint(
    "GET",
    "/admin/compliance-profiles/{profile_id:str}",
    summary="One compliance profile",
    tag="Operators",
    scope="admin",
    data=AdminProfileView,
    errors=("not_found",),
    answer_example=_ADMIN_EXAMPLE,
)
async def one_profile(request: ApiRequest) -> ApiResponse:
    """Find one profile."""
    profile_id = id_in_path(request.path["profile_id"])
    found = (await request.read(lambda tx: find_profiles(tx, [profile_id]))).get(profile_id)
    if found is None or found.removed_at is not None:
        raise NotFound(_NO_PROFILE)
    return ApiResponse(admin_profile_view(found))


@endpoint(
    "PATCH",
    "/admin/compliance-profiles/{profile_id:str}",
    summary="Change a compliance profile",
    tag="Operators",
    scope="admin",
    body=ProfileChangeBody,
    data=AdminProfileView,
    errors=("not_found",),
    example={"valid_until": "2028-03-20T00:00:00Z"},
    answer_example={**_ADMIN_EXAMPLE, "valid_until": "2028-03-20T00:00:00Z"},
)
async def change_profile(request: ApiRequest) -> ApiResponse:
    """Write what was sent."""
    body: ProfileChangeBody = request.body
    command = _change(request)._replace(
        papers=body.papers,
        state=body.status,
        valid_until=instant_of("valid_until", body.valid_until),
        unlimited=body.unlimited,
        said=body.said,
    )
    changed = await request.services.writer.submit(change_registered, command)
    return ApiResponse(admin_profile_view(changed), "Compliance profile changed")


@endpoint(
    "DELETE",
    "/admin/compliance-profiles/{profile_id:str}",
    summary="Remove a compliance profile: no further order is sent with it",
    tag="Operators",
    scope="admin",
    data=AdminProfileView,
    errors=("not_found",),
    answer_example=_ADMIN_EXAMPLE,
)
async def remove_profile(request: ApiRequest) -> ApiResponse:
    """Remove a profile. Orders that are open go on with it."""
    removed = await request.services.writer.submit(change_registered, _change(request)._replace(remove=True))
    return ApiResponse(admin_profile_view(removed), "Compliance profile removed")


def _change(request: ApiRequest) -> ProfileChange:
    return ProfileChange(id_in_path(request.path["profile_id"]), request.now)
