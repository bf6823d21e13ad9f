"""Papers for numbers that are not sold to everybody: what a carrier approved for an account, by reference.

Touches: nothing.

The papers themselves stand with the carrier. What is kept is its id of what it approved, for an account, a carrier
account, a country and a type of number, and until when that is good. Instants are microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from numberdesk.core.rental import DAY

NOTICE: Final = 30 * DAY
"""How long before a profile ends its account is told."""


EMERGENCY_ADDRESS_ID: Final = "emergency_address_id"
"""The field that names an address for emergency calls: numbers are given it once they are bought, orders are not."""


class ProfileState(StrEnum):
    """How a profile stands with its carrier. Orders send approved ones only."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Requirement(StrEnum):
    """What an offer asks for before it is sold."""

    ADDRESS = "address"  # a registered address
    LOCAL_ADDRESS = "local_address"  # one in the area of the number
    FOREIGN_ADDRESS = "foreign_address"  # one outside of the country
    DOCUMENTS = "documents"  # what the carrier asks for in this country, as identity or proof of address


class ComplianceProfile(NamedTuple):
    """What a carrier has of an account. `papers` are the carrier's ids, by the fields that orders there take.

    Without a `number_type` it is good for all types. One that was removed keeps its row, since orders name it.
    `tell_at` is when its account is to be told next that it ends.
    """

    id: str
    account_id: str
    carrier: str
    iso_country: str
    number_type: str
    papers: Mapping[str, str]
    state: ProfileState
    valid_until: int | None
    said: str
    created_at: int
    updated_at: int
    removed_at: int | None = None
    tell_at: int | None = None

    @property
    def of_orders(self) -> dict[str, str]:
        """The papers that orders are sent with."""
        return {name: value for name, value in self.papers.items() if name != EMERGENCY_ADDRESS_ID}

    def is_good(self, now: int) -> bool:
        """Whether orders may be sent with it."""
        unexpired = self.valid_until is None or now < self.valid_until
        return self.state is ProfileState.APPROVED and self.removed_at is None and unexpired


def profile_for(
    profiles: Iterable[ComplianceProfile], carrier: str, iso_country: str, number_type: str, now: int
) -> ComplianceProfile | None:
    """The profile that an order for such a number is sent with: of its type before any, then the one good longest."""
    fitting = [
        one
        for one in profiles
        if (one.carrier, one.iso_country) == (carrier, iso_country)
        and one.number_type in ("", number_type)
        and one.of_orders
        and one.is_good(now)
    ]
    return max(fitting, key=_rank, default=None)


def _rank(profile: ComplianceProfile) -> tuple[bool, bool, int, str]:
    return bool(profile.number_type), profile.valid_until is None, profile.valid_until or 0, profile.id


def tell_at(profile: ComplianceProfile) -> int | None:
    """When the account of a profile that was just written is to be told that it ends; None where that never comes."""
    if profile.removed_at is not None or profile.state is not ProfileState.APPROVED or profile.valid_until is None:
        return None
    return profile.valid_until - NOTICE


def ended(profile: ComplianceProfile, now: int) -> ComplianceProfile:
    """A profile whose end has come, or comes soon: expired, or to be told of again when it ends."""
    if profile.is_good(now):
        return profile._replace(tell_at=profile.valid_until)
    return profile._replace(state=ProfileState.EXPIRED, tell_at=None, updated_at=max(now, profile.updated_at))
