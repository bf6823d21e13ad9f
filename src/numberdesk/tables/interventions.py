"""What operators did with rented numbers.

Touches: nothing.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, Table

from numberdesk.core.interventions import InterventionKind
from numberdesk.tables.accounts import accounts
from numberdesk.tables.base import metadata, one_of, text, whole
from numberdesk.tables.numbers import rentals

# One row for each deed, for ever. account_id, e164 and rental_id are those of the rental that began or ended by it.
interventions = Table(
    "interventions",
    metadata,
    text("id", primary_key=True),
    whole("made_at"),
    text("made_by"),
    text("kind"),
    text("account_id", ForeignKey(accounts.c.id)),
    text("e164"),
    text("rental_id", ForeignKey(rentals.c.id)),
    text("reason"),
    one_of("kind", InterventionKind),
    CheckConstraint("reason <> '' AND made_by <> ''", name="by_whom_and_why"),
    sqlite_with_rowid=False,
)
Index(None, interventions.c.e164, interventions.c.id)
Index(None, interventions.c.rental_id)
