"""Passkeys of people, the challenges that they answer, who made keys, and how things stood before and after actions.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "passkeys",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("person_id", TEXT, nullable=False),
        sa.Column("credential", TEXT, nullable=False),
        sa.Column("public_key", TEXT, nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("sign_count >= 0", name=op.f("ck_passkeys_count_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkeys")),
        sa.UniqueConstraint("credential", name=op.f("uq_passkeys_credential")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_passkeys_person_id_id", "passkeys", ["person_id", "id"])
    op.create_table(
        "passkey_challenges",
        sa.Column("hash", TEXT, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("person_id", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_passkey_challenges")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_passkey_challenges_person_id_expires_at", "passkey_challenges", ["person_id", "expires_at"])
    op.create_index("ix_passkey_challenges_expires_at", "passkey_challenges", ["expires_at"])
    op.add_column("api_keys", sa.Column("made_by", TEXT, nullable=True))
    op.execute(
        "UPDATE api_keys SET made_by = (SELECT min(actor_id) FROM actions WHERE actions.object_id = api_keys.id "
        "AND actions.what = 'POST /api-keys' AND actions.actor_id LIKE 'per#_%' ESCAPE '#')"
    )
    for name in ("before", "after"):
        op.add_column("actions", sa.Column(name, TEXT, nullable=False, server_default=""))
