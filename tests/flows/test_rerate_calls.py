"""Charges that are taken back and made anew: to the micro, once, and raised only where that is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from numberdesk.core.call_charging import CallTerms
from numberdesk.core.call_reversal import ChargeChange, MendedRates
from numberdesk.core.errors import Forbidden, InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.money import MICROS
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.purchase import POOL
from numberdesk.core.rating import Increments
from numberdesk.flows.usage.rerate_calls import (
    CorrectCall,
    Rerate,
    Rerated,
    correct_calls,
    plan_rerate,
    rerate_calls,
)
from numberdesk.flows.usage.set_usage_terms import set_call_terms
from numberdesk.usage.margin_store import list_margins
from numberdesk.usage.pull_store import ToldCost, save_costs
from tests.flows.conftest import Shop
from tests.flows.test_record_calls import A_MINUTE, CENT, SWITCH, Exchange, outcomes

LATER = 40 * 24 * 3600 * MICROSECONDS


@pytest.fixture
def exchange(shop: Shop) -> Exchange:
    return Exchange(shop)


def rerate(exchange: Exchange, mended: MendedRates, *, post: bool = True, **changes: Any) -> Rerated:
    shop = exchange.shop
    command = Rerate(
        shop.new_id("bat"),
        exchange.account_id,
        0,
        2**62,
        None,
        mended,
        allow_raise=False,
        reason="a typing error",
        now=shop.now,
    )._replace(**changes)
    if post:
        return shop.writer.apply(rerate_calls, command)
    with shop.database.read() as tx:
        return plan_rerate(tx, command)


def kinds(exchange: Exchange) -> list[tuple[str, int]]:
    """The account's statement since its rental."""
    return [(line.kind, line.amount) for line in exchange.shop.statement(exchange.account_id)][2:]


