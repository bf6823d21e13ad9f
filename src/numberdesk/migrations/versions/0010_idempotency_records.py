"""The answers stored under idempotency keys are called idempotency records.

Touches: database.

The table is made anew and filled from the old one, since SQLite cannot rename a constraint.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
COLUMNS = (
    "account_id, key, e164, monthly, inbound, outbound, request_id, order_id, error_code, error_message, "
    "error_details, created_at, setup"
)
REFUSALS = "order_id IS NULL"


def upgrade() -> None:
    op.create_table(
        "idempotency_records",
        sa.Column("account_id", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("e164", TEXT, nullable=False),
        sa.Column("monthly", sa.BigInteger(), nullable=False),
        sa.Column("inbound", sa.BigInteger(), nullable=True),
        sa.Column("outbound", sa.BigInteger(), nullable=True),
        sa.Column("request_id", TEXT, nullable=False),
        sa.Column("order_id", TEXT, nullable=True),
        sa.Column("error_code", TEXT, nullable=True),
        sa.Column("error_message", TEXT, nullable=True),
        sa.Column("error_details", TEXT, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("setup", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(order_id IS NULL) <> (error_code IS NULL)", name=op.f("ck_idempotency_records_order_or_refusal")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_idempotency_records_account_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_idempotency_records_order_id")),
        sa.PrimaryKeyConstraint("account_id", "key", name=op.f("pk_idempotency_records")),
        sqlite_with_rowid=False,
    )
    op.execute(f"INSERT INTO idempotency_records ({COLUMNS}) SELECT {COLUMNS} FROM answers")  # noqa: S608  no user text
    op.drop_table("answers")
    op.create_index("ix_idempotency_records_created_at", "idempotency_records", ["created_at"], unique=False)
    op.create_index("ix_idempotency_records_order_id", "idempotency_records", ["order_id"], unique=False)
    op.create_index(
        "ix_idempotency_records_refusals",
        "idempotency_records",
        ["account_id", "created_at", "key"],
        unique=False,
        sqlite_where=sa.text(REFUSALS),
        postgresql_where=sa.text(REFUSALS),
    )
