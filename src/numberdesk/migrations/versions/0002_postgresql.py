"""What several processes on PostgreSQL need: text that compares byte by byte, and a note of running transactions.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TEXT = {
    "accounts": ["id", "name", "currency", "state"],
    "price_rules": ["id", "carrier", "iso_country", "number_type", "prefix", "currency"],
    "repricings": ["carrier", "after_e164"],
    "api_keys": ["id", "account_id", "name", "shown", "hash", "scopes"],
    "events": ["id", "account_id", "kind", "payload"],
    "orders": ["id", "account_id", "e164", "carrier", "state", "currency", "carrier_reference"],
    "wallets": ["account_id", "currency"],
    "answers": ["account_id", "key", "e164", "request_id", "order_id", "error_code", "error_message", "error_details"],
    "holds": ["order_id", "account_id", "state"],
    "numbers": [
        "e164",
        "carrier",
        "state",
        "iso_country",
        "number_type",
        "region",
        "locality",
        "area_code",
        "national",
        "reversed",
        "price_source",
        "currency",
        "cost_currency",
        "account_id",
        "order_id",
    ],
    "transfers": ["id", "kind", "debit", "credit", "currency", "account_id", "order_id", "reference"],
    "rentals": ["id", "order_id", "account_id", "e164", "state", "currency", "friendly_name", "agent_id", "tags"],
    "superseded_prices": ["e164", "currency"],
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _compare_byte_by_byte()
    op.create_table(
        "writers",
        sa.Column("id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("transactions", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_writers")),
        sqlite_with_rowid=False,
    )


def _compare_byte_by_byte() -> None:
    # A trigger whose condition names a column keeps the column from changing.
    op.execute("DROP TRIGGER holds_resolve_once ON holds")
    for table, columns in TEXT.items():
        changes = ", ".join(f'ALTER COLUMN {column} TYPE TEXT COLLATE "C"' for column in columns)
        op.execute(f"ALTER TABLE {table} {changes}")
    op.execute(
        "CREATE TRIGGER holds_resolve_once BEFORE UPDATE ON holds FOR EACH ROW WHEN (OLD.state <> 'open') "
        "EXECUTE FUNCTION holds_resolve_once()"
    )
