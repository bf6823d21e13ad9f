"""Prepaid sessions, and holds that belong to an order or to a session.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
OPEN = "state = 'open'"
HOLD_CHECKS = {
    "state_known": "state IN ('open', 'captured', 'voided')",
    "amount_positive": "amount > 0",
    "resolved_with_time": "(state = 'open') = (resolved_at IS NULL)",
}
HOLD_GUARDS = (
    (
        "CREATE TRIGGER holds_resolve_once BEFORE UPDATE ON holds FOR EACH ROW WHEN OLD.state <> 'open' "
        "BEGIN SELECT RAISE(ABORT, 'a hold is resolved once'); END"
    ),
    (
        "CREATE TRIGGER holds_never_go BEFORE DELETE ON holds FOR EACH ROW WHEN 1 = 1 "
        "BEGIN SELECT RAISE(ABORT, 'a hold is never deleted'); END"
    ),
)
CHECKS = {
    "direction_known": "direction IN ('inbound', 'outbound')",
    "state_known": "state IN ('open', 'ended', 'expired')",
    "ended_with_time": "(state = 'open') = (ended_at IS NULL)",
    "granted_seconds": "granted > 0 AND amount >= 0",
    "increments_positive": "per_minute >= 0 AND connect >= 0 AND minimum > 0 AND step > 0",
    "ended_is_left_alone": "ended_at IS NULL OR next_at IS NULL",
    "due_or_parked": "ended_at IS NOT NULL OR (next_at IS NULL) = (parked_at IS NOT NULL)",
    "leased_while_due": "leased_until IS NULL OR next_at IS NOT NULL",
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("fk_holds_order_id", "holds", type_="foreignkey")
        op.alter_column("holds", "order_id", new_column_name="owner_id")
    else:
        _remake_holds()
    _sessions()


def _remake_holds() -> None:
    """SQLite cannot take a reference away, so the table is made anew, with its guards."""
    op.rename_table("holds", "holds_before")
    op.create_table(
        "holds",
        *_texts("owner_id", "account_id"),
        *_wholes("amount"),
        *_texts("state"),
        *_wholes("opened_at"),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        *(sa.CheckConstraint(check, name=op.f(f"ck_holds_{name}")) for name, check in HOLD_CHECKS.items()),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_holds_account_id")),
        sa.PrimaryKeyConstraint("owner_id", name=op.f("pk_holds")),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO holds SELECT order_id, account_id, amount, state, opened_at, resolved_at FROM holds_before")
    op.drop_table("holds_before")
    _partial("ix_holds_open", "holds", ["account_id"], OPEN)
    for guard in HOLD_GUARDS:
        op.execute(guard)


def _sessions() -> None:
    op.create_table(
        "usage_sessions",
        *_texts("id", "account_id", "rental_id", "source", "call_id", "leg", "direction", "e164", "other", "currency"),
        *_wholes("per_minute", "connect", "minimum", "step", "granted", "amount"),
        *_texts("state"),
        *_wholes("opened_at", "expires_at"),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in ("ended_at", "next_at")),
        *_wholes("attempts"),
        *_texts("message"),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in ("parked_at", "leased_until")),
        *(sa.CheckConstraint(check, name=op.f(f"ck_usage_sessions_{name}")) for name, check in CHECKS.items()),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_usage_sessions_account_id")),
        sa.ForeignKeyConstraint(["rental_id"], ["rentals.id"], name=op.f("fk_usage_sessions_rental_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_sessions")),
        sqlite_with_rowid=False,
    )
    op.create_index("uq_usage_sessions_source_call_id_leg", "usage_sessions", ["source", "call_id", "leg"], unique=True)
    _partial("ix_usage_sessions_open", "usage_sessions", ["account_id", "rental_id"], OPEN)
    _partial("ix_usage_sessions_due", "usage_sessions", ["currency", "next_at", "id"], "next_at IS NOT NULL")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, TEXT, nullable=False) for name in names]


def _wholes(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _partial(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
