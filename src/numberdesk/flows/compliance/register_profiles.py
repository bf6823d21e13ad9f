"""Register what a carrier approved for an account, by reference; change it, remove it.

Touches: database.

Accounts are locked by nobody here: a profile is written beside orders, and counts for those that are decided after it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from numberdesk.accounts.model import Account
from numberdesk.accounts.store import find_accounts
from numberdesk.carriers.compliance_store import change_profiles, count_profiles, insert_profiles, lock_profiles
from numberdesk.carriers.port import CarrierAccount
from numberdesk.carriers.registry import profile_fields
from numberdesk.carriers.store import find_carriers_named
from numberdesk.catalog.rules import CARRIER_NAME
from numberdesk.core.compliance import ComplianceProfile, ProfileState, tell_at
from numberdesk.core.errors import InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.lifecycle import AccountKind
from numberdesk.infra.db import Tx
from numberdesk.infra.numbering import is_country

MOST_PROFILES: Final = 200
"""Profiles of an account."""

MOST_PAPERS: Final = 10
LONGEST_SAID: Final = 300
"""Ids at a carrier, and signs of what is said of a profile."""

_FIELD: Final = re.compile(r"[a-z0-9_]{1,40}", re.ASCII)
_PAPER: Final = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
_NO_PROFILE: Final = "There is no such compliance profile."


class ProfileChange(NamedTuple):
    """What is to change of a profile; None leaves it as it is. `unlimited`: it ends no more."""

    profile_id: str
    now: int
    papers: Mapping[str, str] | None = None
    state: ProfileState | None = None
    valid_until: int | None = None
    unlimited: bool = False
    said: str | None = None
    remove: bool = False


def register_profiles(tx: Tx, commands: Sequence[ComplianceProfile]) -> list[ComplianceProfile | NumberdeskError]:
    """The write flow: new profiles, as they are kept."""
    accounts = find_accounts(tx, {one.account_id for one in commands})
    carriers = find_carriers_named(tx, {one.carrier for one in commands})
    outcomes: list[ComplianceProfile | NumberdeskError] = []
    for new in commands:
        error = _unregistrable(new) or _unplaced(tx, new, accounts.get(new.account_id), carriers.get(new.carrier))
        if error is None:
            kept = new._replace(tell_at=tell_at(new))
            insert_profiles(tx, [kept])
            outcomes.append(kept)
        else:
            outcomes.append(error)
    return outcomes


def _unregistrable(new: ComplianceProfile) -> InvalidRequest | None:
    """What can be no profile of anybody."""
    if not is_country(new.iso_country):
        return InvalidRequest("iso_country", "must be a country of two letters, like DE")
    if not CARRIER_NAME.fullmatch(new.carrier):
        return InvalidRequest("carrier", "must be one that is connected")
    return _malformed(new.papers, new.said)


def _unplaced(
    tx: Tx, new: ComplianceProfile, account: Account | None, carrier: CarrierAccount | None
) -> NumberdeskError | None:
    """Why this account has no such profile at this carrier."""
    if account is None or account.kind is AccountKind.OPERATOR:
        return NotFound("There is no such account of a customer.")
    if carrier is None:
        return InvalidRequest("carrier", "must be one that is connected")
    if count_profiles(tx, new.account_id) >= MOST_PROFILES:
        return InvalidRequest("account_id", f"has {MOST_PROFILES} compliance profiles, which is the most")
    return _wrong(new, carrier.kind, new.created_at)


def change_registered(tx: Tx, commands: Sequence[ProfileChange]) -> list[ComplianceProfile | NumberdeskError]:
    """The write flow: profiles as they are then. Orders that were opened go on with what they were opened with."""
    there = lock_profiles(tx, [one.profile_id for one in commands])
    carriers = find_carriers_named(tx, {one.carrier for one in there.values()})
    outcomes: list[ComplianceProfile | NumberdeskError] = []
    for command in commands:
        malformed = _malformed(command.papers or {}, command.said or "")
        if malformed is not None:
            outcomes.append(malformed)
            continue
        before = there.get(command.profile_id)
        if before is None or before.removed_at is not None:
            outcomes.append(NotFound(_NO_PROFILE))
            continue
        after = _changed(before, command)
        error = None if command.remove else _wrong(after, carriers[after.carrier].kind, command.now)
        if error is None:
            there[after.id] = after
            change_profiles(tx, [after])
        outcomes.append(after if error is None else error)
    return outcomes


def _changed(before: ComplianceProfile, command: ProfileChange) -> ComplianceProfile:
    if command.remove:
        return before._replace(removed_at=command.now, updated_at=max(command.now, before.updated_at), tell_at=None)
    valid_until = before.valid_until if command.valid_until is None else command.valid_until
    after = before._replace(
        papers=before.papers if command.papers is None else command.papers,
        state=_state(before, command),
        valid_until=None if command.unlimited else valid_until,
        said=before.said if command.said is None else command.said,
        updated_at=max(command.now, before.updated_at),
    )
    same_end = (after.state, after.valid_until) == (before.state, before.valid_until)
    return after._replace(tell_at=before.tell_at if same_end else tell_at(after))


def _state(before: ComplianceProfile, command: ProfileChange) -> ProfileState:
    """What is said; else as it was, but that one which had ended is good again once its end is put off."""
    if command.state is not None:
        return command.state
    put_off = command.unlimited or (command.valid_until is not None and command.valid_until > command.now)
    return ProfileState.APPROVED if put_off and before.state is ProfileState.EXPIRED else before.state


def _wrong(profile: ComplianceProfile, kind: str, now: int) -> InvalidRequest | None:
    """What of a profile cannot be so."""
    fields = profile_fields(kind)
    if not fields:
        return InvalidRequest("carrier", f"is at {kind}, which takes no papers")
    ended = profile.valid_until is not None and profile.valid_until <= now
    if ended and profile.state is ProfileState.APPROVED:
        return InvalidRequest("valid_until", "is over already")
    return _wrong_papers(profile, fields)


def _malformed(papers: Mapping[str, str], said: str) -> InvalidRequest | None:
    """What can be nothing of any profile."""
    if len(said) > LONGEST_SAID or not said.isprintable():
        return InvalidRequest("said", f"must be at most {LONGEST_SAID} printable characters")
    if len(papers) > MOST_PAPERS or not all(map(_FIELD.fullmatch, papers)):
        return InvalidRequest("papers", f"must be at most {MOST_PAPERS}, under names like bundle_sid")
    return None


def _wrong_papers(profile: ComplianceProfile, fields: tuple[str, ...]) -> InvalidRequest | None:
    for name, value in profile.papers.items():
        if name not in fields:
            return InvalidRequest("papers", f"may have {', '.join(fields)}, and nothing else")
        if not _PAPER.fullmatch(value):
            return InvalidRequest("papers", f"needs an id of letters, digits, - and _ as {name}")
    if not profile.papers and profile.state is ProfileState.APPROVED:
        return InvalidRequest("papers", f"must have at least one of {', '.join(fields)}")
    return None