def test_a_tariff_that_was_mended_gives_the_difference_back_now_and_once(exchange: Exchange) -> None:
    shop = exchange.shop
    exchange.tell(exchange.record("c1", 60), exchange.record("c2", 90), exchange.record("c3", 0))
    shop.now += LATER
    half = MendedRates(inbound=CENT // 2)
    expected = Rerated(3, 3, 0, 25_000, 12_500, None)
    assert rerate(exchange, half, post=False) == expected
    assert kinds(exchange) == [("usage", 25_000)], "a dry run posts nothing"
    assert rerate(exchange, half) == expected
    assert rerate(exchange, half) == Rerated(3, 0, 0, 0, 0, None)
    assert kinds(exchange) == [("usage", 25_000), ("usage_reversal", 25_000), ("usage", 12_500)]
    assert exchange.left() == 10 * MICROS - 12_500
    assert exchange.charges() == {"c1": 5_000, "c2": 7_500, "c3": 0}
    assert shop.rows("SELECT amount, reason, reversed_at FROM call_reversals ORDER BY id") == [
        (10_000, "a typing error", shop.now),
        (15_000, "a typing error", shop.now),
        (0, "a typing error", shop.now),
    ]
    shop.verified()


def test_increments_and_fees_are_mended_too_and_what_the_books_say_is_what_calls_go_back_to(exchange: Exchange) -> None:
    exchange.tell(exchange.record("c1", 61))
    mended = MendedRates(connect=1_000, increments=Increments(60, 60))
    assert rerate(exchange, mended).raised == 1
    assert exchange.charges() == {"c1": 10_167}, "it would rise, which nobody allowed"
    assert rerate(exchange, mended, allow_raise=True).after == 21_000
    assert rerate(exchange, MendedRates()).after == 10_167
    assert exchange.left() == 10 * MICROS - 10_167
    exchange.shop.verified()


def test_calls_of_others_and_of_other_times_stay(exchange: Exchange) -> None:
    shop = exchange.shop
    other_id, number = exchange.renter()
    exchange.tell(exchange.record("c1"), exchange.record("c2", e164=number))
    begun = shop.now
    shop.now += A_MINUTE
    exchange.tell(exchange.record("c3"))
    done = rerate(exchange, MendedRates(inbound=0), since=begun + 1)
    assert (done.seen, done.after) == (1, 0)
    assert exchange.charges() == {"c1": CENT, "c2": CENT, "c3": 0}
    assert exchange.left(other_id) == 10 * MICROS - CENT
    shop.verified()


def test_what_was_owed_is_paid_by_what_is_given_back(shop: Shop) -> None:
    exchange = Exchange(shop, balance=CENT)
    exchange.tell(exchange.record("c1", 180))
    assert (exchange.owed(), exchange.left()) == (2 * CENT, -2 * CENT)
    rerate(exchange, MendedRates(inbound=CENT // 2))
    assert (exchange.owed(), exchange.left()) == (CENT // 2, -CENT // 2)
    shop.verified()
    rerate(exchange, MendedRates(inbound=0))
    assert (exchange.owed(), exchange.left()) == (0, CENT)
    shop.verified()
    shop.audit()


def test_many_calls_are_rated_anew_in_batches_that_go_on_where_the_last_one_ended(exchange: Exchange) -> None:
    for begin in range(0, 1_100, 500):
        exchange.tell(*(exchange.record(f"c{n}", 6) for n in range(begin, min(begin + 500, 1_100))))
    total, after = Rerated(0, 0, 0, 0, 0, None), None
    for _ in range(3):
        done = rerate(exchange, MendedRates(inbound=0), after=after)
        total, after = total.with_more(done), done.last
    assert total == Rerated(1_100, 1_100, 0, 1_100_000, 0, None)
    assert exchange.left() == 10 * MICROS
    exchange.shop.verified()


def correct(exchange: Exchange, call: str, seconds: int, *, allow_raise: bool = False) -> Any:
    shop = exchange.shop
    command = CorrectCall(shop.new_id("bat"), call, seconds, allow_raise, "a stuck channel", shop.now)
    try:
        return shop.writer.apply(correct_calls, command)
    except NumberdeskError as error:
        return error


def test_a_record_that_was_wrong_is_corrected_and_charged_anew_at_its_rate(exchange: Exchange) -> None:
    (result,) = exchange.tell(exchange.record("c1", 600))
    assert result.call is not None
    assert isinstance(correct(exchange, result.call.id, 700), Forbidden)
    assert isinstance(correct(exchange, result.call.id, -1), InvalidRequest)
    assert isinstance(correct(exchange, "cal_x", 1), NotFound)
    change = correct(exchange, result.call.id, 60)
    assert isinstance(change, ChargeChange)
    assert exchange.charges() == {"c1": CENT}
    assert isinstance(correct(exchange, result.call.id, 60), InvalidRequest)
    assert isinstance(correct(exchange, result.call.id, 90, allow_raise=True), ChargeChange)
    assert exchange.left() == 10 * MICROS - 15_000
    assert exchange.shop.rows("SELECT seconds, amount FROM call_reversals ORDER BY id") == [(600, 100_000), (60, CENT)]
    assert outcomes(exchange.tell(exchange.record("c1", 600))) == [("conflict", "seconds")]
    exchange.shop.verified()


def test_a_call_of_unknown_length_is_charged_once_a_person_says_it_and_a_witness_is_not(exchange: Exchange) -> None:
    parked, witness = exchange.tell(exchange.record("c1", None), exchange.record("w", 60, source="other"))
    assert parked.call is not None
    assert witness.call is not None
    assert isinstance(correct(exchange, parked.call.id, 60), ChargeChange)
    assert exchange.look_again().rated == 1
    assert isinstance(correct(exchange, witness.call.id, 60), Forbidden)
    assert exchange.left() == 10 * MICROS - CENT
    exchange.shop.verified()


def test_margins_are_what_was_charged_less_what_it_cost_when_all_of_it_is_known(exchange: Exchange) -> None:
    shop = exchange.shop
    shop.writer.apply(set_call_terms, CallTerms("acme", shop.now + 1, SWITCH, 0, 1, 1))
    results = exchange.tell(exchange.record("c1", 60), exchange.record("c2", 120), exchange.record("p", None))
    ids = [result.call.id for result in results if result.call is not None]
    with shop.database.write() as tx:
        save_costs(tx, {ids[0]: ToldCost(ids[0], exchange.e164, "USD", 4_000, 1)}, {})

    def margins(**given: Any) -> list[Any]:
        wanted = {"month": 0, "until": 2**62, "account_id": None, "carrier": None, "after": None, "limit": 10}
        with shop.database.read() as tx:
            return list_margins(tx, **{**wanted, **given})

    (one,) = margins()
    assert (one.e164, one.calls, one.seconds, one.charged, one.cost) == (exchange.e164, 2, 180, 3 * CENT, 4_000)
    assert (one.uncosted, one.margin) == (1, 3 * CENT - 4_000), "the own pool's calls cost nothing here"
    assert one._replace(carrier="acme").margin is None
    assert margins(account_id=exchange.account_id, carrier=POOL) == [one]
    for other in ({"account_id": "acc_x"}, {"carrier": "acme"}, {"month": shop.now + 1}, {"after": (one.e164, "USD")}):
        assert margins(**other) == []
    with shop.database.write() as tx:
        save_costs(tx, {ids[1]: ToldCost(ids[1], exchange.e164, "EUR", 4_000, 1)}, {})
    assert margins()[0][-2:] == (4_000, 1), "a cost in another currency is none of this margin"
