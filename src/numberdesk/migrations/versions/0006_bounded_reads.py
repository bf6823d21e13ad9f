"""Indexes for every list, filter and look-up of an account, so that none reads all rows of it or of others.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.drop_index("ix_rentals_account_id_id", table_name="rentals")
    _partial("ix_rentals_live", "rentals", ["account_id", "id"], "released_at IS NULL")
    _partial("ix_rentals_ended", "rentals", ["account_id", "id"], "released_at IS NOT NULL")
    _partial("ix_rentals_ended_number", "rentals", ["account_id", "e164", "id"], "released_at IS NOT NULL")
    _partial("ix_orders_open", "orders", ["id"], "state = 'ordering'")
    _partial("ix_orders_failed", "orders", ["id"], "state = 'failed'")
    op.drop_index("ix_orders_account_id_id", table_name="orders")
    op.create_index("ix_orders_account_id_state_id", "orders", ["account_id", "state", "id"], unique=False)
    _partial("ix_api_keys_kept", "api_keys", ["account_id", "expires_at"], "revoked_at IS NULL")
    _partial("ix_findings_current", "findings", ["carrier", "e164", "kind"], "state <> 'ended'")


def _partial(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=False, sqlite_where=where, postgresql_where=where)
