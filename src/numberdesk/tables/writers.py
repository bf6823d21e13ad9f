"""Where each process that writes to PostgreSQL notes its running transaction.

Touches: nothing.
"""

from __future__ import annotations

from sqlalchemy import Table

from numberdesk.tables.base import metadata, text, whole

# transactions: the number of the last one begun and committed. Only infra/postgres.py reads and writes it, to
# learn what became of a commit whose connection was cut; on SQLite a commit is certain and the table stays empty.
writers = Table(
    "writers",
    metadata,
    text("id", primary_key=True),
    whole("transactions"),
    whole("used_at"),
    sqlite_with_rowid=False,
)
