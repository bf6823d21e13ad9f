"""Quotes with their setup price: in stored requests, in the order of offers, and found again when a price has gone.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
REFUSALS = sa.text("order_id IS NULL")
FOR_SALE = sa.text("state = 'available'")


def upgrade() -> None:
    # Requests before did not have a setup price that anybody looked at: sent again, they agree whatever they say of it.
    op.add_column("answers", sa.Column("setup", sa.BigInteger(), nullable=True))
    op.execute("UPDATE answers SET setup = -1")
    op.create_index(
        "ix_answers_refusals",
        "answers",
        ["account_id", "created_at", "key"],
        unique=False,
        sqlite_where=REFUSALS,
        postgresql_where=REFUSALS,
    )
    _price_with_setup()
    op.create_table(
        "keyed_requests",
        sa.Column("account_id", TEXT, nullable=False),
        sa.Column("request", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("content", TEXT, nullable=False),
        sa.Column("outcome_id", TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_keyed_requests_account_id")),
        sa.PrimaryKeyConstraint("account_id", "request", "key", name=op.f("pk_keyed_requests")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_keyed_requests_created_at"), "keyed_requests", ["created_at"], unique=False)


def _price_with_setup() -> None:
    op.add_column("numbers", sa.Column("repriced_at", sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE numbers SET repriced_at = (SELECT max(superseded_at) FROM superseded_prices AS s "
        "WHERE s.e164 = numbers.e164) WHERE e164 IN (SELECT e164 FROM superseded_prices)"
    )
    # SQLite can add only a column that is computed when it is read, PostgreSQL can index only one that is stored.
    stored = " STORED" if op.get_bind().dialect.name == "postgresql" else ""
    op.execute(f"ALTER TABLE numbers ADD COLUMN charged_at_once BIGINT GENERATED ALWAYS AS (price + setup){stored}")
    op.drop_index("ix_numbers_sale_price", table_name="numbers")
    op.create_index(
        "ix_numbers_sale_price",
        "numbers",
        ["iso_country", "charged_at_once", "e164"],
        unique=False,
        sqlite_where=FOR_SALE,
        postgresql_where=FOR_SALE,
    )
