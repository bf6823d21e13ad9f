"""Orders, the answers stored under idempotency keys, other requests with such keys, and events.

Touches: nothing.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, PrimaryKeyConstraint, Table

from numberdesk.core.lifecycle import OrderOrigin, OrderState
from numberdesk.tables.accounts import accounts
from numberdesk.tables.base import metadata, one_of, optional_text, optional_whole, text, whole

# key_id is the key that asked for it, which may be forgotten by now. counted_at is created_at where the order counts
# towards a cap on what its account or one of its keys spends. origin: the customer bought the number, or an operator
# gave it, without a hold or charge of the order; then from_rental_id is the rental that went before, where one did.
orders = Table(
    "orders",
    metadata,
    text("id", primary_key=True),
    text("account_id", ForeignKey(accounts.c.id)),
    text("e164"),
    text("carrier"),
    text("state"),
    text("currency"),
    whole("price"),
    optional_whole("inbound"),
    optional_whole("outbound"),
    whole("setup"),
    whole("attempts"),
    optional_text("carrier_reference"),
    whole("created_at"),
    optional_whole("completed_at"),
    optional_whole("renews_at"),
    optional_text("connection_id"),  # that its number is to be given when it is bought
    optional_text("key_id"),
    optional_whole("counted_at"),
    text("origin", server_default="purchase"),
    optional_text("from_rental_id"),
    one_of("origin", OrderOrigin),
    optional_text("profile_id"),  # the compliance profile that its carrier is sent
    text("term", server_default=""),
    text("billing", server_default=""),
    one_of("state", OrderState),
    CheckConstraint("price > 0", name="price_positive"),
    CheckConstraint("inbound >= 0 AND outbound >= 0 AND setup >= 0", name="rates_not_negative"),
    CheckConstraint("(state = 'completed') = (completed_at IS NOT NULL)", name="completed_with_time"),
    sqlite_with_rowid=False,
)
Index(None, orders.c.account_id, orders.c.state, orders.c.id)
_OPEN = orders.c.state == "ordering"
_FAILED = orders.c.state == "failed"
Index("ix_orders_open", orders.c.id, sqlite_where=_OPEN, postgresql_where=_OPEN)
Index("ix_orders_failed", orders.c.id, sqlite_where=_FAILED, postgresql_where=_FAILED)
Index("uq_orders_open_e164", orders.c.e164, unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN)
_FOLLOWS = orders.c.from_rental_id.is_not(None)
Index(
    "uq_orders_from_rental",
    orders.c.from_rental_id,
    unique=True,
    sqlite_where=_FOLLOWS,
    postgresql_where=_FOLLOWS,
)
_COUNTED = orders.c.counted_at.is_not(None)
Index(
    "ix_orders_counted",
    *(orders.c[name] for name in ("account_id", "counted_at", "key_id", "state", "price", "setup")),
    sqlite_where=_COUNTED,
    postgresql_where=_COUNTED,
)

# The first request with a key, field by field, and its final answer: an order, or a refusal.
idempotency_records = Table(
    "idempotency_records",
    metadata,
    text("account_id", ForeignKey(accounts.c.id)),
    text("key"),
    text("e164"),
    whole("monthly"),
    optional_whole("inbound"),
    optional_whole("outbound"),
    text("request_id"),
    optional_text("order_id", ForeignKey(orders.c.id)),
    optional_text("error_code"),
    optional_text("error_message"),
    optional_text("error_details"),
    whole("created_at"),
    optional_whole("setup"),  # -1 where the release that wrote it did not look at the setup price
    optional_text("unit"),
    optional_whole("every"),
    optional_text("increments"),
    optional_whole("connect"),
    optional_text("rounding"),
    PrimaryKeyConstraint("account_id", "key"),
    CheckConstraint("(order_id IS NULL) <> (error_code IS NULL)", name="order_or_refusal"),
    sqlite_with_rowid=False,
)
Index(None, idempotency_records.c.created_at)
Index(None, idempotency_records.c.order_id)
# The refusals of an account, of which only the latest are kept.
Index(
    "ix_idempotency_records_refusals",
    idempotency_records.c.account_id,
    idempotency_records.c.created_at,
    idempotency_records.c.key,
    sqlite_where=idempotency_records.c.order_id.is_(None),
    postgresql_where=idempotency_records.c.order_id.is_(None),
)

# Other requests that came with a key and were done: what each said, as JSON, and the id of what it made or ended.
keyed_requests = Table(
    "keyed_requests",
    metadata,
    text("account_id", ForeignKey(accounts.c.id)),
    text("request"),
    text("key"),
    text("content"),
    text("outcome_id"),
    whole("created_at"),
    PrimaryKeyConstraint("account_id", "request", "key"),
    sqlite_with_rowid=False,
)
Index(None, keyed_requests.c.created_at)

# Facts told to customers. number is the event's place in its account's stream, from 1, and empty until the sequencer
# has given it one: what has none is what it has yet to do.
events = Table(
    "events",
    metadata,
    text("id", primary_key=True),
    text("account_id"),
    text("kind"),
    text("payload"),
    whole("created_at"),
    optional_whole("number"),
    CheckConstraint("number > 0", name="number_positive"),
    sqlite_with_rowid=False,
)
_NUMBERED = events.c.number.is_not(None)
_UNNUMBERED = events.c.number.is_(None)
Index(
    "uq_events_number",
    events.c.account_id,
    events.c.number,
    unique=True,
    sqlite_where=_NUMBERED,
    postgresql_where=_NUMBERED,
)
Index(
    "ix_events_unnumbered",
    events.c.created_at,
    events.c.id,
    sqlite_where=_UNNUMBERED,
    postgresql_where=_UNNUMBERED,
)

# The numbered events of each account: up to last_number, of which those up to pruned_to are deleted, none of them
# younger than pruned_until. look_at is when the oldest one that is kept was made, or later where it had to be kept.
event_streams = Table(
    "event_streams",
    metadata,
    text("account_id", primary_key=True),
    whole("last_number"),
    whole("pruned_to", default="0"),
    whole("pruned_until", default="0"),
    optional_whole("look_at"),
    CheckConstraint("last_number >= pruned_to AND pruned_to >= 0", name="pruned_within"),
    sqlite_with_rowid=False,
)
Index(
    "ix_event_streams_look_at",
    event_streams.c.look_at,
    sqlite_where=event_streams.c.look_at.is_not(None),
    postgresql_where=event_streams.c.look_at.is_not(None),
)

# Kinds of events that were not written from the beginning: what is as old as `since` has none.
event_kinds = Table(
    "event_kinds",
    metadata,
    text("kind", primary_key=True),
    whole("since"),
    sqlite_with_rowid=False,
)
