"""Where events are sent to, and how each of them went there.

Touches: nothing.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, Table, literal_column

from numberdesk.tables.accounts import accounts
from numberdesk.tables.base import (
    due_checks,
    due_columns,
    due_index,
    metadata,
    optional_text,
    optional_whole,
    text,
    whole,
)
from numberdesk.tables.orders import events

# Receivers of events. kinds are words with blanks between, empty for every kind; all_accounts is 1 for an operators'
# endpoint that is told the events of every account. Secrets are sealed; the former one signs as well until
# former_until. failing_since is the first failure after the last success. A deleted one goes when its deliveries have.
webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    text("id", primary_key=True),
    text("account_id", ForeignKey(accounts.c.id)),
    whole("all_accounts"),
    text("url"),
    text("description"),
    text("kinds"),
    text("secret"),
    optional_text("former_secret"),
    optional_whole("former_until"),
    optional_whole("failing_since"),
    optional_whole("disabled_at"),
    optional_text("disabled_reason"),
    optional_whole("deleted_at"),
    whole("created_at"),
    whole("updated_at"),
    CheckConstraint("all_accounts >= 0 AND all_accounts <= 1", name="all_accounts_known"),
    CheckConstraint("(former_secret IS NULL) = (former_until IS NULL)", name="former_with_end"),
    CheckConstraint("(disabled_at IS NULL) = (disabled_reason IS NULL)", name="disabled_with_reason"),
    sqlite_with_rowid=False,
)
Index(None, webhook_endpoints.c.account_id, webhook_endpoints.c.id)
_OF_ALL = webhook_endpoints.c.all_accounts == 1
Index("ix_webhook_endpoints_of_all", webhook_endpoints.c.id, sqlite_where=_OF_ALL, postgresql_where=_OF_ALL)
NAMES_ON_DEMAND: ColumnElement[bool] = literal_column("replace(kinds, 'call.rated', '') <> kinds")
"""It names a type of event that is written only for whoever does. The index serves a query of this very text."""

Index(
    "ix_webhook_endpoints_on_demand",
    webhook_endpoints.c.id,
    sqlite_where=NAMES_ON_DEMAND,
    postgresql_where=NAMES_ON_DEMAND,
)
_DELETED = webhook_endpoints.c.deleted_at.is_not(None)
Index("ix_webhook_endpoints_deleted", webhook_endpoints.c.id, sqlite_where=_DELETED, postgresql_where=_DELETED)

# An event on its way to an endpoint: due work. account_id is the endpoint's. Of the last answer its status
# is kept, empty where none came, and the beginning of its body.
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    text("id", primary_key=True),
    text("account_id", ForeignKey(accounts.c.id)),
    text("endpoint_id", ForeignKey(webhook_endpoints.c.id)),
    text("event_id", ForeignKey(events.c.id)),
    text("kind"),
    whole("created_at"),
    *due_columns(),
    optional_whole("tried_at"),
    optional_whole("answer_status"),
    text("answer"),
    optional_whole("delivered_at"),
    *due_checks("delivered_at"),
    sqlite_with_rowid=False,
)
due_index(webhook_deliveries, "endpoint_id")
Index(
    "uq_webhook_deliveries_event_id",
    webhook_deliveries.c.event_id,
    webhook_deliveries.c.endpoint_id,
    webhook_deliveries.c.account_id,
    unique=True,
)
Index(None, webhook_deliveries.c.endpoint_id, webhook_deliveries.c.id)
_PARKED = webhook_deliveries.c.parked_at.is_not(None)
Index(
    "ix_webhook_deliveries_failed",
    webhook_deliveries.c.endpoint_id,
    webhook_deliveries.c.created_at,
    webhook_deliveries.c.id,
    sqlite_where=_PARKED,
    postgresql_where=_PARKED,
)
