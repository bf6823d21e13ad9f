"""The operator gives numbers, moves them, takes them back and restores them: each once, and the books stay right."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest

from numberdesk.core.call_charging import CallTerms
from numberdesk.core.call_record import CallRecord, Direction
from numberdesk.core.errors import (
    Forbidden,
    InsufficientBalance,
    InvalidRequest,
    NotFound,
    NumberdeskError,
    NumberNotOffered,
    NumberTaken,
    RentalConflict,
)
from numberdesk.core.periods import MICROSECONDS, add_months
from numberdesk.core.purchase import POOL, Refusal, Replayed, Sold
from numberdesk.core.session import OpenSession
from numberdesk.flows.cleanup import Cleanup, clean_up
from numberdesk.flows.usage.hold_sessions import open_sessions
from numberdesk.flows.usage.record_calls import RecordCalls, record_calls
from numberdesk.flows.usage.set_usage_terms import set_call_terms
from tests.flows.conftest import NOW, PRICE, QUARANTINE, Shop
from tests.flows.hands import (
    DELAY,
    HOUR,
    assign,
    done,
    kinds,
    periods,
    renew,
    restore,
    take_back,
    told,
    transfer,
)
from tests.flows.switching import buy as buy_at_carrier
from tests.flows.switching import connection, converge, standing

ENGINES_TAKE_TURNS = "what may be done when is decided without the database"
MINUTE = 60 * MICROSECONDS


def test_an_assigned_number_is_rented_without_a_purchase_and_renewed_like_any_other(shop: Shop) -> None:
    account_id, e164 = shop.account(PRICE), shop.number()
    rental = assign(shop, account_id, e164)
    assert (rental.prices.monthly, rental.anchor, rental.renews_at) == (PRICE, NOW, add_months(NOW, 1))
    assert periods(shop, rental.id) == [(0, "waived")]
    ((kind, payload),) = told(shop, account_id)
    assert (kind, payload["origin"], payload["message"]) == ("number.assigned", "assignment", "as agreed")
    assert done(shop) == [("assign", account_id, e164, "key_1", "as agreed")]
    assert isinstance(shop.buy(shop.account(9 * PRICE), e164), Refusal)
    renew(shop, add_months(NOW, 1))
    assert periods(shop, rental.id) == [(0, "waived"), (1, "charged")]
    assert shop.wallet(account_id).posted == 0
    shop.verified()


def test_an_assignment_that_is_charged_takes_the_first_period_once_however_often_it_is_asked_for(shop: Shop) -> None:
    account_id, e164 = shop.account(3 * PRICE), shop.number(setup=PRICE)
    first = assign(shop, account_id, e164, charge=True, price=2 * PRICE)
    shop.now += MICROSECONDS
    assert assign(shop, account_id, e164, charge=True) == first
    assert (shop.wallet(account_id).posted, periods(shop, first.id)) == (PRICE, [(0, "charged")])
    assert (len(done(shop)), shop.statement(account_id)[-1].period) == (1, 0)
    again = shop.buy(account_id, e164)
    assert isinstance(again, Replayed)  # whoever buys what it was given is told of that, and pays nothing
    shop.verified()


@pytest.mark.parametrize(
    ("case", "error"),
    [
        ("account", NotFound),
        ("suspended", Forbidden),
        ("unknown", NumberNotOffered),
        ("carrier", NumberTaken),
        ("taken", NumberTaken),
        ("resting", NumberNotOffered),
        ("currency", InvalidRequest),
        ("connection", InvalidRequest),
        ("poor", InsufficientBalance),
    ],
)
def test_what_cannot_be_assigned_is_refused_and_leaves_nothing(  # noqa: C901  a case each
    shop: Shop, case: str, error: type[NumberdeskError]
) -> None:
    account_id, e164 = shop.account(PRICE, currency="EUR" if case == "currency" else "USD"), shop.number()
    said: dict[str, Any] = {}
    other = shop.account(2 * PRICE)
    match case:
        case "account":
            account_id = "acc_none"
        case "suspended":
            shop.suspend(account_id)
        case "unknown":
            e164 = "+13619999999"
        case "carrier":
            e164 = buy_at_carrier(shop, other).e164
        case "taken" | "resting":
            shop.buy(other, e164)
        case "connection":
            said["connection_id"] = connection(shop, other)
        case "poor":
            said |= {"charge": True, "price": PRICE + 1}
    if case == "resting":
        shop.release(other, e164)
    before = shop.count("orders")
    with pytest.raises(error):
        assign(shop, account_id, e164, **said)
    assert (shop.count("orders"), shop.count("interventions")) == (before, 0)
    shop.verified()


def test_an_account_is_given_a_number_at_a_price_in_its_own_currency(shop: Shop) -> None:
    rental = assign(shop, shop.account(currency="EUR"), shop.number(), price=5)
    assert (rental.prices.currency, rental.prices.monthly, rental.prices.inbound) == ("EUR", 5, None)
    shop.verified()


def test_a_transfer_keeps_the_anchor_and_the_paid_period_and_the_next_one_is_the_new_accounts(shop: Shop) -> None:
    anchor = 1_769_860_800 * MICROSECONDS  # 31 January 2026: the anchor does not drift
    shop.now = anchor
    old, new, e164 = shop.account(2 * PRICE), shop.account(5 * PRICE), shop.number()
    sold = shop.buy(old, e164)
    assert isinstance(sold, Sold)
    renew(shop, add_months(anchor, 1))
    shop.now += HOUR
    rental = transfer(shop, new, e164)
    assert (rental.account_id, rental.period, rental.renews_at) == (new, 1, add_months(anchor, 2))
    assert periods(shop, rental.id) == [(1, "waived")]
    (reason,) = shop.rows("SELECT reason FROM rent_charges WHERE rental_id = :id", id=rental.id)
    assert reason == (f"it is that of {sold.order.rental_id}: rch_{sold.order.rental_id[4:]}_1",)
    assert [payload["reason"] for kind, payload in told(shop, old) if kind == "number.released"] == ["transferred"]
    assert [payload["origin"] for _, payload in told(shop, new)] == ["transfer"]
    assert shop.rows("SELECT state, account_id, quarantined_until FROM numbers") == [("assigned", new, None)]
    assert transfer(shop, new, e164).id == rental.id
    renew(shop, add_months(anchor, 2))
    assert (shop.wallet(old).posted, shop.wallet(new).posted) == (0, 4 * PRICE)
    shop.verified()
    back = transfer(shop, old, e164)
    assert (back.account_id, back.period, len(done(shop))) == (old, 2, 2)
    shop.verified()


def test_calls_are_of_whoever_had_the_number_when_they_began(shop: Shop) -> None:
    shop.writer.apply(set_call_terms, CallTerms(POOL, NOW, "switch", 0, 60, 60))
    old, new, e164 = shop.account(2 * PRICE), shop.account(PRICE), shop.number(inbound=1000)
    shop.buy(old, e164)
    shop.now = NOW + HOUR
    rental = transfer(shop, new, e164)
    for place, began in enumerate((NOW + HOUR - MINUTE, NOW + HOUR)):
        call = CallRecord(
            "switch", f"c{place}", "a", Direction.INBOUND, e164, "", began, began, began + 2 * MINUTE, 120, "answered"
        )
        shop.now = NOW + 2 * HOUR
        shop.writer.apply(record_calls, RecordCalls(shop.new_id("bat"), (call,), shop.now))
    assert shop.rows("SELECT account_id, rental_id = :id, amount FROM calls ORDER BY call_id", id=rental.id) == [
        (old, False, 2000),
        (new, True, 2000),
    ]
    shop.verified()


@pytest.mark.parametrize("case", ["past_due", "period_due", "currency", "calls"])
def test_a_number_stays_while_something_of_it_is_open(shop: Shop, case: str) -> None:
    shop.writer.apply(set_call_terms, CallTerms(POOL, NOW, "switch", 0, 60, 60))
    old, e164 = shop.account(PRICE + 1000), shop.number(inbound=1000)
    new = shop.account(currency="EUR" if case == "currency" else "USD")
    shop.buy(old, e164)
    if case == "calls":
        asked = OpenSession(shop.new_id("ses"), "switch", "c1", "", Direction.INBOUND, e164, "", shop.now)
        shop.writer.apply(open_sessions(60), asked)
    elif case == "past_due":
        renew(shop, add_months(NOW, 1))
    elif case == "period_due":
        shop.now = add_months(NOW, 1)
    with pytest.raises(RentalConflict) as refused:
        transfer(shop, new, e164)
    assert refused.value.details == {"reason": case}
    assert shop.rows("SELECT account_id FROM rentals") == [(old,)]
    shop.verified()


@pytest.mark.parametrize(
    ("target", "error"), [("none", NotFound), ("suspended", Forbidden), ("itself", InvalidRequest)]
)
def test_nothing_is_moved_to_who_may_not_have_it(shop: Shop, target: str, error: type[NumberdeskError]) -> None:
    old, e164 = shop.account(PRICE), shop.number()
    shop.buy(old, e164)
    new = {"none": "acc_none", "itself": old}.get(target) or shop.account()
    if target == "suspended":
        shop.suspend(new)
    with pytest.raises(error):
        transfer(shop, new, e164)
    with pytest.raises(NotFound):
        transfer(shop, shop.account(), shop.number())


def test_the_carrier_of_a_moved_number_hears_only_where_calls_go_now(shop: Shop) -> None:
    old, new = shop.account(PRICE), shop.account()
    mine, theirs = connection(shop, old), connection(shop, new)
    first = buy_at_carrier(shop, old, connection_id=mine)
    converge(shop)
    assert standing(shop, first).state == "active"
    rental = transfer(shop, new, first.e164)
    converge(shop)
    assert (standing(shop, rental).state, standing(shop, rental).applied_connection_id) == ("none", None)
    assert (standing(shop, first).next_at, standing(shop, first).applied_connection_id) == (None, None)
    assert shop.acme.released[first.e164] == 0
    third = transfer(shop, old, first.e164, mine)
    converge(shop)
    assert standing(shop, third).state == "active"
    assert "number.connected" not in kinds(shop, new)
    assert theirs != mine
    shop.verified()


def test_a_number_is_taken_back_for_a_reason_and_can_be_restored_as_it_was(shop: Shop) -> None:
    account_id, e164 = shop.account(2 * PRICE), shop.number()
    first = assign(shop, account_id, e164)
    shop.now += HOUR
    ended = take_back(shop, e164)
    assert take_back(shop, e164) == ended
    (released,) = (payload for kind, payload in told(shop, account_id) if kind == "number.released")
    assert (released["reason"], released["message"]) == ("taken_back", "as agreed")
    assert shop.rows("SELECT state FROM numbers") == [("quarantined",)]
    shop.now += HOUR
    rental = restore(shop, e164)
    assert restore(shop, e164) == rental
    assert (rental.anchor, rental.period, rental.renews_at) == (first.anchor, 0, first.renews_at)
    assert (rental.id != first.id, rental.created_at) == (True, shop.now)
    assert [one[0] for one in done(shop)] == ["assign", "take_back", "restore"]
    renew(shop, add_months(NOW, 1))
    assert shop.wallet(account_id).posted == PRICE
    shop.verified()


def test_a_number_of_a_carrier_is_restored_until_its_carrier_is_told(shop: Shop) -> None:
    account_id = shop.account(PRICE)
    first = buy_at_carrier(shop, account_id, connection_id=connection(shop, account_id))
    converge(shop)
    take_back(shop, first.e164)
    shop.now += DELAY - 1
    shop.tell(shop.give_back())
    converge(shop)
    assert shop.acme.released[first.e164] == 0
    rental = restore(shop, first.e164)
    converge(shop)
    assert (standing(shop, rental).state, shop.count("carrier_releases")) == ("active", 0)
    shop.now += 10 * DELAY
    shop.tell(shop.give_back())
    assert shop.acme.released[first.e164] == 0
    shop.verified()
    take_back(shop, first.e164)
    shop.now += DELAY
    shop.tell(shop.give_back())
    assert shop.acme.released[first.e164] == 1
    with pytest.raises(RentalConflict, match="was told to take the number back"):
        restore(shop, first.e164)
    shop.verified()


def test_what_was_not_paid_is_restored_with_the_unpaid_period_still_to_be_paid(shop: Shop) -> None:
    account_id, e164 = shop.account(PRICE), shop.number()
    shop.buy(account_id, e164)
    for hours in (0, 24, 48):
        renew(shop, add_months(NOW, 1) + hours * HOUR)
    assert [payload["reason"] for kind, payload in told(shop, account_id) if kind == "number.released"] == ["not_paid"]
    shop.top_up(account_id, 3 * PRICE)
    rental = restore(shop, e164)
    renew(shop, shop.now)
    assert (periods(shop, rental.id), shop.wallet(account_id).posted) == ([(0, "waived"), (1, "charged")], 2 * PRICE)
    shop.verified()


def test_what_somebody_else_had_since_is_not_restored(shop: Shop) -> None:
    first, second, e164 = shop.account(PRICE), shop.account(PRICE), shop.number()
    shop.buy(first, e164)
    shop.release(first, e164)
    shop.now += QUARANTINE
    shop.writer.apply(clean_up, Cleanup(shop.now, HOUR))
    with pytest.raises(RentalConflict, match="rests no more"):
        restore(shop, e164)
    shop.buy(second, e164)
    with pytest.raises(RentalConflict, match="is rented"):
        restore(shop, e164)
    shop.release(second, e164)
    assert restore(shop, e164).account_id == second
    with pytest.raises(NotFound):
        restore(shop, shop.number())
    shop.verified()


Hand = Callable[[Shop, str, str], object]
HANDS: dict[str, Hand] = {
    "transfer": lambda shop, _, e164: transfer(shop, shop.rows("SELECT max(id) FROM accounts")[0][0], e164),
    "take back": lambda shop, _, e164: take_back(shop, e164),
    "release": lambda shop, owner, e164: shop.release(owner, e164),
    "restore": lambda shop, _, e164: restore(shop, e164),
    "renew": lambda shop, _owner, _e164: renew(shop, add_months(NOW, 1)),
}


@pytest.mark.parametrize(
    "order",
    [
        *itertools.permutations(HANDS, 2),
        *(pytest.param(three, marks=pytest.mark.long) for three in itertools.permutations(HANDS, 3)),
    ],
    ids=str,
)
def test_whatever_comes_after_what_from_whichever_process_the_books_are_right(
    shop: Shop, beside: Callable[[], Shop], order: tuple[str, ...]
) -> None:
    processes = itertools.cycle((shop, beside()))
    owner, e164 = shop.account(2 * PRICE), shop.number()
    shop.buy(owner, e164)
    shop.account(PRICE)
    for hand in order:
        shop.now += MINUTE
        for process in (next(processes), next(processes)):  # each is asked for twice, the second time elsewhere
            try:
                HANDS[hand](process, owner, e164)
            except NumberdeskError as refused:
                assert refused.code in ("not_found", "rental_conflict", "invalid_request"), refused  # noqa: PT017
    shop.verified()
    spent = sum(
        -one.amount if one.kind == "rental" else one.amount for a in accounts(shop) for one in shop.statement(a)
    )
    assert spent == sum(shop.wallet(account_id).posted for account_id in accounts(shop))


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_hands_that_meet_from_three_processes_never_wait_for_each_other_for_ever(
    shop: Shop, beside: Callable[[], Shop]
) -> None:
    owner, other = shop.account(9 * PRICE), shop.account(9 * PRICE)
    e164s = [shop.number() for _ in range(4)]
    for e164 in e164s:
        shop.buy(owner, e164)
    shop.now += MINUTE
    start = threading.Barrier(3)

    def work(process: Shop, seed: int) -> None:
        random = Random(seed)
        start.wait(60)
        for _ in range(12):
            e164, target = random.choice(e164s), random.choice((owner, other))
            hand = random.choice(("transfer", "take back", "restore", "release", "buy"))
            with contextlib.suppress(NumberdeskError):
                match hand:
                    case "transfer":
                        transfer(process, target, e164)
                    case "buy":
                        process.buy(target, e164)
                    case _:
                        HANDS[hand](process, target, e164)

    with ThreadPoolExecutor(3) as threads:
        tasks = [threads.submit(work, process, seed) for seed, process in enumerate((shop, beside(), beside()))]
        for task in tasks:
            task.result(120)
    assert shop.count("interventions") > 0
    shop.verified()


def accounts(shop: Shop) -> list[str]:
    return [row[0] for row in shop.rows("SELECT id FROM accounts")]
