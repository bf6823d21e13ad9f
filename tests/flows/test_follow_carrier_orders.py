"""Whatever a carrier does with an order, it ends once: one number there for one that is paid for, or nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from numberdesk.core.carrier_order import FEWEST_ABSENCES, LONGEST_DELAY, OutcomeReport
from numberdesk.core.errors import CarrierRefused, CarrierUnavailable, NumberdeskError, NumberTaken
from numberdesk.core.lifecycle import OrderState
from numberdesk.core.purchase import Buy, Order, Refusal, Replayed
from numberdesk.core.schedule import turn_of
from numberdesk.flows.purchase.follow_carrier_orders import follow_carrier_orders
from numberdesk.flows.purchase.open_orders import open_orders
from numberdesk.flows.purchase.place_orders import Placement
from numberdesk.flows.purchase.resolve_orders import adopt_order
from numberdesk.flows.purchase.settle_orders import OrderStatus, settle_orders
from numberdesk.infra.db import Tx
from numberdesk.orders.carrier_order_store import LOOK_UP_LEASE, Ended, change_carrier_orders
from testbed.fake_carriers import Does, FakeCarrier
from tests.flows.carrier_orders import DAY, MINUTE, SECOND, WINDOW, carrier_order_of, opened
from tests.flows.conftest import PRICE, QUOTE_LIFETIME, Shop

ENGINES_TAKE_TURNS = "what follows from a carrier's word is decided by core, alike on both engines"

SETUP = 250_000
TOTAL = PRICE + SETUP


class Case(NamedTuple):
    """What the carrier does with the first order and the next, and how the purchase ends: with a refusal, or sold."""

    does: tuple[Does, ...]
    refusal: NumberdeskError | None = None
    sent: int = 1
    lag: int = 0
    decides_after: int | None = None
    also: int = 0
    """Other numbers that the carrier bought for us by mistake."""


THROTTLED = CarrierUnavailable(details={"retry_after": 7})
CASES = {
    "buys and answers": Case((Does.BUYS,)),
    "refuses": Case((Does.REFUSES,), NumberTaken()),
    "refuses for its own reasons": Case((Does.FORBIDS,), CarrierRefused()),
    "buys and times out": Case((Does.BUYS_SILENTLY,)),
    "buys and resets": Case((Does.RESETS,)),
    "answers 500 but bought": Case((Does.BREAKS,)),
    "has an adapter that breaks": Case((Does.RAISES,)),
    "never receives it": Case((Does.LOSES,), sent=2),
    "never receives it twice": Case((Does.LOSES, Does.LOSES), CarrierUnavailable(), sent=2),
    "then has been sold out": Case((Does.LOSES, Does.REFUSES), CarrierUnavailable(), sent=2),
    "then forbids it": Case((Does.LOSES, Does.FORBIDS), CarrierUnavailable(), sent=2),
    "then cannot be reached": Case((Does.LOSES, Does.NOT_SENT), CarrierUnavailable(), sent=1),
    "then times out and bought": Case((Does.LOSES, Does.BUYS_SILENTLY), sent=2),
    "buys another number": Case((Does.BUYS_ANOTHER,), sent=2, also=1),
    "answers after our timeout": Case((Does.BUYS_LATE,), decides_after=40 * SECOND),
    "buys long after our timeout": Case((Does.BUYS_LATE,), decides_after=14 * MINUTE),
    "buys when it was asked again": Case((Does.BUYS_LATE,), decides_after=WINDOW + 3 * MINUTE, sent=2),
    "takes it and buys at once": Case((Does.BUYS_LATER,), decides_after=SECOND),
    "takes it and buys later": Case((Does.BUYS_LATER,), decides_after=3 * MINUTE),
    "takes it and buys in days": Case((Does.BUYS_LATER,), decides_after=4 * DAY),
    "takes it and refuses at once": Case((Does.FAILS_LATER,), NumberTaken(), decides_after=SECOND),
    "takes it and refuses later": Case((Does.FAILS_LATER,), NumberTaken(), decides_after=3 * MINUTE),
    "is busy": Case((Does.THROTTLES,), THROTTLED),
    "cannot be reached": Case((Does.NOT_SENT,), CarrierUnavailable(), sent=0),
    # what lists show late (T14), and later than the carrier was set up for (T17)
    "shows it after 30 s": Case((Does.BUYS_SILENTLY,), lag=30 * SECOND),
    "shows it after 10 min": Case((Does.BUYS_SILENTLY,), lag=10 * MINUTE),
    "shows it after the window": Case((Does.BUYS_SILENTLY,), lag=WINDOW + 5 * MINUTE, sent=2),
}


def scripted(shop: Shop, case: Case) -> str:
    shop.acme.lag, shop.acme.decides_after = case.lag, case.decides_after
    e164 = shop.number(carrier="acme", setup=SETUP)
    shop.acme.script(e164, *case.does)
    return e164


BY_NUMBER_ALONE = (
    "buys and times out",
    "never receives it",
    "buys when it was asked again",
    "shows it after the window",
)


@pytest.mark.parametrize("name", CASES)
def test_whatever_a_carrier_does_an_order_ends_once_and_to_the_micro(shop: Shop, name: str) -> None:
    ends_once(shop, CASES[name])


@pytest.mark.parametrize("name", BY_NUMBER_ALONE)
def test_and_so_it_does_at_a_carrier_that_keeps_no_references(shop: Shop, name: str) -> None:
    shop.acme.keeps_references = False
    ends_once(shop, CASES[name])


def ends_once(shop: Shop, case: Case) -> None:
    account_id, e164 = shop.account(10 * TOTAL), scripted(shop, case)
    placement = shop.placement()
    buy = shop.wants(account_id, e164, key="k")
    first = shop.tell(shop.purchase(placement, buy))
    shop.tell(shop.chase_to_the_end(placement))

    sold = case.refusal is None
    assert [number for number, _ in shop.acme.executed].count(e164) == sold
    assert len(shop.acme.executed) == sold + case.also
    assert len(shop.acme.orders) == case.sent
    assert {reference for _, reference in shop.acme.orders} <= {buy.order_id}
    wallet = shop.wallet(account_id)
    assert (wallet.posted, wallet.held) == (10 * TOTAL - sold * TOTAL, 0)
    assert shop.rows("SELECT state, order_id FROM numbers") == [
        ("assigned", buy.order_id) if sold else ("withdrawn", None)
    ]
    assert shop.rows("SELECT state FROM holds") == [("captured" if sold else "voided",)]
    assert shop.rows("SELECT settled_at IS NULL, next_at, parked_at FROM carrier_orders") == [(False, None, None)]
    told(shop, buy, case.refusal)
    shop.verified()
    again(shop, buy, first, case)


def told(shop: Shop, buy: Buy, refusal: NumberdeskError | None) -> None:
    """One event tells how it ended."""
    ((kind, payload),) = shop.rows("SELECT kind, payload FROM events WHERE kind <> 'account.credited'")
    said = json.loads(payload)
    assert (said["phone_number"], said["order_id"]) == (buy.e164, buy.order_id)
    if refusal is None:
        assert kind == "number.purchased"
    else:
        assert (kind, said["code"], said["message"]) == ("order.failed", refusal.code, refusal.message)


def again(shop: Shop, buy: Buy, first: Order | Refusal, case: Case) -> None:
    """The same request under its key: what was definite is told again, with the same id, what was not begins anew."""
    repeated = buy._replace(request_id="req_again", order_id="ord_again", now=shop.now)
    decision = shop.writer.apply(shop.open_orders, repeated)
    final = case.refusal is None or not isinstance(case.refusal, CarrierUnavailable)
    assert shop.count("idempotency_records") == 1
    if case.refusal is None:
        assert isinstance(decision, Replayed)
        assert (decision.order.id, decision.order.state) == (buy.order_id, OrderState.COMPLETED)
    elif final:
        assert isinstance(decision, Refusal)
        assert (decision.error, decision.request_id) == (case.refusal, buy.request_id)
        assert repr(decision.error.details) == repr(case.refusal.details)
    else:
        assert not isinstance(decision, Replayed)
        assert shop.rows("SELECT request_id FROM idempotency_records") == [("req_again",)]
    if isinstance(first, Refusal):
        assert (first.error, first.request_id) == (case.refusal, buy.request_id)


@pytest.mark.parametrize("lag", [30 * SECOND, 10 * MINUTE])
def test_while_lists_hide_what_was_bought_it_is_neither_ordered_again_nor_given_up(shop: Shop, lag: int) -> None:
    shop.acme.lag = lag
    buy, placement = opened(shop, Does.BUYS_SILENTLY)
    seen = []
    while (carrier_order := carrier_order_of(shop, buy)).settled_at is None:
        seen.append((shop.now - shop.acme.ours[buy.e164].since) // SECOND)
        assert shop.acme.orders == [(buy.e164, buy.order_id)]
        assert shop.wallet(buy.account_id).held == PRICE
        assert carrier_order.next_at is not None
        shop.now = max(shop.now, carrier_order.next_at)
        shop.tell(shop.carrier_order(placement))
    assert [at for at in seen if at * SECOND > lag] == []
    assert shop.wallet(buy.account_id).posted == 9 * PRICE


def test_a_number_that_never_shows_up_is_ordered_once_more_while_it_is_wanted_and_then_given_up(shop: Shop) -> None:
    buy, placement = opened(shop, *[Does.LOSES] * 9)
    sent_at: list[int] = []
    while carrier_order_of(shop, buy).settled_at is None:
        sent_at += [shop.now] * (len(shop.acme.orders) - len(sent_at))
        shop.now = max(shop.now, carrier_order_of(shop, buy).next_at or 0)
        shop.tell(shop.carrier_order(placement))
    assert len(sent_at) == 2
    assert sent_at[1] - sent_at[0] >= WINDOW
    assert WINDOW <= shop.now - sent_at[1] < WINDOW + MINUTE
    assert shop.wallet(buy.account_id).held == 0


def test_what_nobody_waits_for_any_more_is_not_ordered_once_more(shop: Shop) -> None:
    shop.open_orders = open_orders(QUOTE_LIFETIME, wanted_for=MINUTE)
    buy, placement = opened(shop, Does.LOSES)
    shop.tell(shop.chase_to_the_end(placement))
    assert (len(shop.acme.orders), shop.wallet(buy.account_id).held) == (1, 0)


def test_to_a_carrier_that_was_disabled_meanwhile_nothing_is_sent_once_more(shop: Shop) -> None:
    buy, placement = opened(shop, Does.LOSES)
    shop.carriers.disabled.add("acme")
    shop.tell(shop.chase_to_the_end(placement))
    assert (len(shop.acme.orders), shop.wallet(buy.account_id).held) == (1, 0)
    shop.verified()


def test_an_order_that_its_carrier_took_and_does_not_show_is_neither_sent_again_nor_given_up(shop: Shop) -> None:
    buy, placement = opened(shop, Does.NEVER_ENDS)
    shop.time.pass_by(60, shop.writer)
    shop.acme.pending.clear()
    shop.tell(shop.chase_to_the_end(placement))
    carrier_order = carrier_order_of(shop, buy)
    assert (carrier_order.sends, carrier_order.parked_at is None, shop.wallet(buy.account_id).held) == (1, False, PRICE)
    shop.acme.buy(buy.e164, buy.order_id)
    adopted = shop.tell(adopt_order(shop.reader, shop.carriers, placement, buy.order_id))
    assert (adopted.state, shop.wallet(buy.account_id).posted) == (OrderState.COMPLETED, 9 * PRICE)
    shop.verified()


def test_whoever_asks_again_meanwhile_still_waits_for_it(shop: Shop) -> None:
    shop.open_orders = open_orders(QUOTE_LIFETIME, wanted_for=MINUTE)
    buy, placement = opened(shop, Does.LOSES)
    while (carrier_order := carrier_order_of(shop, buy)).absences < FEWEST_ABSENCES - 1:
        shop.now = max(shop.now, turn_of(carrier_order) or 0)
        shop.tell(shop.carrier_order(placement))
    assert carrier_order.next_at is not None
    shop.now = carrier_order.next_at - 1
    shop.buy(buy.account_id, buy.e164)
    assert carrier_order_of(shop, buy).wanted_until == shop.now + MINUTE
    shop.tell(shop.chase_to_the_end(placement))
    assert shop.acme.executed == [(buy.e164, buy.order_id)]


def test_the_cost_at_the_carrier_is_the_operators_and_the_confirmed_price_is_the_customers(shop: Shop) -> None:
    """T19: what a carrier charges is not in its answer to an order. Nothing but what was confirmed is ever charged."""
    e164 = shop.number(carrier="acme", cost_currency="USD", cost_monthly=1_000_000)
    account_id, placement = shop.account(10 * PRICE), shop.placement()
    shop.acme.offer(e164, monthly=9_000_000)
    order = shop.tell(shop.purchase(placement, shop.wants(account_id, e164)))
    assert isinstance(order, Order)
    assert order.prices.monthly == PRICE
    assert shop.wallet(account_id).posted == 9 * PRICE
    assert shop.rows("SELECT price FROM rentals") == [(PRICE,)]


# clocks, and what cannot be asked


def test_a_time_far_ahead_was_set_by_a_clock_that_was_wrong(shop: Shop) -> None:
    buy, placement = opened(shop, Does.BUYS_SILENTLY)
    for ahead, found in ((10 * DAY, False), (LONGEST_DELAY + SECOND, True)):
        with shop.database.write() as tx:
            change_carrier_orders(
                tx,
                [
                    Ended(
                        carrier_order_of(shop, buy)._replace(
                            next_at=shop.now + min(ahead, 10 * DAY), leased_until=None
                        ),
                        None,
                    )
                ],
            )
        if found:
            shop.tell(shop.carrier_order(placement))
    assert shop.rows("SELECT state FROM orders") == [("completed",)]


def test_when_the_clock_goes_back_an_order_is_looked_up_all_the_same(shop: Shop) -> None:
    buy, placement = opened(shop, Does.BUYS_SILENTLY)
    shop.step_clock(-40 * DAY)
    shop.tell(shop.carrier_order(placement))
    assert shop.acme.looked_up == [buy.e164]
    assert shop.rows("SELECT state FROM orders") == [("completed",)]
    shop.verified()


def test_an_order_at_a_carrier_that_is_gone_stays_open_and_is_left_to_a_person_in_the_end(shop: Shop) -> None:
    buy, placement = opened(shop, Does.LOSES)
    shop.carriers.carriers.clear()
    shop.tell(shop.chase_to_the_end(placement))
    carrier_order = carrier_order_of(shop, buy)
    assert (carrier_order.next_at, carrier_order.message) == (None, "this carrier is not connected")
    assert carrier_order.parked_at == shop.now
    assert shop.wallet(buy.account_id).held == PRICE
    shop.verified()


def test_a_carrier_that_hangs_with_many_orders_keeps_no_other_carriers_order_waiting(shop: Shop) -> None:
    for _ in range(16 + 5):
        opened(shop, Does.LOSES)
        shop.carriers.breakers["acme"].succeeded()
    beta = shop.carriers.carriers["beta"] = FakeCarrier(now=lambda: shop.now)
    e164 = shop.number(carrier="beta")
    beta.script(e164, Does.BUYS_SILENTLY)
    placement = shop.placement()
    shop.tell(shop.purchase(placement, shop.wants(shop.account(PRICE), e164), seconds=1))
    shop.now += MINUTE
    shop.acme.find_seconds = 10
    more = shop.tell(shop.worker(follow_carrier_orders(shop.carriers, placement)).run_once())
    assert more is True
    assert len(shop.acme.looked_up) == 16
    assert shop.rows("SELECT state FROM orders WHERE carrier = 'beta'") == [("completed",)]


def test_an_order_that_cannot_be_settled_for_a_defect_keeps_no_other_from_it(shop: Shop) -> None:
    buys = [opened(shop, Does.BUYS_SILENTLY)[0] for _ in range(3)]

    def stumbling(tx: Tx, words: Sequence[OutcomeReport]) -> list[OrderStatus]:
        if any(word.order_id == buys[0].order_id for word in words):
            raise ZeroDivisionError
        return settle_orders(tx, words)

    placement = Placement(
        shop.writer, shop.reader, shop.carriers, stumbling, now=lambda: shop.now, time=shop.process_time
    )
    shop.now += MINUTE
    shop.tell(shop.carrier_order(placement))
    states = dict(shop.rows("SELECT id, state FROM orders"))
    assert [states[buy.order_id] for buy in buys] == ["ordering", "completed", "completed"]
    assert carrier_order_of(shop, buys[0]).leased_until == shop.now + LOOK_UP_LEASE
