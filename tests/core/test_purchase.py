"""The purchase decision by example: every row of the decision order, and what a batch sees of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from numberdesk.core.errors import (
    Forbidden,
    IdempotencyConflict,
    InsufficientBalance,
    NumberdeskError,
    NumberNotOffered,
    NumberTaken,
    PriceChanged,
)
from numberdesk.core.fingerprint import UNRECORDED, Fingerprint
from numberdesk.core.lifecycle import AccountState, NumberState, OrderState
from numberdesk.core.periods import add_months
from numberdesk.core.prices import Confirmation, Prices, Quote
from numberdesk.core.purchase import (
    POOL,
    Buy,
    Charge,
    Decision,
    IdempotencyRecord,
    Loaded,
    Order,
    Refusal,
    Replayed,
    SaleNumber,
    Sold,
    Wallet,
    decide,
)

ME, OTHER = "acc_me", "acc_other"
NUMBER, SECOND = "+13612738809", "+13612738810"
OFFER = Prices("USD", 1_150_000, 8_500, 94_500)
FORMER = OFFER._replace(monthly=1_000_000)
NOW = 1_750_000_000_000_000
PURSE = Wallet("acc_1", AccountState.ACTIVE, "USD", 100_000_000, 0, 0, 1)
LOT = SaleNumber(NUMBER, POOL, NumberState.AVAILABLE, OFFER, None, None)
MINE = Order("ord_mine", ME, NUMBER, POOL, OrderState.COMPLETED, FORMER, 5, 5, 6)
BUY = Buy(ME, NUMBER, Confirmation(1_150_000), None, "req_1", "ord_1", NOW)
KEYED = BUY._replace(idempotency_key="key")
PRINT = Fingerprint(NUMBER, 1_150_000, None, None)


def desk(
    *sale_numbers: SaleNumber,
    wallet: Wallet = PURSE,
    answers: Mapping[tuple[str, str], IdempotencyRecord] | None = None,
    superseded: tuple[Prices, ...] = (),
) -> Loaded:
    """What the database holds: my purse and another's, and the given numbers."""
    return Loaded(
        {ME: wallet, OTHER: PURSE},
        {sale_number.e164: sale_number for sale_number in sale_numbers},
        answers or {},
        {MINE.id: MINE},
        {NUMBER: tuple(Quote(POOL, prices, NOW + 1) for prices in superseded)},
    )


def one(loaded: Loaded, buy: Buy = BUY) -> Decision:
    return decide(loaded, [buy]).decisions[0]


def refusal(loaded: Loaded, buy: Buy = BUY) -> NumberdeskError:
    decision = one(loaded, buy)
    assert isinstance(decision, Refusal)
    return decision.error


def held(by: str, state: NumberState = NumberState.ASSIGNED) -> SaleNumber:
    return LOT._replace(state=state, account_id=by, order_id=MINE.id if by == ME else "ord_theirs")


# 1. the key was used before


def answered(order_id: str | None, error: NumberdeskError | None = None) -> dict[tuple[str, str], IdempotencyRecord]:
    return {(ME, "key"): IdempotencyRecord(ME, "key", PRINT, "req_first", order_id, error, 5)}


def test_a_used_key_gives_its_order_again_though_the_number_went_to_somebody_else() -> None:
    assert one(desk(held(OTHER), answers=answered(MINE.id)), KEYED) == Replayed(MINE, None, "req_first")


def test_a_used_key_gives_its_refusal_again_though_it_could_be_paid_by_now() -> None:
    error = InsufficientBalance(details={"missing": Decimal(1)})
    assert one(desk(LOT, answers=answered(None, error)), KEYED) == Refusal(error, "req_first", None)


def test_a_used_key_gives_the_refusal_that_its_order_ended_with() -> None:
    failed = MINE._replace(state=OrderState.FAILED, completed_at=None, failure=NumberTaken(), failed_at=7)
    loaded = replace(desk(LOT, answers=answered(MINE.id)), orders={MINE.id: failed})
    assert one(loaded, KEYED) == Refusal(NumberTaken(), "req_first", None)


