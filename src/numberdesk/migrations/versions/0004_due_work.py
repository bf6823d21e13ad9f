# ruff: noqa: E501  frozen: what ran must stay as it ran
"""Orders at carriers, numbers on their way back and audits as due work: one set of columns for all, with leases of their own.

Touches: database.

Tables are made anew and filled from the old ones, since SQLite cannot let go of a NOT NULL, and since PostgreSQL
would keep the places of columns that are gone.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
DUE = "next_at IS NOT NULL"
DUE_OR_PARKED = "(next_at IS NULL) = (parked_at IS NOT NULL)"
HALF_HOUR = 1_800_000_000


def due_columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("message", TEXT, nullable=False),
        sa.Column("parked_at", sa.BigInteger(), nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
    )


def check(table: str, name: str, condition: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(condition, name=op.f(f"ck_{table}_{name}"))


def upgrade() -> None:
    _carrier_orders()
    _carrier_releases()
    _audits()
    op.execute("ALTER TABLE findings RENAME COLUMN said TO message")


def _on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _put_aside(table: str, *indexes: str) -> None:
    for index in indexes:
        op.drop_index(index, table_name=table)
    op.rename_table(table, f"{table}_before")
    if _on_postgresql():
        op.drop_constraint(f"pk_{table}", f"{table}_before", type_="primary")


def _fill(table: str, columns: str, query: str) -> None:
    op.execute(f"INSERT INTO {table} ({columns}) SELECT {query} FROM {table}_before")  # noqa: S608  no user text
    op.drop_table(f"{table}_before")


def _due_index(table: str, *columns: str) -> None:
    condition = sa.text(DUE)
    op.create_index(f"ix_{table}_due", table, [*columns], sqlite_where=condition, postgresql_where=condition)


def _open_index(table: str, name: str, column: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(f"ix_{table}_{name}", table, [column], sqlite_where=where, postgresql_where=where)


def _carrier_orders() -> None:
    _put_aside("carrier_orders", "ix_carrier_orders_unsettled")
    op.create_table(
        "carrier_orders",
        sa.Column("order_id", TEXT, nullable=False),
        sa.Column("account_id", TEXT, nullable=False),
        sa.Column("carrier", TEXT, nullable=False),
        sa.Column("e164", TEXT, nullable=False),
        sa.Column("sends", sa.BigInteger(), nullable=False),
        sa.Column("attempted_at", sa.BigInteger(), nullable=False),
        sa.Column("wanted_until", sa.BigInteger(), nullable=False),
        sa.Column("absences", sa.BigInteger(), nullable=False),
        sa.Column("absent_since", sa.BigInteger(), nullable=True),
        sa.Column("accepted_at", sa.BigInteger(), nullable=True),
        *due_columns(),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("order_message", TEXT, nullable=False),
        sa.Column("error_code", TEXT, nullable=True),
        sa.Column("error_message", TEXT, nullable=True),
        sa.Column("error_details", TEXT, nullable=True),
        check("carrier_orders", "sends_counted", "sends > 0"),
        check("carrier_orders", "refused_when_settled", "error_code IS NULL OR settled_at IS NOT NULL"),
        check("carrier_orders", "settled_is_left_alone", "settled_at IS NULL OR next_at IS NULL"),
        check("carrier_orders", "due_or_parked", f"settled_at IS NOT NULL OR {DUE_OR_PARKED}"),
        check("carrier_orders", "leased_while_due", "leased_until IS NULL OR next_at IS NOT NULL"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_carrier_orders_account_id")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_carrier_orders_order_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_carrier_orders")),
        sqlite_with_rowid=False,
    )
    # next_at is when somebody may take the order up, also where it was the end of somebody's lease.
    _fill(
        "carrier_orders",
        "order_id, account_id, carrier, e164, sends, attempted_at, wanted_until, absences, absent_since, accepted_at, "
        "next_at, attempts, message, parked_at, settled_at, order_message, error_code, error_message, error_details",
        "order_id, account_id, carrier, e164, attempt, attempted_at, wanted_until, absences, absent_since, accepted_at, "
        "next_at, looks, said, parked_at, settled_at, '', error_code, error_message, error_details",
    )
    _due_index("carrier_orders", "carrier", "next_at", "order_id")
    _open_index("carrier_orders", "unsettled", "order_id", "settled_at IS NULL")


def _carrier_releases() -> None:
    _put_aside("carrier_releases", "ix_carrier_releases_e164", "ix_carrier_releases_unconfirmed")
    op.create_table(
        "carrier_releases",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("carrier", TEXT, nullable=False),
        sa.Column("e164", TEXT, nullable=False),
        sa.Column("carrier_reference", TEXT, nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        *due_columns(),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        check("carrier_releases", "confirmed_is_left_alone", "confirmed_at IS NULL OR next_at IS NULL"),
        check("carrier_releases", "due_or_parked", f"confirmed_at IS NOT NULL OR {DUE_OR_PARKED}"),
        check("carrier_releases", "leased_while_due", "leased_until IS NULL OR next_at IS NOT NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_carrier_releases")),
        sqlite_with_rowid=False,
    )
    _fill(
        "carrier_releases",
        "id, carrier, e164, carrier_reference, asked_at, next_at, attempts, message, confirmed_at",
        "id, carrier, e164, carrier_reference, asked_at, CASE WHEN confirmed_at IS NULL THEN next_at END, tries, said, confirmed_at",
    )
    _due_index("carrier_releases", "carrier", "next_at", "id")
    _open_index("carrier_releases", "unconfirmed", "id", "confirmed_at IS NULL")
    op.create_index("ix_carrier_releases_e164", "carrier_releases", ["e164"], unique=False)


def _audits() -> None:
    _put_aside("audits")
    op.create_table(
        "audits",
        sa.Column("carrier", TEXT, nullable=False),
        *due_columns(),
        sa.Column("asked_at", sa.BigInteger(), nullable=True),
        sa.Column("began_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("owned", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("found", sa.BigInteger(), server_default="0", nullable=False),
        check("audits", "due_or_parked", DUE_OR_PARKED),
        check("audits", "leased_while_due", "leased_until IS NULL OR next_at IS NOT NULL"),
        sa.PrimaryKeyConstraint("carrier", name=op.f("pk_audits")),
        sqlite_with_rowid=False,
    )
    # One that is under way has a lease until what was its next time. What was left for a later time by an audit lies
    # a whole number of half hours after it: any other time was set by somebody who asked.
    running = "began_at IS NOT NULL AND (ended_at IS NULL OR ended_at < began_at)"
    asked = f"NOT ({running}) AND (began_at IS NULL AND next_at > 0 OR (next_at - began_at) % {HALF_HOUR} <> 0)"
    _fill(
        "audits",
        "carrier, next_at, attempts, message, leased_until, asked_at, began_at, ended_at, owned, found",
        f"carrier, CASE WHEN {running} THEN began_at ELSE next_at END, 0, said, CASE WHEN {running} THEN next_at END, "
        f"CASE WHEN {asked} THEN next_at END, began_at, ended_at, owned, found",
    )
    op.execute(
        "INSERT INTO audits (carrier, next_at, attempts, message) SELECT name, created_at, 0, '' FROM carriers "
        "WHERE name NOT IN (SELECT carrier FROM audits)"
    )
    _due_index("audits", "carrier", "next_at")
