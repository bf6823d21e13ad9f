"""Events that are about no account, and from when on kinds that are new are told.

Touches: database.

An event's account is empty where it is about none, so neither events nor streams refer to accounts any more. SQLite
cannot let go of a reference: there the tables are made anew, and deliveries, which refer to events, with them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SINCE = {
    "account.credited": "SELECT max(created_at) FROM transfers",
    "order.parked": "SELECT max(parked_at) FROM carrier_orders",
    "finding.opened": "SELECT max(last_seen_at) FROM findings",
    "carrier.failing": "SELECT max(since) FROM carrier_troubles",
}
"""How old the youngest row is that would have had an event: nobody is told of what was long ago."""
DELIVERIES = "webhook_deliveries"
ON_DEMAND = "replace(kinds, 'call.rated', '') <> kinds"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in ("events", "event_streams"):
            op.drop_constraint(f"fk_{table}_account_id", table, type_="foreignkey")
    else:
        _keep_deliveries()
        _events()
        _streams()
        _deliveries()
    op.create_table(
        "event_kinds",
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_event_kinds")),
        sqlite_with_rowid=False,
    )
    for kind, youngest in SINCE.items():
        op.execute(
            f"INSERT INTO event_kinds (kind, since) SELECT '{kind}', found.since FROM "  # noqa: S608  no user text
            f"({youngest.replace(') FROM', ') AS since FROM')}) AS found WHERE found.since IS NOT NULL"
        )
    _index("ix_webhook_endpoints_on_demand", "webhook_endpoints", ["id"], ON_DEMAND)


def _index(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def _anew(table: str) -> None:
    """Make room for a table of the same name."""
    op.execute(f"CREATE TABLE {table}_before AS SELECT * FROM {table}")  # noqa: S608  no user text
    op.drop_table(table)


def _fill(table: str) -> None:
    op.execute(f"INSERT INTO {table} SELECT * FROM {table}_before")  # noqa: S608  no user text
    op.drop_table(f"{table}_before")


def _keep_deliveries() -> None:
    _anew(DELIVERIES)


def _events() -> None:
    _anew("events")
    op.create_table(
        "events",
        *(sa.Column(name, TEXT, nullable=False) for name in ("id", "account_id", "kind", "payload")),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("number > 0", name=op.f("ck_events_number_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sqlite_with_rowid=False,
    )
    _fill("events")
    _index("uq_events_number", "events", ["account_id", "number"], "number IS NOT NULL", unique=True)
    _index("ix_events_unnumbered", "events", ["created_at", "id"], "number IS NULL")


def _streams() -> None:
    _anew("event_streams")
    op.create_table(
        "event_streams",
        sa.Column("account_id", TEXT, nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.Column("pruned_to", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("pruned_until", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("look_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("last_number >= pruned_to AND pruned_to >= 0", name=op.f("ck_event_streams_pruned_within")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_event_streams")),
        sqlite_with_rowid=False,
    )
    _fill("event_streams")
    _index("ix_event_streams_look_at", "event_streams", ["look_at"], "look_at IS NOT NULL")


def _deliveries() -> None:
    op.create_table(
        DELIVERIES,
        *(sa.Column(name, TEXT, nullable=False) for name in ("id", "account_id", "endpoint_id", "event_id", "kind")),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("message", TEXT, nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=True)
            for name in ("parked_at", "leased_until", "tried_at", "answer_status")
        ),
        sa.Column("answer", TEXT, nullable=False),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        *(_check(name, condition) for name, condition in CHECKS.items()),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f(f"fk_{DELIVERIES}_account_id")),
        sa.ForeignKeyConstraint(["endpoint_id"], ["webhook_endpoints.id"], name=op.f(f"fk_{DELIVERIES}_endpoint_id")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f(f"fk_{DELIVERIES}_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{DELIVERIES}")),
        sqlite_with_rowid=False,
    )
    _fill(DELIVERIES)
    _index(f"ix_{DELIVERIES}_due", DELIVERIES, ["endpoint_id", "next_at", "id"], "next_at IS NOT NULL")
    op.create_index(f"uq_{DELIVERIES}_event_id", DELIVERIES, ["event_id", "endpoint_id", "account_id"], unique=True)
    op.create_index(f"ix_{DELIVERIES}_endpoint_id_id", DELIVERIES, ["endpoint_id", "id"], unique=False)
    _index(f"ix_{DELIVERIES}_failed", DELIVERIES, ["endpoint_id", "created_at", "id"], "parked_at IS NOT NULL")


CHECKS = {
    "delivered_is_left_alone": "delivered_at IS NULL OR next_at IS NULL",
    "due_or_parked": "delivered_at IS NOT NULL OR (next_at IS NULL) = (parked_at IS NOT NULL)",
    "leased_while_due": "leased_until IS NULL OR next_at IS NOT NULL",
}


def _check(name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{DELIVERIES}_{name}"))
