"""The purchase decision over random batches: what must hold however buys are mixed, ordered and cut into batches."""

from __future__ import annotations

import copy
from collections import Counter
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from numberdesk.core.billing import UNSAID, Billing
from numberdesk.core.errors import InsufficientBalance
from numberdesk.core.fingerprint import Fingerprint
from numberdesk.core.lifecycle import AccountState, NumberState, OrderState
from numberdesk.core.periods import MONTHLY, PeriodUnit, Term
from numberdesk.core.prices import Confirmation, Prices, Quote
from numberdesk.core.purchase import (
    POOL,
    Buy,
    Decided,
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
from numberdesk.core.rating import Increments

ACCOUNTS = ("acc_1", "acc_2", "acc_3")
NUMBERS = tuple(f"+1361273880{digit}" for digit in range(8))
UNKNOWN = "+13610000000"
KEYS = ("k1", "k2", "k3")
NOW = 1_750_000_000_000_000

enough = settings(max_examples=60)

_PRICES = st.builds(
    Prices,
    st.sampled_from(["USD"] * 12 + ["EUR"]),
    st.integers(1, 9),
    st.sampled_from([None, 0, 7]),
    st.sampled_from([None, 9]),
    st.sampled_from([0, 0, 2]),
    st.sampled_from([MONTHLY, MONTHLY, Term(PeriodUnit.MONTH, 12), Term(PeriodUnit.DAY, 28)]),
    st.sampled_from([UNSAID, UNSAID, Billing(Increments(30, 6), 5)]),
)


@st.composite
def wallets(draw: st.DrawFn) -> Wallet:
    """A wallet that is within its limit, often too small for what is bought."""
    limit, held = draw(st.integers(0, 5)), draw(st.integers(0, 3))
    state = draw(st.sampled_from([AccountState.ACTIVE] * 11 + [AccountState.SUSPENDED]))
    return Wallet("acc_1", state, "USD", draw(st.integers(held - limit, 20)), held, limit, draw(st.integers(0, 3)))


@st.composite
def sale_numbers(draw: st.DrawFn, e164: str) -> tuple[SaleNumber, Order | None]:
    """A number, with its order when it is somebody's."""
    prices, carrier = draw(_PRICES), draw(st.sampled_from([POOL, POOL, "acme"]))
    state = draw(st.sampled_from([NumberState.AVAILABLE] * 15 + list(NumberState)))
    offered = draw(st.sampled_from([prices] * 12 + [None]))
    if state not in (NumberState.CLAIMED, NumberState.ASSIGNED):
        return SaleNumber(e164, carrier, state, offered, None, None), None
    account_id, order_id = draw(st.sampled_from(ACCOUNTS)), f"ord_before_{e164}"
    done = NOW - 1 if state is NumberState.ASSIGNED else None
    order_state = OrderState.COMPLETED if done else OrderState.ORDERING
    order = Order(order_id, account_id, e164, carrier, order_state, prices, NOW - 1, done, done)
    return SaleNumber(e164, carrier, state, offered, account_id, order_id), order


@st.composite
def desks(draw: st.DrawFn) -> Loaded:
    """What a database could hold: purses, numbers, orders, used keys, superseded prices."""
    pairs = [draw(sale_numbers(e164)) for e164 in NUMBERS]
    orders = {order.id: order for _, order in pairs if order is not None}
    answers = {}
    for order in orders.values():
        if draw(st.booleans()):
            key, fingerprint = draw(st.sampled_from(KEYS)), Fingerprint(order.e164, order.prices.monthly, None, None)
            answers[order.account_id, key] = IdempotencyRecord(
                order.account_id, key, fingerprint, "req_0", order.id, None, NOW
            )
    return Loaded(
        {account_id: draw(wallets()) for account_id in ACCOUNTS},
        {sale_number.e164: sale_number for sale_number, _ in pairs},
        answers,
        orders,
        {
            NUMBERS[0]: tuple(
                draw(
                    st.lists(
                        st.builds(Quote, st.just(POOL), _PRICES, st.integers(NOW, NOW + 14), st.just(())), max_size=2
                    )
                )
            )
        },
    )


@st.composite
def batches(draw: st.DrawFn, loaded: Loaded) -> list[Buy]:
    """Buys of a few accounts for a few numbers, mostly at the right price."""
    buys = []
    for place in range(draw(st.integers(0, 14))):
        e164 = draw(st.sampled_from((*NUMBERS, *NUMBERS, UNKNOWN)))
        sale_number = loaded.sale_numbers.get(e164)
        right = sale_number.prices.monthly if sale_number is not None and sale_number.prices is not None else 1
        confirmed = Confirmation(
            draw(st.sampled_from([right] * 8 + [1, 2])),
            draw(st.sampled_from([None] * 8 + [0, 7])),
            setup=draw(st.sampled_from([None] * 8 + [0, 2])),
        )
        key = draw(st.sampled_from((None, None, None, *KEYS)))
        account_id = draw(st.sampled_from(ACCOUNTS))
        buys.append(Buy(account_id, e164, confirmed, key, f"req_{place}", f"ord_{place}", NOW + place))
    return buys


@st.composite
def cases(draw: st.DrawFn) -> tuple[Loaded, list[Buy]]:
    loaded = draw(desks())
    return loaded, draw(batches(loaded))


def after(loaded: Loaded, outcome: Decided) -> Loaded:
    """What the database holds once the outcome is written."""
    answers = {(a.account_id, a.key): a for a in (d.answer for d in outcome.decisions) if a is not None}
    orders = {d.order.id: d.order for d in outcome.decisions if isinstance(d, Sold)}
    return Loaded(
        outcome.wallets,
        outcome.sale_numbers,
        {**loaded.answers, **answers},
        {**loaded.orders, **orders},
        loaded.superseded,
    )


def in_pieces(loaded: Loaded, buys: list[Buy], cuts: set[int]) -> Decided:
    """Decide in several batches, each loading what the one before wrote."""
    decided = Decided([], dict(loaded.wallets), dict(loaded.sale_numbers))
    places = sorted({0, len(buys), *(cut for cut in cuts if cut < len(buys))})
    for start, end in pairwise(places):
        outcome = decide(loaded, buys[start:end])
        decided = Decided(decided.decisions + outcome.decisions, outcome.wallets, outcome.sale_numbers)
        loaded = after(loaded, outcome)
    return decided


@enough
@given(cases(), st.sets(st.integers(1, 14)))
def test_a_batch_is_decided_as_its_buys_would_be_one_by_one(case: tuple[Loaded, list[Buy]], cuts: set[int]) -> None:
    loaded, buys = case
    together = decide(loaded, buys)
    assert in_pieces(loaded, buys, set(range(1, len(buys)))) == together
    assert in_pieces(loaded, buys, cuts) == together


@enough
@given(cases())
def test_deciding_changes_nothing_that_was_loaded_and_gives_the_same_again(case: tuple[Loaded, list[Buy]]) -> None:
    loaded, buys = case
    before = copy.deepcopy(loaded)
    first = decide(loaded, buys)
    assert loaded == before
    assert decide(loaded, buys) == first


@enough
@given(cases())
def test_a_number_is_sold_at_most_once_and_only_when_it_was_available(case: tuple[Loaded, list[Buy]]) -> None:
    loaded, buys = case
    outcome = decide(loaded, buys)
    assert len(outcome.decisions) == len(buys)
    sold = Counter(decision.order.e164 for decision in outcome.decisions if isinstance(decision, Sold))
    assert all(times == 1 for times in sold.values())
    for e164, sale_number in loaded.sale_numbers.items():
        if e164 in sold:
            assert sale_number.state is NumberState.AVAILABLE
            assert outcome.sale_numbers[e164].state in (NumberState.ASSIGNED, NumberState.CLAIMED)
        else:
            assert outcome.sale_numbers[e164] == sale_number


@enough
@given(cases())
def test_no_wallet_is_below_its_limit_after_any_beginning_of_a_batch(case: tuple[Loaded, list[Buy]]) -> None:
    loaded, buys = case
    for end in range(len(buys) + 1):
        assert all(wallet.available >= 0 for wallet in decide(loaded, buys[:end]).wallets.values())


@enough
@given(cases())
def test_wallets_change_by_exactly_what_is_sold(case: tuple[Loaded, list[Buy]]) -> None:
    loaded, buys = case
    outcome = decide(loaded, buys)
    for account_id, before in loaded.wallets.items():
        mine = [d for d in outcome.decisions if isinstance(d, Sold) and d.order.account_id == account_id]
        charges = [charge for sold in mine for charge in sold.charges]
        completed = [sold.order for sold in mine if sold.order.state is OrderState.COMPLETED]
        ordering = [sold.order for sold in mine if sold.order.state is OrderState.ORDERING]
        spent = sum(charge.amount for charge in charges)
        assert spent == sum(order.prices.total for order in completed)
        assert outcome.wallets[account_id] == before._replace(
            posted=before.posted - spent,
            held=before.held + sum(order.prices.total for order in ordering),
            entries=before.entries + len(charges),
        )
        balance = before.posted
        for entry, charge in enumerate(charges, before.entries + 1):
            balance -= charge.amount
            assert charge.amount > 0
            assert (charge.entry, charge.balance_after) == (entry, balance)


@enough
@given(cases())
def test_what_is_sold_is_what_was_asked_for_at_prices_that_were_confirmed(case: tuple[Loaded, list[Buy]]) -> None:
    loaded, buys = case
    for buy, decision in zip(buys, decide(loaded, buys).decisions, strict=True):
        if not isinstance(decision, Sold):
            continue
        order = decision.order
        sale_number = loaded.sale_numbers[buy.e164]
        assert (order.id, order.account_id, order.e164, order.created_at) == (buy[5], buy[0], buy[1], buy.now)
        honoured = [former.prices for former in loaded.superseded.get(buy.e164, ()) if buy.now < (former.until or 0)]
        agreeing = [
            prices
            for prices in (sale_number.prices, *honoured)
            if prices is not None and prices.currency == order.prices.currency and buy.confirmed.agrees_with(prices)
        ]
        assert order.prices in agreeing
        assert order.prices.rank == min(prices.rank for prices in agreeing)
        assert buy.confirmed.agrees_with(order.prices)
        assert order.prices.currency == loaded.wallets[buy.account_id].currency
        assert loaded.wallets[buy.account_id].state is AccountState.ACTIVE
        assert bool(decision.charges) == (order.carrier == POOL)


@enough
@given(cases())
def test_a_replay_gives_an_order_of_the_same_account_that_was_there_before(case: tuple[Loaded, list[Buy]]) -> None:
    loaded, buys = case
    orders = dict(loaded.orders)
    for buy, decision in zip(buys, decide(loaded, buys).decisions, strict=True):
        if isinstance(decision, Sold):
            assert decision.order.id not in orders
            orders[decision.order.id] = decision.order
        elif isinstance(decision, Replayed):
            assert orders[decision.order.id] == decision.order
            assert (decision.order.account_id, decision.order.e164) == (buy.account_id, buy.e164)


@enough
@given(cases())
def test_asking_everything_again_sells_nothing_and_answers_the_same(case: tuple[Loaded, list[Buy]]) -> None:
    loaded, buys = case
    first = decide(loaded, buys)
    retries = [buy._replace(order_id=f"{buy.order_id}_again", request_id=f"{buy.request_id}_again") for buy in buys]
    second = decide(after(loaded, first), retries)
    assert (second.wallets, second.sale_numbers) == (first.wallets, first.sale_numbers)
    for buy, before, again in zip(buys, first.decisions, second.decisions, strict=True):
        assert not isinstance(again, Sold)
        if isinstance(before, (Sold, Replayed)):
            assert isinstance(again, Replayed)
            assert (again.order, again.answer) == (before.order, None)
        elif buy.idempotency_key is not None:
            assert isinstance(again, Refusal)
            assert again.error == before.error


@enough
@given(cases())
def test_an_answer_is_stored_once_for_every_new_key(case: tuple[Loaded, list[Buy]]) -> None:
    loaded, buys = case
    stored = [decision.answer for decision in decide(loaded, buys).decisions if decision.answer is not None]
    keys = [(answer.account_id, answer.key) for answer in stored]
    asked = {(buy.account_id, buy.idempotency_key) for buy in buys if buy.idempotency_key is not None}
    assert sorted(keys) == sorted(asked - set(loaded.answers))
    assert all((answer.order_id is None) != (answer.error is None) for answer in stored)


@enough
@given(
    st.permutations(range(8)),
    st.integers(0, 8),
    st.integers(0, 3),
    st.sets(st.integers(1, 7)),
    st.sampled_from([POOL, "acme"]),
)
def test_a_balance_for_k_numbers_buys_exactly_k_whatever_the_order(
    order: list[int], payable: int, rest: int, cuts: set[int], carrier: str
) -> None:
    prices = Prices("USD", 3, None, None, 1)
    names = [f"+1361273880{place}" for place in range(8)]
    loaded = Loaded(
        {"acc_1": Wallet("acc_1", AccountState.ACTIVE, "USD", 4 * payable + rest, 0, 0, 0)},
        {e164: SaleNumber(e164, carrier, NumberState.AVAILABLE, prices, None, None) for e164 in names},
    )
    buys = [Buy("acc_1", names[place], Confirmation(3), None, "req", f"ord_{place}", NOW) for place in order]
    outcome = in_pieces(loaded, buys, cuts)
    assert [isinstance(decision, Sold) for decision in outcome.decisions] == [place < payable for place in range(8)]
    assert outcome.wallets["acc_1"].available == rest
    refused = [decision.error for decision in outcome.decisions if isinstance(decision, Refusal)]
    assert all(isinstance(error, InsufficientBalance) for error in refused)
