"""Call records are kept once and charged once, whatever their order, batches and repeats."""

from __future__ import annotations

import random
from typing import Any

import pytest

from numberdesk.core.call_charging import (
    CUSTOMERS,
    CallState,
    CallTerms,
    ParkedReason,
    RecordOutcome,
    RecordResult,
)
from numberdesk.core.call_record import CallRecord, Direction
from numberdesk.core.carrier_order import Reason, Refused
from numberdesk.core.errors import AccountInUse, InvalidRequest
from numberdesk.core.lifecycle import AccountState
from numberdesk.core.money import MICROS
from numberdesk.core.periods import MICROSECONDS, add_months
from numberdesk.core.purchase import POOL, Sold
from numberdesk.core.rent import RentTerms
from numberdesk.flows.accounts.change_accounts import AccountChange, change_accounts
from numberdesk.flows.rentals.announce_prices import announce_prices, announcement
from numberdesk.flows.rentals.renew_rentals import Look, renew_rentals
from numberdesk.flows.usage.record_calls import RatedParked, RateParked, RecordCalls, rate_parked, record_calls
from numberdesk.flows.usage.set_usage_terms import (
    AppointSource,
    SetRate,
    appoint_sources,
    set_call_terms,
    set_missing_rates,
)
from numberdesk.infra.due_work import TakeUp
from numberdesk.numbers.rent_store import DUE_RENTALS
from numberdesk.usage.store import page_calls
from tests.flows.carrier_orders import heard, settled
from tests.flows.conftest import PRICE, QUOTE_LIFETIME, Shop

SWITCH = "switch"
CENT = MICROS // 100
A_MINUTE = 60 * MICROSECONDS


class Exchange:
    """A shop with a switch that charges for its pool's numbers, and an account with a number at a cent a minute."""

    def __init__(self, shop: Shop, *, balance: int = 10 * MICROS, by: tuple[int, int] = (1, 1)) -> None:
        self.shop = shop
        shop.writer.apply(set_call_terms, CallTerms(POOL, shop.now, SWITCH, 0, *by))
        self.account_id, self.e164 = self.renter(balance)
        self._serials = 0

    def renter(
        self, balance: int = 10 * MICROS, *, inbound: int | None = CENT, currency: str = "USD"
    ) -> tuple[str, str]:
        """An account with so much left after it rented a number."""
        account_id = self.shop.account(balance + PRICE, currency=currency)
        e164 = self.shop.number(inbound=inbound, outbound=None, currency=currency)
        assert isinstance(self.shop.buy(account_id, e164), Sold)
        return account_id, e164

    def record(self, call_id: str, seconds: int | None = 60, **changes: Any) -> CallRecord:
        """A call that began a minute after now, as the clock goes on."""
        return CallRecord(
            SWITCH, call_id, "", Direction.INBOUND, self.e164, "", self.shop.now, self.shop.now, None, seconds, ""
        )._replace(**changes)

    def tell(self, *records: CallRecord) -> list[RecordResult]:
        """Send a batch."""
        return self.shop.writer.apply(record_calls, RecordCalls(self.shop.new_id("bat"), records, self.shop.now))

    def look_again(self) -> RatedParked:
        """Look at parked calls anew."""
        return self.shop.writer.apply(rate_parked, RateParked(self.shop.new_id("bat"), None, self.shop.now))

    def owed(self, account_id: str | None = None) -> int:
        """What an account owes."""
        query = "SELECT coalesce(sum(owed), 0) FROM receivables WHERE account_id = :account_id"
        return int(self.shop.rows(query, account_id=account_id or self.account_id)[0][0])

    def left(self, account_id: str | None = None) -> int:
        """Wallet less receivable."""
        return self.shop.wallet(account_id or self.account_id).posted - self.owed(account_id)

    def charges(self) -> dict[str, int]:
        """What each call was charged."""
        return dict(self.shop.rows("SELECT call_id, amount FROM calls ORDER BY call_id"))


@pytest.fixture
def exchange(shop: Shop) -> Exchange:
    return Exchange(shop)


