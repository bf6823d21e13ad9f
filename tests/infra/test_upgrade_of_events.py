"""What the upgrade to numbered events does with those that were there before."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text

from numberdesk.infra.db import Database
from numberdesk.migrations import upgrade
from numberdesk.outbox.store import has_unnumbered, list_events
from tests.infra.old_books import Old, in_order

MANY: Final = 11_003
"""More than the upgrade takes at a time."""


def _orders(database: Database, account_id: str, count: int) -> None:
    """Failed orders with their events, the later ones made earlier: two of them at each instant."""
    with database.raw(writing=True) as connection:
        rows = [{"serial": f"{place:06d}", "account": account_id, "at": (count - place) // 2} for place in range(count)]
        connection.execute(
            text(
                "INSERT INTO events (id, account_id, kind, payload, created_at) "
                "VALUES ('evt_fail_m' || :serial, :account, 'order.failed', '{}', :at)"
            ),
            rows,
        )
        connection.commit()


def test_events_get_numbers_in_the_order_of_their_making_and_are_not_delivered(old: Old) -> None:
    database = old("0003")
    upgrade(database, "0010")
    _orders(database, "acc_3", MANY)
    upgrade(database)
    with database.read() as tx:
        assert has_unnumbered(tx) is False
        found = list_events(tx, "acc_3", after=0, limit=MANY * 2)
        assert [event.number for event in found] == list(range(1, len(found) + 1))
        assert len(found) >= MANY
        assert found == sorted(found, key=lambda event: (event.created_at, event.id))
        assert tx.fetch("SELECT count(*) FROM webhook_deliveries", [])[0][0] == 0
        streams = tx.fetch(
            "SELECT last_number, pruned_to, pruned_until, look_at FROM event_streams WHERE account_id = 'acc_3'", []
        )
    assert [tuple(row) for row in streams] == [(len(found), 0, 0, found[0].created_at)]


def test_every_account_with_events_has_its_stream_and_the_books_hold(old: Old) -> None:
    database = old("0003")
    upgrade(database)
    with database.read() as tx:
        counted = tx.fetch("SELECT account_id, count(*), max(number) FROM events GROUP BY account_id", [])
        streams = tx.fetch("SELECT account_id, last_number, last_number FROM event_streams", [])
    assert sorted(map(tuple, counted)) == sorted(map(tuple, streams))
    assert counted
    assert in_order(database)
