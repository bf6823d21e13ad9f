"""Compliance profiles, what offers ask for, and the profile that an order is sent with.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0020"

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


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, TEXT, nullable=False) for name in names]


def _partial(name: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, "compliance_profiles", columns, sqlite_where=where, postgresql_where=where)