def test_a_used_key_answers_before_the_account_is_looked_at() -> None:
    suspended = PURSE._replace(state=AccountState.SUSPENDED)
    assert one(desk(LOT, wallet=suspended, answers=answered(MINE.id)), KEYED) == Replayed(MINE, None, "req_first")


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("phone_number", KEYED._replace(e164=SECOND)),
        ("price", KEYED._replace(confirmed=Confirmation(1_150_001))),
        ("per_minute_price_inbound", KEYED._replace(confirmed=Confirmation(1_150_000, 8_500))),
        ("per_minute_price_outbound", KEYED._replace(confirmed=Confirmation(1_150_000, None, 94_500))),
        ("per_minute_price_inbound", KEYED._replace(confirmed=Confirmation(1_150_000, 0, 0))),
        ("setup_price", KEYED._replace(confirmed=Confirmation(1_150_000, setup=0))),
        ("phone_number", KEYED._replace(e164=SECOND, confirmed=Confirmation(1, 2, 3, 4))),
    ],
)
@pytest.mark.parametrize("first", [answered(MINE.id), answered(None, NumberTaken())])
def test_a_used_key_with_another_request_is_a_conflict_that_names_the_first_differing_field(
    first: dict[tuple[str, str], IdempotencyRecord], field: str, changed: Buy
) -> None:
    loaded = desk(LOT, LOT._replace(e164=SECOND), answers=first)
    assert one(loaded, changed) == Refusal(IdempotencyConflict(field), "req_1", None)
    assert decide(loaded, [changed]).wallets[ME] == PURSE


def test_a_request_to_an_earlier_release_is_replayed_whatever_it_says_of_the_setup_price() -> None:
    before = {(ME, "key"): answered(MINE.id)[ME, "key"]._replace(fingerprint=PRINT._replace(setup=UNRECORDED))}
    for setup in (None, 0, 7):
        buy = KEYED._replace(confirmed=Confirmation(1_150_000, setup=setup))
        assert one(desk(LOT, answers=before), buy) == Replayed(MINE, None, "req_first")
    assert refusal(desk(LOT, answers=before), KEYED._replace(confirmed=Confirmation(1))) == IdempotencyConflict("price")


def test_what_is_no_part_of_the_request_is_no_part_of_its_fingerprint() -> None:
    later = KEYED._replace(request_id="req_9", order_id="ord_9", now=NOW + 10**12)
    assert one(desk(LOT, answers=answered(MINE.id)), later) == Replayed(MINE, None, "req_first")


def test_another_accounts_key_is_another_key() -> None:
    theirs = {(OTHER, "key"): IdempotencyRecord(OTHER, "key", PRINT, "req_first", None, NumberTaken(), 5)}
    assert isinstance(one(desk(LOT, answers=theirs), KEYED), Sold)


# 2. the account has the number, or orders it


@pytest.mark.parametrize("state", [NumberState.ASSIGNED, NumberState.CLAIMED])
@pytest.mark.parametrize("monthly", [1_150_000, 999])
def test_a_number_that_the_account_has_or_orders_is_the_same_purchase_again(state: NumberState, monthly: int) -> None:
    buy = BUY._replace(confirmed=Confirmation(monthly))
    poor = PURSE._replace(posted=0, state=AccountState.SUSPENDED)
    outcome = decide(desk(held(ME, state), wallet=poor), [buy])
    assert outcome.decisions == [Replayed(MINE, None, "req_1")]
    assert outcome.wallets[ME] == poor


def test_a_new_key_for_a_number_that_the_account_has_is_stored_with_its_order() -> None:
    decision = one(desk(held(ME)), KEYED)
    assert decision == Replayed(MINE, IdempotencyRecord(ME, "key", PRINT, "req_1", MINE.id, None, NOW), "req_1")


# 3. standing refusals


NOT_OFFERED = [
    LOT._replace(prices=None),
    LOT._replace(prices=OFFER._replace(currency="EUR")),
    LOT._replace(state=NumberState.QUARANTINED),
    LOT._replace(state=NumberState.WITHDRAWN),
    held(OTHER)._replace(prices=None),
]


