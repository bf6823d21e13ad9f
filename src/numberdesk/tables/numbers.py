"""Numbers with their offers, what they used to cost, the rules that price them, and rentals.

Touches: nothing.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table

from numberdesk.core.lifecycle import NumberState, RentalState
from numberdesk.core.periods import PeriodUnit
from numberdesk.tables.accounts import accounts
from numberdesk.tables.base import (
    ALSO_ON_SQLITE,
    computed,
    due_checks,
    due_columns,
    due_index,
    metadata,
    one_of,
    optional_text,
    optional_whole,
    text,
    whole,
)
from numberdesk.tables.orders import orders

# One row per E.164 number, for ever. national and reversed are digits, capabilities a bit set,
# price_source says whether the prices came with the number (file) or from a price rule (rule).
# A number without a price is not offered. account_id and order_id: who claims or rents it.
# repriced_at: when its prices changed last, so whether superseded ones may still be honoured.
# charged_at_once is what offers are sorted and filtered by: the first period and the setup price. term and billing say
# how long a period is and how calls are billed (core/billing.py), here and below; empty is as usual.
numbers = Table(
    "numbers",
    metadata,
    text("e164", primary_key=True),
    text("carrier"),
    text("state"),
    text("iso_country"),
    text("number_type"),
    text("region"),
    text("locality"),
    text("area_code"),
    text("national"),
    text("reversed"),
    whole("capabilities"),
    whole("memorability"),
    text("price_source"),
    optional_text("currency"),
    optional_whole("price"),
    optional_whole("inbound"),
    optional_whole("outbound"),
    whole("setup", default="0"),
    optional_text("cost_currency"),
    optional_whole("cost_monthly"),
    optional_whole("cost_inbound"),
    optional_whole("cost_outbound"),
    optional_whole("cost_setup"),
    optional_text("account_id", ForeignKey(accounts.c.id)),
    optional_text("order_id", ForeignKey(orders.c.id)),
    optional_whole("quarantined_until"),
    whole("created_at"),
    whole("updated_at"),
    optional_whole("repriced_at"),
    computed("charged_at_once", "price + setup"),
    text("term", server_default=""),
    text("billing", server_default=""),
    one_of("state", NumberState),
    one_of("price_source", ("file", "rule")),
    CheckConstraint("price > 0", name="price_positive"),
    CheckConstraint("inbound >= 0 AND outbound >= 0 AND setup >= 0", name="rates_not_negative"),
    CheckConstraint("(price IS NULL) = (currency IS NULL)", name="price_with_currency"),
    CheckConstraint("(state IN ('claimed', 'assigned')) = (order_id IS NOT NULL)", name="held_by_order"),
    CheckConstraint("(order_id IS NULL) = (account_id IS NULL)", name="held_by_account"),
    CheckConstraint("(state = 'quarantined') = (quarantined_until IS NOT NULL)", name="quarantined_with_date"),
    sqlite_with_rowid=False,
)

_FOR_SALE = numbers.c.state == "available"


def _for_sale(name: str, *columns: Column[str] | Column[str | None] | Column[int] | Column[int | None]) -> Index:
    """An index over the numbers that can be bought: it shrinks as they are.

    SQLite reads a row to learn its state though the index has one state alone, unless it has that too: so one that is
    walked far has it. With a computed column among the others SQLite reads the row all the same.
    """
    also = {} if any(column.computed is not None for column in columns) else {ALSO_ON_SQLITE: numbers.c.state.name}
    return Index(f"ix_numbers_sale_{name}", *columns, sqlite_where=_FOR_SALE, postgresql_where=_FOR_SALE, info=also)


_for_sale("number", numbers.c.iso_country, numbers.c.e164)
_for_sale("price", numbers.c.iso_country, numbers.c.charged_at_once, numbers.c.e164)
_for_sale("memorable", numbers.c.iso_country, numbers.c.memorability, numbers.c.e164)
_for_sale("area", numbers.c.iso_country, numbers.c.area_code, numbers.c.e164)
# Besides the number it has the score: the most memorable numbers with an ending are known without reading their rows.
_for_sale("suffix", numbers.c.iso_country, numbers.c.reversed, numbers.c.memorability)
# The places of a country's offers, for searching. It names no state, so that no purchase has to change it.
Index(
    "ix_numbers_places",
    numbers.c.iso_country,
    numbers.c.currency,
    numbers.c.number_type,
    numbers.c.region,
    numbers.c.area_code,
    numbers.c.locality,
)
Index(
    "ix_numbers_quarantined",
    numbers.c.quarantined_until,
    sqlite_where=numbers.c.state == "quarantined",
    postgresql_where=numbers.c.state == "quarantined",
)

# Prices that a number had until superseded_at; a quote given before is honoured for a while.
superseded_prices = Table(
    "superseded_prices",
    metadata,
    text("e164", ForeignKey(numbers.c.e164), primary_key=True),
    Column("superseded_at", whole("_").type, primary_key=True, nullable=False),
    text("currency"),
    whole("price"),
    optional_whole("inbound"),
    optional_whole("outbound"),
    whole("setup"),
    text("term", server_default=""),
    text("billing", server_default=""),
    sqlite_with_rowid=False,
)
Index(None, superseded_prices.c.superseded_at)

# An empty country, number_type or prefix matches every number of the carrier. margin_percent is
# in millionths (20 % is 200000); fixed prices and additions are micros.
price_rules = Table(
    "price_rules",
    metadata,
    text("id", primary_key=True),
    text("carrier"),
    text("iso_country"),
    text("number_type"),
    text("prefix"),
    text("currency"),
    optional_whole("price"),
    optional_whole("inbound"),
    optional_whole("outbound"),
    optional_whole("setup"),
    optional_whole("margin_percent"),
    optional_whole("margin_fixed"),
    whole("round_to"),
    whole("created_at"),
    text("term", server_default=""),
    text("billing", server_default=""),
    CheckConstraint("price > 0", name="price_positive"),
    CheckConstraint("(price IS NULL) <> (margin_percent IS NULL)", name="fixed_or_margin"),
    CheckConstraint("round_to > 0", name="round_to_positive"),
    sqlite_with_rowid=False,
)
Index(
    "uq_price_rules_matches",
    price_rules.c.carrier,
    price_rules.c.iso_country,
    price_rules.c.number_type,
    price_rules.c.prefix,
    unique=True,
)

# Periods are counted from the anchor (core/rental.py): `period` is the last that is charged or waived. What renews a
# rental is due work; its party is the currency, since nobody outside is asked. connection_id is where its calls are to
# go, and connection_generation counts how often that changed.
rentals = Table(
    "rentals",
    metadata,
    text("id", primary_key=True),
    text("order_id", ForeignKey(orders.c.id)),
    text("account_id", ForeignKey(accounts.c.id)),
    text("e164", ForeignKey(numbers.c.e164)),
    text("state"),
    text("currency"),
    whole("price"),
    optional_whole("inbound"),
    optional_whole("outbound"),
    whole("anchor"),
    whole("renews_at"),
    text("friendly_name"),
    text("agent_id"),
    text("tags"),
    whole("created_at"),
    whole("updated_at"),
    optional_whole("released_at"),
    text("unit"),
    whole("every"),
    whole("period"),
    optional_whole("ends_at"),
    optional_whole("past_due_since"),
    whole("reminded"),
    *due_columns(),
    optional_text("connection_id"),
    whole("connection_generation", default="0"),
    text("billing", server_default=""),
    one_of("state", RentalState),
    CheckConstraint("price > 0", name="price_positive"),
    CheckConstraint("inbound >= 0 AND outbound >= 0", name="rates_not_negative"),
    CheckConstraint("(state = 'released') = (released_at IS NOT NULL)", name="released_with_time"),
    one_of("unit", PeriodUnit),
    CheckConstraint("every > 0 AND period >= 0 AND reminded >= 0", name="period_counts"),
    CheckConstraint("(state = 'past_due') = (past_due_since IS NOT NULL)", name="past_due_with_time"),
    *due_checks("released_at"),
    sqlite_with_rowid=False,
)
Index(
    "uq_rentals_live_e164",
    rentals.c.e164,
    unique=True,
    sqlite_where=rentals.c.released_at.is_(None),
    postgresql_where=rentals.c.released_at.is_(None),
)


def _of_rentals(name: str, *columns: Column[str], live: bool) -> None:
    """An index over the rentals that go on, or over those that have ended."""
    ended = rentals.c.released_at
    where = ended.is_(None) if live else ended.is_not(None)
    Index(f"ix_rentals_{name}", *columns, sqlite_where=where, postgresql_where=where)


due_index(rentals, "currency")
_PAST_DUE = rentals.c.state == "past_due"
Index("ix_rentals_past_due", rentals.c.account_id, rentals.c.id, sqlite_where=_PAST_DUE, postgresql_where=_PAST_DUE)
# The same of all accounts, and what waits for a person.
_IS_PARKED = rentals.c.parked_at.is_not(None)
Index("ix_rentals_unpaid", rentals.c.id, sqlite_where=_PAST_DUE, postgresql_where=_PAST_DUE)
Index("ix_rentals_parked", rentals.c.id, sqlite_where=_IS_PARKED, postgresql_where=_IS_PARKED)


# Two lists of an account, and what it had of a number. Who rents a number now is what uq_rentals_live_e164 knows.
_of_rentals("live", rentals.c.account_id, rentals.c.id, live=True)
_of_rentals("ended", rentals.c.account_id, rentals.c.id, live=False)
_of_rentals("ended_number", rentals.c.account_id, rentals.c.e164, rentals.c.id, live=False)
# Live rentals by where their calls go.
_CONNECTED = rentals.c.connection_id.is_not(None) & rentals.c.released_at.is_(None)
Index(
    "ix_rentals_connected",
    rentals.c.connection_id,
    rentals.c.id,
    sqlite_where=_CONNECTED,
    postgresql_where=_CONNECTED,
)
# Who had a number when a call of it began.
Index(
    "ix_rentals_had_number",
    rentals.c.e164,
    rentals.c.released_at,
    sqlite_where=rentals.c.released_at.is_not(None),
    postgresql_where=rentals.c.released_at.is_not(None),
)

# Work left after a price rule changed: the carrier's numbers after this one are still to be priced anew.
repricings = Table(
    "repricings",
    metadata,
    text("carrier", primary_key=True),
    text("after_e164"),
    sqlite_with_rowid=False,
)