def outcomes(results: list[RecordResult]) -> list[tuple[str, str | None]]:
    return [(result.outcome.value, result.field or result.reason) for result in results]


def test_a_call_is_charged_at_the_rate_of_its_rental_out_of_the_wallet(exchange: Exchange) -> None:
    (result,) = exchange.tell(exchange.record("c1", 90))
    assert (result.outcome, result.call_id) == (RecordOutcome.ACCEPTED, "c1")
    assert result.call is not None
    assert (result.call.state, result.call.amount, result.call.billed) == (CallState.CHARGED, 15_000, 90)
    last = exchange.shop.statement(exchange.account_id)[-1]
    assert (last.kind, last.amount, last.credit) == ("usage", 15_000, "revenue:usage")
    assert exchange.left() == 10 * MICROS - 15_000
    exchange.shop.verified()


def test_a_call_costs_what_held_when_it_began_however_late_its_record_comes(exchange: Exchange) -> None:
    shop = exchange.shop
    before = exchange.record("before", 60)
    rental_id = str(shop.rows("SELECT id FROM rentals")[0][0])
    asked = announcement(rental_id, PRICE, 3 * CENT, None, now=shop.now, usual=RentTerms(notice_days=0))
    shop.writer.apply(announce_prices, asked)
    shop.now = add_months(shop.now, 1) + A_MINUTE
    flow = renew_rentals(asked.usual, 0)
    with shop.database.write() as tx:
        (due,) = DUE_RENTALS.take_up(tx, [TakeUp("USD", shop.now, 1)])[0]
    shop.writer.apply(flow, Look(due, shop.now, shop.now))
    after = exchange.record("after", 60)
    exchange.tell(after, before)
    assert exchange.charges() == {"after": 3 * CENT, "before": CENT}
    shop.verified()


def test_money_moves_once_for_each_account_and_batch(exchange: Exchange) -> None:
    other, number = exchange.renter()
    before = exchange.shop.count("transfers")
    exchange.tell(*(exchange.record(f"c{n}", 7, e164=(exchange.e164, number)[n % 2]) for n in range(20)))
    assert exchange.shop.count("transfers") == before + 2
    assert exchange.left() == exchange.left(other) == 10 * MICROS - 10 * 1_167
    exchange.shop.verified()


def test_calls_of_one_batch_are_each_charged_in_the_currency_of_their_account(exchange: Exchange) -> None:
    other, number = exchange.renter(inbound=3 * CENT, currency="EUR")
    exchange.tell(exchange.record("c1"), exchange.record("c2", e164=number), exchange.record("c3"))
    found = exchange.shop.rows("SELECT call_id, currency, amount FROM calls ORDER BY call_id")
    assert found == [("c1", "USD", CENT), ("c2", "EUR", 3 * CENT), ("c3", "USD", CENT)]
    assert (exchange.left(), exchange.left(other)) == (10 * MICROS - 2 * CENT, 10 * MICROS - 3 * CENT)
    exchange.shop.verified()


def test_the_same_record_again_is_taken_in_silence_and_other_content_names_its_field(exchange: Exchange) -> None:
    first = exchange.record("c1", 60)
    assert outcomes(exchange.tell(first, first, first._replace(seconds=61))) == [
        ("accepted", None),
        ("duplicate", None),
        ("conflict", "seconds"),
    ]
    exchange.shop.now += A_MINUTE
    assert outcomes(exchange.tell(first, first._replace(other="+13612738000"))) == [
        ("duplicate", None),
        ("conflict", "other"),
    ]
    assert exchange.charges() == {"c1": CENT}
    exchange.shop.verified()


def test_two_legs_of_a_call_are_two_calls(exchange: Exchange) -> None:
    other, number = exchange.renter()
    legs = exchange.record("c1", leg="a"), exchange.record("c1", leg="b", e164=number)
    assert outcomes(exchange.tell(*legs)) == [("accepted", None)] * 2
    assert exchange.left() == exchange.left(other) == 10 * MICROS - CENT


