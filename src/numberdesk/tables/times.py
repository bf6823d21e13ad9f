"""How far the time has come that two clocks agree on.

Touches: nothing.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Table

from numberdesk.tables.base import metadata, whole

# One row for all processes (core/agreed_time.py). disputed_for is how long the time of day has disagreed by now.
agreed_time = Table(
    "agreed_time",
    metadata,
    Column("id", whole("_").type, primary_key=True, nullable=False, autoincrement=False),
    whole("agreed_at"),
    whole("disputed_for"),
    CheckConstraint("id = 1", name="one_row"),
    sqlite_with_rowid=False,
)
