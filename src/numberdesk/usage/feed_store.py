"""The SQL of feeds: a few rows for each account.

Touches: call_feeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select

from numberdesk.core.call_forms import CallForm
from numberdesk.infra.db import Tx
from numberdesk.tables import call_feeds
from numberdesk.usage.model import CallFeed


def find_feed(tx: Tx, account_id: str, name: str) -> CallFeed | None:
    """A feed of an account."""
    query = select(call_feeds).where(call_feeds.c.account_id == account_id, call_feeds.c.name == name)
    row = tx.execute(query).first()
    return None if row is None else _feed_of(row)


def list_feeds(tx: Tx, account_id: str | None, limit: int) -> list[CallFeed]:
    """The feeds of an account, or of all."""
    query = select(call_feeds)
    if account_id is not None:
        query = query.where(call_feeds.c.account_id == account_id)
    ordered = query.order_by(call_feeds.c.account_id, call_feeds.c.name).limit(limit)
    return [_feed_of(row) for row in tx.execute(ordered)]


def save_feed(tx: Tx, feed: CallFeed) -> None:
    """Keep a feed, in the place of one with its name."""
    delete_feed(tx, feed.account_id, feed.name)
    tx.execute(call_feeds.insert(), [{**feed._asdict(), "form": feed.form.value}])


def delete_feed(tx: Tx, account_id: str, name: str) -> bool:
    """Forget a feed; whether there was one."""
    done = tx.execute(delete(call_feeds).where(call_feeds.c.account_id == account_id, call_feeds.c.name == name))
    return bool(done.rowcount)


def change_secrets(tx: Tx, feeds: Sequence[CallFeed]) -> None:
    """Write the secrets of feeds, sealed anew."""
    for feed in feeds:
        mine = (call_feeds.c.account_id == feed.account_id, call_feeds.c.name == feed.name)
        tx.execute(call_feeds.update().where(*mine).values(secret=feed.secret))


def _feed_of(row: Any) -> CallFeed:
    return CallFeed(row.account_id, row.name, CallForm(row.form), row.mapping, row.secret, row.url, row.created_at)
