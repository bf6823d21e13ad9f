# ruff: noqa: E501  generated once by Alembic and then frozen: what ran must stay as it ran
"""Accounts at carriers, what they offer, orders that wait for them, numbers on their way back, findings of audits.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "audits",
        sa.Column("carrier", TEXT, nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("owned", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("found", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("said", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("carrier", name=op.f("pk_audits")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "carrier_releases",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("carrier", TEXT, nullable=False),
        sa.Column("e164", TEXT, nullable=False),
        sa.Column("carrier_reference", TEXT, nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("said", TEXT, nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carrier_releases")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_carrier_releases_e164", "carrier_releases", ["e164"], unique=False)
    op.create_index(
        "ix_carrier_releases_unconfirmed",
        "carrier_releases",
        ["next_at", "id"],
        unique=False,
        sqlite_where=sa.text("confirmed_at IS NULL"),
        postgresql_where=sa.text("confirmed_at IS NULL"),
    )
    op.create_table(
        "carriers",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("options", TEXT, nullable=False),
        sa.Column("credentials", TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('active', 'disabled')", name=op.f("ck_carriers_state_known")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_carriers")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "exchange_rates",
        sa.Column("base", TEXT, nullable=False),
        sa.Column("quote", TEXT, nullable=False),
        sa.Column("rate", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("rate > 0", name=op.f("ck_exchange_rates_rate_positive")),
        sa.PrimaryKeyConstraint("base", "quote", name=op.f("pk_exchange_rates")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "findings",
        sa.Column("carrier", TEXT, nullable=False),
        sa.Column("e164", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("carrier_reference", TEXT, nullable=False),
        sa.Column("order_reference", TEXT, nullable=False),
        sa.Column("said", TEXT, nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('orphan', 'lost', 'ported_away')", name=op.f("ck_findings_kind_known")),
        sa.CheckConstraint("state IN ('open', 'kept', 'releasing', 'ended')", name=op.f("ck_findings_state_known")),
        sa.PrimaryKeyConstraint("carrier", "e164", "kind", name=op.f("pk_findings")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "offers",
        sa.Column("e164", TEXT, nullable=False),
        sa.Column("carrier", TEXT, nullable=False),
        sa.Column("terms", TEXT, nullable=False),
        sa.Column("iso_country", TEXT, nullable=False),
        sa.Column("number_type", TEXT, nullable=False),
        sa.Column("region", TEXT, nullable=False),
        sa.Column("locality", TEXT, nullable=False),
        sa.Column("area_code", TEXT, nullable=False),
        sa.Column("national", TEXT, nullable=False),
        sa.Column("capabilities", sa.BigInteger(), nullable=False),
        sa.Column("memorability", sa.BigInteger(), nullable=False),
        sa.Column("currency", TEXT, nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("inbound", sa.BigInteger(), nullable=True),
        sa.Column("outbound", sa.BigInteger(), nullable=True),
        sa.Column("setup", sa.BigInteger(), nullable=False),
        sa.Column("cost_currency", TEXT, nullable=False),
        sa.Column("cost_monthly", sa.BigInteger(), nullable=True),
        sa.Column("cost_inbound", sa.BigInteger(), nullable=True),
        sa.Column("cost_outbound", sa.BigInteger(), nullable=True),
        sa.Column("cost_setup", sa.BigInteger(), nullable=True),
        sa.Column("offered_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("inbound >= 0 AND outbound >= 0 AND setup >= 0", name=op.f("ck_offers_rates_not_negative")),
        sa.CheckConstraint("price > 0", name=op.f("ck_offers_price_positive")),
        sa.PrimaryKeyConstraint("e164", "carrier", "terms", name=op.f("pk_offers")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_offers_expires_at"), "offers", ["expires_at"], unique=False)
    op.create_table(
        "carrier_orders",
        sa.Column("order_id", TEXT, nullable=False),
        sa.Column("account_id", TEXT, nullable=False),
        sa.Column("carrier", TEXT, nullable=False),
        sa.Column("e164", TEXT, nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("attempted_at", sa.BigInteger(), nullable=False),
        sa.Column("wanted_until", sa.BigInteger(), nullable=False),
        sa.Column("looks", sa.BigInteger(), nullable=False),
        sa.Column("absences", sa.BigInteger(), nullable=False),
        sa.Column("absent_since", sa.BigInteger(), nullable=True),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("said", TEXT, nullable=False),
        sa.Column("parked_at", sa.BigInteger(), nullable=True),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("error_code", TEXT, nullable=True),
        sa.Column("error_message", TEXT, nullable=True),
        sa.Column("error_details", TEXT, nullable=True),
        sa.CheckConstraint("attempt > 0", name=op.f("ck_carrier_orders_attempt_counted")),
        sa.CheckConstraint(
            "error_code IS NULL OR settled_at IS NOT NULL", name=op.f("ck_carrier_orders_refused_when_settled")
        ),
        sa.CheckConstraint(
            "settled_at IS NOT NULL OR (next_at IS NULL) = (parked_at IS NOT NULL)",
            name=op.f("ck_carrier_orders_due_or_parked"),
        ),
        sa.CheckConstraint(
            "settled_at IS NULL OR next_at IS NULL", name=op.f("ck_carrier_orders_settled_is_left_alone")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_carrier_orders_account_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_carrier_orders_order_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_carrier_orders")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_carrier_orders_unsettled",
        "carrier_orders",
        ["next_at", "order_id"],
        unique=False,
        sqlite_where=sa.text("settled_at IS NULL"),
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.create_index(op.f("ix_answers_order_id"), "answers", ["order_id"], unique=False)
    _note_orders()
    # Only the pool's numbers are sold from the books; a carrier's are bought from what it offers.
    op.execute("UPDATE numbers SET state = 'withdrawn' WHERE carrier <> 'pool' AND state = 'available'")


def _note_orders() -> None:
    # Orders of other carriers than the pool, which earlier releases could open and not end: for a person to judge.
    op.execute(
        "INSERT INTO carrier_orders SELECT id, account_id, carrier, e164, CASE WHEN attempts > 0 THEN attempts ELSE 1 END, "
        "created_at, created_at, 0, 0, NULL, NULL, NULL, 'opened by an earlier release', "
        "CASE WHEN state = 'ordering' THEN created_at END, CASE WHEN state <> 'ordering' THEN created_at END, "
        "CASE WHEN state = 'failed' THEN 'carrier_refused' END, "
        "CASE WHEN state = 'failed' THEN 'The carrier refused this number.' END, "
        "CASE WHEN state = 'failed' THEN '{}' END FROM orders WHERE carrier <> 'pool'"
    )
    op.execute(
        "INSERT INTO events SELECT 'evt_fail_' || substr(id, 5), account_id, 'order.failed', "
        """'{"phone_number": "' || e164 || '", "order_id": "' || id || '", "code": "carrier_refused"}', created_at """
        "FROM orders WHERE state = 'failed'"
    )
