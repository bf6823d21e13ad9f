"""Statements may be of months of an account's own time zone.

Touches: database.

Accounts that are there stay with UTC.
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "time_zone_changes",
        *(sa.Column(name, TEXT, nullable=False) for name in ("account_id", "from_month", "time_zone")),
        sa.CheckConstraint(
            "from_month > '1970' AND from_month < '9999' AND time_zone <> ''",
            name=op.f("ck_time_zone_changes_month_and_zone"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_time_zone_changes_account_id")),
        sa.PrimaryKeyConstraint("account_id", "from_month", name=op.f("pk_time_zone_changes")),
        sqlite_with_rowid=False,
    )
