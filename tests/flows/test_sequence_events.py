"""Events get their numbers after their commit, without a gap, and none is missed by whoever reads on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from numberdesk.flows.webhooks.sequence_events import SequenceEvents, sequence_events
from numberdesk.outbox.model import NumberedEvent
from numberdesk.outbox.store import has_unnumbered, list_events
from tests.flows.conftest import PRICE, Shop
from tests.flows.receivers import Telling


@pytest.fixture
def telling(shop: Shop) -> Telling:
    return Telling(shop)


def listed(shop: Shop, account_id: str, after: int = 0) -> list[NumberedEvent]:
    with shop.database.read() as tx:
        return list_events(tx, account_id, after=after, limit=1000)


def test_each_accounts_events_are_numbered_from_one_in_the_order_of_their_making(telling: Telling) -> None:
    shop = telling.shop
    one, other = shop.account(), shop.account()
    for account_id in (one, other, one, one):
        telling.bought(account_id)
        shop.now += 1
    shop.release(one, str(shop.rows("SELECT e164 FROM rentals WHERE account_id = :id LIMIT 1", id=one)[0][0]))
    assert listed(shop, one) == []
    assert telling.number() == (5, 0, False)
    assert [event.number for event in listed(shop, one)] == [1, 2, 3, 4]
    assert [event.created_at for event in listed(shop, one)] == sorted(e.created_at for e in listed(shop, one))
    assert listed(shop, one)[-1].kind == "number.released"
    assert [event.number for event in listed(shop, other)] == [1]
    shop.verified()


def test_rounds_are_bounded_and_go_on_where_the_last_ended(telling: Telling) -> None:
    account_id = telling.shop.account()
    telling.bought(account_id, 7)
    assert [telling.number(3) for _ in range(4)] == [(3, 0, True), (3, 0, True), (1, 0, False), (0, 0, False)]
    assert [event.number for event in listed(telling.shop, account_id)] == list(range(1, 8))


def test_an_event_that_is_committed_late_comes_after_all_that_were_listed(telling: Telling) -> None:
    """It was made before the others, by a clock that is behind, or by a transaction that took its time."""
    shop, account_id = telling.shop, telling.shop.account(3 * PRICE)
    shop.buy(account_id, shop.number())
    telling.number()
    late = shop.wants(account_id, shop.number(), now=shop.now - 60_000_000)
    shop.writer.apply(shop.open_orders, late)
    telling.number()
    (before, after) = listed(shop, account_id)
    assert (before.number, after.number) == (1, 2)
    assert after.created_at < before.created_at
    assert listed(shop, account_id, after=1) == [after]


def test_what_is_rolled_back_has_no_number(telling: Telling) -> None:
    shop, account_id = telling.shop, telling.shop.account(2 * PRICE)
    wanted = shop.wants(account_id, shop.number())

    def fail_after_it() -> None:
        with shop.database.write() as tx:
            shop.open_orders(tx, [wanted])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_it()
    assert telling.number().events == 0
    shop.buy(account_id, shop.number())
    telling.number()
    assert [event.number for event in listed(shop, account_id)] == [1]


def test_a_round_that_is_rolled_back_numbers_nothing_and_the_next_gives_the_same_numbers(telling: Telling) -> None:
    shop, account_id = telling.shop, telling.shop.account()
    telling.endpoint(account_id)
    telling.bought(account_id, 2)

    def fail_after_it() -> None:
        with shop.database.write() as tx:
            assert telling.sequence(tx, [SequenceEvents(shop.now)])[0] == (2, 2, False)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_it()
    assert (listed(shop, account_id), shop.count("webhook_deliveries")) == ([], 0)
    assert telling.number() == (2, 2, False)
    assert [event.number for event in listed(shop, account_id)] == [1, 2]


def test_processes_that_number_side_by_side_leave_no_gap(telling: Telling, beside: Callable[[], Shop]) -> None:
    shop, other = telling.shop, beside()
    account_id = shop.account()
    theirs = sequence_events(other.new_id)
    for _ in range(3):
        telling.bought(account_id, 3)
        telling.number(2)
        other.writer.apply(theirs, SequenceEvents(shop.now, 2))
    while telling.number().left:
        pass
    assert [event.number for event in listed(shop, account_id)] == list(range(1, 10))
    shop.verified()


def test_only_webhooks_that_asked_for_it_get_a_delivery(telling: Telling) -> None:
    shop = telling.shop
    one, other, operators = shop.account(), shop.account(), telling.operators()
    every, released = telling.endpoint(one), telling.endpoint(one, "number.released")
    theirs, all_of_all = telling.endpoint(other), telling.endpoint(operators, all_accounts=True)
    mine_alone = telling.endpoint(operators)
    telling.bought(one)
    telling.bought(other)
    assert telling.number() == (2, 4, False)
    held = {each: len(telling.deliveries(each)) for each in (every, released, theirs, all_of_all, mine_alone)}
    assert held == {every: 1, released: 0, theirs: 1, all_of_all: 2, mine_alone: 0}
    shop.verified()


def test_a_webhook_gets_no_event_that_was_numbered_before_it_was_there(telling: Telling) -> None:
    account_id = telling.shop.account()
    telling.bought(account_id)
    telling.number()
    late = telling.endpoint(account_id)
    telling.bought(account_id)
    telling.number()
    assert [one.event_id for one in telling.deliveries(late)] == [listed(telling.shop, account_id)[1].id]


def test_whether_there_is_anything_to_number_is_known_without_writing(telling: Telling) -> None:
    shop = telling.shop
    assert shop.reader.read_now(has_unnumbered) is False
    telling.bought(shop.account())
    assert shop.reader.read_now(has_unnumbered) is True
    telling.number()
    assert shop.reader.read_now(has_unnumbered) is False
