"""Connections: where calls to rented numbers go, and how carriers are told of it.

Touches: database.

Rentals that are there are connected to nothing, and their carriers are not told: whatever is set there stays.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

COLUMNS_OF_FINDINGS = ("carrier", "e164", "kind", "state", "carrier_reference", "order_reference", "message")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("orders", sa.Column("connection_id", TEXT, nullable=True))
    op.add_column("rentals", sa.Column("connection_id", TEXT, nullable=True))
    op.add_column("rentals", sa.Column("connection_generation", sa.BigInteger(), server_default="0", nullable=False))
    _index(
        "ix_rentals_connected", "rentals", ["connection_id", "id"], "connection_id IS NOT NULL AND released_at IS NULL"
    )
    _connections()
    _rental_connections()
    _removals_and_defaults()
    _drifted()


def _index(name: str, table: str, columns: list[str], where: str | None = None) -> None:
    condition = None if where is None else sa.text(where)
    op.create_index(name, table, columns, unique=False, sqlite_where=condition, postgresql_where=condition)


def _due_columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("message", TEXT, nullable=False),
        sa.Column("parked_at", sa.BigInteger(), nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
    )


def _connections() -> None:
    op.create_table(
        "connections",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("account_id", TEXT, nullable=True),
        *(sa.Column(name, TEXT, nullable=False) for name in ("name", "kind", "preset", "settings")),
        sa.Column("secrets", TEXT, nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("raising_after", TEXT, nullable=True),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("created_at", "updated_at")),
        sa.CheckConstraint(
            "kind IN ('sip', 'webhook', 'native', 'forward', 'livekit')", name=op.f("ck_connections_kind_known")
        ),
        sa.CheckConstraint("revision > 0", name=op.f("ck_connections_revision_counts")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_connections_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connections")),
        sqlite_with_rowid=False,
    )
    _index("ix_connections_of_account", "connections", ["account_id", "id"], "deleted_at IS NULL")
    _index("ix_connections_raising", "connections", ["id"], "raising_after IS NOT NULL")


def _rental_connections() -> None:
    table = "rental_connections"
    op.create_table(
        table,
        *(sa.Column(name, TEXT, nullable=False) for name in ("rental_id", "account_id", "carrier", "e164")),
        sa.Column("carrier_reference", TEXT, nullable=True),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("applied_generation", sa.BigInteger(), nullable=False),
        sa.Column("applied_connection_id", TEXT, nullable=True),
        *_due_columns(),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in ("settled_at", "look_at")),
        sa.CheckConstraint(
            "state IN ('none', 'pending', 'active', 'failed', 'unsupported')",
            name=op.f("ck_rental_connections_state_known"),
        ),
        sa.CheckConstraint("applied_generation >= 0", name=op.f("ck_rental_connections_generation_counts")),
        sa.CheckConstraint(
            "(state IN ('pending', 'failed')) = (settled_at IS NULL)",
            name=op.f("ck_rental_connections_settled_or_open"),
        ),
        sa.CheckConstraint(
            "settled_at IS NULL OR next_at IS NULL", name=op.f("ck_rental_connections_settled_is_left_alone")
        ),
        sa.CheckConstraint(
            "settled_at IS NOT NULL OR (next_at IS NULL) = (parked_at IS NOT NULL)",
            name=op.f("ck_rental_connections_due_or_parked"),
        ),
        sa.CheckConstraint(
            "leased_until IS NULL OR next_at IS NOT NULL", name=op.f("ck_rental_connections_leased_while_due")
        ),
        sa.ForeignKeyConstraint(["rental_id"], ["rentals.id"], name=op.f("fk_rental_connections_rental_id")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_rental_connections_account_id")),
        sa.PrimaryKeyConstraint("rental_id", name=op.f("pk_rental_connections")),
        sqlite_with_rowid=False,
    )
    _index("ix_rental_connections_due", table, ["carrier", "next_at", "rental_id"], "next_at IS NOT NULL")
    _index(
        "ix_rental_connections_applied",
        table,
        ["applied_connection_id", "carrier"],
        "applied_connection_id IS NOT NULL",
    )
    _index("ix_rental_connections_look_at", table, ["carrier", "look_at", "rental_id"], "look_at IS NOT NULL")


def _removals_and_defaults() -> None:
    op.create_table(
        "connection_removals",
        *(sa.Column(name, TEXT, nullable=False) for name in ("id", "carrier", "connection_id")),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        *_due_columns(),
        sa.CheckConstraint(
            "(next_at IS NULL) = (parked_at IS NOT NULL)", name=op.f("ck_connection_removals_due_or_parked")
        ),
        sa.CheckConstraint(
            "leased_until IS NULL OR next_at IS NOT NULL", name=op.f("ck_connection_removals_leased_while_due")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connection_removals")),
        sqlite_with_rowid=False,
    )
    _index("ix_connection_removals_due", "connection_removals", ["carrier", "next_at", "id"], "next_at IS NOT NULL")
    op.create_table(
        "connection_defaults",
        *(sa.Column(name, TEXT, nullable=False) for name in ("scope", "name", "connection_id")),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("scope IN ('carrier', 'account')", name=op.f("ck_connection_defaults_scope_known")),
        sa.PrimaryKeyConstraint("scope", "name", name=op.f("pk_connection_defaults")),
        sqlite_with_rowid=False,
    )
    _index("ix_connection_defaults_connection_id", "connection_defaults", ["connection_id"])
    op.create_table(
        "connection_permits",
        *(sa.Column(name, TEXT, nullable=False) for name in ("account_id", "kind", "object_id")),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('native', 'forward')", name=op.f("ck_connection_permits_kind_known")),
        sa.CheckConstraint(
            "(kind = 'forward') = (object_id = '')", name=op.f("ck_connection_permits_object_of_native")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_connection_permits_account_id")),
        sa.PrimaryKeyConstraint("account_id", "kind", "object_id", name=op.f("pk_connection_permits")),
        sqlite_with_rowid=False,
    )


def _drifted() -> None:
    """A kind of finding more. SQLite cannot change a check, so there the table is made anew."""
    check = "kind IN ('orphan', 'lost', 'ported_away', 'wrong_reference', 'stale_release', 'drifted')"
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_findings_kind_known"), "findings", type_="check")
        op.create_check_constraint(op.f("ck_findings_kind_known"), "findings", check)
        return
    op.rename_table("findings", "findings_before")
    op.create_table(
        "findings",
        *(sa.Column(name, TEXT, nullable=False) for name in COLUMNS_OF_FINDINGS),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(check, name=op.f("ck_findings_kind_known")),
        sa.CheckConstraint("state IN ('open', 'kept', 'releasing', 'ended')", name=op.f("ck_findings_state_known")),
        sa.PrimaryKeyConstraint("carrier", "e164", "kind", name=op.f("pk_findings")),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO findings SELECT * FROM findings_before")
    op.drop_table("findings_before")
    _index("ix_findings_current", "findings", ["carrier", "e164", "kind"], "state <> 'ended'")
