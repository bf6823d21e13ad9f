"""What carriers offered of late, at which prices, and what other currencies are worth.

Touches: nothing.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Index, PrimaryKeyConstraint, Table

from numberdesk.tables.base import metadata, optional_whole, text, whole

# A number that a carrier offered, at the terms that it was shown at; good until expires_at. Other
# terms are another row, so an earlier quote stands beside a later one. The number gets a row in
# `numbers` only when somebody orders it.
offers = Table(
    "offers",
    metadata,
    text("e164"),
    text("carrier"),
    text("terms"),
    text("iso_country"),
    text("number_type"),
    text("region"),
    text("locality"),
    text("area_code"),
    text("national"),
    whole("capabilities"),
    whole("memorability"),
    text("currency"),
    whole("price"),
    optional_whole("inbound"),
    optional_whole("outbound"),
    whole("setup"),
    text("cost_currency"),
    optional_whole("cost_monthly"),
    optional_whole("cost_inbound"),
    optional_whole("cost_outbound"),
    optional_whole("cost_setup"),
    whole("offered_at"),
    whole("expires_at"),
    text("requires", server_default=""),  # what it asks for, as words between blanks
    text("term", server_default=""),
    text("billing", server_default=""),
    PrimaryKeyConstraint("e164", "carrier", "terms"),
    CheckConstraint("price > 0", name="price_positive"),
    CheckConstraint("inbound >= 0 AND outbound >= 0 AND setup >= 0", name="rates_not_negative"),
    sqlite_with_rowid=False,
)
Index(None, offers.c.expires_at)

# One unit of `base` is worth `rate` billionths of a unit of `quote`.
exchange_rates = Table(
    "exchange_rates",
    metadata,
    text("base"),
    text("quote"),
    whole("rate"),
    whole("updated_at"),
    PrimaryKeyConstraint("base", "quote"),
    CheckConstraint("rate > 0", name="rate_positive"),
    sqlite_with_rowid=False,
)
