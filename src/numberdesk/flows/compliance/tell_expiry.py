"""Tell accounts that a compliance profile ends in a month, and that it has ended.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from numberdesk.carriers.compliance_store import change_profiles, lock_to_tell
from numberdesk.core.compliance import ComplianceProfile, ProfileState, ended
from numberdesk.core.periods import iso_seconds
from numberdesk.infra.db import Tx
from numberdesk.outbox.model import COMPLIANCE_EXPIRED, COMPLIANCE_EXPIRING, Event
from numberdesk.outbox.store import insert_events

MOST_TOLD: Final = 100
"""Profiles that one transaction tells of."""


class TellExpiry(NamedTuple):
    """Tell of what ends by `past`, which has surely passed, since an event cannot be taken back; at `now`."""

    past: int
    now: int


class ExpiryTold(NamedTuple):
    """How many were told of, and whether there may be more."""

    told: int
    left: bool


def tell_expiry(tx: Tx, commands: Sequence[TellExpiry]) -> list[ExpiryTold]:
    """The write flow: one round for each command."""
    return [_tell(tx, command) for command in commands]


def _tell(tx: Tx, command: TellExpiry) -> ExpiryTold:
    due = lock_to_tell(tx, command.past, MOST_TOLD)
    after = [ended(one, command.past) for one in due]
    change_profiles(tx, after)
    insert_events(tx, [_event(one, command.now) for one in after])
    return ExpiryTold(len(due), len(due) == MOST_TOLD)


def _event(profile: ComplianceProfile, now: int) -> Event:
    valid_until = profile.valid_until or 0
    payload = {
        "id": profile.id,
        "iso_country": profile.iso_country,
        "number_type": profile.number_type,
        "valid_until": iso_seconds(valid_until),
    }
    row_id = f"{profile.id}_{valid_until}"  # so that each end is told once
    if profile.state is ProfileState.EXPIRED:
        return COMPLIANCE_EXPIRED.event(row_id, profile.account_id, payload, now)
    return COMPLIANCE_EXPIRING.event(row_id, profile.account_id, payload, now)
