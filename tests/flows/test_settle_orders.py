"""Settling orders: whoever hears of one and however often, it ends once, and what comes too late goes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from numberdesk.core.carrier_order import Absent, OrderOutcome, Placed, Reason, Refused, Unknown
from numberdesk.core.lifecycle import OrderState
from numberdesk.core.purchase import Buy, Order
from numberdesk.core.schedule import turn_of
from numberdesk.flows.purchase.resolve_orders import OrderResolution, ResolveOrder, resolve_orders
from numberdesk.flows.purchase.settle_orders import settle_orders
from numberdesk.infra.due_work import TakeUp
from numberdesk.orders.carrier_order_store import DUE_ORDERS, LOOK_UP_LEASE
from testbed.fake_carriers import Does
from tests.flows.carrier_orders import MINUTE, SECOND, WINDOW, books, carrier_order_of, heard, opened, settled
from tests.flows.conftest import NOW, PRICE, Shop

ENGINES_TAKE_TURNS = "what follows from a carrier's word is decided by core, alike on both engines"

# several who work on one order


def test_what_one_worker_has_taken_up_no_other_takes_up_until_its_lease_is_over(
    shop: Shop, beside: Callable[[], Shop]
) -> None:
    buys = [opened(shop, Does.LOSES)[0] for _ in range(3)]
    other = beside()
    shop.now += 2 * SECOND
    first = shop.writer.apply(DUE_ORDERS.take_up, TakeUp("acme", shop.now, 2))
    second = other.writer.apply(DUE_ORDERS.take_up, TakeUp("acme", shop.now, 9))
    assert [len(first), len(second)] == [2, 1]
    assert {carrier_order.order_id for carrier_order in (*first, *second)} == {buy.order_id for buy in buys}
    assert other.writer.apply(DUE_ORDERS.take_up, TakeUp("acme", shop.now + LOOK_UP_LEASE - 1, 9)) == []
    assert len(other.writer.apply(DUE_ORDERS.take_up, TakeUp("acme", shop.now + LOOK_UP_LEASE, 9))) == 3


def test_two_workers_whose_look_ups_take_longer_than_the_lease_still_agree(
    shop: Shop, beside: Callable[[], Shop]
) -> None:
    shop.acme.find_seconds = LOOK_UP_LEASE // SECOND + 1
    buy, placement = opened(shop, Does.BUYS_SILENTLY)
    other = beside()

    async def both() -> None:
        shop.now += 2 * SECOND
        first = asyncio.ensure_future(shop.carrier_order(placement))
        await asyncio.sleep(LOOK_UP_LEASE // SECOND)
        await asyncio.gather(first, other.carrier_order(other.placement()))

    shop.tell(both(), other)
    assert shop.acme.looked_up == [buy.e164] * 2
    assert (shop.wallet(buy.account_id).posted, shop.wallet(buy.account_id).held) == (9 * PRICE, 0)
    shop.verified()


def test_two_workers_with_the_same_proof_of_absence_send_one_order(shop: Shop) -> None:
    buy, _ = opened(shop, Does.LOSES)
    for at in (2 * SECOND, 5 * MINUTE, 9 * MINUTE):
        shop.now = NOW + at
        settled(shop, heard(shop, buy, Absent()))
    shop.now += WINDOW
    words = [heard(shop, buy, Absent())] * 2
    with shop.database.write() as tx:
        statuses = settle_orders(tx, words)
    assert [status.again is None for status in statuses] == [False, True]
    again = shop.writer.apply(settle_orders, words[0])
    assert (again.again, carrier_order_of(shop, buy).sends) == (None, 2)


def test_a_worker_that_looks_while_the_request_is_still_out_changes_nothing(shop: Shop) -> None:
    """The request takes longer than its lease, as when its process was stopped for a minute."""
    shop.acme.order_seconds = 70
    e164, placement = shop.number(carrier="acme"), shop.placement()
    buy = shop.wants(shop.account(10 * PRICE), e164)
    shop.tell(shop.purchase(placement, buy))
    shop.time.pass_by(62, shop.writer)
    assert shop.acme.orders == []
    shop.tell(shop.carrier_order(placement))
    assert shop.acme.looked_up == [e164]
    shop.time.pass_by(10, shop.writer)
    assert shop.rows("SELECT state FROM orders") == [("completed",)]
    shop.tell(shop.chase_to_the_end(placement))
    assert shop.acme.executed == [(e164, buy.order_id)]


LATER_WORDS = (Placed("PN9"), Refused(Reason.TAKEN, "late"), Refused(Reason.OTHER, "late"), Unknown("late"), Absent())


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "later"])
@pytest.mark.parametrize("word", LATER_WORDS, ids=lambda word: type(word).__name__)
def test_a_word_about_an_order_that_is_completed_changes_nothing(
    shop: Shop,
    word: OrderOutcome,
    together: bool,  # noqa: FBT001  a case
) -> None:
    buy, _ = opened(shop, Does.LOSES)
    first, second = heard(shop, buy, Placed("PN1")), heard(shop, buy, word)
    if together:
        assert settled(shop, first, second)[0].carrier_reference == "PN1"
    else:
        settled(shop, first)
    before = books(shop)
    assert settled(shop, second)[0].state is OrderState.COMPLETED
    assert books(shop) == before


def test_a_word_about_an_attempt_before_counts_only_when_the_number_is_ours(shop: Shop) -> None:
    buy, placement = opened(shop, Does.LOSES, Does.LOSES)
    while carrier_order_of(shop, buy).sends == 1:
        shop.now = max(shop.now, turn_of(carrier_order_of(shop, buy)) or 0)
        shop.tell(shop.carrier_order(placement))
    before = books(shop)
    for word in (Refused(Reason.TAKEN, "late"), Refused(Reason.OTHER, "late"), Unknown("late"), Absent()):
        settled(shop, heard(shop, buy, word))
    assert books(shop) == before
    (order,) = settled(shop, heard(shop, buy, Placed("PN1", buy.order_id)))
    assert (order.state, order.attempts) == (OrderState.COMPLETED, 2)


# too late


def given_up(shop: Shop) -> Buy:
    """An order that was given up."""
    buy, _ = opened(shop, Does.LOSES)
    shop.writer.apply(resolve_orders, ResolveOrder(buy.order_id, OrderResolution.VOID, WINDOW, shop.now))
    assert shop.rows("SELECT state FROM orders WHERE id = :id", id=buy.order_id) == [("failed",)]
    return buy


def test_a_number_that_is_placed_after_its_order_was_given_up_goes_back_once(shop: Shop) -> None:
    buy = given_up(shop)
    placed = shop.acme.buy(buy.e164, buy.order_id)
    settled(shop, *[heard(shop, buy, placed)] * 2)
    settled(shop, heard(shop, buy, placed))
    assert shop.count("carrier_releases") == 1
    shop.tell(shop.give_back())
    settled(shop, heard(shop, buy, placed))
    assert shop.acme.ours == {}
    assert shop.rows("SELECT e164, carrier_reference, attempts FROM carrier_releases") == [
        (buy.e164, placed.number_id, 1)
    ]
    assert (shop.wallet(buy.account_id).posted, shop.wallet(buy.account_id).held) == (10 * PRICE, 0)
    shop.verified()


def test_what_somebody_else_has_by_then_is_not_taken_from_him(shop: Shop) -> None:
    buy = given_up(shop)
    shop.offer(buy.e164, carrier="acme")
    other = shop.account(10 * PRICE)
    order = shop.tell(shop.purchase(shop.placement(), shop.wants(other, buy.e164)))
    assert isinstance(order, Order)
    settled(shop, heard(shop, buy, Placed(order.carrier_reference or "", buy.order_id)))
    assert shop.count("carrier_releases") == 0
    assert shop.rows("SELECT state, account_id FROM numbers") == [("assigned", other)]


@pytest.mark.parametrize("reference", ["ord_somebody", ""])
def test_a_number_that_the_carrier_has_for_another_order_does_not_go_back(shop: Shop, reference: str) -> None:
    buy = given_up(shop)
    settled(shop, heard(shop, buy, Placed("PN1", reference)))
    assert shop.count("carrier_releases") == 0
