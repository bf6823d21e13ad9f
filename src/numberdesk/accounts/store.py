"""The SQL of accounts and keys.

Touches: accounts, api_keys, spend_caps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, delete, func, literal, or_, select, update

from numberdesk.accounts.model import SCOPES, Account, ApiKey, KeyPage
from numberdesk.core.lifecycle import AccountKind, AccountState
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import SelectSet, in_set, stretch_of
from numberdesk.tables import accounts, api_keys, spend_caps

_KEY_COLUMNS: Final = [api_keys.c[name] for name in ApiKey._fields]
_MOST_FORGOTTEN: Final = 100
_NAMES: Final = 0x6E64_6E61_6D65
"""The advisory lock under which names are given."""

MOST_WALKED: Final = 1_000
"""Keys that one page of a list looks at, however few of them fit."""

_BY_HASH: Final = SelectSet(
    select(*_KEY_COLUMNS, accounts.c.currency, accounts.c.kind)
    .join(accounts, accounts.c.id == api_keys.c.account_id)
    .where(in_set(api_keys.c.hash, "hashes"), accounts.c.closed_at.is_(None)),
    "hashes",
)


def insert_accounts(tx: Tx, new: Sequence[Account]) -> None:
    """Create accounts."""
    tx.execute(accounts.insert(), [account._asdict() for account in new])


def find_accounts(tx: Tx, ids: Iterable[str], *, lock: bool = True) -> dict[str, Account]:
    """Accounts by id, locked until the transaction ends unless they are only read.

    Whoever only refers to an account, as every order does, need not wait for that.
    """
    query = select(accounts).where(accounts.c.id.in_(sorted(set(ids)))).order_by(accounts.c.id)
    return {row.id: _account_of(row) for row in tx.execute(query.with_for_update(key_share=True) if lock else query)}


def find_accounts_named(tx: Tx, name: str) -> list[Account]:
    """Accounts of that id or exact name."""
    query = select(accounts).where((accounts.c.id == name) | (accounts.c.name == name)).order_by(accounts.c.id)
    return [_account_of(row) for row in tx.execute(query)]


def list_names(tx: Tx, *, limit: int) -> list[tuple[str, bool]]:
    """Names of accounts, those of customers first, and whether each is one of theirs; of books at any revision."""
    query = select(accounts.c.name, accounts.c.currency).order_by(accounts.c.currency.desc(), accounts.c.id)
    return [(row.name, row.currency != "") for row in tx.execute(query.limit(limit))]  # operators' have no currency


def lock_names(tx: Tx) -> None:
    """Let one process at a time give accounts their names, until the transaction ends. SQLite has one writer anyway."""
    if tx.engine_name == "postgresql":
        tx.execute(select(func.pg_advisory_xact_lock(_NAMES)))


def find_names(tx: Tx, names: Iterable[str]) -> dict[str, str]:
    """The oldest account of each of these names, by name."""
    query = select(accounts.c.name, func.min(accounts.c.id).label("id")).where(accounts.c.name.in_(sorted(set(names))))
    return {row.name: row.id for row in tx.execute(query.group_by(accounts.c.name))}


def list_accounts(
    tx: Tx, *, after_id: str | None, limit: int, kind: AccountKind = AccountKind.CUSTOMER
) -> list[Account]:
    """Accounts of a kind in the order of their making, from after the given id."""
    query = select(accounts).where(*stretch_of({accounts.c.kind: kind.value}, accounts.c.id, after=after_id))
    return [_account_of(row) for row in tx.execute(query.order_by(accounts.c.kind, accounts.c.id).limit(limit))]


def find_currencies(tx: Tx) -> set[str]:
    """The currencies of customers' accounts that are not closed."""
    query = select(accounts.c.currency).where(
        accounts.c.kind == AccountKind.CUSTOMER.value, accounts.c.closed_at.is_(None)
    )
    return set(tx.execute(query.distinct()).scalars())


def save_accounts(tx: Tx, changed: Iterable[Account]) -> None:
    """Write the names and states of locked accounts. One that is closed keeps the state that it had before."""
    for account in changed:
        state = {} if account.state is AccountState.CLOSED else {"state": account.state.value}
        values = {"name": account.name, "closed_at": account.closed_at, **state}
        tx.execute(update(accounts).where(accounts.c.id == account.id).values(values))


def insert_keys(tx: Tx, new: Sequence[ApiKey]) -> None:
    """Record keys by their hashes."""
    tx.execute(api_keys.insert(), [_key_row(key) for key in new])


