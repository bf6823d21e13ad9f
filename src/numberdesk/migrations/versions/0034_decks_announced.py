"""When accounts were told which rate deck they use: rentals that began later were offered without it.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"

# The event says when, as long as it is kept.
KNOWN = """
UPDATE rate_deck_choices SET announced_at = COALESCE((
    SELECT events.created_at FROM events
    WHERE events.id = 'evt_rates_' || substr(rate_deck_choices.account_id, 5) || '_' || rate_deck_choices.since
), since)
"""


def upgrade() -> None:
    op.add_column("rate_deck_choices", sa.Column("announced_at", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute(KNOWN)
