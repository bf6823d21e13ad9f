"""Numbers that operators give: orders with an origin, rentals that go on from another one, and who did it.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
ORIGINS = "origin IN ('purchase', 'assignment', 'transfer', 'restoration', 'adoption')"
CHARGE_COLUMNS = "id, rental_id, period, account_id, e164, state, amount, transfer_id, waived_by, reason, created_at"
PURCHASED = "state <> 'purchased' OR period = 0"


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    if postgresql:
        op.add_column("orders", sa.Column("origin", TEXT, nullable=False, server_default="purchase"))
        op.create_check_constraint(op.f("ck_orders_origin_known"), "orders", ORIGINS)
    else:
        # SQLite takes a check with a new column, and no other way but to make the table anew.
        op.execute(
            "ALTER TABLE orders ADD COLUMN origin TEXT DEFAULT 'purchase' NOT NULL "
            f"CONSTRAINT ck_orders_origin_known CHECK ({ORIGINS})"
        )
    op.add_column("orders", sa.Column("from_rental_id", TEXT, nullable=True))
    follows = sa.text("from_rental_id IS NOT NULL")
    op.create_index(
        "uq_orders_from_rental", "orders", ["from_rental_id"], unique=True, sqlite_where=follows,
        postgresql_where=follows,
    )  # fmt: skip
    if postgresql:
        op.drop_constraint(op.f("ck_rent_charges_period_0_is_purchased"), "rent_charges")
        op.create_check_constraint(op.f("ck_rent_charges_purchased_is_period_0"), "rent_charges", PURCHASED)
    else:
        _remake_charges()
    _interventions()


def _remake_charges() -> None:
    op.rename_table("rent_charges", "rent_charges_before")
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
        sa.CheckConstraint(PURCHASED, name=op.f("ck_rent_charges_purchased_is_period_0")),
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
        f"INSERT INTO rent_charges ({CHARGE_COLUMNS}) SELECT {CHARGE_COLUMNS} FROM rent_charges_before"  # noqa: S608  no user text
    )
    op.drop_table("rent_charges_before")
    op.create_index("uq_rent_charges_period", "rent_charges", ["account_id", "rental_id", "period"], unique=True)


def _interventions() -> None:
    op.create_table(
        "interventions",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        *(
            sa.Column(name, TEXT, nullable=False)
            for name in ("made_by", "kind", "account_id", "e164", "rental_id", "reason")
        ),
        sa.CheckConstraint(
            "kind IN ('assign', 'transfer', 'take_back', 'restore', 'adopt', 'undo_adoption')",
            name=op.f("ck_interventions_kind_known"),
        ),
        sa.CheckConstraint("reason <> '' AND made_by <> ''", name=op.f("ck_interventions_by_whom_and_why")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_interventions_account_id")),
        sa.ForeignKeyConstraint(["rental_id"], ["rentals.id"], name=op.f("fk_interventions_rental_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interventions")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_interventions_e164_id", "interventions", ["e164", "id"])
    op.create_index("ix_interventions_rental_id", "interventions", ["rental_id"])