def find_key_by_hash(tx: Tx, key_hash: str) -> tuple[ApiKey, str, AccountKind] | None:
    """The key with this hash, its account's currency and kind, valid or not; None also where the account is closed."""
    return find_keys_by_hash(tx, [key_hash]).get(key_hash)


def find_keys_by_hash(tx: Tx, hashes: Iterable[str]) -> dict[str, tuple[ApiKey, str, AccountKind]]:
    """The same of several keys, by hash."""
    rows = _BY_HASH.run(tx, hashes=hashes)
    return {row.hash: (_key_of(row), row.currency, AccountKind(row.kind)) for row in rows}


def find_keys(tx: Tx, ids: Iterable[str], *, lock: bool = False) -> dict[str, ApiKey]:
    """Keys by id, locked until the transaction ends where that is asked for."""
    query = select(*_KEY_COLUMNS).where(api_keys.c.id.in_(sorted(set(ids)))).order_by(api_keys.c.id)
    return {row.id: _key_of(row) for row in tx.execute(query.with_for_update(key_share=True) if lock else query)}


def find_keys_made_by(tx: Tx, people: Collection[tuple[str, str]], now: int) -> dict[str, list[ApiKey]]:
    """The keys that work which people made for their own accounts, by person; `people` are accounts with people."""
    accounts_of, made_by = sorted({each[0] for each in people}), sorted({each[1] for each in people})
    live = (api_keys.c.revoked_at.is_(None), or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now))
    wanted = (api_keys.c.account_id.in_(accounts_of), api_keys.c.made_by.in_(made_by))
    found: dict[str, list[ApiKey]] = {}
    for row in tx.execute(select(*_KEY_COLUMNS).where(*wanted, *live).order_by(api_keys.c.id)):
        if (row.account_id, row.made_by) in people:
            found.setdefault(row.made_by, []).append(_key_of(row))
    return found


def count_live_keys(tx: Tx, account_ids: Iterable[str], now: int) -> dict[str, int]:
    """How many keys of accounts work; an account without any is left out."""
    wanted, live = sorted(account_ids), Counter[str]()
    for works in (api_keys.c.expires_at.is_(None), api_keys.c.expires_at > now):  # each a stretch of the index
        query = live_keys_query(wanted, works)
        live.update({row.account_id: row.live for row in tx.execute(query)})
    return dict(live)


def find_key_ends(tx: Tx, account_ids: Iterable[str], after: int, until: int) -> dict[str, list[int]]:
    """When keys of accounts end that are not revoked and end after an instant and no later than another."""
    ends: dict[str, list[int]] = {}
    query = select(api_keys.c.account_id, api_keys.c.expires_at).where(
        api_keys.c.account_id.in_(sorted(account_ids)),
        api_keys.c.revoked_at.is_(None),
        api_keys.c.expires_at > after,
        api_keys.c.expires_at <= until,
    )
    for row in tx.execute(query):
        ends.setdefault(row.account_id, []).append(row.expires_at)
    return ends


def live_keys_query(account_ids: Sequence[str], works: ColumnElement[bool]) -> Select[Any]:
    """The statement that counts keys which are not revoked, and which work by their end."""
    query = select(api_keys.c.account_id, func.count().label("live")).where(
        api_keys.c.account_id.in_(account_ids), api_keys.c.revoked_at.is_(None), works
    )
    return query.group_by(api_keys.c.account_id)


def forget_dead_keys(tx: Tx, account_ids: Iterable[str], now: int, most: int) -> None:
    """Delete old keys of accounts that have more than `most` which are revoked or expired, so many at a time.

    What was made with one of them counts from then on as made with the key that made that one, so that it stays a
    descendant of all others.
    """
    dead = (api_keys.c.revoked_at.is_not(None)) | (api_keys.c.expires_at <= now)
    for account_id in sorted(set(account_ids)):
        mine = select(api_keys.c.id, api_keys.c.created_by).where(api_keys.c.account_id == account_id, dead)
        order = (api_keys.c.account_id.desc(), api_keys.c.id.desc())  # as the index has them
        rows = tx.execute(mine.order_by(*order).limit(_MOST_FORGOTTEN).offset(most)).all()
        older: dict[str, str | None] = {row.id: row.created_by for row in rows}
        if older:
            _hand_descendants_on(tx, older)
            tx.execute(delete(spend_caps).where(spend_caps.c.owner_id.in_(older)))
            tx.execute(delete(api_keys).where(api_keys.c.id.in_(older)))


