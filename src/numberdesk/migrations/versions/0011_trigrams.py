"""Numbers are found by digits in their middle from an index of every three digits in a row.

Touches: database.

Here the index is only made. Numbers that are there already are put into it by the worker, in short steps beside
purchases (flows/catalog/fill_trigrams.py); until it is done searches walk as they did before.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0011"
down_revision = "0010"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
VIRTUAL = (
    "CREATE VIRTUAL TABLE number_trigrams USING fts5(digits, tokenize='trigram', detail=none, content='', columnsize=0)"
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(VIRTUAL)
    else:
        op.create_table(
            "number_trigrams",
            sa.Column("rank", sa.BigInteger(), nullable=False),
            sa.Column("trigrams", ARRAY(sa.SmallInteger()), nullable=False),
        )
        op.create_index(
            "ix_number_trigrams_trigrams",
            "number_trigrams",
            ["trigrams"],
            unique=False,
            postgresql_using="gin",
            postgresql_with={"gin_pending_list_limit": 1024},
        )
    op.create_table(
        "trigram_fills",
        sa.Column("filling", TEXT, nullable=False),
        sa.Column("after_e164", TEXT, nullable=False),
        sa.Column("filled", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("filling", name=op.f("pk_trigram_fills")),
        sqlite_with_rowid=False,
    )
    if op.get_bind().execute(sa.text("SELECT 1 FROM numbers LIMIT 1")).first() is None:
        return
    op.execute("INSERT INTO trigram_fills (filling, after_e164, filled) VALUES ('numbers', '', 0)")
    op.get_context().opts.get("told", []).append(
        "searches for digits in the middle of a number become fast once the worker has put the numbers that are there "
        "into a new index, which it does beside sales and tells in the log as `search index filled`"
    )