def test_a_call_of_no_seconds_costs_nothing(exchange: Exchange) -> None:
    before = exchange.shop.count("transfers")
    (result,) = exchange.tell(exchange.record("c1", 0))
    assert result.call is not None
    assert (result.call.state, result.call.amount, exchange.shop.count("transfers")) == (CallState.CHARGED, 0, before)
    exchange.shop.verified()


def test_the_rest_that_a_wallet_does_not_cover_is_owed_and_told_once(shop: Shop) -> None:
    exchange = Exchange(shop, balance=CENT // 2)
    (first,) = exchange.tell(exchange.record("c1", 120))
    assert first.call is not None
    assert (exchange.owed(), shop.wallet(exchange.account_id).posted) == (CENT + CENT // 2, 0)
    assert shop.rows("SELECT amount, owed FROM calls") == [(2 * CENT, CENT + CENT // 2)]
    exchange.tell(exchange.record("c2", 60))
    assert exchange.owed() == 2 * CENT + CENT // 2
    assert shop.rows("SELECT count(*) FROM events WHERE kind = 'account.in_debt'") == [(1,)]
    shop.verified()


def test_a_wallet_pays_for_calls_down_to_its_credit_limit_and_no_further(shop: Shop) -> None:
    exchange = Exchange(shop, balance=0)
    shop.writer.apply(change_accounts, AccountChange(exchange.account_id, shop.now, credit_limit=CENT))
    exchange.tell(exchange.record("c1", 180))
    assert (shop.wallet(exchange.account_id).posted, exchange.owed()) == (-CENT, 2 * CENT)
    shop.verified()


def test_money_that_comes_in_pays_what_is_owed_first(shop: Shop) -> None:
    exchange = Exchange(shop, balance=0)
    exchange.tell(exchange.record("c1", 300))
    shop.top_up(exchange.account_id, 2 * CENT)
    assert (exchange.owed(), shop.wallet(exchange.account_id).posted) == (3 * CENT, 0)
    shop.verified()
    shop.top_up(exchange.account_id, 4 * CENT)
    assert (exchange.owed(), shop.wallet(exchange.account_id).posted) == (0, CENT)
    assert [line.kind for line in shop.statement(exchange.account_id)][-2:] == ["top_up", "debt_payment"]
    exchange.tell(exchange.record("c2", 120))
    assert exchange.owed() == CENT
    assert shop.rows("SELECT count(*) FROM events WHERE kind = 'account.in_debt'") == [(2,)]
    shop.verified()


def test_a_raised_credit_limit_pays_what_is_owed(shop: Shop) -> None:
    exchange = Exchange(shop, balance=0)
    exchange.tell(exchange.record("c1", 300))
    shop.writer.apply(change_accounts, AccountChange(exchange.account_id, shop.now, credit_limit=3 * CENT))
    assert (exchange.owed(), shop.wallet(exchange.account_id).posted) == (2 * CENT, -3 * CENT)
    shop.verified()


def test_what_an_order_that_failed_had_held_pays_what_is_owed(shop: Shop) -> None:
    exchange = Exchange(shop, balance=PRICE + CENT)
    wanted = shop.wants(exchange.account_id, shop.number(carrier="acme"))
    assert isinstance(shop.writer.apply(shop.open_orders, wanted), Sold)
    exchange.tell(exchange.record("c1", 180))
    assert (exchange.owed(), shop.wallet(exchange.account_id).held) == (2 * CENT, PRICE)
    shop.verified()
    settled(shop, heard(shop, wanted, Refused(Reason.TAKEN, "gone")))
    assert (exchange.owed(), shop.wallet(exchange.account_id).posted) == (0, PRICE - 2 * CENT)
    shop.verified()


def test_an_account_that_owes_is_not_closed(shop: Shop) -> None:
    exchange = Exchange(shop, balance=0)
    exchange.tell(exchange.record("c1", 60))
    shop.release(exchange.account_id, exchange.e164)
    with pytest.raises(AccountInUse, match=r"it owes 0\.01 USD for calls"):
        shop.writer.apply(change_accounts, AccountChange(exchange.account_id, shop.now, state=AccountState.CLOSED))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"e164": "+13612738888"}, ParkedReason.NOT_RENTED),
        ({"started_at": 1_749_999_999 * MICROSECONDS}, ParkedReason.NOT_RENTED),
        ({"seconds": None}, ParkedReason.NO_DURATION),
        ({"direction": Direction.OUTBOUND}, ParkedReason.NOT_PRICED),
    ],
)
def test_what_cannot_be_charged_is_parked_with_its_reason(
    exchange: Exchange, changes: dict[str, Any], reason: ParkedReason
) -> None:
    assert outcomes(exchange.tell(exchange.record("c1")._replace(**changes))) == [("parked", reason.value)]
    assert exchange.left() == 10 * MICROS
    exchange.shop.verified()


