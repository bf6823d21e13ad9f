"""The sums of statements' lines by kind, for every full stretch of 500 entries of a wallet.

Touches: database.

Those of the lines that are there are made here: a million lines take some seconds.
"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
FILL = """
    INSERT INTO line_sums (account_id, stretch, kind, lines, amount, latest)
    SELECT t.account_id, (t.entry - 1) / 500, t.kind, count(*),
        CAST(sum(CASE WHEN t.credit = 'wallet:' || t.account_id THEN t.amount ELSE -t.amount END) AS BIGINT),
        max(max(t.created_at)) OVER (PARTITION BY t.account_id ORDER BY (t.entry - 1) / 500)
    FROM transfers t JOIN wallets w ON w.account_id = t.account_id
    WHERE t.entry <= w.entries / 500 * 500
    GROUP BY t.account_id, (t.entry - 1) / 500, t.kind
"""


def upgrade() -> None:
    op.create_table(
        "line_sums",
        sa.Column("account_id", TEXT, nullable=False),
        sa.Column("stretch", sa.BigInteger(), nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("lines", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("latest", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("stretch >= 0 AND lines > 0", name=op.f("ck_line_sums_lines_positive")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_line_sums_account_id")),
        sa.PrimaryKeyConstraint("account_id", "stretch", "kind", name=op.f("pk_line_sums")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_line_sums_account_id_latest_stretch"), "line_sums", ["account_id", "latest", "stretch"])
    op.execute(FILL)