def test_a_suspended_account_is_refused_before_anything_is_said_about_the_number() -> None:
    suspended = PURSE._replace(state=AccountState.SUSPENDED)
    for sale_numbers in ((), (LOT,), (held(OTHER),), *((sale_number,) for sale_number in NOT_OFFERED)):
        assert isinstance(refusal(desk(*sale_numbers, wallet=suspended)), Forbidden)
    closed = PURSE._replace(state=AccountState.CLOSED)
    assert refusal(desk(LOT, wallet=closed)) == Forbidden("This account is closed.")


def test_an_unknown_number_is_not_offered() -> None:
    assert refusal(desk()) == NumberNotOffered()


@pytest.mark.parametrize("sale_number", NOT_OFFERED)
def test_a_number_without_a_price_for_this_account_or_at_rest_is_not_offered(sale_number: SaleNumber) -> None:
    assert refusal(desk(sale_number)) == NumberNotOffered()


@pytest.mark.parametrize("state", [NumberState.ASSIGNED, NumberState.CLAIMED])
@pytest.mark.parametrize("monthly", [1_150_000, 999])
def test_a_number_of_somebody_else_is_taken_whatever_price_is_sent(state: NumberState, monthly: int) -> None:
    assert refusal(desk(held(OTHER, state)), BUY._replace(confirmed=Confirmation(monthly))) == NumberTaken()


# 4. prices


@pytest.mark.parametrize("confirmed", [Confirmation(1), Confirmation(1_150_000, 1), Confirmation(1_150_000, None, 1)])
def test_prices_that_are_not_the_offers_are_refused_with_the_current_ones_before_money_is_counted(
    confirmed: Confirmation,
) -> None:
    broke = PURSE._replace(posted=0)
    loaded = desk(LOT._replace(prices=OFFER._replace(setup=3)), wallet=broke, superseded=(FORMER,))
    error = refusal(loaded, BUY._replace(confirmed=confirmed))
    assert isinstance(error, PriceChanged)
    usual = {"period_unit": "month", "period_every": 1, "increments": None, "connect_fee": None, "rounding": "up"}
    assert error.details == {
        "price": Decimal("1.15"),
        "per_minute_price_inbound": Decimal("0.0085"),
        "per_minute_price_outbound": Decimal("0.0945"),
        "setup_price": Decimal("0.000003"),
        "currency": "USD",
        **usual,
    }


def test_a_superseded_price_within_the_quote_lifetime_is_what_is_charged() -> None:
    decision = one(desk(LOT, superseded=(FORMER,)), BUY._replace(confirmed=Confirmation(FORMER.monthly)))
    assert isinstance(decision, Sold)
    assert decision.order.prices == FORMER
    assert [charge.amount for charge in decision.charges] == [FORMER.monthly]


def test_a_superseded_price_is_honoured_by_the_time_of_each_buy_not_by_that_of_its_batch() -> None:
    loaded = desk(LOT._replace(prices=OFFER), superseded=(FORMER,))
    late = BUY._replace(account_id=OTHER, confirmed=Confirmation(FORMER.monthly), now=NOW + 1)
    before = BUY._replace(confirmed=Confirmation(1))
    _, decision = decide(loaded, [before, late]).decisions
    assert isinstance(decision, Refusal)
    assert isinstance(decision.error, PriceChanged)


def test_a_quote_holds_though_the_offer_had_the_same_price_in_another_currency_since() -> None:
    loaded = desk(LOT, superseded=(FORMER._replace(currency="EUR"), FORMER))
    decision = one(loaded, BUY._replace(confirmed=Confirmation(FORMER.monthly)))
    assert isinstance(decision, Sold)
    assert decision.order.prices == FORMER


def test_a_setup_price_set_since_the_list_was_shown_is_not_charged() -> None:
    loaded = desk(LOT._replace(prices=OFFER._replace(setup=50_000_000)), superseded=(OFFER,))
    for setup in (None, 0):
        decision = one(loaded, BUY._replace(confirmed=Confirmation(1_150_000, setup=setup)))
        assert isinstance(decision, Sold)
        assert [charge.amount for charge in decision.charges] == [1_150_000]


