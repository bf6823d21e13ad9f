"""No clock that is set proves anything of an order; and one that waits long is looked up when there is a reason to."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest

from numberdesk.core.carrier_order import DELAYS, CarrierOrder
from numberdesk.core.purchase import Buy
from numberdesk.flows.purchase.place_orders import Placement
from numberdesk.infra.due_work import KEEPERS_GRACE
from testbed.fake_carriers import Does
from tests.flows.carrier_orders import DAY, MINUTE, SECOND, WINDOW, carrier_order_of, opened
from tests.flows.conftest import PRICE, Shop

POSTGRESQL_IN_THE_LONG_RUN: Final = "which clock is believed is decided without the database"

HOUR = 60 * MINUTE


def look_up_for(shop: Shop, microseconds: int, *workers: tuple[Shop, Placement], every: int = 10 * SECOND) -> None:
    """Let time pass, and have orders that are due looked up meanwhile, by every worker in turn."""
    for _ in range(microseconds // every):
        for at, placement in workers:
            shop.tell(at.carrier_order(placement), at)
        shop.now += every


def steps_of_the_clock() -> list[Any]:
    """By how much it is set, and how long after the order: each of both now, all pairs of them in the long run."""
    steps, instants = [15 * MINUTE, 35 * MINUTE, 40 * DAY, -35 * MINUTE], [30 * SECOND, 4 * MINUTE, 9 * MINUTE]
    return [
        pytest.param(step, after, marks=[] if row % len(instants) == place else [pytest.mark.long])
        for row, step in enumerate(steps)
        for place, after in enumerate(instants)
    ]


def sent_and_state(shop: Shop, buy: Buy) -> tuple[int, str]:
    """How often an order was sent, and how it stands."""
    ((state,),) = shop.rows("SELECT state FROM orders WHERE id = :id", id=buy.order_id)
    return len(shop.acme.orders), state


@pytest.mark.parametrize(("step", "after"), steps_of_the_clock())
def test_a_clock_that_is_set_while_lists_lag_makes_no_second_order_and_no_void(
    shop: Shop, step: int, after: int
) -> None:
    shop.acme.lag = 12 * MINUTE
    buy, placement = opened(shop, Does.BUYS_SILENTLY)
    look_up_for(shop, after, (shop, placement))
    shop.step_clock(step)
    look_up_for(shop, 13 * MINUTE - after, (shop, placement), every=2 * SECOND)
    assert sent_and_state(shop, buy)[0] == 1
    shop.tell(shop.chase_to_the_end(placement))
    assert sent_and_state(shop, buy) == (1, "completed")


def test_an_order_that_never_arrived_is_sent_again_although_the_clock_was_set(shop: Shop) -> None:
    buy, placement = opened(shop, Does.LOSES)
    look_up_for(shop, 3 * MINUTE, (shop, placement))
    shop.step_clock(10 * MINUTE)
    look_up_for(shop, WINDOW - 3 * MINUTE, (shop, placement))
    assert sent_and_state(shop, buy) == (1, "ordering")
    look_up_for(shop, WINDOW // 4 + MINUTE, (shop, placement))
    assert sent_and_state(shop, buy) == (2, "completed")


def test_two_processes_with_clocks_far_apart_come_to_a_proof(shop: Shop, beside: Callable[[], Shop]) -> None:
    other = beside()
    buy, placement = opened(shop, Does.LOSES)
    theirs = other.placement()
    for _ in range(45):
        look_up_for(shop, MINUTE, (shop, placement))
        shop.step_clock(DAY + HOUR)
        look_up_for(shop, SECOND, (other, theirs), every=SECOND)
        shop.step_clock(-DAY - HOUR)
    assert sent_and_state(shop, buy)[0] == 2


def test_an_order_is_left_to_the_process_that_counts_and_taken_over_when_it_is_gone(
    shop: Shop, beside: Callable[[], Shop]
) -> None:
    other = beside()
    buy, placement = opened(shop, Does.LOSES)
    look_up_for(shop, 20 * SECOND, (shop, placement))
    counted = carrier_order_of(shop, buy)
    assert (counted.counted_by, counted.absences) == (shop.process_time.process, 1)
    shop.now = (counted.next_at or 0) + KEEPERS_GRACE - 1
    shop.tell(other.carrier_order(other.placement()), other)
    assert carrier_order_of(shop, buy) == counted
    shop.now += 1
    shop.tell(other.carrier_order(other.placement()), other)
    taken_over = carrier_order_of(shop, buy)
    assert (taken_over.counted_by, taken_over.absences) == (other.process_time.process, 1)
    assert [count[:2] for count in json.loads(taken_over.counts or "")] == [
        [shop.process_time.process, 1],
        [other.process_time.process, 1],
    ]


# what waits long


def silent(shop: Shop, buys: Sequence[Buy], placement: Placement, minutes: int = 150) -> list[CarrierOrder]:
    """The carrier does not answer for some hours: its orders then wait for an hour each time."""
    shop.acme.down = True
    look_up_for(shop, minutes * MINUTE, (shop, placement), every=MINUTE)
    return [carrier_order_of(shop, buy) for buy in buys]


def test_after_an_outage_an_order_is_looked_up_hourly_on_the_first_day(shop: Shop) -> None:
    buy, placement = opened(shop, Does.BUYS_SILENTLY)
    (waiting,) = silent(shop, [buy], placement, minutes=6 * 60 + 30)
    assert DELAYS[waiting.attempts - 1] == HOUR
    shop.acme.down = False
    look_up_for(shop, HOUR + MINUTE, (shop, placement), every=MINUTE)
    assert sent_and_state(shop, buy) == (1, "completed")


def test_an_order_is_looked_up_at_once_when_its_customer_asks(shop: Shop) -> None:
    buy, placement = opened(shop, Does.BUYS_SILENTLY)
    (waiting,) = silent(shop, [buy], placement)
    assert (waiting.next_at or 0) > shop.now + 5 * MINUTE
    shop.acme.down = False
    shop.buy(buy.account_id, buy.e164)
    shop.tell(shop.carrier_order(placement))
    assert sent_and_state(shop, buy) == (1, "completed")


def test_a_customer_who_asks_again_and_again_has_an_order_looked_up_a_few_times(shop: Shop) -> None:
    buy, placement = opened(shop, Does.BUYS_SILENTLY)
    silent(shop, [buy], placement)
    asked = len(shop.acme.looked_up)
    for _ in range(60):
        shop.buy(buy.account_id, buy.e164)
        look_up_for(shop, 10 * SECOND, (shop, placement))
    assert len(shop.acme.looked_up) - asked < 7  # of 60 questions in ten minutes: two of four minutes
    assert carrier_order_of(shop, buy).parked_at is None


def test_all_orders_of_a_carrier_are_looked_up_at_once_when_it_answers_again(shop: Shop) -> None:
    placement = shop.placement()
    buys = [opened(shop, Does.BUYS_SILENTLY)[0] for _ in range(3)]
    silent(shop, buys, placement)
    shop.tell(shop.hurry())
    assert {carrier_order_of(shop, buy).next_at for buy in buys} != {shop.now}
    shop.acme.down = False
    shop.tell(shop.purchase(placement, shop.wants(shop.account(PRICE), shop.number(carrier="acme"))))
    shop.tell(shop.hurry())
    assert {carrier_order_of(shop, buy).next_at for buy in buys} == {shop.now}
    shop.tell(shop.carrier_order(placement))
    assert shop.rows("SELECT DISTINCT state FROM orders") == [("completed",)]
    shop.tell(shop.hurry())  # and nothing is left to hurry
