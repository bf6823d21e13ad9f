"""Compliance profiles, what offers ask for, the profile that an order is sent with; settings of numbers.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "compliance_profiles",
        *_texts("id", "account_id", "carrier", "iso_country", "number_type", "papers", "state"),
        sa.Column("valid_until", sa.BigInteger(), nullable=True),
        *_texts("said"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("removed_at", sa.BigInteger(), nullable=True),
        sa.Column("tell_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('draft', 'submitted', 'in_review', 'approved', 'rejected', 'expired')",
            name=op.f("ck_compliance_profiles_state_known"),
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_compliance_profiles_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_compliance_profiles")),
        sqlite_with_rowid=False,
    )
    _partial("ix_compliance_profiles_of_account", ["account_id", "id"], "removed_at IS NULL")
    _partial("ix_compliance_profiles_to_tell", ["tell_at", "id"], "tell_at IS NOT NULL")
    op.add_column("offers", sa.Column("requires", TEXT, nullable=False, server_default=""))
    op.add_column("orders", sa.Column("profile_id", TEXT, nullable=True))
    _create_settings()


def _create_settings() -> None:
    op.create_table(
        "number_settings",
        *_texts("rental_id", "account_id", "carrier", "e164"),
        sa.Column("carrier_reference", TEXT, nullable=True),
        *_texts("emergency_address", "caller_name"),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        *_texts("state"),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        *_texts("message"),
        sa.Column("parked_at", sa.BigInteger(), nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.Column("may_have", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("look_at", sa.BigInteger(), nullable=True),
        *(
            sa.CheckConstraint(condition, name=op.f(f"ck_number_settings_{name}"))
            for name, condition in {
                "state_known": "state IN ('none', 'pending', 'active', 'failed', 'unsupported', 'drifted')",
                "counts": "generation > 0 AND may_have >= 0",
                "settled_or_open": "(state IN ('pending', 'failed')) = (settled_at IS NULL)",
                "settled_is_left_alone": "settled_at IS NULL OR next_at IS NULL",
                "due_or_parked": "settled_at IS NOT NULL OR (next_at IS NULL) = (parked_at IS NOT NULL)",
                "leased_while_due": "leased_until IS NULL OR next_at IS NOT NULL",
            }.items()
        ),
        sa.ForeignKeyConstraint(["rental_id"], ["rentals.id"], name=op.f("fk_number_settings_rental_id")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_number_settings_account_id")),
        sa.PrimaryKeyConstraint("rental_id", name=op.f("pk_number_settings")),
        sqlite_with_rowid=False,
    )
    table = "number_settings"
    _partial("ix_number_settings_due", ["carrier", "next_at", "rental_id"], "next_at IS NOT NULL", table)
    _partial("ix_number_settings_may_have", ["e164", "carrier"], "may_have = 1", table)
    _partial("ix_number_settings_look_at", ["look_at", "rental_id"], "look_at IS NOT NULL", table)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, TEXT, nullable=False) for name in names]


def _partial(name: str, columns: list[str], condition: str, table: str = "compliance_profiles") -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