@pytest.mark.parametrize("now", [None, OFFER._replace(currency="EUR")])
def test_a_quote_holds_when_its_price_has_gone_and_nothing_else_is_offered_then(now: Prices | None) -> None:
    loaded = desk(LOT._replace(prices=now), superseded=(FORMER,))
    decision = one(loaded, BUY._replace(confirmed=Confirmation(FORMER.monthly)))
    assert isinstance(decision, Sold)
    assert decision.order.prices == FORMER
    assert refusal(loaded, BUY) == NumberNotOffered()


def test_a_superseded_price_in_another_currency_is_not_a_price_for_this_account() -> None:
    loaded = desk(LOT, superseded=(FORMER._replace(currency="EUR"),))
    assert isinstance(refusal(loaded, BUY._replace(confirmed=Confirmation(FORMER.monthly))), PriceChanged)


# 5. money


@pytest.mark.parametrize(
    ("wallet", "setup"),
    [
        (PURSE._replace(posted=1_150_000), 0),
        (PURSE._replace(posted=1_400_000), 250_000),
        (PURSE._replace(posted=2_150_000, held=1_000_000), 0),
        (PURSE._replace(posted=0, credit_limit=1_150_000), 0),
        (PURSE._replace(posted=-850_000, credit_limit=2_000_000), 0),
        (PURSE._replace(posted=500_000, held=350_000, credit_limit=1_000_000), 0),
    ],
)
@pytest.mark.parametrize("carrier", [POOL, "acme"])
def test_a_wallet_pays_to_its_last_micro_and_not_one_further(wallet: Wallet, setup: int, carrier: str) -> None:
    sale_number = LOT._replace(prices=OFFER._replace(setup=setup), carrier=carrier)
    outcome = decide(desk(sale_number, wallet=wallet), [BUY])
    assert isinstance(outcome.decisions[0], Sold)
    assert outcome.wallets[ME].available == 0

    short = wallet._replace(posted=wallet.posted - 1)
    error = refusal(desk(sale_number, wallet=short))
    assert isinstance(error, InsufficientBalance)
    assert error.details == {
        "needed": Decimal(1_150_000 + setup) / 1_000_000,
        "available": Decimal(1_149_999 + setup) / 1_000_000,
        "missing": Decimal("0.000001"),
        "currency": "USD",
    }


# 6. the order


def test_a_number_of_the_own_pool_is_sold_at_once() -> None:
    outcome = decide(desk(LOT), [KEYED])
    order = Order("ord_1", ME, NUMBER, POOL, OrderState.COMPLETED, OFFER, NOW, NOW, add_months(NOW, 1))
    answer = IdempotencyRecord(ME, "key", PRINT, "req_1", "ord_1", None, NOW)
    assert outcome.decisions == [Sold(order, (Charge("rental", 1_150_000, 2, 98_850_000),), answer)]
    assert outcome.wallets == {ME: PURSE._replace(posted=98_850_000, entries=2), OTHER: PURSE}
    assert outcome.sale_numbers == {NUMBER: held(ME)._replace(order_id="ord_1")}
    assert order.rental_id == "rnt_1"


def test_a_setup_price_is_a_charge_of_its_own_after_the_month() -> None:
    outcome = decide(desk(LOT._replace(prices=OFFER._replace(setup=250_000))), [BUY])
    (sold,) = outcome.decisions
    assert isinstance(sold, Sold)
    assert sold.charges == (Charge("rental", 1_150_000, 2, 98_850_000), Charge("setup", 250_000, 3, 98_600_000))
    assert outcome.wallets[ME] == PURSE._replace(posted=98_600_000, entries=3)


