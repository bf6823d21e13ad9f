"""Calls, the terms by which they are charged, and what accounts owe for them.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
DIRECTIONS = "direction IN ('inbound', 'outbound')"


def upgrade() -> None:
    _partial("ix_transfers_without_wallet", "transfers", ["debit", "id"], "account_id IS NULL")
    _partial("ix_rentals_had_number", "rentals", ["e164", "released_at"], "released_at IS NOT NULL")
    _calls()
    op.create_table(
        "receivables",
        *_texts("id", "account_id", "currency"),
        *_wholes("owed", "opened_at"),
        sa.Column("paid_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "owed >= 0 AND (owed = 0) = (paid_at IS NOT NULL)", name=op.f("ck_receivables_owed_until_paid")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_receivables_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receivables")),
        sqlite_with_rowid=False,
    )
    _partial("uq_receivables_unpaid", "receivables", ["account_id"], "paid_at IS NULL", unique=True)
    op.create_table(
        "usage_sources",
        *_texts("account_id", "rental_id"),
        *_wholes("since"),
        *_texts("source"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_usage_sources_account_id")),
        sa.ForeignKeyConstraint(["rental_id"], ["rentals.id"], name=op.f("fk_usage_sources_rental_id")),
        sa.PrimaryKeyConstraint("account_id", "rental_id", "since", name=op.f("pk_usage_sources")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "usage_rates",
        *_texts("account_id", "rental_id", "direction"),
        *_wholes("per_minute", "set_at"),
        sa.CheckConstraint(DIRECTIONS, name=op.f("ck_usage_rates_direction_known")),
        sa.CheckConstraint("per_minute >= 0", name=op.f("ck_usage_rates_rate_not_negative")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_usage_rates_account_id")),
        sa.ForeignKeyConstraint(["rental_id"], ["rentals.id"], name=op.f("fk_usage_rates_rental_id")),
        sa.PrimaryKeyConstraint("account_id", "rental_id", "direction", name=op.f("pk_usage_rates")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "call_terms",
        *_texts("carrier"),
        *_wholes("since"),
        sa.Column("source", TEXT, nullable=True),
        *_wholes("connect", "minimum", "step"),
        sa.CheckConstraint("connect >= 0 AND minimum > 0 AND step > 0", name=op.f("ck_call_terms_increments_positive")),
        sa.PrimaryKeyConstraint("carrier", "since", name=op.f("pk_call_terms")),
        sqlite_with_rowid=False,
    )


def _calls() -> None:
    optional = ("answered_at", "ended_at", "seconds")
    terms = ("per_minute", "connect", "minimum", "step", "billed", "amount")
    op.create_table(
        "calls",
        *_texts("id", "source", "call_id", "leg", "direction", "e164", "other"),
        *_wholes("started_at"),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in optional),
        *_texts("disposition", "state"),
        *(sa.Column(name, TEXT, nullable=True) for name in ("reason", "account_id", "rental_id", "currency")),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in terms),
        *_wholes("owed"),
        *(sa.Column(name, TEXT, nullable=True) for name in ("transfer_id", "owed_transfer_id")),
        *_wholes("received_at"),
        sa.Column("charged_at", sa.BigInteger(), nullable=True),
        *(
            sa.CheckConstraint(check, name=op.f(f"ck_calls_{name}"))
            for name, check in (
                ("direction_known", DIRECTIONS),
                ("state_known", "state IN ('charged', 'witness', 'parked')"),
                ("reason_known", "reason IN ('not_rented', 'no_source', 'no_duration', 'not_priced', 'too_dear')"),
                ("parked_with_reason", "(state = 'parked') = (reason IS NOT NULL)"),
                ("charged_with_amount", "(state = 'charged') = (amount IS NOT NULL)"),
                ("charged_with_time", "(state = 'charged') = (charged_at IS NOT NULL)"),
                ("of_a_rental", "state = 'parked' OR rental_id IS NOT NULL"),
                ("account_of_rental", "(account_id IS NULL) = (rental_id IS NULL)"),
                ("owed_is_a_part", "owed >= 0 AND (owed = 0 OR owed <= amount)"),
                ("owed_with_transfer", "(owed > 0) = (owed_transfer_id IS NOT NULL)"),
                ("seconds_not_negative", "seconds >= 0"),
            )
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_calls_account_id")),
        sa.ForeignKeyConstraint(["rental_id"], ["rentals.id"], name=op.f("fk_calls_rental_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls")),
        sqlite_with_rowid=False,
    )
    op.create_index("uq_calls_source_call_id_leg", "calls", ["source", "call_id", "leg"], unique=True)
    op.create_index("ix_calls_account_id_started_at_id", "calls", ["account_id", "started_at", "id"], unique=False)
    _partial("ix_calls_parked", "calls", ["id"], "state = 'parked'")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, TEXT, nullable=False) for name in names]


def _wholes(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _partial(name: str, table: str, columns: list[str], condition: str, *, unique: bool = False) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where)
