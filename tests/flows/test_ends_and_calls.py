"""A rental that ends by a clock that is behind keeps the calls that are known as its own, and no other gets them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from numberdesk.core.call_charging import RecordOutcome
from numberdesk.core.call_record import Direction
from numberdesk.core.money import MICROS
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.purchase import Sold
from numberdesk.core.session import OpenSession
from numberdesk.flows.agree_on_time import TimeReading, agree_on_time
from numberdesk.flows.cleanup import Cleanup, clean_up
from numberdesk.flows.usage.hold_sessions import open_sessions
from tests.flows.conftest import PRICE, QUARANTINE, Shop
from tests.flows.hands import take_back, transfer
from tests.flows.test_record_calls import CENT, SWITCH, Exchange

HOUR = 3_600 * MICROSECONDS
DAY = 24 * HOUR


def _by_its_customer(shop: Shop, account_id: str, e164: str) -> None:
    shop.release(account_id, e164)


def _by_the_operator(shop: Shop, _account_id: str, e164: str) -> None:
    take_back(shop, e164)


def _to_another_account(shop: Shop, _account_id: str, e164: str) -> None:
    transfer(shop, shop.account(PRICE), e164)


@pytest.mark.parametrize("ends", [_by_its_customer, _by_the_operator, _to_another_account])
def test_a_number_is_its_customers_until_the_calls_that_are_kept_have_begun(
    shop: Shop, ends: Callable[[Shop, str, str], None]
) -> None:
    exchange = Exchange(shop)
    shop.now += 2 * HOUR
    last = exchange.record("last")
    exchange.tell(exchange.record("first", started_at=shop.now - HOUR), last)
    shop.step_clock(-40 * DAY)
    ends(shop, exchange.account_id, exchange.e164)
    query = "SELECT released_at FROM rentals WHERE account_id = :id"
    assert shop.rows(query, id=exchange.account_id) == [(last.started_at + 1,)]
    shop.verified()


def test_a_number_is_its_customers_until_a_call_that_goes_on_has_begun(shop: Shop) -> None:
    exchange = Exchange(shop)
    shop.now += 2 * HOUR
    opened = OpenSession(shop.new_id("ses"), SWITCH, "s1", "", Direction.INBOUND, exchange.e164, "", shop.now)
    shop.writer.apply(open_sessions(60), opened)
    shop.step_clock(-HOUR)
    shop.release(exchange.account_id, exchange.e164)
    assert shop.rows("SELECT released_at FROM rentals") == [(opened.now + 1,)]
    shop.verified()


def test_of_a_call_that_has_ended_its_record_says_when_it_began_whatever_the_clock_said_that_opened_it(
    shop: Shop,
) -> None:
    exchange = Exchange(shop)
    shop.now += 2 * HOUR
    opened = OpenSession(shop.new_id("ses"), SWITCH, "s1", "", Direction.INBOUND, exchange.e164, "", shop.now)
    shop.writer.apply(open_sessions(60), opened)
    began = shop.now - HOUR
    exchange.tell(exchange.record("s1", started_at=began, answered_at=began))
    shop.step_clock(-2 * HOUR)
    shop.release(exchange.account_id, exchange.e164)
    assert shop.rows("SELECT released_at FROM rentals") == [(began + 1,)]
    shop.verified()


def test_a_number_is_its_customers_until_the_time_that_was_agreed_on(shop: Shop) -> None:
    exchange = Exchange(shop)
    shop.writer.apply(agree_on_time, TimeReading(shop.now, shop.now))
    agreed_at = shop.now
    shop.step_clock(-40 * DAY)
    shop.release(exchange.account_id, exchange.e164)
    assert shop.rows("SELECT released_at FROM rentals") == [(agreed_at,)]
    shop.verified()


def test_a_late_call_is_the_former_customers_though_a_clock_that_was_behind_let_the_next_begin_before(
    shop: Shop,
) -> None:
    exchange = Exchange(shop)
    shop.now += 10 * DAY
    told_late = exchange.record("late", started_at=shop.now - HOUR)
    shop.release(exchange.account_id, exchange.e164)
    shop.now += QUARANTINE + HOUR
    shop.writer.apply(clean_up, Cleanup(shop.now, DAY))
    behind = QUARANTINE + 2 * DAY
    shop.step_clock(-behind)
    heir = shop.account(10 * PRICE)
    assert isinstance(shop.buy(heir, exchange.e164), Sold)
    shop.step_clock(behind)
    (result,) = exchange.tell(told_late)
    assert result.outcome is RecordOutcome.ACCEPTED
    assert (exchange.left(), shop.wallet(heir).posted) == (10 * MICROS - CENT, 9 * PRICE)
    shop.verified()
