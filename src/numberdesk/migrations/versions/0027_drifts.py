"""Numbers in LiveKit trunks; findings of settings and trunks that somebody changed; numbers adopted for sale.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
KINDS = (
    "kind IN ('orphan', 'lost', 'ported_away', 'wrong_reference', 'stale_release', 'drifted', 'settings_drifted', "
    "'trunk_drifted')"
)


def upgrade() -> None:
    _kinds_of_findings()
    _trunk_numbers()
    _adopted_offers()


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


def _trunk_numbers() -> None:
    op.create_table(
        "trunk_numbers",
        *(sa.Column(name, TEXT, nullable=False) for name in ("id", "connection_id", "carrier", "e164")),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("message", TEXT, nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=True)
            for name in ("parked_at", "leased_until", "settled_at", "look_at")
        ),
        *(
            sa.CheckConstraint(condition, name=op.f(f"ck_trunk_numbers_{name}"))
            for name, condition in {
                "state_known": "state IN ('pending', 'active', 'failed')",
                "generation_counts": "generation > 0",
                "settled_or_open": "(state = 'active') = (settled_at IS NOT NULL)",
                "settled_is_left_alone": "settled_at IS NULL OR next_at IS NULL",
                "due_or_parked": "settled_at IS NOT NULL OR (next_at IS NULL) = (parked_at IS NOT NULL)",
                "leased_while_due": "leased_until IS NULL OR next_at IS NOT NULL",
            }.items()
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trunk_numbers")),
        sqlite_with_rowid=False,
    )
    due, looked_at = sa.text("next_at IS NOT NULL"), sa.text("look_at IS NOT NULL")
    table = "trunk_numbers"
    columns = ["connection_id", "next_at", "id"]
    op.create_index("ix_trunk_numbers_due", table, columns, sqlite_where=due, postgresql_where=due)
    op.create_index("ix_trunk_numbers_e164", table, ["e164"])
    op.create_index("ix_trunk_numbers_connection_id_id", table, ["connection_id", "id"])
    columns = ["look_at", "id"]
    op.create_index("ix_trunk_numbers_look_at", table, columns, sqlite_where=looked_at, postgresql_where=looked_at)


def _adopted_offers() -> None:
    op.create_table(
        "adopted_offers",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("e164", TEXT, nullable=False),
        sa.Column("adopted_at", sa.BigInteger(), nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("carrier", "carrier_reference", "adopted_by")),
        sa.Column("undone_at", sa.BigInteger(), nullable=True),
        sa.Column("undone_by", TEXT, nullable=True),
        sa.Column("undone_reason", TEXT, nullable=True),
        sa.CheckConstraint("(undone_at IS NULL) = (undone_by IS NULL)", name=op.f("ck_adopted_offers_undone_by_whom")),
        sa.CheckConstraint(
            "(undone_at IS NULL) = (undone_reason IS NULL)", name=op.f("ck_adopted_offers_undone_for_a_reason")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adopted_offers")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_adopted_offers_e164", "adopted_offers", ["e164"])
