"""Lines of statements are found by when they were posted, and purchases may be capped, low balances told.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_index("ix_transfers_account_id_created_at_entry", "transfers", ["account_id", "created_at", "entry"])
    _partial("ix_transfers_debt_payments", "transfers", ["account_id", "entry"], "kind = 'debt_payment'")
    _partial("ix_transfers_without_wallet_credit", "transfers", ["credit", "id"], "account_id IS NULL")
    for name in ("transfer_id", "owed_transfer_id"):
        _partial(f"ix_calls_{name}", "calls", [name], f"{name} IS NOT NULL")
    op.add_column("orders", sa.Column("key_id", TEXT, nullable=True))
    op.add_column("orders", sa.Column("counted_at", sa.BigInteger(), nullable=True))
    counted = ["account_id", "counted_at", "key_id", "state", "price", "setup"]
    _partial("ix_orders_counted", "orders", counted, "counted_at IS NOT NULL")
    op.add_column("receivables", sa.Column("suspended_at", sa.BigInteger(), nullable=True))
    op.add_column("wallets", sa.Column("capped", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("wallets", sa.Column("alert_below", sa.BigInteger(), nullable=True))
    op.add_column("wallets", sa.Column("alerts", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("wallets", sa.Column("alerted_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "spend_caps",
        *(sa.Column(name, TEXT, nullable=False) for name in ("owner_id", "account_id")),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in ("per_purchase", "per_day", "per_month")),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "per_purchase >= 0 AND per_day >= 0 AND per_month >= 0", name=op.f("ck_spend_caps_caps_not_negative")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_spend_caps_account_id")),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_spend_caps")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_spend_caps_account_id", "spend_caps", ["account_id"])
    op.create_table(
        "balance_alerts",
        *(sa.Column(name, TEXT, nullable=False) for name in ("id", "account_id")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("below", "balance", "created_at")),
        sa.CheckConstraint("balance < below", name=op.f("ck_balance_alerts_is_below")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_balance_alerts_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_balance_alerts")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_balance_alerts_account_id_created_at", "balance_alerts", ["account_id", "created_at"])


def _partial(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=False, sqlite_where=where, postgresql_where=where)
