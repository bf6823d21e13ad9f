"""Calls, how they are charged, what accounts owe for them, and prepaid sessions.

Touches: nothing.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, PrimaryKeyConstraint, Table

from numberdesk.core.call_charging import CallState, ParkedReason
from numberdesk.core.call_forms import CallForm
from numberdesk.core.call_record import Direction
from numberdesk.core.lifecycle import SessionState
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
from numberdesk.tables.numbers import rentals

# One leg of a call for ever: what its source told, and what was made of it. A charged call has the terms by which it
# was, `billed` seconds, and its `amount`, of which `owed` went to the receivable and the rest came out of the wallet;
# the transfers that carried its shares are those of its batch. A parked call that nobody rented has no account.
calls = Table(
    "calls",
    metadata,
    text("id", primary_key=True),
    text("source"),
    text("call_id"),
    text("leg"),
    text("direction"),
    text("e164"),
    text("other"),
    whole("started_at"),
    optional_whole("answered_at"),
    optional_whole("ended_at"),
    optional_whole("seconds"),
    text("disposition"),
    text("state"),
    optional_text("reason"),
    optional_text("account_id", ForeignKey(accounts.c.id)),
    optional_text("rental_id", ForeignKey(rentals.c.id)),
    optional_text("currency"),
    optional_whole("per_minute"),
    optional_whole("connect"),
    optional_whole("minimum"),
    optional_whole("step"),
    optional_whole("billed"),
    optional_whole("amount"),
    whole("owed"),
    optional_text("transfer_id"),
    optional_text("owed_transfer_id"),
    whole("received_at"),
    optional_whole("charged_at"),
    optional_text("rounding"),  # of its charge, where it is not up
    one_of("direction", Direction),
    one_of("state", CallState),
    one_of("reason", ParkedReason),
    CheckConstraint("(state = 'parked') = (reason IS NOT NULL)", name="parked_with_reason"),
    CheckConstraint("(state = 'charged') = (amount IS NOT NULL)", name="charged_with_amount"),
    CheckConstraint("(state = 'charged') = (charged_at IS NOT NULL)", name="charged_with_time"),
    CheckConstraint("state = 'parked' OR rental_id IS NOT NULL", name="of_a_rental"),
    CheckConstraint("(account_id IS NULL) = (rental_id IS NULL)", name="account_of_rental"),
    CheckConstraint("owed >= 0 AND (owed = 0 OR owed <= amount)", name="owed_is_a_part"),
    CheckConstraint("(owed > 0) = (owed_transfer_id IS NOT NULL)", name="owed_with_transfer"),
    CheckConstraint("seconds >= 0", name="seconds_not_negative"),
    sqlite_with_rowid=False,
)
Index("uq_calls_source_call_id_leg", calls.c.source, calls.c.call_id, calls.c.leg, unique=True)
Index(None, calls.c.account_id, calls.c.started_at, calls.c.id)
# Which calls a transfer carries, for statements.
for _name in ("transfer_id", "owed_transfer_id"):
    _carried = calls.c[_name].is_not(None)
    Index(f"ix_calls_{_name}", calls.c[_name], sqlite_where=_carried, postgresql_where=_carried)
_PARKED = calls.c.state == "parked"
Index("ix_calls_parked", calls.c.id, sqlite_where=_PARKED, postgresql_where=_PARKED)
Index("ix_calls_parked_of_source", calls.c.source, calls.c.id, sqlite_where=_PARKED, postgresql_where=_PARKED)

# What an account owes for calls that its wallet did not cover: one row from the first unpaid micro until all is paid.
# Whoever changes it has locked the wallet before. suspended_at: when its account was suspended since it did not pay.
receivables = Table(
    "receivables",
    metadata,
    text("id", primary_key=True),
    text("account_id", ForeignKey(accounts.c.id)),
    text("currency"),
    whole("owed"),
    whole("opened_at"),
    optional_whole("paid_at"),
    optional_whole("suspended_at"),
    CheckConstraint("owed >= 0 AND (owed = 0) = (paid_at IS NOT NULL)", name="owed_until_paid"),
    sqlite_with_rowid=False,
)
_UNPAID = receivables.c.paid_at.is_(None)
Index("uq_receivables_unpaid", receivables.c.account_id, unique=True, sqlite_where=_UNPAID, postgresql_where=_UNPAID)

# Which source charges for a rental, from an instant on. Where there is none, it is that of the rental's carrier.
usage_sources = Table(
    "usage_sources",
    metadata,
    text("account_id", ForeignKey(accounts.c.id)),
    text("rental_id", ForeignKey(rentals.c.id)),
    whole("since"),
    text("source"),
    PrimaryKeyConstraint("account_id", "rental_id", "since"),
    sqlite_with_rowid=False,
)

# The rate that a person set for a direction in which a rental was bought without one.
usage_rates = Table(
    "usage_rates",
    metadata,
    text("account_id", ForeignKey(accounts.c.id)),
    text("rental_id", ForeignKey(rentals.c.id)),
    text("direction"),
    whole("per_minute"),
    whole("set_at"),
    PrimaryKeyConstraint("account_id", "rental_id", "direction"),
    one_of("direction", Direction),
    CheckConstraint("per_minute >= 0", name="rate_not_negative"),
    sqlite_with_rowid=False,
)

# From an instant on: which source charges for a carrier's numbers, and how calls of rentals that begin then are rated.
call_terms = Table(
    "call_terms",
    metadata,
    text("carrier"),
    whole("since"),
    optional_text("source"),
    whole("connect"),
    whole("minimum"),
    whole("step"),
    PrimaryKeyConstraint("carrier", "since"),
    CheckConstraint("connect >= 0 AND minimum > 0 AND step > 0", name="increments_positive"),
    sqlite_with_rowid=False,
)

# A call that is paid for as it goes on. It holds what `granted` seconds cost at its terms, `amount`, by a hold of its
# own id unless that is nothing. Its end is a call record with the same source, call and leg, or that nobody asked for
# more in time: the rows that are due. Whoever changes it has locked the wallet before.
usage_sessions = Table(
    "usage_sessions",
    metadata,
    text("id", primary_key=True),
    text("account_id", ForeignKey(accounts.c.id)),
    text("rental_id", ForeignKey(rentals.c.id)),
    text("source"),
    text("call_id"),
    text("leg"),
    text("direction"),
    text("e164"),
    text("other"),
    text("currency"),
    whole("per_minute"),
    whole("connect"),
    whole("minimum"),
    whole("step"),
    whole("granted"),
    whole("amount"),
    text("state"),
    whole("opened_at"),
    whole("expires_at"),
    optional_whole("ended_at"),
    *due_columns(),
    optional_text("rounding"),  # where it is not up
    one_of("direction", Direction),
    one_of("state", SessionState),
    CheckConstraint("(state = 'open') = (ended_at IS NULL)", name="ended_with_time"),
    CheckConstraint("granted > 0 AND amount >= 0", name="granted_seconds"),
    CheckConstraint("per_minute >= 0 AND connect >= 0 AND minimum > 0 AND step > 0", name="increments_positive"),
    *due_checks("ended_at"),
    sqlite_with_rowid=False,
)
_CALL = (usage_sessions.c.source, usage_sessions.c.call_id, usage_sessions.c.leg)
Index("uq_usage_sessions_source_call_id_leg", *_CALL, unique=True)
_OPEN = usage_sessions.c.state == "open"
Index(
    "ix_usage_sessions_open",
    usage_sessions.c.account_id,
    usage_sessions.c.rental_id,
    sqlite_where=_OPEN,
    postgresql_where=_OPEN,
)
due_index(usage_sessions, "currency")

# How records that come to /usage/in/{name}/ with a key of an account are read. The secret, sealed, is what callbacks to
# the address url are signed with.
call_feeds = Table(
    "call_feeds",
    metadata,
    text("account_id", ForeignKey(accounts.c.id)),
    text("name"),
    text("form"),
    optional_text("mapping"),
    optional_text("secret"),
    optional_text("url"),
    whole("created_at"),
    PrimaryKeyConstraint("account_id", "name"),
    one_of("form", CallForm),
    CheckConstraint("(form = 'mapping') = (mapping IS NOT NULL)", name="mapping_with_text"),
    CheckConstraint("(secret IS NULL) = (url IS NULL)", name="secret_with_url"),
    CheckConstraint("secret IS NULL OR form = 'callback'", name="secret_of_callbacks"),
    sqlite_with_rowid=False,
)

# A day of UTC whose calls are read from a carrier's list: due work, until the day is old enough for nothing to come any
# more. Of the last reading that came to its end: how many calls were listed of our numbers.
call_pulls = Table(
    "call_pulls",
    metadata,
    text("id", primary_key=True),
    text("carrier"),
    whole("day"),
    *due_columns(),
    optional_whole("began_at"),
    optional_whole("ended_at"),
    whole("listed"),
    *due_checks("ended_at"),
    sqlite_with_rowid=False,
)
due_index(call_pulls, "carrier")
Index(None, call_pulls.c.carrier, call_pulls.c.day)

# What a call of a number costs the operator, as its carrier told later. It may be told anew. It belongs to the number,
# which may have been nobody's when the call began, and so has no reference to the call.
call_costs = Table(
    "call_costs",
    metadata,
    text("call", primary_key=True),
    text("e164"),
    text("currency"),
    whole("amount"),
    whole("told_at"),
    CheckConstraint("amount >= 0", name="cost_not_negative"),
    sqlite_with_rowid=False,
)

# Charges that were taken back, each with what it was and the transfers that had carried its shares; the calls they were
# of are rated anew since. reversal_id is the transfer that gave it back, empty where it was nothing.
call_reversals = Table(
    "call_reversals",
    metadata,
    text("id", primary_key=True),
    text("account_id", ForeignKey(accounts.c.id)),
    text("call", ForeignKey(calls.c.id)),
    whole("seconds"),
    whole("per_minute"),
    whole("connect"),
    whole("minimum"),
    whole("step"),
    whole("billed"),
    whole("amount"),
    whole("owed"),
    optional_text("transfer_id"),
    optional_text("owed_transfer_id"),
    whole("charged_at"),
    optional_text("reversal_id"),
    whole("reversed_at"),
    text("reason"),
    optional_text("rounding"),  # where it was not up
    CheckConstraint("owed >= 0 AND owed <= amount", name="owed_is_a_part"),
    CheckConstraint("(amount > 0) = (reversal_id IS NOT NULL)", name="reversed_with_transfer"),
    sqlite_with_rowid=False,
)
Index(None, call_reversals.c.call)

# Lists of prefixes and what calls to them cost, each from an instant on; one whose rows are still coming is not
# published, and counts for nothing.
rate_decks = Table(
    "rate_decks",
    metadata,
    text("id", primary_key=True),
    text("name"),
    text("currency"),
    whole("since"),
    whole("rows"),
    whole("created_at"),
    optional_whole("published_at"),
    CheckConstraint("rows >= 0", name="rows_not_negative"),
    sqlite_with_rowid=False,
)
_PUBLISHED = rate_decks.c.published_at.is_not(None)
Index(
    "uq_rate_decks_name_since",
    rate_decks.c.name,
    rate_decks.c.since,
    unique=True,
    sqlite_where=_PUBLISHED,
    postgresql_where=_PUBLISHED,
)
rate_deck_rows = Table(
    "rate_deck_rows",
    metadata,
    text("deck_id"),
    text("prefix"),
    whole("per_minute"),
    whole("connect"),
    whole("minimum"),
    whole("step"),
    PrimaryKeyConstraint("deck_id", "prefix"),
    CheckConstraint("per_minute >= 0 AND connect >= 0", name="rates_not_negative"),
    CheckConstraint("minimum > 0 AND step > 0", name="increments_positive"),
    sqlite_with_rowid=False,
)
# Which deck an account uses from an instant on; one without a name is none.
rate_deck_choices = Table(
    "rate_deck_choices",
    metadata,
    text("account_id", ForeignKey(accounts.c.id)),
    whole("since"),
    optional_text("name"),
    whole("announced_at", default="0"),
    PrimaryKeyConstraint("account_id", "since"),
    sqlite_with_rowid=False,
)
Index(None, rate_deck_choices.c.name, rate_deck_choices.c.account_id)

# How far the other parties of old calls and sessions are erased: all up to after_id.
call_erasures = Table(
    "call_erasures",
    metadata,
    text("kind", primary_key=True),
    text("after_id"),
    sqlite_with_rowid=False,
)
