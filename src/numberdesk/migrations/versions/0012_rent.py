"""Rent: rentals have periods, each charged or waived once, and are due work; the first is that of the purchase.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
REMINDER = 7 * 86_400_000_000
BEFORE = (
    "id, order_id, account_id, e164, state, currency, price, inbound, outbound, anchor, renews_at, friendly_name, "
    "agent_id, tags, created_at, updated_at, released_at"
)
AFTER = (
    f"{BEFORE}, unit, every, period, ends_at, past_due_since, reminded, next_at, attempts, message, parked_at, "
    "leased_until"
)
# A rental that goes on is looked at as early as a reminder of its next month may go out.
_LOOK = f"CASE WHEN renews_at - {REMINDER} > created_at THEN renews_at - {REMINDER} ELSE created_at END"
NEXT = f"CASE WHEN released_at IS NULL THEN {_LOOK} END"
FILLED = f"{BEFORE}, 'month', 1, 0, NULL, NULL, 0, {NEXT}, 0, '', NULL, NULL"
CHECKS = {
    "state_known": "state IN ('active', 'past_due', 'released')",
    "price_positive": "price > 0",
    "rates_not_negative": "inbound >= 0 AND outbound >= 0",
    "released_with_time": "(state = 'released') = (released_at IS NOT NULL)",
}
NEW_CHECKS = {
    "unit_known": "unit IN ('month', 'day')",
    "period_counts": "every > 0 AND period >= 0 AND reminded >= 0",
    "past_due_with_time": "(state = 'past_due') = (past_due_since IS NOT NULL)",
    "released_is_left_alone": "released_at IS NULL OR next_at IS NULL",
    "due_or_parked": "released_at IS NOT NULL OR (next_at IS NULL) = (parked_at IS NOT NULL)",
    "leased_while_due": "leased_until IS NULL OR next_at IS NOT NULL",
}
LIVE, ENDED = "released_at IS NULL", "released_at IS NOT NULL"
INDEXES = {
    "uq_rentals_live_e164": (["e164"], LIVE),
    "ix_rentals_live": (["account_id", "id"], LIVE),
    "ix_rentals_ended": (["account_id", "id"], ENDED),
    "ix_rentals_ended_number": (["account_id", "e164", "id"], ENDED),
}
NEW_INDEXES = {
    "ix_rentals_due": (["currency", "next_at", "id"], "next_at IS NOT NULL"),
    "ix_rentals_past_due": (["account_id", "id"], "state = 'past_due'"),
}


def upgrade() -> None:
    op.add_column("transfers", sa.Column("rental_id", TEXT, nullable=True))
    op.add_column("transfers", sa.Column("period", sa.BigInteger(), nullable=True))
    _rentals()
    _charges()
    _notices_and_prices()
    op.create_table(
        "rent_policies",
        sa.Column("account_id", TEXT, nullable=False),
        sa.Column("grace_hours", sa.BigInteger(), nullable=True),
        sa.Column("notice_days", sa.BigInteger(), nullable=True),
        *(sa.Column(name, TEXT, nullable=True) for name in ("reminder_days", "missed")),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("grace_hours >= 0 AND notice_days >= 0", name=op.f("ck_rent_policies_not_negative")),
        sa.CheckConstraint("missed IN ('charged', 'waived')", name=op.f("ck_rent_policies_missed_known")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_rent_policies_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_rent_policies")),
        sqlite_with_rowid=False,
    )


def _index(name: str, columns: list[str], where: str | None = None) -> None:
    condition = None if where is None else sa.text(where)
    table = next(one for one in ("rentals", "rent_charges", "rent_prices") if name[3:].startswith(one))
    unique = name.startswith("uq_")
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def _rentals() -> None:
    """On PostgreSQL columns are added and filled; SQLite cannot add checks, so there the table is made anew."""
    if op.get_bind().dialect.name == "postgresql":
        _add_to_rentals()
    else:
        _remake_rentals()
    for name, (columns, where) in NEW_INDEXES.items():
        _index(name, columns, where)


NEW_COLUMNS = (
    ("unit", TEXT, False, "'month'"),
    ("every", sa.BigInteger(), False, "1"),
    ("period", sa.BigInteger(), False, "0"),
    ("ends_at", sa.BigInteger(), True, None),
    ("past_due_since", sa.BigInteger(), True, None),
    ("reminded", sa.BigInteger(), False, "0"),
    ("next_at", sa.BigInteger(), True, None),
    ("attempts", sa.BigInteger(), False, "0"),
    ("message", TEXT, False, "''"),
    ("parked_at", sa.BigInteger(), True, None),
    ("leased_until", sa.BigInteger(), True, None),
)


def _add_to_rentals() -> None:
    for name, kind, nullable, default in NEW_COLUMNS:
        value = None if default is None else sa.text(default)
        op.add_column("rentals", sa.Column(name, kind, nullable=nullable, server_default=value))
        if default is not None:
            op.alter_column("rentals", name, server_default=None)
    op.execute(f"UPDATE rentals SET next_at = {NEXT}")  # noqa: S608  no user text
    for name, condition in NEW_CHECKS.items():
        op.create_check_constraint(op.f(f"ck_rentals_{name}"), "rentals", condition)


def _remake_rentals() -> None:
    op.rename_table("rentals", "rentals_before")
    op.create_table(
        "rentals",
        *(
            sa.Column(name, TEXT, nullable=False)
            for name in ("id", "order_id", "account_id", "e164", "state", "currency")
        ),
        sa.Column("price", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in ("inbound", "outbound")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("anchor", "renews_at")),
        *(sa.Column(name, TEXT, nullable=False) for name in ("friendly_name", "agent_id", "tags")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("created_at", "updated_at")),
        sa.Column("released_at", sa.BigInteger(), nullable=True),
        *(sa.Column(name, kind, nullable=nullable) for name, kind, nullable, _ in NEW_COLUMNS),
        *(
            sa.CheckConstraint(condition, name=op.f(f"ck_rentals_{name}"))
            for name, condition in {**CHECKS, **NEW_CHECKS}.items()
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_rentals_order_id")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_rentals_account_id")),
        sa.ForeignKeyConstraint(["e164"], ["numbers.e164"], name=op.f("fk_rentals_e164")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rentals")),
        sqlite_with_rowid=False,
    )
    op.execute(f"INSERT INTO rentals ({AFTER}) SELECT {FILLED} FROM rentals_before")  # noqa: S608  no user text
    op.drop_table("rentals_before")
    for name, (columns, where) in INDEXES.items():
        _index(name, columns, where)


def _charges() -> None:
    op.create_table(
        "rent_charges",
        *(sa.Column(name, TEXT, nullable=False) for name in ("id", "rental_id")),
        sa.Column("period", sa.BigInteger(), nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("account_id", "e164", "state")),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        *(sa.Column(name, TEXT, nullable=True) for name in ("transfer_id", "waived_by", "reason")),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('purchased', 'charged', 'waived')", name=op.f("ck_rent_charges_state_known")),
        sa.CheckConstraint("period >= 0 AND amount > 0", name=op.f("ck_rent_charges_period_and_amount")),
        sa.CheckConstraint("(state = 'purchased') = (period = 0)", name=op.f("ck_rent_charges_period_0_is_purchased")),
        sa.CheckConstraint(
            "(state = 'waived') = (transfer_id IS NULL)", name=op.f("ck_rent_charges_charged_or_waived")
        ),
        sa.CheckConstraint(
            "(state = 'waived') = (reason IS NOT NULL AND waived_by IS NOT NULL)",
            name=op.f("ck_rent_charges_waived_by_whom"),
        ),
        sa.ForeignKeyConstraint(["rental_id"], ["rentals.id"], name=op.f("fk_rent_charges_rental_id")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_rent_charges_account_id")),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfers.id"], name=op.f("fk_rent_charges_transfer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rent_charges")),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO rent_charges (id, rental_id, period, account_id, e164, state, amount, transfer_id, created_at) "
        "SELECT 'rch_' || substr(id, 5) || '_0', id, 0, account_id, e164, 'purchased', price, "
        "'trf_' || substr(order_id, 5) || '_rental', anchor FROM rentals"
    )
    _index("uq_rent_charges_period", ["account_id", "rental_id", "period"])


def _notices_and_prices() -> None:
    op.create_table(
        "rent_notices",
        *(sa.Column(name, TEXT, nullable=False) for name in ("id", "rental_id")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("period", "days")),
        *(sa.Column(name, TEXT, nullable=False) for name in ("account_id", "e164", "state")),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('upcoming', 'past_due')", name=op.f("ck_rent_notices_state_known")),
        sa.CheckConstraint("(state = 'past_due') = (days = 0)", name=op.f("ck_rent_notices_days_before")),
        sa.ForeignKeyConstraint(["rental_id"], ["rentals.id"], name=op.f("fk_rent_notices_rental_id")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_rent_notices_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rent_notices")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rent_prices",
        *(sa.Column(name, TEXT, nullable=False) for name in ("id", "rental_id")),
        sa.Column("from_period", sa.BigInteger(), nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("account_id", "e164", "state")),
        sa.Column("price", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=True) for name in ("inbound", "outbound")),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state = 'announced'", name=op.f("ck_rent_prices_state_known")),
        sa.CheckConstraint("from_period > 0 AND price > 0", name=op.f("ck_rent_prices_from_period_and_price")),
        sa.CheckConstraint("inbound >= 0 AND outbound >= 0", name=op.f("ck_rent_prices_rates_not_negative")),
        sa.ForeignKeyConstraint(["rental_id"], ["rentals.id"], name=op.f("fk_rent_prices_rental_id")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_rent_prices_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rent_prices")),
        sqlite_with_rowid=False,
    )
    _index("uq_rent_prices_from_period", ["account_id", "rental_id", "from_period"])
