"""What a person decides about an order that is open: give it up, look anew, or take the number that is there."""

from __future__ import annotations

import json

import pytest

from numberdesk.core.errors import CarrierRefused, NotFound, OrderEnded
from numberdesk.core.lifecycle import OrderState
from numberdesk.core.purchase import Buy, Order, Sold
from numberdesk.flows.purchase.place_orders import Placement
from numberdesk.flows.purchase.resolve_orders import (
    OrderResolution,
    ResolveOrder,
    adopt_order,
    resolve_order,
    resolve_orders,
)
from testbed.fake_carriers import Does
from tests.flows.carrier_orders import DAY, MINUTE, WINDOW, books, carrier_order_of, opened
from tests.flows.conftest import NOW, PRICE, Shop

ENGINES_TAKE_TURNS = "what a person may decide is the same on both engines"

PATIENCE = 7 * MINUTE


def parked(shop: Shop, *does: Does, key: str | None = None) -> tuple[Buy, Placement]:
    """An order that is left to a person."""
    buy, placement = opened(shop, *does, key=key)
    shop.tell(shop.chase_to_the_end(placement))
    assert carrier_order_of(shop, buy).parked_at is not None
    return buy, placement


def resolve(shop: Shop, buy: Buy, resolution: OrderResolution) -> Order:
    story = resolve_order(shop.writer, shop.reader, shop.carriers, buy.order_id, resolution, shop.now, PATIENCE)
    return shop.tell(story)


def adopt(shop: Shop, placement: Placement, order_id: str) -> Order:
    return shop.tell(adopt_order(shop.reader, shop.carriers, placement, order_id))


def test_an_order_that_its_carrier_never_decides_is_looked_up_for_days_and_its_hold_stays(shop: Shop) -> None:
    buy, _ = parked(shop, Does.NEVER_ENDS)
    assert shop.now - NOW > 5 * DAY
    assert (shop.wallet(buy.account_id).held, len(shop.acme.orders)) == (PRICE, 1)
    assert shop.rows("SELECT state FROM numbers") == [("claimed",)]
    assert shop.rows("SELECT kind FROM events WHERE kind <> 'account.credited'") == [("order.parked",)]
    shop.now += 400 * DAY
    shop.tell(shop.carrier_order(shop.placement()))
    assert shop.wallet(buy.account_id).held == PRICE
    shop.verified()


def test_giving_an_order_up_frees_what_it_held_and_its_customer_may_begin_anew(shop: Shop) -> None:
    buy, placement = parked(shop, Does.NEVER_ENDS, key="k")
    order = resolve(shop, buy, OrderResolution.VOID)
    assert order.failure is not None
    assert (order.state, order.failure.code) == (OrderState.FAILED, "carrier_unavailable")
    assert (shop.wallet(buy.account_id).posted, shop.wallet(buy.account_id).held) == (10 * PRICE, 0)
    ((payload,),) = shop.rows("SELECT payload FROM events WHERE kind = 'order.failed'")
    assert json.loads(payload)["message"] == order.failure.message
    assert "Nothing was charged" in order.failure.message
    shop.verified()
    shop.acme.pending.clear()
    shop.offer(buy.e164, carrier="acme")
    again = shop.tell(shop.purchase(placement, shop.wants(buy.account_id, buy.e164, key="k")))
    assert isinstance(again, Order)
    assert (again.id != buy.order_id, again.state) == (True, OrderState.COMPLETED)
    shop.verified()


@pytest.mark.parametrize(("does", "ends"), [(Does.LOSES, "completed"), (Does.BUYS_LATER, "completed")])
def test_an_order_may_be_looked_up_anew_from_the_beginning(shop: Shop, does: Does, ends: str) -> None:
    """What is there by now is found; what is proven to be absent and was sent once is sent once more."""
    buy, placement = opened(shop, does)
    carriers = dict(shop.carriers.carriers)
    shop.carriers.carriers.clear()
    shop.tell(shop.chase_to_the_end(placement))
    assert carrier_order_of(shop, buy).parked_at is not None
    shop.carriers.carriers.update(carriers)
    shop.acme.decides_after = MINUTE
    assert resolve(shop, buy, OrderResolution.RETRY).state is OrderState.ORDERING
    carrier_order = carrier_order_of(shop, buy)
    assert (carrier_order.attempts, carrier_order.absences, carrier_order.next_at, carrier_order.parked_at) == (
        0,
        0,
        shop.now,
        None,
    )
    assert carrier_order.wanted_until > shop.now + WINDOW
    shop.tell(shop.chase_to_the_end(placement))
    assert shop.rows("SELECT state FROM orders") == [(ends,)]
    assert len(shop.acme.executed) == 1
    shop.verified()


