"""Absences counted by a clock that only goes forward, and the time that two clocks agree on.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    # What was counted by the time of day stays to be seen, and proves nothing: no process counts it.
    op.add_column("carrier_orders", sa.Column("counted_by", TEXT, nullable=True))
    op.add_column("carrier_orders", sa.Column("counts", TEXT, nullable=True))
    op.create_table(
        "agreed_time",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("agreed_at", sa.BigInteger(), nullable=False),
        sa.Column("disputed_for", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_agreed_time_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreed_time")),
        sqlite_with_rowid=False,
    )
