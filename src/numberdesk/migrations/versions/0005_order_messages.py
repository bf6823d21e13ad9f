"""What carriers answered to orders, kept beside what later look-ups of them say.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("carrier_orders", sa.Column("order_message", TEXT, server_default="", nullable=False))