def test_a_call_belongs_to_whoever_rented_the_number_when_it_began(exchange: Exchange) -> None:
    shop = exchange.shop
    early = exchange.record("early")
    shop.now += A_MINUTE
    shop.release(exchange.account_id, exchange.e164)
    after = exchange.record("after")
    assert outcomes(exchange.tell(early, after)) == [("accepted", None), ("parked", "not_rented")]
    assert exchange.left() == 10 * MICROS - CENT
    shop.verified()


def test_a_number_of_the_pool_has_no_source_until_one_is_appointed(shop: Shop) -> None:
    account_id = shop.account(10 * MICROS)
    e164 = shop.number(inbound=CENT)
    assert isinstance(shop.buy(account_id, e164), Sold)
    started = shop.now
    record = CallRecord(SWITCH, "c1", "", Direction.INBOUND, e164, "", started, None, None, 60, "")
    told = shop.writer.apply(record_calls, RecordCalls("bat_1", (record,), shop.now))
    assert outcomes(told) == [("parked", "no_source")]
    shop.now += A_MINUTE
    shop.writer.apply(appoint_sources, AppointSource(e164, SWITCH, shop.now))
    assert shop.writer.apply(rate_parked, RateParked("bat_0", None, shop.now)) == RatedParked(1, 1, None)
    later = record._replace(call_id="c2", started_at=shop.now)
    told = shop.writer.apply(record_calls, RecordCalls("bat_2", (later,), shop.now))
    assert outcomes(told) == [("accepted", None)]
    shop.verified()


def test_one_source_charges_and_others_are_witnesses(exchange: Exchange) -> None:
    told = exchange.tell(exchange.record("c1"), exchange.record("x1", source="carrier_report"))
    assert [result.call.state for result in told if result.call] == [CallState.CHARGED, CallState.WITNESS]
    assert exchange.left() == 10 * MICROS - CENT
    exchange.shop.verified()


def test_a_change_of_source_holds_for_calls_that_begin_later(exchange: Exchange) -> None:
    shop = exchange.shop
    before = exchange.record("c1"), exchange.record("b1", source="new")
    shop.now += A_MINUTE
    shop.writer.apply(appoint_sources, AppointSource(exchange.e164, "new", shop.now))
    after = exchange.record("c2"), exchange.record("b2", source="new")
    told = exchange.tell(*before, *after)
    assert [result.call.state.value for result in told if result.call] == ["charged", "witness", "witness", "charged"]
    shop.verified()


def test_a_customers_own_source_tells_of_his_numbers_alone(exchange: Exchange) -> None:
    other, number = exchange.renter()
    mine, theirs = CUSTOMERS + exchange.account_id, CUSTOMERS + other
    told = exchange.tell(exchange.record("c1", source=theirs), exchange.record("c2", source=mine))
    assert outcomes(told) == [("parked", "not_rented"), ("accepted", None)]
    assert exchange.shop.rows("SELECT account_id FROM calls WHERE call_id = 'c1'") == [(None,)]
    assert exchange.left() == exchange.left(other) == 10 * MICROS
    assert number != exchange.e164


