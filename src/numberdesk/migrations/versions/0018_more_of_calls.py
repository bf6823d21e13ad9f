"""Feeds of call records, calls that are read from carriers with their cost, charges that are taken back.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    _partial("ix_calls_parked_of_source", "calls", ["source", "id"], "state = 'parked'")
    op.create_table(
        "call_feeds",
        *_texts("account_id", "name", "form"),
        *(sa.Column(name, TEXT, nullable=True) for name in ("mapping", "secret", "url")),
        *_wholes("created_at"),
        sa.CheckConstraint("form IN ('freeswitch', 'callback', 'mapping')", name=op.f("ck_call_feeds_form_known")),
        sa.CheckConstraint("(form = 'mapping') = (mapping IS NOT NULL)", name=op.f("ck_call_feeds_mapping_with_text")),
        sa.CheckConstraint("(secret IS NULL) = (url IS NULL)", name=op.f("ck_call_feeds_secret_with_url")),
        sa.CheckConstraint("secret IS NULL OR form = 'callback'", name=op.f("ck_call_feeds_secret_of_callbacks")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_call_feeds_account_id")),
        sa.PrimaryKeyConstraint("account_id", "name", name=op.f("pk_call_feeds")),
        sqlite_with_rowid=False,
    )
    _pulls()
    _reversals()


def _pulls() -> None:
    op.create_table(
        "call_pulls",
        *_texts("id", "carrier"),
        *_wholes("day"),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        *_wholes("attempts"),
        *_texts("message"),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in ("parked_at", "leased_until")),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in ("began_at", "ended_at")),
        *_wholes("listed"),
        sa.CheckConstraint("ended_at IS NULL OR next_at IS NULL", name=op.f("ck_call_pulls_ended_is_left_alone")),
        sa.CheckConstraint(
            "ended_at IS NOT NULL OR (next_at IS NULL) = (parked_at IS NOT NULL)",
            name=op.f("ck_call_pulls_due_or_parked"),
        ),
        sa.CheckConstraint("leased_until IS NULL OR next_at IS NOT NULL", name=op.f("ck_call_pulls_leased_while_due")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_pulls")),
        sqlite_with_rowid=False,
    )
    _partial("ix_call_pulls_due", "call_pulls", ["carrier", "next_at", "id"], "next_at IS NOT NULL")
    op.create_index("ix_call_pulls_carrier_day", "call_pulls", ["carrier", "day"])
    op.create_table(
        "call_costs",
        *_texts("call", "e164", "currency"),
        *_wholes("amount", "told_at"),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_call_costs_cost_not_negative")),
        sa.PrimaryKeyConstraint("call", name=op.f("pk_call_costs")),
        sqlite_with_rowid=False,
    )


def _reversals() -> None:
    op.create_table(
        "call_reversals",
        *_texts("id", "account_id", "call"),
        *_wholes("seconds", "per_minute", "connect", "minimum", "step", "billed", "amount", "owed"),
        *(sa.Column(name, TEXT, nullable=True) for name in ("transfer_id", "owed_transfer_id")),
        *_wholes("charged_at"),
        sa.Column("reversal_id", TEXT, nullable=True),
        *_wholes("reversed_at"),
        *_texts("reason"),
        sa.CheckConstraint("owed >= 0 AND owed <= amount", name=op.f("ck_call_reversals_owed_is_a_part")),
        sa.CheckConstraint(
            "(amount > 0) = (reversal_id IS NOT NULL)", name=op.f("ck_call_reversals_reversed_with_transfer")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_call_reversals_account_id")),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], name=op.f("fk_call_reversals_call")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_reversals")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_call_reversals_call", "call_reversals", ["call"])


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, TEXT, nullable=False) for name in names]


def _wholes(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _partial(name: str, table: str, columns: list[str], condition: str, *, unique: bool = False) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where)
