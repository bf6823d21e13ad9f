"""Feeds of call records, and parked ones counted by their source.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0014"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    _partial("ix_calls_parked_of_source", "calls", ["source", "id"], "state = 'parked'")
    op.create_table(
        "call_feeds",
        *_texts("account_id", "name", "form"),
        *(sa.Column(name, TEXT, nullable=True) for name in ("mapping", "secret", "url")),
        *_wholes("created_at"),
        sa.CheckConstraint("form IN ('freeswitch', 'callback', 'mapping')", name=op.f("ck_call_feeds_form_known")),
        sa.CheckConstraint("(form = 'mapping') = (mapping IS NOT NULL)", name=op.f("ck_call_feeds_mapping_with_text")),
        sa.CheckConstraint("(secret IS NULL) = (url IS NULL)", name=op.f("ck_call_feeds_secret_with_url")),
        sa.CheckConstraint("secret IS NULL OR form = 'callback'", name=op.f("ck_call_feeds_secret_of_callbacks")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_call_feeds_account_id")),
        sa.PrimaryKeyConstraint("account_id", "name", name=op.f("pk_call_feeds")),
        sqlite_with_rowid=False,
    )


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, TEXT, nullable=False) for name in names]


def _wholes(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _partial(name: str, table: str, columns: list[str], condition: str, *, unique: bool = False) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where)
