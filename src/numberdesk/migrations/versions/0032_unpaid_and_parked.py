"""Rentals of all accounts that are past due, and those that wait for a person, are found by indexes of their own.

Touches: database.

Both hold those rentals alone; with a million rentals they take a second to make.
"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"

CONDITIONS = {"unpaid": "state = 'past_due'", "parked": "parked_at IS NOT NULL"}


def upgrade() -> None:
    for name, condition in CONDITIONS.items():
        where = sa.text(condition)
        op.create_index(f"ix_rentals_{name}", "rentals", ["id"], sqlite_where=where, postgresql_where=where)
