"""Which way the charges of calls are rounded, where it is not up; what a purchase with a key said of it.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    for table in ("calls", "usage_sessions", "call_reversals", "idempotency_records"):
        op.add_column(table, sa.Column("rounding", TEXT, nullable=True))
