"""The SQL of requests that were done once under an Idempotency-Key.

Touches: keyed_requests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import delete, select, tuple_

from numberdesk.core.request_keys import RequestKey
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows, SelectSet, in_set
from numberdesk.tables import keyed_requests

_MOST_EVICTED: Final = 1000
_INSERT: Final = InsertRows(keyed_requests, (*RequestKey._fields, "outcome_id", "created_at"))
_NAME: Final = (keyed_requests.c.account_id, keyed_requests.c.request, keyed_requests.c.key)
# Each part of a name by itself, and not all as one: SQLite would read every row for that.
_BY_NAME: Final = SelectSet(
    select(*_NAME, keyed_requests.c.content, keyed_requests.c.outcome_id).where(
        in_set(keyed_requests.c.account_id, "accounts"),
        in_set(keyed_requests.c.request, "requests"),
        in_set(keyed_requests.c.key, "keys"),
    ),
    "accounts",
    "requests",
    "keys",
)

Name = tuple[str, str, str]
"""Account, kind of request, key."""


def find_keyed_requests(tx: Tx, names: Iterable[Name]) -> dict[Name, tuple[str, str]]:
    """What requests said, and the ids of what they made or ended, by their names."""
    wanted = set(names)
    if not wanted:
        return {}
    accounts, requests, keys = zip(*wanted, strict=True)
    rows = _BY_NAME.run(tx, accounts=accounts, requests=requests, keys=keys)
    found = {(row.account_id, row.request, row.key): (row.content, row.outcome_id) for row in rows}
    return {name: said for name, said in found.items() if name in wanted}


def insert_keyed_requests(tx: Tx, done: Mapping[RequestKey, tuple[str, int]]) -> None:
    """Note requests that were done, each with the id of what it made or ended and the instant."""
    rows: Sequence[tuple[object, ...]] = [(*key, *outcome) for key, outcome in done.items()]
    _INSERT.run(tx, rows)


def forget_keyed_requests(tx: Tx, before: int, limit: int) -> int:
    """Delete at most `limit` of those that were done before an instant; return how many."""
    old = (
        select(*_NAME)
        .where(keyed_requests.c.created_at < before)
        .order_by(keyed_requests.c.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)  # this is no sorted order, so nothing may be waited for
    )
    return tx.execute(delete(keyed_requests).where(tuple_(*_NAME).in_(old))).rowcount


def evict_keyed_requests(tx: Tx, kinds: Iterable[tuple[str, str]], most: int) -> None:
    """Delete the oldest requests of an account and a kind that has more than `most`."""
    for account_id, request in sorted(set(kinds)):
        older = (
            select(*_NAME)
            .where(keyed_requests.c.account_id == account_id, keyed_requests.c.request == request)
            .order_by(keyed_requests.c.created_at.desc(), keyed_requests.c.key.desc())
            .limit(_MOST_EVICTED)
            .offset(most)
            .with_for_update(skip_locked=True)  # another process may do the same
        )
        tx.execute(delete(keyed_requests).where(tuple_(*_NAME).in_(older)))