def test_a_retry_sends_no_third_order(shop: Shop) -> None:
    buy, placement = opened(shop, *[Does.LOSES] * 3)
    while carrier_order_of(shop, buy).sends == 1:
        shop.now = max(shop.now, carrier_order_of(shop, buy).next_at or 0)
        shop.tell(shop.carrier_order(placement))
    resolve(shop, buy, OrderResolution.RETRY)
    shop.tell(shop.chase_to_the_end(placement))
    assert len(shop.acme.orders) == 2
    assert shop.wallet(buy.account_id).held == 0


def test_a_number_that_is_there_under_another_reference_is_adopted(shop: Shop) -> None:
    buy, placement = opened(shop, Does.LOSES)
    number_id = shop.acme.buy(buy.e164, "by hand").number_id
    shop.tell(shop.chase_to_the_end(placement))
    assert carrier_order_of(shop, buy).parked_at is not None
    assert "by hand" in carrier_order_of(shop, buy).message
    order = adopt(shop, placement, buy.order_id)
    assert (order.state, order.carrier_reference) == (OrderState.COMPLETED, number_id)
    assert shop.wallet(buy.account_id).posted == 9 * PRICE
    shop.verified()


@pytest.mark.parametrize("why", ["absent", "pending", "down", "not connected"])
def test_what_the_carrier_does_not_say_is_ours_is_not_adopted(shop: Shop, why: str) -> None:
    buy, placement = opened(shop, Does.NEVER_ENDS if why == "pending" else Does.LOSES)
    shop.acme.down = why == "down"
    if why == "not connected":
        shop.carriers.carriers.clear()
    with pytest.raises(CarrierRefused) as caught:
        adopt(shop, placement, buy.order_id)
    assert why in str(caught.value.details["said"])
    assert shop.wallet(buy.account_id).held == PRICE


def ended(shop: Shop, state: str) -> tuple[Buy, Placement]:
    buy, placement = opened(shop, Does.BUYS if state == "completed" else Does.REFUSES)
    assert shop.rows("SELECT state FROM orders") == [(state,)]
    return buy, placement


@pytest.mark.parametrize("state", ["completed", "failed"])
def test_nobody_decides_about_an_order_that_has_ended(shop: Shop, state: str) -> None:
    buy, placement = ended(shop, state)
    if state == "failed":
        shop.acme.buy(buy.e164, "somebody")
    before = books(shop)
    for resolution in OrderResolution:
        with pytest.raises(OrderEnded):
            resolve(shop, buy, resolution)
    with pytest.raises(OrderEnded):
        adopt(shop, placement, buy.order_id)
    assert books(shop) == before


def test_about_orders_that_were_at_no_carrier_there_is_nothing_to_decide(shop: Shop) -> None:
    account_id, e164 = shop.account(PRICE), shop.number()
    sold = shop.buy(account_id, e164)
    assert isinstance(sold, Sold)
    for order_id in (sold.order.id, "ord_nobody"):
        for resolution in OrderResolution:
            with pytest.raises(NotFound):
                shop.writer.apply(resolve_orders, ResolveOrder(order_id, resolution, WINDOW, shop.now))
        with pytest.raises(NotFound):
            adopt(shop, shop.placement(), order_id)


def test_two_persons_who_give_up_one_order_at_once_are_one_after_the_other(shop: Shop) -> None:
    buy, _ = opened(shop, Does.LOSES)
    with shop.database.write() as tx:
        first, second = resolve_orders(tx, [ResolveOrder(buy.order_id, OrderResolution.VOID, WINDOW, shop.now)] * 2)
    assert isinstance(first, Order)
    assert isinstance(second, OrderEnded)
    assert shop.wallet(buy.account_id).held == 0


def test_what_was_given_up_while_it_was_under_way_goes_back_when_it_arrives(shop: Shop) -> None:
    e164, placement = shop.number(carrier="acme"), shop.placement()
    shop.acme.order_seconds = 20
    buy = shop.wants(shop.account(PRICE), e164)
    shop.tell(shop.purchase(placement, buy))
    resolve(shop, buy, OrderResolution.VOID)
    shop.time.pass_by(20, shop.writer)
    assert list(shop.acme.ours) == [e164]
    shop.tell(shop.give_back())
    assert (shop.acme.ours, shop.wallet(buy.account_id).posted) == ({}, PRICE)
    shop.verified()


def test_an_order_that_is_looked_up_anew_may_be_sent_again_for_as_long_as_it_is_set_up(shop: Shop) -> None:
    buy, _ = opened(shop, Does.LOSES)
    resolve(shop, buy, OrderResolution.RETRY)
    assert carrier_order_of(shop, buy).wanted_until == shop.now + WINDOW + PATIENCE
