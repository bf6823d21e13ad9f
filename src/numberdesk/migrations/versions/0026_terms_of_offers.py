"""How long the periods of an offer are and how its calls are billed, from the price rule to the rental.

Touches: database.
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

# A rental was billed by the terms of its carrier as it began, which it keeps.
KEPT = """
UPDATE rentals SET billing = COALESCE((
    SELECT call_terms.minimum || '/' || call_terms.step || ' ' || call_terms.connect
    FROM call_terms JOIN numbers ON numbers.carrier = call_terms.carrier
    WHERE numbers.e164 = rentals.e164 AND call_terms.since <= rentals.created_at
    ORDER BY call_terms.since DESC LIMIT 1
), '60/60 0')
"""


def upgrade() -> None:
    for table in ("numbers", "superseded_prices", "price_rules", "offers", "orders"):
        for name in ("term", "billing"):
            op.add_column(table, sa.Column(name, TEXT, nullable=False, server_default=""))
    op.add_column("rentals", sa.Column("billing", TEXT, nullable=False, server_default=""))
    op.execute(KEPT)
    for name, kind in (("unit", TEXT), ("every", sa.BigInteger()), ("increments", TEXT), ("connect", sa.BigInteger())):
        op.add_column("idempotency_records", sa.Column(name, kind, nullable=True))
