"""Who pays, with which keys, from which wallet.

Touches: nothing.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, ForeignKey, Index, PrimaryKeyConstraint, Table, UniqueConstraint

from numberdesk.core.lifecycle import AccountKind, AccountState
from numberdesk.core.roles import Role, Via
from numberdesk.tables.base import metadata, one_of, optional_text, optional_whole, text, whole

# A customer's account pays in its currency. One of operators has keys alone: no wallet, and for its currency "".
# An account with closed_at is closed; state is what it was before.
accounts = Table(
    "accounts",
    metadata,
    text("id", primary_key=True),
    text("name"),
    text("currency"),
    text("state"),
    whole("created_at"),
    text("kind", server_default=AccountKind.CUSTOMER.value),
    optional_whole("closed_at"),
    one_of("state", (AccountState.ACTIVE, AccountState.SUSPENDED)),
    one_of("kind", AccountKind),
    CheckConstraint("(kind = 'operator') = (currency = '')", name="currency_of_customers"),
    sqlite_with_rowid=False,
)
Index("uq_accounts_name", accounts.c.name, unique=True)
Index(None, accounts.c.kind, accounts.c.id)

# A key is stored as the SHA-256 of its text; `shown` is its beginning, for people to tell keys apart.
# created_by is the key that it was made with; empty for those made by command. made_by is the person who made it.
api_keys = Table(
    "api_keys",
    metadata,
    text("id", primary_key=True),
    text("account_id", ForeignKey(accounts.c.id)),
    text("name"),
    text("shown"),
    text("hash"),
    text("scopes"),
    whole("created_at"),
    optional_whole("expires_at"),
    optional_whole("revoked_at"),
    optional_text("created_by", ForeignKey("api_keys.id")),
    optional_text("made_by"),
    UniqueConstraint("hash"),
    sqlite_with_rowid=False,
)
Index(None, api_keys.c.account_id, api_keys.c.id)
Index(None, api_keys.c.created_by)
Index(
    "ix_api_keys_kept",
    api_keys.c.account_id,
    api_keys.c.expires_at,
    sqlite_where=api_keys.c.revoked_at.is_(None),
    postgresql_where=api_keys.c.revoked_at.is_(None),
)

# posted: what was paid in less what was spent. held: the sum of open holds. entries: how many
# transfers the wallet has had; the next one gets entries + 1. capped: 1 where a cap limits what the account or one of
# its keys spends. Where posted - held is below alert_below, alerted_at says since when, and `alerts` counts how often.
wallets = Table(
    "wallets",
    metadata,
    text("account_id", ForeignKey(accounts.c.id), primary_key=True),
    text("currency"),
    whole("posted", default="0"),
    whole("held", default="0"),
    whole("credit_limit", default="0"),
    whole("entries", default="0"),
    whole("capped", default="0"),
    optional_whole("alert_below"),
    whole("alerts", default="0"),
    optional_whole("alerted_at"),
    CheckConstraint("posted - held >= -credit_limit", name="covered"),
    CheckConstraint("held >= 0", name="held_not_negative"),
    CheckConstraint("credit_limit >= 0", name="limit_not_negative"),
    sqlite_with_rowid=False,
)

# Each change of a credit limit, numbered from 1: `before` was the limit until the wallet had so many `entries`.
credit_limit_changes = Table(
    "credit_limit_changes",
    metadata,
    text("account_id", ForeignKey(accounts.c.id)),
    whole("change"),
    whole("before"),
    whole("after"),
    whole("entries"),
    whole("changed_at"),
    PrimaryKeyConstraint("account_id", "change"),
    CheckConstraint("before >= 0 AND after >= 0 AND before <> after", name="changes_the_limit"),
    sqlite_with_rowid=False,
)

# The time zone of an account's months from one on, like 2026-03; before the first they are of UTC.
time_zone_changes = Table(
    "time_zone_changes",
    metadata,
    text("account_id", ForeignKey(accounts.c.id)),
    text("from_month"),
    text("time_zone"),
    PrimaryKeyConstraint("account_id", "from_month"),
    CheckConstraint("from_month > '1970' AND from_month < '9999' AND time_zone <> ''", name="month_and_zone"),
    sqlite_with_rowid=False,
)

# The most that an account (owner_id is its id), or one of its keys, may spend on purchases; null is without a cap.
spend_caps = Table(
    "spend_caps",
    metadata,
    text("owner_id", primary_key=True),
    text("account_id", ForeignKey(accounts.c.id)),
    optional_whole("per_purchase"),
    optional_whole("per_day"),
    optional_whole("per_month"),
    whole("updated_at"),
    CheckConstraint("per_purchase >= 0 AND per_day >= 0 AND per_month >= 0", name="caps_not_negative"),
    sqlite_with_rowid=False,
)
Index(None, spend_caps.c.account_id)

# Each time that a wallet fell below what its account wants to be told of; the id follows from its and from `alerts`.
balance_alerts = Table(
    "balance_alerts",
    metadata,
    text("id", primary_key=True),
    text("account_id", ForeignKey(accounts.c.id)),
    whole("below"),
    whole("balance"),
    whole("created_at"),
    CheckConstraint("balance < below", name="is_below"),
    sqlite_with_rowid=False,
)
Index(None, balance_alerts.c.account_id, balance_alerts.c.created_at)

# Somebody of an account who signs in to the console. password is an Argon2id hash, empty until one is chosen.
people = Table(
    "people",
    metadata,
    text("id", primary_key=True),
    text("account_id", ForeignKey(accounts.c.id)),
    text("email"),
    text("role"),
    whole("created_at"),
    optional_text("password"),
    optional_whole("disabled_at"),
    UniqueConstraint("email"),
    one_of("role", Role),
    sqlite_with_rowid=False,
)
Index(None, people.c.account_id, people.c.id)

# A passkey of a person: the id and the public key of its credential, in base64url, and what it counted when it was last
# used, which never goes back; 0 where it counts nothing. They are deleted with their person.
passkeys = Table(
    "passkeys",
    metadata,
    text("id", primary_key=True),
    text("person_id"),
    text("credential"),
    text("public_key"),
    whole("sign_count"),
    text("name"),
    whole("created_at"),
    optional_whole("used_at"),
    UniqueConstraint("credential"),
    CheckConstraint("sign_count >= 0", name="count_not_negative"),
    sqlite_with_rowid=False,
)
Index(None, passkeys.c.person_id, passkeys.c.id)

# What a passkey is to sign once: the SHA-256 of a challenge. person_id is who adds a passkey by it, "" to sign in.
passkey_challenges = Table(
    "passkey_challenges",
    metadata,
    text("hash", primary_key=True),
    whole("expires_at"),
    text("person_id"),
    sqlite_with_rowid=False,
)
Index(None, passkey_challenges.c.person_id, passkey_challenges.c.expires_at)
Index(None, passkey_challenges.c.expires_at)

# Who is signed in to the console: the SHA-256 of a token that its browser keeps, and the key, or the person, whose
# rights it has. A key that is deleted may leave a session behind, which then is good for nothing. An operator acts for
# the customer acting_for until acting_until.
console_sessions = Table(
    "console_sessions",
    metadata,
    text("hash", primary_key=True),
    text("key_id"),
    whole("created_at"),
    whole("seen_at"),
    optional_text("address"),
    optional_text("browser"),
    optional_text("acting_for"),
    optional_whole("acting_until"),
    sqlite_with_rowid=False,
)
Index(None, console_sessions.c.key_id, console_sessions.c.created_at)
Index(None, console_sessions.c.seen_at)

# A link that signs in once, with the rights of a key or as a person: the SHA-256 of its token.
sign_in_links = Table(
    "sign_in_links",
    metadata,
    text("hash", primary_key=True),
    text("key_id"),
    whole("expires_at"),
    sqlite_with_rowid=False,
)
Index(None, sign_in_links.c.expires_at)
Index(None, sign_in_links.c.key_id)

# Who did what: a change that somebody made by the console, the API or a command, written in its transaction.
# actor_id is a person, a key or, for a command, the user of the machine; account_id is whose matter it is, "" for
# nobody's, and actor_account_id whose the actor is. before and after are what it changed, where that is read.
actions = Table(
    "actions",
    metadata,
    text("id", primary_key=True),
    whole("created_at"),
    text("account_id"),
    text("via"),
    text("actor_id"),
    text("actor"),
    text("actor_account_id"),
    text("address"),
    text("what"),
    text("object_id"),
    text("details"),
    text("before", server_default=""),
    text("after", server_default=""),
    one_of("via", Via),
    sqlite_with_rowid=False,
)
Index(None, actions.c.account_id, actions.c.id)
Index(None, actions.c.actor, actions.c.id)
Index(None, actions.c.object_id, actions.c.id)
Index(None, actions.c.created_at)
