"""The SQL of compliance profiles: what carriers approved for accounts, by reference.

Touches: compliance_profiles.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import func, select

from numberdesk.core.compliance import ComplianceProfile, ProfileState
from numberdesk.core.kept_json import fields_of
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows, SelectSet, UpdateRows, in_set
from numberdesk.tables import compliance_profiles

_COLUMNS: Final = tuple(compliance_profiles.c[name] for name in ComplianceProfile._fields)
_CHANGED: Final = ("papers", "state", "valid_until", "said", "updated_at", "removed_at", "tell_at")
_THERE: Final = compliance_profiles.c.removed_at.is_(None)
_BY_ID: Final = select(*_COLUMNS).where(in_set(compliance_profiles.c.id, "ids"))
_FIND: Final = SelectSet(_BY_ID, "ids")
_LOCK: Final = SelectSet(_BY_ID.order_by(compliance_profiles.c.id).with_for_update(), "ids")
_OF_ACCOUNTS: Final = SelectSet(select(*_COLUMNS).where(in_set(compliance_profiles.c.account_id, "ids"), _THERE), "ids")
_INSERT: Final = InsertRows(compliance_profiles, ComplianceProfile._fields)
_CHANGE: Final = UpdateRows(compliance_profiles, "id", *_CHANGED)


def insert_profiles(tx: Tx, new: Sequence[ComplianceProfile]) -> None:
    """Record profiles."""
    _INSERT.run(tx, [_row(one, ComplianceProfile._fields) for one in new])


def change_profiles(tx: Tx, changed: Sequence[ComplianceProfile]) -> None:
    """Write profiles back."""
    _CHANGE.run(tx, [(one.id, *_row(one, _CHANGED)) for one in changed])


def find_profiles(tx: Tx, ids: Iterable[str]) -> dict[str, ComplianceProfile]:
    """Profiles by id, those that were removed too."""
    return {row.id: _profile_of(row) for row in _FIND.run(tx, ids=ids)}


def lock_profiles(tx: Tx, ids: Iterable[str]) -> dict[str, ComplianceProfile]:
    """The same, locked in sorted order until the transaction ends."""
    return {row.id: _profile_of(row) for row in _LOCK.run(tx, ids=ids)}


def profiles_of(tx: Tx, account_ids: Iterable[str]) -> dict[str, list[ComplianceProfile]]:
    """The profiles of accounts, without those that were removed; an account has a bounded number."""
    found: dict[str, list[ComplianceProfile]] = {}
    for row in _OF_ACCOUNTS.run(tx, ids=account_ids):
        found.setdefault(row.account_id, []).append(_profile_of(row))
    return found


def count_profiles(tx: Tx, account_id: str) -> int:
    """How many an account has."""
    query = select(func.count()).where(compliance_profiles.c.account_id == account_id, _THERE)
    return int(tx.execute(query).scalar_one())


def list_profiles(
    tx: Tx, account_id: str | None, *, ends_before: int | None = None, after_id: str | None = None, limit: int
) -> list[ComplianceProfile]:
    """Profiles in the order of their making: of an account, or of all; only those that end before an instant."""
    query = select(*_COLUMNS).where(_THERE)
    if account_id is not None:
        query = query.where(compliance_profiles.c.account_id == account_id)
    if ends_before is not None:
        query = query.where(compliance_profiles.c.valid_until < ends_before)
    if after_id is not None:
        query = query.where(compliance_profiles.c.id > after_id)
    return [_profile_of(row) for row in tx.execute(query.order_by(compliance_profiles.c.id).limit(limit))]


def lock_to_tell(tx: Tx, now: int, limit: int) -> list[ComplianceProfile]:
    """Profiles whose accounts are to be told by now that they end, those of others' transactions left out, locked."""
    columns = compliance_profiles.c
    query = (
        select(*_COLUMNS)
        .where(columns.tell_at <= now)
        .order_by(columns.tell_at, columns.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [_profile_of(row) for row in tx.execute(query)]


def has_to_tell(tx: Tx, now: int) -> bool:
    """Whether any account is to be told by now."""
    query = select(compliance_profiles.c.id).where(compliance_profiles.c.tell_at <= now).limit(1)
    return tx.execute(query).first() is not None


def count_lapsing(tx: Tx, before: int) -> int:
    """How many approved profiles, or expired ones that nobody removed, end before an instant."""
    ends = compliance_profiles.c.valid_until < before
    states = compliance_profiles.c.state.in_((ProfileState.APPROVED.value, ProfileState.EXPIRED.value))
    query = select(func.count()).select_from(compliance_profiles).where(_THERE, ends, states)
    return int(tx.execute(query).scalar_one())


def _row(profile: ComplianceProfile, names: Sequence[str]) -> tuple[Any, ...]:
    values = {
        **profile._asdict(),
        "papers": json.dumps(dict(profile.papers), sort_keys=True),
        "state": profile.state.value,
    }
    return tuple(values[name] for name in names)


def _profile_of(row: Any) -> ComplianceProfile:
    values = dict(zip(ComplianceProfile._fields, row, strict=True))
    values["papers"], values["state"] = fields_of(row.papers), ProfileState(row.state)
    return ComplianceProfile(**values)
