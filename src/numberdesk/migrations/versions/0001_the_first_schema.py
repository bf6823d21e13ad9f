# ruff: noqa: E501  generated once by Alembic and then frozen: what ran must stay as it ran
"""The first schema.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


GUARDS = {
    "sqlite": [
        "CREATE TRIGGER transfers_never_change BEFORE UPDATE ON transfers FOR EACH ROW WHEN 1 = 1 BEGIN SELECT RAISE(ABORT, 'a transfer never changes'); END",
        "CREATE TRIGGER transfers_never_go BEFORE DELETE ON transfers FOR EACH ROW WHEN 1 = 1 BEGIN SELECT RAISE(ABORT, 'a transfer is never deleted'); END",
        "CREATE TRIGGER holds_resolve_once BEFORE UPDATE ON holds FOR EACH ROW WHEN OLD.state <> 'open' BEGIN SELECT RAISE(ABORT, 'a hold is resolved once'); END",
        "CREATE TRIGGER holds_never_go BEFORE DELETE ON holds FOR EACH ROW WHEN 1 = 1 BEGIN SELECT RAISE(ABORT, 'a hold is never deleted'); END",
    ],
    "postgresql": [
        "CREATE FUNCTION transfers_never_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a transfer never changes' USING ERRCODE = '23514'; END $$",
        "CREATE TRIGGER transfers_never_change BEFORE UPDATE ON transfers FOR EACH ROW WHEN (1 = 1) EXECUTE FUNCTION transfers_never_change()",
        "CREATE FUNCTION transfers_never_go() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a transfer is never deleted' USING ERRCODE = '23514'; END $$",
        "CREATE TRIGGER transfers_never_go BEFORE DELETE ON transfers FOR EACH ROW WHEN (1 = 1) EXECUTE FUNCTION transfers_never_go()",
        "CREATE FUNCTION holds_resolve_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a hold is resolved once' USING ERRCODE = '23514'; END $$",
        "CREATE TRIGGER holds_resolve_once BEFORE UPDATE ON holds FOR EACH ROW WHEN (OLD.state <> 'open') EXECUTE FUNCTION holds_resolve_once()",
        "CREATE FUNCTION holds_never_go() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a hold is never deleted' USING ERRCODE = '23514'; END $$",
        "CREATE TRIGGER holds_never_go BEFORE DELETE ON holds FOR EACH ROW WHEN (1 = 1) EXECUTE FUNCTION holds_never_go()",
    ],
}


def upgrade() -> None:
    _create_tables()
    for statement in GUARDS[op.get_bind().dialect.name]:
        op.execute(sa.text(statement.replace(":", r"\:")))


def _create_tables() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('active', 'suspended')", name=op.f("ck_accounts_state_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "price_rules",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("iso_country", sa.Text(), nullable=False),
        sa.Column("number_type", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=True),
        sa.Column("inbound", sa.BigInteger(), nullable=True),
        sa.Column("outbound", sa.BigInteger(), nullable=True),
        sa.Column("setup", sa.BigInteger(), nullable=True),
        sa.Column("margin_percent", sa.BigInteger(), nullable=True),
        sa.Column("margin_fixed", sa.BigInteger(), nullable=True),
        sa.Column("round_to", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("(price IS NULL) <> (margin_percent IS NULL)", name=op.f("ck_price_rules_fixed_or_margin")),
        sa.CheckConstraint("price > 0", name=op.f("ck_price_rules_price_positive")),
        sa.CheckConstraint("round_to > 0", name=op.f("ck_price_rules_round_to_positive")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_rules")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("price_rules", schema=None) as batch_op:
        batch_op.create_index(
            "uq_price_rules_matches", ["carrier", "iso_country", "number_type", "prefix"], unique=True
        )

    op.create_table(
        "repricings",
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("after_e164", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("carrier", name=op.f("pk_repricings")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_api_keys_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_keys_hash")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("api_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_keys_account_id_id"), ["account_id", "id"], unique=False)

    op.create_table(
        "events",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_events_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("e164", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("inbound", sa.BigInteger(), nullable=True),
        sa.Column("outbound", sa.BigInteger(), nullable=True),
        sa.Column("setup", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("carrier_reference", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.Column("renews_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(state = 'completed') = (completed_at IS NOT NULL)", name=op.f("ck_orders_completed_with_time")
        ),
        sa.CheckConstraint("state IN ('ordering', 'completed', 'failed')", name=op.f("ck_orders_state_known")),
        sa.CheckConstraint("inbound >= 0 AND outbound >= 0 AND setup >= 0", name=op.f("ck_orders_rates_not_negative")),
        sa.CheckConstraint("price > 0", name=op.f("ck_orders_price_positive")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_orders_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_orders_account_id_id"), ["account_id", "id"], unique=False)
        batch_op.create_index(
            "uq_orders_open_e164",
            ["e164"],
            unique=True,
            sqlite_where=sa.text("state = 'ordering'"),
            postgresql_where=sa.text("state = 'ordering'"),
        )

    op.create_table(
        "wallets",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("posted", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("held", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("credit_limit", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("entries", sa.BigInteger(), server_default="0", nullable=False),
        sa.CheckConstraint("credit_limit >= 0", name=op.f("ck_wallets_limit_not_negative")),
        sa.CheckConstraint("held >= 0", name=op.f("ck_wallets_held_not_negative")),
        sa.CheckConstraint("posted - held >= -credit_limit", name=op.f("ck_wallets_covered")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_wallets_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_wallets")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "answers",
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("e164", sa.Text(), nullable=False),
        sa.Column("monthly", sa.BigInteger(), nullable=False),
        sa.Column("inbound", sa.BigInteger(), nullable=True),
        sa.Column("outbound", sa.BigInteger(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("error_details", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("(order_id IS NULL) <> (error_code IS NULL)", name=op.f("ck_answers_order_or_refusal")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_answers_account_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_answers_order_id")),
        sa.PrimaryKeyConstraint("account_id", "key", name=op.f("pk_answers")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("answers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_answers_created_at"), ["created_at"], unique=False)

    op.create_table(
        "holds",
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("(state = 'open') = (resolved_at IS NULL)", name=op.f("ck_holds_resolved_with_time")),
        sa.CheckConstraint("state IN ('open', 'captured', 'voided')", name=op.f("ck_holds_state_known")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_holds_amount_positive")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_holds_account_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_holds_order_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_holds")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("holds", schema=None) as batch_op:
        batch_op.create_index(
            "ix_holds_open",
            ["account_id"],
            unique=False,
            sqlite_where=sa.text("state = 'open'"),
            postgresql_where=sa.text("state = 'open'"),
        )

    op.create_table(
        "numbers",
        sa.Column("e164", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("iso_country", sa.Text(), nullable=False),
        sa.Column("number_type", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("locality", sa.Text(), nullable=False),
        sa.Column("area_code", sa.Text(), nullable=False),
        sa.Column("national", sa.Text(), nullable=False),
        sa.Column("reversed", sa.Text(), nullable=False),
        sa.Column("capabilities", sa.BigInteger(), nullable=False),
        sa.Column("memorability", sa.BigInteger(), nullable=False),
        sa.Column("price_source", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("price", sa.BigInteger(), nullable=True),
        sa.Column("inbound", sa.BigInteger(), nullable=True),
        sa.Column("outbound", sa.BigInteger(), nullable=True),
        sa.Column("setup", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cost_currency", sa.Text(), nullable=True),
        sa.Column("cost_monthly", sa.BigInteger(), nullable=True),
        sa.Column("cost_inbound", sa.BigInteger(), nullable=True),
        sa.Column("cost_outbound", sa.BigInteger(), nullable=True),
        sa.Column("cost_setup", sa.BigInteger(), nullable=True),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("quarantined_until", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(state = 'quarantined') = (quarantined_until IS NOT NULL)", name=op.f("ck_numbers_quarantined_with_date")
        ),
        sa.CheckConstraint(
            "(state IN ('claimed', 'assigned')) = (order_id IS NOT NULL)", name=op.f("ck_numbers_held_by_order")
        ),
        sa.CheckConstraint("price_source IN ('file', 'rule')", name=op.f("ck_numbers_price_source_known")),
        sa.CheckConstraint(
            "state IN ('available', 'claimed', 'assigned', 'quarantined', 'withdrawn')",
            name=op.f("ck_numbers_state_known"),
        ),
        sa.CheckConstraint("(order_id IS NULL) = (account_id IS NULL)", name=op.f("ck_numbers_held_by_account")),
        sa.CheckConstraint("(price IS NULL) = (currency IS NULL)", name=op.f("ck_numbers_price_with_currency")),
        sa.CheckConstraint("inbound >= 0 AND outbound >= 0 AND setup >= 0", name=op.f("ck_numbers_rates_not_negative")),
        sa.CheckConstraint("price > 0", name=op.f("ck_numbers_price_positive")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_numbers_account_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_numbers_order_id")),
        sa.PrimaryKeyConstraint("e164", name=op.f("pk_numbers")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("numbers", schema=None) as batch_op:
        batch_op.create_index(
            "ix_numbers_places",
            ["iso_country", "currency", "number_type", "region", "area_code", "locality"],
            unique=False,
        )
        batch_op.create_index(
            "ix_numbers_quarantined",
            ["quarantined_until"],
            unique=False,
            sqlite_where=sa.text("state = 'quarantined'"),
            postgresql_where=sa.text("state = 'quarantined'"),
        )
        batch_op.create_index(
            "ix_numbers_sale_area",
            ["iso_country", "area_code", "e164"],
            unique=False,
            sqlite_where=sa.text("state = 'available'"),
            postgresql_where=sa.text("state = 'available'"),
        )
        batch_op.create_index(
            "ix_numbers_sale_memorable",
            ["iso_country", "memorability", "e164"],
            unique=False,
            sqlite_where=sa.text("state = 'available'"),
            postgresql_where=sa.text("state = 'available'"),
        )
        batch_op.create_index(
            "ix_numbers_sale_number",
            ["iso_country", "e164"],
            unique=False,
            sqlite_where=sa.text("state = 'available'"),
            postgresql_where=sa.text("state = 'available'"),
        )
        batch_op.create_index(
            "ix_numbers_sale_price",
            ["iso_country", "price", "e164"],
            unique=False,
            sqlite_where=sa.text("state = 'available'"),
            postgresql_where=sa.text("state = 'available'"),
        )
        batch_op.create_index(
            "ix_numbers_sale_suffix",
            ["iso_country", "reversed"],
            unique=False,
            sqlite_where=sa.text("state = 'available'"),
            postgresql_where=sa.text("state = 'available'"),
        )

    op.create_table(
        "transfers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("debit", sa.Text(), nullable=False),
        sa.Column("credit", sa.Text(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("entry", sa.BigInteger(), nullable=True),
        sa.Column("balance_after", sa.BigInteger(), nullable=True),
        sa.Column("order_id", sa.Text(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("(account_id IS NULL) = (entry IS NULL)", name=op.f("ck_transfers_entry_of_wallet")),
        sa.CheckConstraint("amount > 0", name=op.f("ck_transfers_amount_positive")),
        sa.CheckConstraint("debit <> credit", name=op.f("ck_transfers_two_sides")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_transfers_account_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_transfers_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transfers")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("transfers", schema=None) as batch_op:
        batch_op.create_index("uq_transfers_account_id_entry", ["account_id", "entry"], unique=True)
        batch_op.create_index(
            "uq_transfers_account_id_reference",
            ["account_id", "kind", "reference"],
            unique=True,
            sqlite_where=sa.text("reference IS NOT NULL"),
            postgresql_where=sa.text("reference IS NOT NULL"),
        )

    op.create_table(
        "rentals",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("e164", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("inbound", sa.BigInteger(), nullable=True),
        sa.Column("outbound", sa.BigInteger(), nullable=True),
        sa.Column("anchor", sa.BigInteger(), nullable=False),
        sa.Column("renews_at", sa.BigInteger(), nullable=False),
        sa.Column("friendly_name", sa.Text(), nullable=False),
        sa.Column("agent_id", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("released_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "(state = 'released') = (released_at IS NOT NULL)", name=op.f("ck_rentals_released_with_time")
        ),
        sa.CheckConstraint("state IN ('active', 'past_due', 'released')", name=op.f("ck_rentals_state_known")),
        sa.CheckConstraint("inbound >= 0 AND outbound >= 0", name=op.f("ck_rentals_rates_not_negative")),
        sa.CheckConstraint("price > 0", name=op.f("ck_rentals_price_positive")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_rentals_account_id")),
        sa.ForeignKeyConstraint(["e164"], ["numbers.e164"], name=op.f("fk_rentals_e164")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_rentals_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rentals")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("rentals", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rentals_account_id_id"), ["account_id", "id"], unique=False)
        batch_op.create_index(
            "uq_rentals_live_e164",
            ["e164"],
            unique=True,
            sqlite_where=sa.text("released_at IS NULL"),
            postgresql_where=sa.text("released_at IS NULL"),
        )

    op.create_table(
        "superseded_prices",
        sa.Column("e164", sa.Text(), nullable=False),
        sa.Column("superseded_at", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("inbound", sa.BigInteger(), nullable=True),
        sa.Column("outbound", sa.BigInteger(), nullable=True),
        sa.Column("setup", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["e164"], ["numbers.e164"], name=op.f("fk_superseded_prices_e164")),
        sa.PrimaryKeyConstraint("e164", "superseded_at", name=op.f("pk_superseded_prices")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("superseded_prices", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_superseded_prices_superseded_at"), ["superseded_at"], unique=False)
