"""Old events go, with their deliveries; what is still to be sent stays, and no gap is left in what is kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from numberdesk.core.periods import MICROSECONDS
from numberdesk.flows.webhooks.prune_events import PruneEvents, PruneReport, prune_events
from numberdesk.infra.db import Database
from tests.flows.conftest import Shop
from tests.flows.receivers import DOWN, Telling, later

RETENTION = 90 * 86_400 * MICROSECONDS


@pytest.fixture
def shop(database: Database) -> Iterator[Shop]:
    """A shop whose books `verify` looks at: some of its purchases have no event any more."""
    shop = Shop(database)
    yield shop
    shop.reader.close()


@pytest.fixture
def telling(shop: Shop) -> Telling:
    return Telling(shop)


def prune(shop: Shop) -> int:
    """Rounds until nothing is left; how many events went."""
    pruned, rounds = 0, 0
    while (report := shop.writer.apply(prune_events, PruneEvents(shop.now, RETENTION))).left:
        assert isinstance(report, PruneReport)
        pruned, rounds = pruned + report.events, rounds + 1
        assert rounds < 100
    return pruned + report.events


def numbers(shop: Shop) -> list[int]:
    return [number for (number,) in shop.rows("SELECT number FROM events WHERE number IS NOT NULL ORDER BY number")]


def test_events_that_are_old_go_with_their_deliveries_and_the_books_hold(telling: Telling) -> None:
    shop, account_id = telling.shop, telling.shop.account()
    telling.endpoint(account_id)
    telling.bought(account_id, 70)
    telling.number()
    telling.send_due()
    shop.now = later(shop, days=60)
    telling.bought(account_id, 2)
    telling.number()
    telling.send_due()
    assert prune(shop) == 0
    shop.now = later(shop, days=31)
    assert prune(shop) == 70
    assert (numbers(shop), shop.count("webhook_deliveries")) == ([71, 72], 2)
    shop.verified()
    telling.bought(account_id)
    telling.number()
    assert numbers(shop) == [71, 72, 73]
    shop.now = later(shop, days=91)
    assert prune(shop) == 2, "the last is still to be sent"
    telling.send_due()
    shop.now = later(shop, days=2)
    assert prune(shop) == 1
    assert numbers(shop) == []
    telling.bought(account_id)
    telling.number()
    assert numbers(shop) == [74]
    shop.verified()


def test_an_event_that_is_still_to_be_sent_stays_with_all_that_came_after_it(telling: Telling) -> None:
    shop, account_id = telling.shop, telling.shop.account()
    telling.bought(account_id, 2)
    telling.number()
    endpoint_id = telling.endpoint(account_id)
    telling.bought(account_id, 2)
    telling.number()
    telling.receivers.answers[endpoint_id] = DOWN
    telling.send_due()
    shop.now = later(shop, days=100)
    assert (prune(shop), numbers(shop)) == (2, [3, 4])
    telling.send_until(later(shop, days=4))
    assert (prune(shop), numbers(shop)) == (2, []), "deliveries that failed for good go with their events"
    shop.verified()


def test_a_deleted_webhook_goes_with_its_deliveries(telling: Telling) -> None:
    shop, account_id = telling.shop, telling.shop.account()
    gone, kept = telling.endpoint(account_id), telling.endpoint(account_id)
    telling.bought(account_id, 3)
    telling.number()
    telling.change(gone, delete=True)
    assert prune(shop) == 0
    assert shop.rows("SELECT id FROM webhook_endpoints") == [(kept,)]
    assert shop.count("webhook_deliveries") == 3


def test_verify_still_asks_for_events_of_changes_that_are_younger_than_the_mark(telling: Telling) -> None:
    shop, account_id = telling.shop, telling.shop.account()
    telling.bought(account_id)
    telling.number()
    shop.now = later(shop, days=91)
    prune(shop)
    telling.bought(account_id)
    with shop.database.write() as tx:
        tx.run("DELETE FROM events", [])
    with pytest.raises(AssertionError, match=r"no event number\.purchased tells of"):
        shop.verified()
