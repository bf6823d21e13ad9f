"""When the books were checked last.

Touches: nothing.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Table

from numberdesk.core.invariants import RunOutcome
from numberdesk.tables.base import metadata, one_of, text, whole

# The last run of verify with each outcome: two rows at most.
verify_runs = Table(
    "verify_runs",
    metadata,
    text("outcome", primary_key=True),
    whole("ran_at"),
    whole("violations"),
    one_of("outcome", RunOutcome),
    CheckConstraint("(outcome = 'ok') = (violations = 0)", name="ok_without_violations"),
    sqlite_with_rowid=False,
)
