"""Compliance profiles.

Touches: nothing.
"""

from __future__ import annotations

import msgspec

from numberdesk.core.compliance import ComplianceProfile, ProfileState
from numberdesk.core.periods import iso_or_none, iso_seconds
from numberdesk.views.formats import AccountId, Country, Instant, NumberTypeOrAny, ProfileId


class ProfileView(msgspec.Struct, frozen=True):
    """What is approved of an account, as its customer sees it: not where."""

    id: ProfileId
    iso_country: Country
    number_type: NumberTypeOrAny
    status: ProfileState
    valid_until: Instant | None
    created_at: Instant
    updated_at: Instant


class AdminProfileView(ProfileView, frozen=True):
    """The same as the operator sees it, with the carrier's ids."""

    account_id: AccountId
    carrier: str
    papers: dict[str, str]
    said: str


def profile_view(profile: ComplianceProfile) -> ProfileView:
    """A profile of the one who asks."""
    return ProfileView(
        id=profile.id,
        iso_country=profile.iso_country,
        number_type=profile.number_type,
        status=profile.state,
        valid_until=iso_or_none(profile.valid_until),
        created_at=iso_seconds(profile.created_at),
        updated_at=iso_seconds(profile.updated_at),
    )


def admin_profile_view(profile: ComplianceProfile) -> AdminProfileView:
    """A profile of anybody."""
    return AdminProfileView(
        **msgspec.structs.asdict(profile_view(profile)),
        account_id=profile.account_id,
        carrier=profile.carrier,
        papers=dict(profile.papers),
        said=profile.said,
    )