def test_a_number_of_a_carrier_is_claimed_and_held_for_and_nothing_is_charged_yet() -> None:
    sale_number = LOT._replace(carrier="acme", prices=OFFER._replace(setup=250_000))
    outcome = decide(desk(sale_number), [BUY])
    order = Order("ord_1", ME, NUMBER, "acme", OrderState.ORDERING, OFFER._replace(setup=250_000), NOW, None, None, 1)
    assert outcome.decisions == [Sold(order, (), None)]
    assert outcome.wallets[ME] == PURSE._replace(held=1_400_000)
    assert outcome.sale_numbers[NUMBER] == sale_number._replace(
        state=NumberState.CLAIMED, account_id=ME, order_id="ord_1"
    )


# what is stored under a key


def test_a_refusal_is_stored_under_its_key_and_nothing_without_one() -> None:
    loaded = desk(held(OTHER))
    assert one(loaded, KEYED) == Refusal(
        NumberTaken(), "req_1", IdempotencyRecord(ME, "key", PRINT, "req_1", None, NumberTaken(), NOW)
    )
    assert one(loaded, BUY) == Refusal(NumberTaken(), "req_1", None)


def test_rates_and_the_setup_price_that_were_sent_are_part_of_the_stored_fingerprint() -> None:
    decision = one(desk(LOT), KEYED._replace(confirmed=Confirmation(1_150_000, 8_500, 94_500, 0)))
    assert decision.answer is not None
    assert decision.answer.fingerprint == Fingerprint(NUMBER, 1_150_000, 8_500, 94_500, 0)


# a batch sees itself


def test_of_two_buyers_in_a_batch_the_first_gets_the_number() -> None:
    outcome = decide(desk(LOT), [BUY, BUY._replace(account_id=OTHER, order_id="ord_2", request_id="req_2")])
    first, second = outcome.decisions
    assert isinstance(first, Sold)
    assert second == Refusal(NumberTaken(), "req_2", None)
    assert outcome.wallets[OTHER] == PURSE


def test_a_retry_in_the_same_batch_is_the_same_purchase() -> None:
    outcome = decide(desk(LOT), [BUY, BUY._replace(order_id="ord_2"), KEYED._replace(order_id="ord_3")])
    first, again, keyed = outcome.decisions
    assert isinstance(first, Sold)
    assert again == Replayed(first.order, None, "req_1")
    assert keyed == Replayed(first.order, IdempotencyRecord(ME, "key", PRINT, "req_1", "ord_1", None, NOW), "req_1")
    assert outcome.wallets[ME].posted == PURSE.posted - 1_150_000


def test_a_key_used_twice_in_a_batch_is_stored_once() -> None:
    other_body = KEYED._replace(confirmed=Confirmation(1), order_id="ord_3")
    outcome = decide(desk(LOT), [KEYED, KEYED._replace(order_id="ord_2"), other_body])
    first, again, conflict = outcome.decisions
    assert isinstance(first, Sold)
    assert again == Replayed(first.order, None, "req_1")
    assert conflict == Refusal(IdempotencyConflict("price"), "req_1", None)


def test_a_refusal_is_replayed_within_its_batch_though_the_number_could_be_paid_by_another_key() -> None:
    wrong = KEYED._replace(confirmed=Confirmation(1))
    outcome = decide(desk(LOT), [wrong, wrong._replace(request_id="req_2"), BUY])
    first, again, bought = outcome.decisions
    assert isinstance(first, Refusal)
    assert again == Refusal(first.error, "req_1", None)
    assert isinstance(bought, Sold)


def test_a_wallet_drained_within_a_batch_does_not_pay_for_the_next_number() -> None:
    loaded = desk(LOT, LOT._replace(e164=SECOND), wallet=PURSE._replace(posted=1_150_000))
    outcome = decide(loaded, [BUY, BUY._replace(e164=SECOND, order_id="ord_2")])
    assert isinstance(outcome.decisions[0], Sold)
    second = outcome.decisions[1]
    assert isinstance(second, Refusal)
    assert second.error.details["available"] == 0


def test_an_empty_batch_decides_nothing() -> None:
    loaded = desk(LOT)
    outcome = decide(loaded, [])
    assert (outcome.decisions, outcome.wallets, outcome.sale_numbers) == ([], loaded.wallets, loaded.sale_numbers)
