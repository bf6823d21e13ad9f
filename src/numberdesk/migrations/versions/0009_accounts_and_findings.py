"""Accounts have a name of their own and can be closed, changes of credit limits are kept, findings have more kinds.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
LONGEST_NAME = 100
COLUMNS_OF_FINDINGS = ("carrier", "e164", "kind", "state", "carrier_reference", "order_reference", "message")


def upgrade() -> None:
    op.add_column("accounts", sa.Column("closed_at", sa.BigInteger(), nullable=True))
    _tell_apart()
    op.create_index("uq_accounts_name", "accounts", ["name"], unique=True)
    op.create_table(
        "credit_limit_changes",
        sa.Column("account_id", TEXT, nullable=False),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.BigInteger(), nullable=False),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "before >= 0 AND after >= 0 AND before <> after", name=op.f("ck_credit_limit_changes_changes_the_limit")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_credit_limit_changes_account_id")),
        sa.PrimaryKeyConstraint("account_id", "change", name=op.f("pk_credit_limit_changes")),
        sqlite_with_rowid=False,
    )
    _more_findings()
    op.create_table(
        "carrier_troubles",
        sa.Column("carrier", TEXT, nullable=False),
        sa.Column("said", TEXT, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("since", "last_at", "orders")),
        sa.PrimaryKeyConstraint("carrier", name=op.f("pk_carrier_troubles")),
        sqlite_with_rowid=False,
    )


def _more_findings() -> None:
    check = "kind IN ('orphan', 'lost', 'ported_away', 'wrong_reference', 'stale_release')"
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_findings_kind_known"), "findings", type_="check")
        op.create_check_constraint(op.f("ck_findings_kind_known"), "findings", check)
        return
    op.rename_table("findings", "findings_before")
    op.create_table(
        "findings",
        *(sa.Column(name, TEXT, nullable=False) for name in COLUMNS_OF_FINDINGS),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(check, name=op.f("ck_findings_kind_known")),
        sa.CheckConstraint("state IN ('open', 'kept', 'releasing', 'ended')", name=op.f("ck_findings_state_known")),
        sa.PrimaryKeyConstraint("carrier", "e164", "kind", name=op.f("pk_findings")),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO findings SELECT * FROM findings_before")
    op.drop_table("findings_before")
    current = sa.text("state <> 'ended'")
    op.create_index("ix_findings_current", "findings", ["carrier", "e164", "kind"], unique=False, sqlite_where=current)


def _tell_apart() -> None:
    """The oldest of several accounts with one name keeps it, the others get a number behind it; tell which."""
    connection = op.get_bind()
    twice = connection.execute(
        sa.text(
            "SELECT id, name FROM accounts WHERE name IN (SELECT name FROM accounts GROUP BY name HAVING count(*) > 1) "
            "ORDER BY name, created_at, id"
        )
    ).all()
    told = op.get_context().opts.get("told", [])
    before, number = None, 1
    for account_id, name in twice:
        if name != before:
            before, number = name, 1
            continue
        renamed = None
        while renamed is None or _is_taken(connection, renamed):
            number += 1
            suffix = f" ({number})"
            renamed = name[: LONGEST_NAME - len(suffix)] + suffix
        connection.execute(
            sa.text("UPDATE accounts SET name = :name WHERE id = :id"), {"name": renamed, "id": account_id}
        )
        told.append(f"account {account_id} is now named {renamed!r}: an older one is named {name!r}")


def _is_taken(connection: sa.Connection, name: str) -> bool:
    found = connection.execute(sa.text("SELECT 1 FROM accounts WHERE name = :name"), {"name": name}).first()
    return found is not None
