"""What the fields of statements and limits mean; the rules are those of `api/field_texts.py`, which has all others.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

STATEMENT_TEXTS: Final = {
    "spend_limits": "The most that may be spent on purchases. Renewals and calls are none.",
    "KeyView.spend_limits": "The most that may be spent with it on purchases, beside what limits its account.",
    "AccountView.spend_limits": "The most that may be spent on purchases; null for an account of operators.",
    "per_purchase": "Most that one purchase may cost: the first month and the setup price.",
    "per_day": "Most that the purchases of a day of UTC may cost, without those that failed.",
    "per_month": "Most that the purchases of a month of UTC may cost, without those that failed.",
    "low_balance": "When the account is told that its balance is low, by the event `account.low_balance`.",
    "below": "It is told once as `posted` less `held` falls below this, and again after it rose.",
    "section": "`wallet`, or `owed` for what calls left unpaid.",
    "posted_at": "When it was written into the ledger.",
    "StatementLineView.kind": "What it is for.",
    "StatementLineView.id": "Id of the transfer.",
    "StatementLineView.entry": "Place in the statement of the wallet, from 1; null for what is owed.",
    "StatementLineView.amount": "What the line adds to its section, negative for what it takes.",
    "StatementLineView.balance": "Balance of the wallet after the line; null for what is owed.",
    "StatementLineView.phone_number": "The number it is for; null for calls of several, and for no number.",
    "TransactionView.phone_number": "The number it is for; null for calls of several, and for no number.",
    "StatementLineView.period": "The period of a rental that it paid; null for other lines.",
    "TransactionView.period": "The period of a rental that it paid; null for other lines.",
    "PeriodView.period": "Number of the period; the purchase paid period 0.",
    "PeriodView.length": "How long the period is, in words: month, 12 months, 28 days.",
    "PeriodView.ends_at": "When the period ends.",
    "StatementLineView.calls": "The calls that the line is made of, by number, direction, day and rate.",
    "calls": "How many calls.",
    "seconds": "How long the calls were answered, together.",
    "day": "Day of UTC on which the calls began.",
    "UsageSumView.day": "Day of UTC that it is the sum of; null where calls are not summed by day.",
    "UsageSumView.month": "Month of UTC that it is the sum of; null where calls are not summed by month.",
    "UsageSumView.phone_number": "The number that it is the sum of; null where calls are not summed by number.",
    "UsageSumView.charged": "What the calls cost.",
    "UsageSumView.owed": "How much of that the wallet did not cover as they were charged.",
    "CarriedCallsView.amount": "What the line has of the charges of these calls.",
    "CarriedCallsView.rate": "Price of a minute.",
    "KindTotalView.kind": "What the lines are for.",
    "KindTotalView.amount": "What the lines come to, with their sign.",
    "KindTotalView.lines": "How many lines.",
    "account_name": "Name of the account.",
    "month": "Year and month of UTC, like 2026-03.",
    "path.month": "Which month of UTC, like 2026-03.",
    "begins_at": "When it begins.",
    "ends_at": "When the next month begins.",
    "StatementHeadView.status": "`open` while the month goes on, then `closed`.",
    "opening_balance": "What was posted in the wallet before the first line of the month.",
    "closing_balance": "What was posted after the last line.",
    "opening_owed": "What was owed for calls as the month began.",
    "closing_owed": "What was owed for calls as the month ended.",
    "line_count": "How many lines the wallet has in the month.",
    "totals": "What the wallet's lines of each kind come to; on the first page, null on others.",
    "lines": "Lines of the wallet in their order, then those of what is owed.",
}
"""Texts by the names that they explain."""
