"""Rent: what each period of a rental cost, what was told of it or given back, and terms of accounts that differ.

Touches: nothing.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, Table

from numberdesk.core.rental import ChargeState, MissedRule, NoticeState, Proration
from numberdesk.tables.accounts import accounts
from numberdesk.tables.base import metadata, one_of, optional_text, optional_whole, text, whole
from numberdesk.tables.ledger import transfers
from numberdesk.tables.numbers import rentals

# One row for each period of a rental, from 0 without gaps: charged by its transfer, or waived by somebody who says why.
# A purchase charges period 0; a rental that went on from another one begins with that one's, which is waived. `id`
# follows from the rental's and the period; account_id and e164 are the rental's.
rent_charges = Table(
    "rent_charges",
    metadata,
    text("id", primary_key=True),
    text("rental_id", ForeignKey(rentals.c.id)),
    whole("period"),
    text("account_id", ForeignKey(accounts.c.id)),
    text("e164"),
    text("state"),
    whole("amount"),
    optional_text("transfer_id", ForeignKey(transfers.c.id)),
    optional_text("waived_by"),
    optional_text("reason"),
    whole("created_at"),
    one_of("state", ChargeState),
    CheckConstraint("period >= 0 AND amount > 0", name="period_and_amount"),
    CheckConstraint("state <> 'purchased' OR period = 0", name="purchased_is_period_0"),
    CheckConstraint("(state = 'waived') = (transfer_id IS NULL)", name="charged_or_waived"),
    CheckConstraint("(state = 'waived') = (reason IS NOT NULL AND waived_by IS NOT NULL)", name="waived_by_whom"),
    sqlite_with_rowid=False,
)
Index("uq_rent_charges_period", rent_charges.c.account_id, rent_charges.c.rental_id, rent_charges.c.period, unique=True)

# What a customer was told of a period before it was paid: that it comes and the wallet does not cover it, or that it
# could not be paid. `days` is how long before; 0 where it is past due.
rent_notices = Table(
    "rent_notices",
    metadata,
    text("id", primary_key=True),
    text("rental_id", ForeignKey(rentals.c.id)),
    whole("period"),
    whole("days"),
    text("account_id", ForeignKey(accounts.c.id)),
    text("e164"),
    text("state"),
    whole("created_at"),
    one_of("state", NoticeState),
    CheckConstraint("(state = 'past_due') = (days = 0)", name="days_before"),
    sqlite_with_rowid=False,
)

# Prices that were announced: those of a rental from a period on. The latest that has begun are the rental's.
rent_prices = Table(
    "rent_prices",
    metadata,
    text("id", primary_key=True),
    text("rental_id", ForeignKey(rentals.c.id)),
    whole("from_period"),
    text("account_id", ForeignKey(accounts.c.id)),
    text("e164"),
    text("state"),
    whole("price"),
    optional_whole("inbound"),
    optional_whole("outbound"),
    whole("created_at"),
    CheckConstraint("state = 'announced'", name="state_known"),
    CheckConstraint("from_period > 0 AND price > 0", name="from_period_and_price"),
    CheckConstraint("inbound >= 0 AND outbound >= 0", name="rates_not_negative"),
    sqlite_with_rowid=False,
)
Index(
    "uq_rent_prices_from_period",
    rent_prices.c.account_id,
    rent_prices.c.rental_id,
    rent_prices.c.from_period,
    unique=True,
)

# What was given back of the last period of a rental, which was paid beyond its end: once, by a transfer of its own.
rent_refunds = Table(
    "rent_refunds",
    metadata,
    text("id", primary_key=True),
    text("rental_id", ForeignKey(rentals.c.id)),
    whole("period"),
    text("account_id", ForeignKey(accounts.c.id)),
    text("e164"),
    whole("amount"),
    text("transfer_id", ForeignKey(transfers.c.id)),
    whole("created_at"),
    CheckConstraint("period >= 0 AND amount > 0", name="period_and_amount"),
    sqlite_with_rowid=False,
)
Index("uq_rent_refunds_rental", rent_refunds.c.account_id, rent_refunds.c.rental_id, unique=True)

# Terms of an account that differ from the settings; what is empty is as they say.
rent_policies = Table(
    "rent_policies",
    metadata,
    text("account_id", ForeignKey(accounts.c.id), primary_key=True),
    optional_whole("grace_hours"),
    optional_whole("notice_days"),
    optional_text("reminder_days"),
    optional_text("missed"),
    whole("updated_at"),
    CheckConstraint("grace_hours >= 0 AND notice_days >= 0", name="not_negative"),
    optional_text("proration"),
    optional_whole("auto_renew"),
    one_of("missed", MissedRule),
    one_of("proration", Proration),
    CheckConstraint("auto_renew >= 0 AND auto_renew <= 1", name="auto_renew_or_not"),
    sqlite_with_rowid=False,
)
# Every purchase asks whether its account is one of the few whose rentals end with their first period.
_ENDS = rent_policies.c.auto_renew == 0
Index("ix_rent_policies_ends", rent_policies.c.account_id, sqlite_where=_ENDS, postgresql_where=_ENDS)
