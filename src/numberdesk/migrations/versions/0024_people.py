"""People who sign in to the console, from where, and who did what.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
ROLES = "role IN ('owner', 'buyer', 'viewer', 'admin', 'support', 'finance')"
ACTION_TEXTS = (
    "account_id",
    "via",
    "actor_id",
    "actor",
    "actor_account_id",
    "address",
    "what",
    "object_id",
    "details",
)


def upgrade() -> None:
    op.create_table(
        "people",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("account_id", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("password", TEXT, nullable=True),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(ROLES, name=op.f("ck_people_role_known")),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_people_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people")),
        sa.UniqueConstraint("email", name=op.f("uq_people_email")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_people_account_id_id", "people", ["account_id", "id"])
    for column in (
        sa.Column("address", TEXT, nullable=True),
        sa.Column("browser", TEXT, nullable=True),
        sa.Column("acting_for", TEXT, nullable=True),
        sa.Column("acting_until", sa.BigInteger(), nullable=True),
    ):
        op.add_column("console_sessions", column)
    op.create_index("ix_sign_in_links_key_id", "sign_in_links", ["key_id"])
    op.create_table(
        "actions",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ACTION_TEXTS),
        sa.CheckConstraint("via IN ('console', 'api', 'command')", name=op.f("ck_actions_via_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_actions")),
        sqlite_with_rowid=False,
    )
    for name in ("account_id", "actor", "object_id"):
        op.create_index(f"ix_actions_{name}_id", "actions", [name, "id"])
    op.create_index("ix_actions_created_at", "actions", ["created_at"])
