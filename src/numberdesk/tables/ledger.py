"""The books: transfers that never change, the sums of many of them, and holds that are resolved once.

Touches: nothing.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, PrimaryKeyConstraint, Table

from numberdesk.core.lifecycle import HoldState
from numberdesk.tables.accounts import accounts
from numberdesk.tables.base import guard, metadata, one_of, optional_text, optional_whole, text, whole
from numberdesk.tables.orders import orders

# One row moves `amount` from the ledger account `debit` to `credit`. When one of the two is a
# wallet, account_id names its owner, entry is its number in that wallet's statement (from 1,
# without gaps) and balance_after what was posted after it. A transfer belongs to an order, to a period of a rental,
# which rent_charges refers back from, or to neither.
transfers = Table(
    "transfers",
    metadata,
    text("id", primary_key=True),
    text("kind"),
    text("debit"),
    text("credit"),
    whole("amount"),
    text("currency"),
    optional_text("account_id", ForeignKey(accounts.c.id)),
    optional_whole("entry"),
    optional_whole("balance_after"),
    optional_text("order_id", ForeignKey(orders.c.id)),
    optional_text("reference"),
    whole("created_at"),
    optional_text("rental_id"),
    optional_whole("period"),
    CheckConstraint("amount > 0", name="amount_positive"),
    CheckConstraint("debit <> credit", name="two_sides"),
    CheckConstraint("(account_id IS NULL) = (entry IS NULL)", name="entry_of_wallet"),
    sqlite_with_rowid=False,
)
Index("uq_transfers_account_id_entry", transfers.c.account_id, transfers.c.entry, unique=True)
Index(
    "uq_transfers_account_id_reference",
    transfers.c.account_id,
    transfers.c.kind,
    transfers.c.reference,
    unique=True,
    sqlite_where=transfers.c.reference.is_not(None),
    postgresql_where=transfers.c.reference.is_not(None),
)

# When a line was posted is asked for by statements: the first line of an account from an instant on.
Index(None, transfers.c.account_id, transfers.c.created_at, transfers.c.entry)
_PAYS_DEBT = transfers.c.kind == "debt_payment"
Index(
    "ix_transfers_debt_payments",
    transfers.c.account_id,
    transfers.c.entry,
    sqlite_where=_PAYS_DEBT,
    postgresql_where=_PAYS_DEBT,
)

# What accounts owe is moved without a wallet; receivables and statements find it so.
_WITHOUT_WALLET = transfers.c.account_id.is_(None)
Index(
    "ix_transfers_without_wallet",
    transfers.c.debit,
    transfers.c.id,
    sqlite_where=_WITHOUT_WALLET,
    postgresql_where=_WITHOUT_WALLET,
)

Index(
    "ix_transfers_without_wallet_credit",
    transfers.c.credit,
    transfers.c.id,
    sqlite_where=_WITHOUT_WALLET,
    postgresql_where=_WITHOUT_WALLET,
)

# What the lines of each kind come to in a full stretch of a wallet's entries, with their sign: entries from
# stretch * STRETCH + 1 on, STRETCH of them (core/statement.py). Written with the last of them. latest: the latest
# instant at which one of the wallet's lines up to there was posted, the same for each kind.
line_sums = Table(
    "line_sums",
    metadata,
    text("account_id", ForeignKey(accounts.c.id)),
    whole("stretch"),
    text("kind"),
    whole("lines"),
    whole("amount"),
    whole("latest"),
    PrimaryKeyConstraint("account_id", "stretch", "kind"),
    CheckConstraint("stretch >= 0 AND lines > 0", name="lines_positive"),
    sqlite_with_rowid=False,
)
Index(None, line_sums.c.account_id, line_sums.c.latest, line_sums.c.stretch)

# Money set aside for an order or a prepaid session, whose id is that of its owner: one rule for both. While it is open
# that of a session may grow. Two tables can own a hold, so no reference leads there; verify/money.py looks.
holds = Table(
    "holds",
    metadata,
    text("owner_id", primary_key=True),
    text("account_id", ForeignKey(accounts.c.id)),
    whole("amount"),
    text("state"),
    whole("opened_at"),
    optional_whole("resolved_at"),
    one_of("state", HoldState),
    CheckConstraint("amount > 0", name="amount_positive"),
    CheckConstraint("(state = 'open') = (resolved_at IS NULL)", name="resolved_with_time"),
    sqlite_with_rowid=False,
)
Index(
    "ix_holds_open",
    holds.c.account_id,
    sqlite_where=holds.c.state == "open",
    postgresql_where=holds.c.state == "open",
)

GUARDS = (
    guard(transfers, "transfers_never_change", "UPDATE", "1 = 1", "a transfer never changes"),
    guard(transfers, "transfers_never_go", "DELETE", "1 = 1", "a transfer is never deleted"),
    guard(holds, "holds_resolve_once", "UPDATE", "OLD.state <> 'open'", "a hold is resolved once"),
    guard(holds, "holds_never_go", "DELETE", "1 = 1", "a hold is never deleted"),
)
