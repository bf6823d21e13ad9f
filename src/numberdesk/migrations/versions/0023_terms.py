"""What is given back of rent, terms of accounts for it, rate decks, and how far old calls are erased.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    _policies()
    _decks()
    op.create_table(
        "call_erasures",
        *_texts("kind", "after_id"),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_call_erasures")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rent_refunds",
        *_texts("id", "rental_id"),
        *_wholes("period"),
        *_texts("account_id", "e164"),
        *_wholes("amount"),
        *_texts("transfer_id"),
        *_wholes("created_at"),
        sa.CheckConstraint("period >= 0 AND amount > 0", name=op.f("ck_rent_refunds_period_and_amount")),
        sa.ForeignKeyConstraint(["rental_id"], ["rentals.id"], name=op.f("fk_rent_refunds_rental_id")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_rent_refunds_account_id")),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfers.id"], name=op.f("fk_rent_refunds_transfer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rent_refunds")),
        sqlite_with_rowid=False,
    )
    op.create_index("uq_rent_refunds_rental", "rent_refunds", ["account_id", "rental_id"], unique=True)


def _decks() -> None:
    op.create_table(
        "rate_decks",
        *_texts("id", "name", "currency"),
        *_wholes("since", "rows", "created_at"),
        sa.Column("published_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("rows >= 0", name=op.f("ck_rate_decks_rows_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rate_decks")),
        sqlite_with_rowid=False,
    )
    where = sa.text("published_at IS NOT NULL")
    op.create_index(
        "uq_rate_decks_name_since",
        "rate_decks",
        ["name", "since"],
        unique=True,
        sqlite_where=where,
        postgresql_where=where,
    )
    op.create_table(
        "rate_deck_rows",
        *_texts("deck_id", "prefix"),
        *_wholes("per_minute", "connect", "minimum", "step"),
        sa.CheckConstraint("per_minute >= 0 AND connect >= 0", name=op.f("ck_rate_deck_rows_rates_not_negative")),
        sa.CheckConstraint("minimum > 0 AND step > 0", name=op.f("ck_rate_deck_rows_increments_positive")),
        sa.PrimaryKeyConstraint("deck_id", "prefix", name=op.f("pk_rate_deck_rows")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rate_deck_choices",
        *_texts("account_id"),
        *_wholes("since"),
        sa.Column("name", TEXT, nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_rate_deck_choices_account_id")),
        sa.PrimaryKeyConstraint("account_id", "since", name=op.f("pk_rate_deck_choices")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_rate_deck_choices_name_account_id", "rate_deck_choices", ["name", "account_id"])


def _policies() -> None:
    """One engine adds no constraint to a table that there is, so it is made anew."""
    op.execute("CREATE TABLE rent_policies_before AS SELECT * FROM rent_policies")
    op.drop_table("rent_policies")
    op.create_table(
        "rent_policies",
        *_texts("account_id"),
        sa.Column("grace_hours", sa.BigInteger(), nullable=True),
        sa.Column("notice_days", sa.BigInteger(), nullable=True),
        *(sa.Column(name, TEXT, nullable=True) for name in ("reminder_days", "missed")),
        *_wholes("updated_at"),
        sa.Column("proration", TEXT, nullable=True),
        sa.Column("auto_renew", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("grace_hours >= 0 AND notice_days >= 0", name=op.f("ck_rent_policies_not_negative")),
        sa.CheckConstraint("missed IN ('charged', 'waived')", name=op.f("ck_rent_policies_missed_known")),
        sa.CheckConstraint("proration IN ('none', 'release')", name=op.f("ck_rent_policies_proration_known")),
        sa.CheckConstraint("auto_renew >= 0 AND auto_renew <= 1", name=op.f("ck_rent_policies_auto_renew_or_not")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_rent_policies_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_rent_policies")),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO rent_policies SELECT *, NULL, NULL FROM rent_policies_before")
    op.drop_table("rent_policies_before")
    where = sa.text("auto_renew = 0")
    op.create_index(
        "ix_rent_policies_ends",
        "rent_policies",
        ["account_id"],
        unique=False,
        sqlite_where=where,
        postgresql_where=where,
    )


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, TEXT, nullable=False) for name in names]


def _wholes(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]
