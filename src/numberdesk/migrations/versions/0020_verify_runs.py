"""The last check of the books that found them in order, and the last that did not.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "verify_runs",
        sa.Column("outcome", TEXT, nullable=False),
        sa.Column("ran_at", sa.BigInteger(), nullable=False),
        sa.Column("violations", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("outcome IN ('ok', 'broken')", name=op.f("ck_verify_runs_outcome_known")),
        sa.CheckConstraint("(outcome = 'ok') = (violations = 0)", name=op.f("ck_verify_runs_ok_without_violations")),
        sa.PrimaryKeyConstraint("outcome", name=op.f("pk_verify_runs")),
        sqlite_with_rowid=False,
    )
