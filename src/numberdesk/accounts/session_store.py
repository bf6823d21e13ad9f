"""The SQL of sessions of the console, and of links that begin one.

Touches: console_sessions, sign_in_links, api_keys, accounts, people.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final, NamedTuple

from sqlalchemy import delete, select, update

from numberdesk.accounts.model import Caller
from numberdesk.accounts.people import PERSON_ID, acting_caller
from numberdesk.accounts.person_store import find_people
from numberdesk.core.lifecycle import AccountKind
from numberdesk.infra.db import Tx
from numberdesk.tables import accounts, api_keys, console_sessions, people, sign_in_links

MOST_SESSIONS: Final = 50
"""Sessions of one key or person that are kept: the newest."""


class ConsoleSession(NamedTuple):
    """A signed-in browser, and from where. `hash` is that of its token; instants in microseconds.

    `key_id` is the id of a key or of a person. An operator acts for the customer `acting_for` until `acting_until`.
    """

    hash: str
    key_id: str
    created_at: int
    seen_at: int
    address: str | None = None
    browser: str | None = None
    acting_for: str | None = None
    acting_until: int | None = None


class SignInLink(NamedTuple):
    """A link that signs in once, before it expires, by a key or as a person. `hash` is that of its token."""

    hash: str
    key_id: str
    expires_at: int


class Signed(NamedTuple):
    """Who a session speaks for, the name of the account, and that of the key or the email of the person.

    Of an operator who acts for a customer the caller and the account are the customer's.
    """

    session: ConsoleSession
    caller: Caller
    account_name: str
    key_name: str
    acting: bool = False

    @property
    def email(self) -> str | None:
        """Who is signed in as a person; None by a key."""
        return self.key_name if self.caller.key_id.startswith(PERSON_ID) else None


_KEY: Final = (
    select(
        api_keys.c.id.label("key_id"),
        api_keys.c.account_id,
        api_keys.c.scopes,
        api_keys.c.expires_at,
        api_keys.c.name.label("key_name"),
        accounts.c.currency,
        accounts.c.kind,
        accounts.c.name.label("account_name"),
    )
    .join(accounts, accounts.c.id == api_keys.c.account_id)
    .where(api_keys.c.revoked_at.is_(None), accounts.c.closed_at.is_(None))
)
"""Keys that may sign in, but for those that have expired."""


def find_signed(tx: Tx, token_hash: str, now: int, idle: int) -> Signed | None:
    """The session of a token, if it was seen less than `idle` microseconds ago and its key is valid."""
    session = tx.execute(select(console_sessions).where(console_sessions.c.hash == token_hash)).first()
    if session is None or session.seen_at + idle <= now:
        return None
    found = ConsoleSession(**session._asdict())
    if found.key_id.startswith(PERSON_ID):
        signed = _signed_person(tx, found)
    else:
        row = tx.execute(_KEY.where(api_keys.c.id == session.key_id)).first()
        if row is None or (row.expires_at is not None and row.expires_at <= now):
            return None
        signed = Signed(found, _caller_of(row), row.account_name, row.key_name)
    return signed if signed is None else _acting(tx, signed, now)


def _acting(tx: Tx, signed: Signed, now: int) -> Signed:
    """Whoever acts for a customer, for as long as that goes on, as that customer."""
    session = signed.session
    if session.acting_for is None or (session.acting_until or 0) <= now:
        return signed
    query = select(accounts).where(accounts.c.id == session.acting_for, accounts.c.closed_at.is_(None))
    row = tx.execute(query).first()
    caller = None if row is None else acting_caller(signed.caller, row.id, row.currency)
    if row is None or caller is None:
        return signed
    return signed._replace(caller=caller, account_name=row.name, acting=True)


def set_acting(tx: Tx, token_hash: str, account_id: str | None, until: int | None) -> None:
    """Let a session act for a customer until an instant, or for itself again."""
    changed = update(console_sessions).where(console_sessions.c.hash == token_hash)
    tx.execute(changed.values(acting_for=account_id, acting_until=until))


def _signed_person(tx: Tx, session: ConsoleSession) -> Signed | None:
    person = find_people(tx, [session.key_id]).get(session.key_id)
    if person is None or person.disabled_at is not None:
        return None
    query = select(accounts).where(accounts.c.id == person.account_id, accounts.c.closed_at.is_(None))
    row = tx.execute(query).first()
    if row is None:
        return None
    return Signed(session, person.caller(row.currency, AccountKind(row.kind)), row.name, person.email)


def find_usable_holders(tx: Tx, ids: Iterable[str], now: int) -> set[str]:
    """Those of some keys and people that may sign in, and whose accounts are open."""
    wanted = sorted(set(ids))
    rows = tx.execute(_KEY.where(api_keys.c.id.in_(wanted)))
    usable = {row.key_id for row in rows if row.expires_at is None or now < row.expires_at}
    enabled = select(people.c.id).join(accounts, accounts.c.id == people.c.account_id)
    open_ones = (people.c.id.in_(wanted), people.c.disabled_at.is_(None), accounts.c.closed_at.is_(None))
    return usable | set(tx.execute(enabled.where(*open_ones)).scalars())


def list_sessions(tx: Tx, key_id: str, unseen_since: int) -> list[ConsoleSession]:
    """The sessions of a key or a person that go on, the newest first."""
    mine = (console_sessions.c.key_id == key_id, console_sessions.c.seen_at > unseen_since)
    query = select(console_sessions).where(*mine).order_by(console_sessions.c.created_at.desc())
    return [ConsoleSession(**row._asdict()) for row in tx.execute(query.limit(MOST_SESSIONS))]


def end_sessions_of(tx: Tx, key_id: str, *, keep: str | None = None, only: str | None = None) -> None:
    """End the sessions of a key or a person: all but the one to keep, or only the one whose hash begins like that."""
    ended = delete(console_sessions).where(console_sessions.c.key_id == key_id)
    if keep is not None:
        ended = ended.where(console_sessions.c.hash != keep)
    if only is not None:
        ended = ended.where(console_sessions.c.hash.startswith(only, autoescape=True))
    tx.execute(ended)


def delete_links_of(tx: Tx, ids: Collection[str]) -> None:
    """Use up all links of keys or people."""
    tx.execute(delete(sign_in_links).where(sign_in_links.c.key_id.in_(sorted(ids))))


def find_links(tx: Tx, hashes: Iterable[str], *, lock: bool = True) -> dict[str, SignInLink]:
    """Links by the hashes of their tokens, locked until the transaction ends unless they are only looked at."""
    query = select(sign_in_links).where(sign_in_links.c.hash.in_(sorted(set(hashes)))).order_by(sign_in_links.c.hash)
    rows = tx.execute(query.with_for_update() if lock else query)
    return {row.hash: SignInLink(row.hash, row.key_id, row.expires_at) for row in rows}


def insert_links(tx: Tx, new: Collection[SignInLink]) -> None:
    """Record links."""
    tx.execute(sign_in_links.insert(), [link._asdict() for link in new])


def delete_links(tx: Tx, hashes: Iterable[str]) -> None:
    """Use links up."""
    tx.execute(delete(sign_in_links).where(sign_in_links.c.hash.in_(sorted(set(hashes)))))


def insert_sessions(tx: Tx, new: Collection[ConsoleSession]) -> None:
    """Begin sessions; of each key the oldest beyond MOST_SESSIONS end."""
    tx.execute(console_sessions.insert(), [session._asdict() for session in new])
    for key_id in sorted({session.key_id for session in new}):
        mine = select(console_sessions.c.hash).where(console_sessions.c.key_id == key_id)
        order = (console_sessions.c.created_at.desc(), console_sessions.c.hash)
        beyond = list(tx.execute(mine.order_by(*order).offset(MOST_SESSIONS).limit(MOST_SESSIONS)).scalars())
        delete_sessions(tx, beyond)


def touch_sessions(tx: Tx, seen: dict[str, int]) -> None:
    """Note when sessions were last used."""
    for token_hash, instant in sorted(seen.items()):
        changed = update(console_sessions).where(
            console_sessions.c.hash == token_hash, console_sessions.c.seen_at < instant
        )
        tx.execute(changed.values(seen_at=instant))


def delete_sessions(tx: Tx, hashes: Collection[str]) -> None:
    """End sessions."""
    if hashes:
        tx.execute(delete(console_sessions).where(console_sessions.c.hash.in_(sorted(hashes))))


def forget_sessions(tx: Tx, unseen_since: int, expired_by: int, limit: int) -> int:
    """Delete sessions not seen since an instant, and links that expired by one, at most `limit` of each; how many."""
    old = select(console_sessions.c.hash).where(console_sessions.c.seen_at <= unseen_since)
    sessions = list(tx.execute(old.order_by(console_sessions.c.seen_at).limit(limit)).scalars())
    delete_sessions(tx, sessions)
    over = select(sign_in_links.c.hash).where(sign_in_links.c.expires_at <= expired_by)
    links = list(tx.execute(over.order_by(sign_in_links.c.expires_at).limit(limit)).scalars())
    if links:
        delete_links(tx, links)
    return max(len(sessions), len(links))


def _caller_of(row: Any) -> Caller:
    scopes = frozenset(row.scopes.split())
    return Caller(row.account_id, row.key_id, row.currency, scopes, AccountKind(row.kind))
