"""Accounts at carriers, orders that wait for one, numbers on their way back, and what audits found.

Touches: nothing.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, PrimaryKeyConstraint, Table, literal_column

from numberdesk.core.findings import FindingKind, FindingState
from numberdesk.core.lifecycle import CarrierState
from numberdesk.tables.accounts import accounts
from numberdesk.tables.base import (
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

# An account at a carrier, under the name that numbers, orders and price rules know it by. kind says
# which carrier it is; options are JSON for all to read, credentials a text that only the holder of
# NUMBERDESK_CREDENTIALS_KEY can.
carriers = Table(
    "carriers",
    metadata,
    text("name", primary_key=True),
    text("kind"),
    text("state"),
    text("options"),
    text("credentials"),
    whole("created_at"),
    whole("updated_at"),
    one_of("state", CarrierState),
    sqlite_with_rowid=False,
)

# How an order stands with its carrier: one row for each order that a carrier was asked for, for
# ever. Open orders are due work: their carriers are asked about them. sends counts the orders that
# were sent; attempts, absences and absent_since are about the look-ups since the last. counts has the absences that
# each process has counted, as JSON, and counted_by the process that did so last.
# The error is what the customer was told in the end.
carrier_orders = Table(
    "carrier_orders",
    metadata,
    text("order_id", ForeignKey(orders.c.id), primary_key=True),
    text("account_id", ForeignKey(accounts.c.id)),
    text("carrier"),
    text("e164"),
    whole("sends"),
    whole("attempted_at"),
    whole("wanted_until"),
    whole("absences"),
    optional_whole("absent_since"),
    optional_whole("accepted_at"),
    *due_columns(),
    optional_whole("settled_at"),
    text("order_message"),
    optional_text("error_code"),
    optional_text("error_message"),
    optional_text("error_details"),
    optional_text("counted_by"),
    optional_text("counts"),
    CheckConstraint("sends > 0", name="sends_counted"),
    CheckConstraint("error_code IS NULL OR settled_at IS NOT NULL", name="refused_when_settled"),
    *due_checks("settled_at"),
    sqlite_with_rowid=False,
)
_UNSETTLED = carrier_orders.c.settled_at.is_(None)
due_index(carrier_orders, "carrier")
Index(
    "ix_carrier_orders_unsettled",
    carrier_orders.c.order_id,
    sqlite_where=_UNSETTLED,
    postgresql_where=_UNSETTLED,
)

# A number that its carrier is to be told of that we no longer want it: due work. The id follows from the
# rental or the order whose number it is, or from the carrier and the number where there is neither.
carrier_releases = Table(
    "carrier_releases",
    metadata,
    text("id", primary_key=True),
    text("carrier"),
    text("e164"),
    optional_text("carrier_reference"),
    whole("asked_at"),
    *due_columns(),
    optional_whole("confirmed_at"),
    *due_checks("confirmed_at"),
    sqlite_with_rowid=False,
)
_UNCONFIRMED = carrier_releases.c.confirmed_at.is_(None)
due_index(carrier_releases, "carrier")
Index(
    "ix_carrier_releases_unconfirmed",
    carrier_releases.c.id,
    sqlite_where=_UNCONFIRMED,
    postgresql_where=_UNCONFIRMED,
)
Index("ix_carrier_releases_e164", carrier_releases.c.e164)

# A number that stood on an account at a carrier and was adopted for sale: it is one of the own pool since, and the
# carrier keeps it for us. Undone, it is the carrier account's again, and nobody's.
adopted_offers = Table(
    "adopted_offers",
    metadata,
    text("id", primary_key=True),
    text("e164"),
    whole("adopted_at"),
    text("carrier"),
    text("carrier_reference"),
    text("adopted_by"),
    optional_whole("undone_at"),
    optional_text("undone_by"),
    optional_text("undone_reason"),
    CheckConstraint("(undone_at IS NULL) = (undone_by IS NULL)", name="undone_by_whom"),
    CheckConstraint("(undone_at IS NULL) = (undone_reason IS NULL)", name="undone_for_a_reason"),
    sqlite_with_rowid=False,
)
Index(None, adopted_offers.c.e164)

# Where a carrier's list of our numbers and the books differ.
findings = Table(
    "findings",
    metadata,
    text("carrier"),
    text("e164"),
    text("kind"),
    text("state"),
    text("carrier_reference"),
    text("order_reference"),
    text("message"),
    whole("first_seen_at"),
    whole("last_seen_at"),
    PrimaryKeyConstraint("carrier", "e164", "kind"),
    one_of("kind", FindingKind),
    one_of("state", FindingState),
    sqlite_with_rowid=False,
)
_NOT_ENDED: ColumnElement[bool] = literal_column(
    "state <> 'ended'"
)  # as PostgreSQL spells it, so that verify finds it as it was made
Index(
    "ix_findings_current",
    findings.c.carrier,
    findings.c.e164,
    findings.c.kind,
    sqlite_where=_NOT_ENDED,
    postgresql_where=_NOT_ENDED,
)

# The audits of each carrier: due work that comes again and again. asked_at is when somebody asked for one
# that has not ended since; the rest is about the last.
audits = Table(
    "audits",
    metadata,
    text("carrier", primary_key=True),
    *due_columns(),
    optional_whole("asked_at"),
    optional_whole("began_at"),
    optional_whole("ended_at"),
    whole("owned", default="0"),
    whole("found", default="0"),
    *due_checks(),
    sqlite_with_rowid=False,
)
due_index(audits, "carrier")

# Accounts at carriers for which nothing is ordered at present, for a reason that lies with the account; a row at most
# for each. It goes with the first order that the carrier takes again. No reference, so that it can be written last.
carrier_troubles = Table(
    "carrier_troubles",
    metadata,
    text("carrier", primary_key=True),
    text("said"),
    whole("since"),
    whole("last_at"),
    whole("orders"),
    sqlite_with_rowid=False,
)
