"""Findings of settings that somebody changed at a carrier.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0024"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
KINDS = (
    "kind IN ('orphan', 'lost', 'ported_away', 'wrong_reference', 'stale_release', 'drifted', 'settings_drifted', "
    "'trunk_drifted')"
)


def upgrade() -> None:
    _kinds_of_findings()


def _kinds_of_findings() -> None:
    """SQLite cannot change a check, so there the table is made anew."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_findings_kind_known"), "findings", type_="check")
        op.create_check_constraint(op.f("ck_findings_kind_known"), "findings", KINDS)
        return
    op.rename_table("findings", "findings_before")
    op.create_table(
        "findings",
        *(
            sa.Column(name, TEXT, nullable=False)
            for name in ("carrier", "e164", "kind", "state", "carrier_reference", "order_reference", "message")
        ),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(KINDS, name=op.f("ck_findings_kind_known")),
        sa.CheckConstraint("state IN ('open', 'kept', 'releasing', 'ended')", name=op.f("ck_findings_state_known")),
        sa.PrimaryKeyConstraint("carrier", "e164", "kind", name=op.f("pk_findings")),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO findings SELECT * FROM findings_before")
    op.drop_table("findings_before")
    where = sa.text("state <> 'ended'")
    op.create_index(
        "ix_findings_current", "findings", ["carrier", "e164", "kind"], sqlite_where=where, postgresql_where=where
    )
