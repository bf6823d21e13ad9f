"""What carriers approved for accounts, by reference.

Touches: nothing.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, Table

from numberdesk.core.compliance import ProfileState
from numberdesk.tables.accounts import accounts
from numberdesk.tables.base import metadata, one_of, optional_whole, text, whole

# papers is JSON: the carrier's ids by the fields that its orders take. number_type is empty for all types. A removed
# one keeps its row: orders name it. tell_at is when its account is to be told next that it ends.
compliance_profiles = Table(
    "compliance_profiles",
    metadata,
    text("id", primary_key=True),
    text("account_id", ForeignKey(accounts.c.id)),
    text("carrier"),
    text("iso_country"),
    text("number_type"),
    text("papers"),
    text("state"),
    optional_whole("valid_until"),
    text("said"),
    whole("created_at"),
    whole("updated_at"),
    optional_whole("removed_at"),
    optional_whole("tell_at"),
    one_of("state", ProfileState),
    sqlite_with_rowid=False,
)
_THERE = compliance_profiles.c.removed_at.is_(None)
_TO_TELL = compliance_profiles.c.tell_at.is_not(None)
Index(
    "ix_compliance_profiles_of_account",
    compliance_profiles.c.account_id,
    compliance_profiles.c.id,
    sqlite_where=_THERE,
    postgresql_where=_THERE,
)
Index(
    "ix_compliance_profiles_to_tell",
    compliance_profiles.c.tell_at,
    compliance_profiles.c.id,
    sqlite_where=_TO_TELL,
    postgresql_where=_TO_TELL,
)
