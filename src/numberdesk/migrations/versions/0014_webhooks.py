"""Events are numbered within their accounts, and delivered to webhooks.

Touches: database.

The events that are there get their numbers in the order in which they were made, a page at a time. None of them is
delivered: nobody subscribed to them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBERED = sa.text("number IS NOT NULL")
UNNUMBERED = sa.text("number IS NULL")
PAGE = 5000


def upgrade() -> None:
    op.execute("ALTER TABLE events ADD COLUMN number BIGINT CONSTRAINT ck_events_number_positive CHECK (number > 0)")
    op.create_table(
        "event_streams",
        sa.Column("account_id", TEXT, nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.Column("pruned_to", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("pruned_until", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("look_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("last_number >= pruned_to AND pruned_to >= 0", name=op.f("ck_event_streams_pruned_within")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_event_streams_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_event_streams")),
        sqlite_with_rowid=False,
    )
    _number()
    _index("uq_events_number", "events", ["account_id", "number"], NUMBERED, unique=True)
    _index("ix_events_unnumbered", "events", ["created_at", "id"], UNNUMBERED)
    _index("ix_event_streams_look_at", "event_streams", ["look_at"], sa.text("look_at IS NOT NULL"))
    _endpoints()
    _deliveries()


def _index(name: str, table: str, columns: list[str], where: sa.TextClause, *, unique: bool = False) -> None:
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where)


def _number() -> None:
    """Number the events of one account after the other, each in the order (created_at, id)."""
    run = op.get_bind().execute
    op.create_index("ix_events_by_account", "events", ["account_id", "created_at", "id"])
    next_account = sa.text("SELECT min(account_id) FROM events WHERE account_id > :account")
    page = sa.text(
        "SELECT id, created_at FROM events WHERE account_id = :account AND (created_at, id) > (:at, :id) "
        "ORDER BY created_at, id LIMIT :page"
    )
    account = run(next_account, {"account": ""}).scalar()
    while account is not None:
        number, oldest, at, event_id = 0, None, -(2**63), ""
        while rows := run(page, {"account": account, "at": at, "id": event_id, "page": PAGE}).all():
            numbered = [{"row": row.id, "number": number + place} for place, row in enumerate(rows, 1)]
            run(sa.text("UPDATE events SET number = :number WHERE id = :row"), numbered)
            number += len(rows)
            oldest = rows[0].created_at if oldest is None else oldest
            at, event_id = rows[-1].created_at, rows[-1].id
        run(
            sa.text("INSERT INTO event_streams (account_id, last_number, look_at) VALUES (:account, :number, :oldest)"),
            {"account": account, "number": number, "oldest": oldest},
        )
        account = run(next_account, {"account": account}).scalar()
    op.drop_index("ix_events_by_account", "events")


def _endpoints() -> None:
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("account_id", TEXT, nullable=False),
        sa.Column("all_accounts", sa.BigInteger(), nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("url", "description", "kinds", "secret")),
        sa.Column("former_secret", TEXT, nullable=True),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in ("former_until", "failing_since", "disabled_at")),
        sa.Column("disabled_reason", TEXT, nullable=True),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("created_at", "updated_at")),
        sa.CheckConstraint(
            "all_accounts >= 0 AND all_accounts <= 1", name=op.f("ck_webhook_endpoints_all_accounts_known")
        ),
        sa.CheckConstraint(
            "(former_secret IS NULL) = (former_until IS NULL)", name=op.f("ck_webhook_endpoints_former_with_end")
        ),
        sa.CheckConstraint(
            "(disabled_at IS NULL) = (disabled_reason IS NULL)", name=op.f("ck_webhook_endpoints_disabled_with_reason")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_webhook_endpoints_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_webhook_endpoints_account_id_id", "webhook_endpoints", ["account_id", "id"], unique=False)
    _index("ix_webhook_endpoints_of_all", "webhook_endpoints", ["id"], sa.text("all_accounts = 1"))
    _index("ix_webhook_endpoints_deleted", "webhook_endpoints", ["id"], sa.text("deleted_at IS NOT NULL"))


def _deliveries() -> None:
    table = "webhook_deliveries"
    op.create_table(
        table,
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
        sa.CheckConstraint("delivered_at IS NULL OR next_at IS NULL", name=op.f(f"ck_{table}_delivered_is_left_alone")),
        sa.CheckConstraint(
            "delivered_at IS NOT NULL OR (next_at IS NULL) = (parked_at IS NOT NULL)",
            name=op.f(f"ck_{table}_due_or_parked"),
        ),
        sa.CheckConstraint("leased_until IS NULL OR next_at IS NOT NULL", name=op.f(f"ck_{table}_leased_while_due")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f(f"fk_{table}_account_id")),
        sa.ForeignKeyConstraint(["endpoint_id"], ["webhook_endpoints.id"], name=op.f(f"fk_{table}_endpoint_id")),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name=op.f(f"fk_{table}_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sqlite_with_rowid=False,
    )
    _index(f"ix_{table}_due", table, ["endpoint_id", "next_at", "id"], sa.text("next_at IS NOT NULL"))
    op.create_index(f"uq_{table}_event_id", table, ["event_id", "endpoint_id", "account_id"], unique=True)
    op.create_index(f"ix_{table}_endpoint_id_id", table, ["endpoint_id", "id"], unique=False)
    _index(f"ix_{table}_failed", table, ["endpoint_id", "created_at", "id"], sa.text("parked_at IS NOT NULL"))