def _hand_descendants_on(tx: Tx, leaving: Mapping[str, str | None]) -> None:
    """Give keys whose makers are leaving, by id with their own makers, the nearest one of these that stays."""
    made = select(api_keys.c.id, api_keys.c.created_by).where(
        api_keys.c.created_by.in_(leaving), api_keys.c.id.not_in(leaving)
    )
    for row in tx.execute(made.order_by(api_keys.c.id).with_for_update(key_share=True)).all():
        maker = row.created_by
        while maker in leaving:
            maker = leaving[maker]
        tx.execute(update(api_keys).where(api_keys.c.id == row.id).values(created_by=maker))


def list_keys(tx: Tx, account_id: str | None, *, after_id: str | None, limit: int) -> list[ApiKey]:
    """Keys of one account or of all, in the order of their making."""
    if account_id is not None:
        return [_key_of(row) for row in tx.execute(_ahead(_KEY_COLUMNS, account_id, after_id).limit(limit))]
    query = select(*_KEY_COLUMNS).order_by(api_keys.c.id).limit(limit)
    if after_id is not None:
        query = query.where(api_keys.c.id > after_id)
    return [_key_of(row) for row in tx.execute(query)]


def page_keys(
    tx: Tx,
    account_id: str,
    scopes: Collection[str],
    *,
    after_id: str | None,
    limit: int,
    most: int = MOST_WALKED,
) -> KeyPage:
    """An account's keys that have no other than these scopes: `limit` that fit, among the next `most`."""
    beyond = [scope for scope in SCOPES if scope not in scopes]
    if not beyond:
        return KeyPage(list_keys(tx, account_id, after_id=after_id, limit=limit), None)
    walked = _ahead(_KEY_COLUMNS, account_id, after_id).limit(most).subquery("walked")
    fit = select(walked).where(*(_lacks(walked.c.scopes, scope) for scope in beyond))
    found = [_key_of(row) for row in tx.execute(fit.order_by(walked.c.id).limit(limit))]
    edge = None
    if len(found) < limit:
        edge = tx.execute(_ahead([api_keys.c.id], account_id, after_id).limit(1).offset(most - 1)).scalar()
    return KeyPage(found, edge)


def _ahead(columns: Sequence[Any], account_id: str, after_id: str | None) -> Select[Any]:
    """The keys of an account from after an id on, in the order of their making, as the index of the list has them."""
    query = select(*columns).where(*stretch_of({api_keys.c.account_id: account_id}, api_keys.c.id, after=after_id))
    return query.order_by(api_keys.c.account_id, api_keys.c.id)


def revoke_keys(tx: Tx, revoked: dict[str, int]) -> None:
    """Set the instant of revocation of keys that are not revoked yet."""
    for key_id, instant in revoked.items():
        tx.execute(
            update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None)).values(revoked_at=instant)
        )


def revoke_descendants(tx: Tx, key_id: str, instant: int) -> int:
    """Revoke all keys that were made with a key, or with one of these, at any remove; return how many."""
    made = select(api_keys.c.id).where(api_keys.c.created_by == key_id).cte("made", recursive=True)
    made = made.union(select(api_keys.c.id).where(api_keys.c.created_by == made.c.id))
    to_revoke = update(api_keys).where(api_keys.c.id.in_(select(made.c.id)), api_keys.c.revoked_at.is_(None))
    return len(tx.execute(to_revoke.values(revoked_at=instant).returning(api_keys.c.id)).all())


def _lacks(scopes: ColumnElement[str], scope: str) -> ColumnElement[bool]:
    """That a key has not this scope; its scopes are words with blanks between."""
    return (literal(" ") + scopes + " ").not_like(f"% {scope} %")


def _account_of(row: Any) -> Account:
    state = AccountState(row.state) if row.closed_at is None else AccountState.CLOSED
    return Account(row.id, row.name, row.currency, state, row.created_at, AccountKind(row.kind), row.closed_at)


def _key_row(key: ApiKey) -> dict[str, Any]:
    return {**key._asdict(), "scopes": " ".join(key.scopes)}


def _key_of(row: Any) -> ApiKey:
    return ApiKey(
        row.id,
        row.account_id,
        row.name,
        row.shown,
        row.hash,
        tuple(row.scopes.split()),
        row.created_at,
        row.expires_at,
        row.revoked_at,
        row.created_by,
        row.made_by,
    )