def test_a_parked_call_is_charged_once_its_rate_is_set(exchange: Exchange) -> None:
    out = exchange.record("c1", 90, direction=Direction.OUTBOUND)
    exchange.tell(out)
    assert exchange.look_again() == RatedParked(1, 0, None)
    set_it = SetRate(exchange.e164, Direction.OUTBOUND, 2 * CENT, exchange.shop.now)
    exchange.shop.writer.apply(set_missing_rates, set_it)
    assert exchange.look_again() == RatedParked(1, 1, None)
    assert exchange.look_again() == RatedParked(0, 0, None)
    assert exchange.charges() == {"c1": 3 * CENT}
    assert outcomes(exchange.tell(out)) == [("duplicate", None)]
    with pytest.raises(InvalidRequest, match=r"^rate is 0\.02 a minute already, which stays$"):
        exchange.shop.writer.apply(set_missing_rates, set_it._replace(per_minute=CENT))
    exchange.shop.verified()


def test_a_confirmed_rate_cannot_be_set_anew(exchange: Exchange) -> None:
    again = SetRate(exchange.e164, Direction.INBOUND, 5 * CENT, exchange.shop.now)
    with pytest.raises(InvalidRequest, match=r"^rate is 0\.01 a minute already, which stays$"):
        exchange.shop.writer.apply(set_missing_rates, again)


def test_terms_that_are_set_later_leave_rentals_that_began_before_as_they_are(exchange: Exchange) -> None:
    shop = exchange.shop
    shop.now += A_MINUTE
    shop.writer.apply(set_call_terms, CallTerms(POOL, shop.now, SWITCH, 5 * CENT, 60, 60))
    shop.now += QUOTE_LIFETIME  # until then a number is sold as it was shown
    _, later = exchange.renter()
    exchange.tell(exchange.record("c1", 30), exchange.record("c2", 30, e164=later))
    assert exchange.charges() == {"c1": CENT // 2, "c2": 6 * CENT}
    shop.verified()


def test_order_batches_and_repeats_change_no_charge_and_no_balance(shop: Shop, other_shop: Shop) -> None:
    """The second exchange hears the same in another order, other batches and up to three times, between top-ups."""
    seen = []
    for place, each in enumerate((shop, other_shop)):
        chance = random.Random(place)
        exchange = Exchange(each, balance=5 * CENT, by=(30, 6))
        number = exchange.renter(20 * CENT)
        records = [
            exchange.record(f"c{n:03d}", n * 7 % 301, e164=(exchange.e164, number[1])[n % 2]) for n in range(120)
        ]
        told = [record for record in records for _ in range(1 + place * chance.randrange(3))]
        chance.shuffle(told)
        while told:
            size = chance.randint(1, 40)
            exchange.tell(*told[:size])
            del told[:size]
            if len(told) % 3 == 0:
                each.top_up(exchange.account_id, CENT)
                each.top_up(number[0], CENT)
        topped = [sum(line.amount for line in each.statement(one) if line.kind == "top_up") for one in
                  (exchange.account_id, number[0])]  # fmt: skip
        lefts = [exchange.left(one) for one in (exchange.account_id, number[0])]
        seen.append((exchange.charges(), [top - left for top, left in zip(topped, lefts, strict=True)]))
        each.verified()
    assert seen[0] == seen[1]
    assert len(seen[0][0]) == 120


def test_calls_of_one_number_are_paged_over_those_of_all_a_bounded_stretch_at_a_time(exchange: Exchange) -> None:
    shop = exchange.shop
    other = shop.number(inbound=CENT, outbound=None)
    shop.top_up(exchange.account_id, PRICE)
    shop.buy(exchange.account_id, other)
    for place, e164 in enumerate((exchange.e164, other, other, other, exchange.e164)):
        exchange.tell(exchange.record(f"c{place}", 1, e164=e164))
        shop.now += A_MINUTE
    seen: list[list[str]] = []
    before: tuple[int, str] | None = None
    while True:
        with shop.database.read() as tx:
            page = page_calls(
                tx, exchange.account_id, exchange.e164, since=None, until=None, before=before, limit=5, most=2
            )
        seen.append([call.record.call_id for call in page.items])
        if page.walked_to is None:
            break
        started, _, call = page.walked_to.partition(".")
        before = int(started), call
    assert seen == [["c4"], [], ["c0"]]
