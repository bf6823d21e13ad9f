"""On SQLite indexes of numbers for sale say their state, so that searches walk them without reading rows.

Touches: database.

PostgreSQL knows the state from the condition of the index. Nothing but the indexes changes; ten million numbers take a
minute or two.
"""

from alembic import op

revision = "0029"
down_revision = "0028"

INDEXES = {
    "number": "iso_country, e164",
    "memorable": "iso_country, memorability, e164",
    "area": "iso_country, area_code, e164",
    "suffix": "iso_country, reversed",
}


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    for name, columns in INDEXES.items():
        op.execute(f"DROP INDEX ix_numbers_sale_{name}")
        op.execute(f"CREATE INDEX ix_numbers_sale_{name} ON numbers ({columns}, state) WHERE state = 'available'")
