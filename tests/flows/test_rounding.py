"""Which way a charge is rounded: confirmed with the purchase, and held to by calls, sessions, decks and corrections."""

from __future__ import annotations

import pytest

from numberdesk.core.call_record import Direction
from numberdesk.core.call_reversal import MendedRates
from numberdesk.core.errors import IdempotencyConflict, PriceChanged
from numberdesk.core.money import MICROS
from numberdesk.core.purchase import Refusal, Sold
from numberdesk.core.rating import Rounding
from numberdesk.core.session import ExtendSession, OpenSession
from numberdesk.flows.usage.hold_sessions import extend_sessions
from numberdesk.flows.usage.rerate_calls import CorrectCall, correct_calls
from numberdesk.usage.sum_store import sum_carried
from tests.flows.conftest import PRICE, Shop
from tests.flows.test_rate_decks import NOTICE, TEXAS, bring_in, use
from tests.flows.test_record_calls import SWITCH, Exchange
from tests.flows.test_rerate_calls import rerate
from tests.flows.test_sessions import open_flow, session_of

RATE = 8_500
CHARGED = {"up": 8_642, "half_up": 8_642, "down": 8_641}
"""What 61 seconds at 0.0085 by the second cost, which is 8641.67 micros."""


@pytest.fixture
def exchange(shop: Shop) -> Exchange:
    return Exchange(shop)


def rent(exchange: Exchange, rounding: str, *, outbound: int | None = None) -> str:
    """A further number of the account, whose offer says how calls are rounded."""
    billing = "1/1 0" if rounding == "up" else f"1/1 0 {rounding}"
    e164 = exchange.shop.number(inbound=RATE, outbound=outbound, billing=billing)
    exchange.shop.top_up(exchange.account_id, PRICE)
    assert isinstance(exchange.shop.buy(exchange.account_id, e164), Sold)
    return e164


def test_each_rental_rounds_the_charges_of_its_calls_as_it_was_bought(exchange: Exchange) -> None:
    numbers = {way: rent(exchange, way) for way in CHARGED}
    exchange.tell(*(exchange.record(way, 61, e164=e164) for way, e164 in numbers.items()))
    assert exchange.charges() == CHARGED
    assert exchange.left() == 10 * MICROS - sum(CHARGED.values())
    shop = exchange.shop
    assert shop.rows("SELECT call_id, rounding FROM calls WHERE rounding IS NOT NULL ORDER BY call_id") == [
        ("down", "down"),
        ("half_up", "half_up"),
    ]
    ((transfer_id,),) = shop.rows("SELECT DISTINCT transfer_id FROM calls")
    with shop.database.read() as tx:
        carried = {calls.e164: (calls.rate.rounding, calls.amount) for calls in sum_carried(tx, [transfer_id])}
    assert carried == {numbers[way]: (Rounding(way), charge) for way, charge in CHARGED.items()}
    shop.verified()


def test_a_session_holds_and_is_charged_what_its_rounding_makes_of_all_its_seconds(exchange: Exchange) -> None:
    shop, e164 = exchange.shop, rent(exchange, "down")
    asked = OpenSession(shop.new_id("ses"), SWITCH, "s1", "", Direction.INBOUND, e164, "", shop.now)
    session = session_of(shop.writer.apply(open_flow, asked))
    grown = session_of(shop.writer.apply(extend_sessions(1), ExtendSession(session.id, SWITCH, shop.now)))
    assert (session.amount, grown.granted, grown.amount) == (8_500, 61, CHARGED["down"])
    shop.verified()
    exchange.tell(exchange.record("s1", 61, e164=e164))
    assert exchange.charges() == {"s1": CHARGED["down"]}
    shop.verified()


def test_what_a_deck_prices_is_rounded_as_the_rental_says(exchange: Exchange) -> None:
    shop, numbers = exchange.shop, {way: rent(exchange, way) for way in CHARGED}
    bring_in(shop, {"1": 10_001}, by=(1, 1))
    use(shop, exchange.account_id)
    shop.now += NOTICE
    outbound = {"direction": Direction.OUTBOUND, "other": TEXAS}
    exchange.tell(*(exchange.record(way, 61, e164=e164, **outbound) for way, e164 in numbers.items()))
    assert exchange.charges() == {"up": 10_168, "half_up": 10_168, "down": 10_167}
    shop.verified()


def test_a_correction_keeps_the_rounding_and_a_rerate_may_mend_it(exchange: Exchange) -> None:
    shop, e164 = exchange.shop, rent(exchange, "down")
    (told,) = exchange.tell(exchange.record("c1", 31, e164=e164))
    assert told.call is not None
    shop.writer.apply(
        correct_calls,
        CorrectCall(shop.new_id("bat"), told.call.id, 61, allow_raise=True, reason="a slip", now=shop.now),
    )
    assert exchange.charges() == {"c1": CHARGED["down"]}
    assert rerate(exchange, MendedRates()).changed == 0
    up = MendedRates(rounding=Rounding.UP)
    assert (rerate(exchange, up).raised, exchange.charges()) == (1, {"c1": CHARGED["down"]})
    assert rerate(exchange, up, allow_raise=True).after == CHARGED["up"]
    assert rerate(exchange, MendedRates()).after == CHARGED["down"], "by the books again"
    assert shop.rows("SELECT rounding FROM call_reversals ORDER BY id") == [("down",), ("down",), (None,)]
    shop.verified()


def test_a_buyer_who_names_a_rounding_gets_it_or_hears_what_it_is(exchange: Exchange) -> None:
    shop = exchange.shop
    e164 = shop.number(billing="1/1 0 half_up")
    shop.top_up(exchange.account_id, PRICE)
    wanted = shop.wants(exchange.account_id, e164, key="k1")
    down = wanted._replace(confirmed=wanted.confirmed._replace(rounding="down"))
    (refused,) = shop.buy_all([down._replace(idempotency_key=None)])
    assert isinstance(refused, Refusal)
    assert isinstance(refused.error, PriceChanged)
    assert refused.error.details["rounding"] == "half_up"
    named = wanted._replace(confirmed=wanted.confirmed._replace(rounding="half_up"))
    assert isinstance(shop.buy_all([named])[0], Sold)
    (differs,) = shop.buy_all([down])
    assert isinstance(differs, Refusal)
    assert differs.error == IdempotencyConflict("rounding")
    assert shop.rows("SELECT billing FROM rentals WHERE e164 = :e164", e164=e164) == [("1/1 0 half_up",)]
    shop.verified()
