"""Who is signed in to the console, and links that sign in once.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "console_sessions",
        sa.Column("hash", TEXT, nullable=False),
        sa.Column("key_id", TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_console_sessions")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_console_sessions_key_id_created_at", "console_sessions", ["key_id", "created_at"])
    op.create_index("ix_console_sessions_seen_at", "console_sessions", ["seen_at"])
    op.create_table(
        "sign_in_links",
        sa.Column("hash", TEXT, nullable=False),
        sa.Column("key_id", TEXT, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_sign_in_links")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sign_in_links_expires_at", "sign_in_links", ["expires_at"])
