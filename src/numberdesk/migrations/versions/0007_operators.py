"""Accounts of operators, to which all keys with scope admin move; which key a key was made with.

Touches: database, randomness.

A key that moves keeps its id, its secret and its scopes. What was bought with it stays with the customer. The
Idempotency-Keys of top-ups and adjustments move along, so that one that is sent again is not done again. Where keys of
two customers' accounts used the same one, the first holds: another request under it is refused.
"""

import sqlalchemy as sa
import uuid_utils
from alembic import op

revision = "0007"
down_revision = "0006"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
ADMIN = "(' ' || scopes || ' ') LIKE '% admin %'"
OF_OPERATORS = "request IN ('top_up', 'adjustment')"


def upgrade() -> None:
    collation = ' COLLATE "C"' if _on_postgresql() else ""
    op.execute(
        f"ALTER TABLE accounts ADD COLUMN kind TEXT{collation} DEFAULT 'customer' NOT NULL "
        "CONSTRAINT ck_accounts_kind_known CHECK (kind IN ('customer', 'operator')) "
        "CONSTRAINT ck_accounts_currency_of_customers CHECK ((kind = 'operator') = (currency = ''))"
    )
    op.create_index("ix_accounts_kind_id", "accounts", ["kind", "id"], unique=False)
    if _on_postgresql():
        op.add_column("api_keys", sa.Column("created_by", TEXT, nullable=True))
        op.create_foreign_key("fk_api_keys_created_by", "api_keys", "api_keys", ["created_by"], ["id"])
    else:
        _make_keys_anew()
    op.create_index("ix_api_keys_created_by", "api_keys", ["created_by"], unique=False)
    _move_admin_keys()


def _on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _make_keys_anew() -> None:
    """SQLite can add no named reference to a table that is there."""
    op.rename_table("api_keys", "api_keys_before")
    op.create_table(
        "api_keys",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("account_id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("shown", TEXT, nullable=False),
        sa.Column("hash", TEXT, nullable=False),
        sa.Column("scopes", TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("created_by", TEXT, nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_api_keys_account_id")),
        sa.ForeignKeyConstraint(["created_by"], ["api_keys.id"], name=op.f("fk_api_keys_created_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_keys_hash")),
        sqlite_with_rowid=False,
    )
    columns = "id, account_id, name, shown, hash, scopes, created_at, expires_at, revoked_at"
    op.execute(f"INSERT INTO api_keys ({columns}) SELECT {columns} FROM api_keys_before")  # noqa: S608  no user text
    op.drop_table("api_keys_before")
    op.create_index("ix_api_keys_account_id_id", "api_keys", ["account_id", "id"], unique=False)
    kept = sa.text("revoked_at IS NULL")
    op.create_index("ix_api_keys_kept", "api_keys", ["account_id", "expires_at"], unique=False, sqlite_where=kept)


def _move_admin_keys() -> None:
    run = op.get_bind().execute
    oldest = run(sa.text(f"SELECT min(created_at) FROM api_keys WHERE {ADMIN}")).scalar()  # noqa: S608  no user text
    if oldest is None:
        return
    taken = set(run(sa.text("SELECT name FROM accounts WHERE name LIKE 'Operators%'")).scalars())
    names = ("Operators", *(f"Operators {number}" for number in range(2, len(taken) + 3)))
    made = {
        "id": f"acc_{uuid_utils.uuid7().hex}",
        "name": next(name for name in names if name not in taken),
        "created_at": oldest,
    }
    run(
        sa.text(
            "INSERT INTO accounts (id, name, currency, state, created_at, kind) "
            "VALUES (:id, :name, '', 'active', :created_at, 'operator')"
        ),
        made,
    )
    run(sa.text(f"UPDATE api_keys SET account_id = :id WHERE {ADMIN}"), made)  # noqa: S608  no user text
    run(
        sa.text(
            "INSERT INTO keyed_requests (account_id, request, key, content, outcome_id, created_at) "  # noqa: S608  no user text
            f"SELECT :id, request, key, content, outcome_id, created_at FROM keyed_requests WHERE {OF_OPERATORS} "
            "ORDER BY created_at, account_id ON CONFLICT DO NOTHING"
        ),
        made,
    )
    run(
        sa.text(
            f"DELETE FROM keyed_requests WHERE account_id <> :id AND {OF_OPERATORS} AND EXISTS (SELECT 1 FROM "  # noqa: S608  no user text
            "keyed_requests AS moved WHERE moved.account_id = :id AND moved.request = keyed_requests.request "
            "AND moved.key = keyed_requests.key AND moved.outcome_id = keyed_requests.outcome_id)"
        ),
        made,
    )
