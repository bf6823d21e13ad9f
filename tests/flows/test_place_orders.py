"""Orders on their way: four seconds for an answer, joined by whoever asks again, stopped by nobody who hangs up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from numberdesk.carriers.client import CarrierClient
from numberdesk.carriers.port import CarrierAccount, Setup
from numberdesk.core.breaker import FAILURES, LONGEST_REST_SECONDS
from numberdesk.core.carrier_order import FEWEST_ABSENCES
from numberdesk.core.errors import CarrierUnavailable, NumberNotOffered, NumberTaken, Overloaded
from numberdesk.core.lifecycle import CarrierState, OrderState
from numberdesk.core.purchase import Order, Refusal
from numberdesk.flows.carriers.connect_carriers import CarrierSetup, set_up_carriers
from numberdesk.flows.purchase.place_orders import Placement
from numberdesk.flows.purchase.settle_orders import settle_orders
from numberdesk.infra.failures import CommitUnknownError, StorageFailedError
from numberdesk.infra.reader import Reader, ReadLimits
from numberdesk.infra.vault import Vault
from numberdesk.infra.writer import Writer
from testbed.fake_carriers import Does, FakeCarrier, FakeCarriers
from tests.flows.carrier_orders import SECOND, WINDOW, carrier_order_of, opened
from tests.flows.conftest import PRICE, Shop

PATIENCE = 3.8


def slow(shop: Shop, seconds: float) -> tuple[str, Placement]:
    """A number of a carrier that takes its time."""
    shop.acme.order_seconds = seconds
    return shop.number(carrier="acme"), shop.placement()


def state_of(outcome: object) -> object:
    return outcome.state if isinstance(outcome, Order) else outcome


def test_an_order_whose_carrier_takes_long_is_answered_in_time_and_ends_by_itself(shop: Shop) -> None:
    e164, placement = slow(shop, 20)
    buy = shop.wants(shop.account(10 * PRICE), e164)
    began = shop.time.seconds()
    assert state_of(shop.tell(shop.purchase(placement, buy, PATIENCE))) is OrderState.ORDERING
    assert PATIENCE <= shop.time.seconds() - began < PATIENCE + 0.1
    assert (shop.wallet(buy.account_id).held, placement.under_way) == (PRICE, 1)
    shop.time.pass_by(17, shop.writer)
    assert (shop.wallet(buy.account_id).posted, placement.under_way) == (9 * PRICE, 0)
    assert shop.acme.orders == [(e164, buy.order_id)]


def test_the_same_buy_joins_the_order_in_flight_here_and_in_another_process(
    shop: Shop, beside: Callable[[], Shop]
) -> None:
    e164, placement = slow(shop, 5)
    account_id, other = shop.account(10 * PRICE), beside()
    wants = [shop.wants(account_id, e164, key=key) for key in ("k", "k", None, "k2")]

    async def all_of_them() -> list[object]:
        first = asyncio.ensure_future(shop.purchase(placement, wants[0], PATIENCE))
        await asyncio.sleep(3)
        joined = [shop.purchase(placement, wants[1], PATIENCE), other.purchase(other.placement(), wants[2], PATIENCE)]
        late = asyncio.ensure_future(asyncio.gather(*joined, other.purchase(other.placement(), wants[3], 0.5)))
        return [await first, *(await late)]

    outcomes = shop.tell(all_of_them(), other)
    assert [state_of(outcome) for outcome in outcomes] == ["ordering", "completed", "completed", "ordering"]
    assert {getattr(outcome, "id", None) for outcome in outcomes} == {wants[0].order_id}
    assert shop.acme.orders == [(e164, wants[0].order_id)]
    assert shop.wallet(account_id).posted == 9 * PRICE


def test_who_joins_an_order_that_is_refused_is_told_the_refusal(shop: Shop, beside: Callable[[], Shop]) -> None:
    e164, placement = slow(shop, 3)
    shop.acme.script(e164, Does.REFUSES)
    account_id, other = shop.account(10 * PRICE), beside()
    first, second = shop.wants(account_id, e164, key="k"), shop.wants(account_id, e164, key="k")

    async def both() -> list[Order | Refusal]:
        begun = asyncio.ensure_future(shop.purchase(placement, first))
        await asyncio.sleep(1)
        return [await other.purchase(other.placement(), second), await begun]

    told = shop.tell(both(), other)
    assert told == [Refusal(NumberTaken(), first.request_id, None)] * 2


@pytest.mark.parametrize("after", [0.0, 0.5, 4.5], ids=["while it is opened", "while its carrier is asked", "later"])
def test_a_client_that_hangs_up_does_not_stop_its_order(shop: Shop, after: float) -> None:
    e164, placement = slow(shop, 5)
    buy = shop.wants(shop.account(10 * PRICE), e164)

    async def hang_up() -> None:
        story = asyncio.ensure_future(shop.purchase(placement, buy, 6))
        await asyncio.sleep(after)
        assert shop.count("orders") == (after > 0)
        story.cancel()
        with pytest.raises(asyncio.CancelledError):
            await story

    shop.tell(hang_up())
    shop.time.pass_by(10, shop.writer)
    assert shop.rows("SELECT state FROM orders") == [("completed",)]
    assert shop.acme.orders == [(e164, buy.order_id)]
    shop.verified()


def test_a_client_that_hangs_up_before_a_refusal_leaves_nothing_behind(shop: Shop) -> None:
    e164, placement = slow(shop, 0)

    async def hang_up() -> None:
        story = asyncio.ensure_future(shop.purchase(placement, shop.wants(shop.account(), e164)))
        await asyncio.sleep(0)
        story.cancel()

    shop.tell(hang_up())
    shop.time.pass_by(60, shop.writer)
    assert (placement.under_way, shop.count("orders"), shop.acme.orders) == (0, 0, [])


def test_a_process_that_stops_waits_a_while_for_its_orders_and_leaves_the_rest_to_the_worker(shop: Shop) -> None:
    account_id, placement = shop.account(10 * PRICE), shop.placement()
    quick, hanging = shop.number(carrier="acme"), shop.number(carrier="beta")
    shop.acme.order_seconds = 3
    beta = shop.carriers.carriers["beta"] = FakeCarrier(now=lambda: shop.now)
    beta.order_seconds = 1e6

    async def stop() -> None:
        for e164 in (quick, hanging):
            await shop.purchase(placement, shop.wants(account_id, e164), 0)
        await placement.close(5)

    shop.tell(stop())
    shop.time.pass_by(1, shop.writer)
    assert dict(shop.rows("SELECT e164, state FROM orders")) == {quick: "completed", hanging: "ordering"}
    assert placement.under_way == 0
    beta.order_seconds = 0
    shop.tell(shop.chase_to_the_end(shop.placement()))
    assert len(beta.executed) == 1
    assert shop.wallet(account_id).posted == 8 * PRICE
    shop.verified()


def test_what_a_carrier_takes_and_decides_soon_is_answered_at_once(shop: Shop) -> None:
    e164, placement = slow(shop, 0.1)
    shop.acme.script(e164, Does.BUYS_LATER)
    shop.acme.decides_after = SECOND
    began = shop.time.seconds()
    assert state_of(shop.tell(shop.purchase(placement, shop.wants(shop.account(PRICE), e164)))) is OrderState.COMPLETED
    assert shop.time.seconds() - began < 2


def test_absence_right_after_an_order_was_taken_is_no_refusal(shop: Shop) -> None:
    e164, placement = slow(shop, 0)
    shop.acme.script(e164, Does.BUYS_LATER)
    shop.acme.decides_after = SECOND
    shop.acme.lag = 3 * SECOND
    order = shop.tell(shop.purchase(placement, shop.wants(shop.account(PRICE), e164), 10))
    assert state_of(order) is OrderState.COMPLETED


def test_an_order_of_a_carrier_that_is_gone_fails_and_was_never_sent(shop: Shop) -> None:
    e164, placement = slow(shop, 0)
    account_id = shop.account(PRICE)
    del shop.carriers.carriers["acme"]
    outcome = shop.tell(shop.purchase(placement, shop.wants(account_id, e164)))
    assert isinstance(outcome, Refusal)
    assert outcome.error == CarrierUnavailable()
    assert (shop.wallet(account_id).held, shop.acme.orders) == (0, [])


def test_a_carrier_that_failed_again_and_again_is_not_asked_and_nobody_waits_for_it(shop: Shop) -> None:
    account_id, placement = shop.account(100 * PRICE), shop.placement()
    outcomes = []
    for _ in range(FAILURES + 2):
        e164 = shop.number(carrier="acme")
        shop.acme.script(e164, Does.LOSES)
        outcomes.append(shop.tell(shop.purchase(placement, shop.wants(account_id, e164), 0.5)))
    assert len(shop.acme.orders) == FAILURES
    assert [type(outcome) for outcome in outcomes] == [*[Order] * FAILURES, Refusal, Refusal]
    refusal = outcomes[-1]
    assert isinstance(refusal, Refusal)
    assert refusal.error.code == "carrier_unavailable"
    assert refusal.error.details["retry_after"] in range(1, 11)
    assert shop.wallet(account_id).held == FAILURES * PRICE
    shop.time.pass_by(11, shop.writer)
    again = shop.tell(shop.purchase(placement, shop.wants(account_id, shop.number(carrier="acme"))))
    assert state_of(again) is OrderState.COMPLETED


def test_while_a_carrier_has_too_many_requests_it_is_hardly_asked_and_afterwards_it_sells_again(shop: Shop) -> None:
    """429 for half an hour, and a customer every ten seconds: each is told when to come again, and pays nothing."""
    account_id, placement, until = shop.account(100 * PRICE), shop.placement(), shop.now + 1800 * SECOND
    refusals = []
    while shop.now < until:
        e164 = shop.number(carrier="acme")
        shop.acme.script(e164, Does.THROTTLES)
        outcome = shop.tell(shop.purchase(placement, shop.wants(account_id, e164), 0.5))
        assert isinstance(outcome, Refusal)
        refusals.append((outcome.error.code, float(str(outcome.error.details["retry_after"]))))
        shop.time.pass_by(10, shop.writer)
    assert {code for code, _ in refusals} == {"carrier_unavailable"}
    assert all(0 < seconds <= LONGEST_REST_SECONDS for _, seconds in refusals)
    assert len(refusals) > 150
    assert len(shop.acme.orders) < 30
    assert (shop.wallet(account_id).posted, shop.wallet(account_id).held) == (100 * PRICE, 0)
    shop.time.pass_by(round(LONGEST_REST_SECONDS), shop.writer)
    again = shop.tell(shop.purchase(placement, shop.wants(account_id, shop.number(carrier="acme"))))
    assert state_of(again) is OrderState.COMPLETED
    shop.verified()


def test_orders_of_a_disabled_carrier_go_on_and_no_new_ones_are_taken(shop: Shop) -> None:
    e164, placement = slow(shop, 5)
    account_id, another = shop.account(10 * PRICE), shop.number(carrier="acme")
    shop.tell(shop.purchase(placement, shop.wants(account_id, e164)))
    disable(shop, "acme")
    refused = shop.tell(shop.purchase(placement, shop.wants(account_id, another)))
    assert isinstance(refused, Refusal)
    assert refused.error == NumberNotOffered()
    shop.time.pass_by(5, shop.writer)
    assert shop.acme.executed == [(e164, shop.acme.orders[0][1])]
    assert shop.wallet(account_id).posted == 9 * PRICE


def disable(shop: Shop, carrier: str) -> None:
    command = CarrierSetup(carrier, None, Setup({}), CarrierState.DISABLED, shop.now)
    assert isinstance(shop.writer.apply(set_up_carriers(Vault("")), command), CarrierAccount)


# storage


class Reluctant(Writer):
    """A writer that turns settlements away, as often as it is told."""

    turned_away: list[Exception]

    async def submit(self, flow: Any, command: Any) -> Any:
        if flow is settle_orders and self.turned_away:
            raise self.turned_away.pop(0)
        return await super().submit(flow, command)


def reluctant(shop: Shop, *errors: Exception) -> None:
    writer = shop.writer = Reluctant(shop.database)
    writer.turned_away = list(errors)


@pytest.mark.parametrize("error", [Overloaded(), StorageFailedError("full"), CommitUnknownError("cut")])
def test_an_outcome_that_cannot_be_written_is_written_a_moment_later(shop: Shop, error: Exception) -> None:
    e164 = shop.number(carrier="acme")
    reluctant(shop, error, error)
    order = shop.tell(shop.purchase(shop.placement(), shop.wants(shop.account(PRICE), e164)))
    assert state_of(order) is OrderState.COMPLETED
    assert shop.time.seconds() > 0.3


def test_an_outcome_that_cannot_be_written_for_long_is_left_to_the_chase(shop: Shop) -> None:
    e164 = shop.number(carrier="acme")
    reluctant(shop, *[Overloaded()] * 6)
    buy = shop.wants(shop.account(PRICE), e164)
    placement = shop.placement()
    assert state_of(shop.tell(shop.purchase(placement, buy))) is OrderState.ORDERING
    shop.time.pass_by(10, shop.writer)
    assert (shop.wallet(buy.account_id).held, placement.under_way) == (PRICE, 0)
    shop.tell(shop.chase_to_the_end(placement))
    assert shop.acme.executed == [(e164, buy.order_id)]
    assert shop.wallet(buy.account_id).posted == 0
    shop.verified()


class Vague(Writer):
    """A writer that commits the first command and cannot tell that it did."""

    vague = True

    async def submit(self, flow: Any, command: Any) -> Any:
        outcome = await super().submit(flow, command)
        if self.vague:
            self.vague = False
            raise CommitUnknownError("cut")
        return outcome


def test_an_order_whose_opening_is_not_known_of_is_sent_when_it_turns_out_to_be_there(shop: Shop) -> None:
    e164, buyer = shop.number(carrier="acme"), shop.account(PRICE)
    shop.writer = Vague(shop.database)
    buy = shop.wants(buyer, e164)
    with pytest.raises(CommitUnknownError):
        shop.tell(shop.purchase(shop.placement(), buy))
    shop.time.pass_by(5, shop.writer)
    assert shop.acme.executed == [(e164, buy.order_id)]
    assert shop.wallet(buyer).posted == 0


class Lost(FakeCarriers):
    """Carriers whose accounts cannot be read."""

    async def client(self, name: str) -> CarrierClient | None:  # noqa: ARG002  the port's signature
        raise StorageFailedError("gone")


def test_an_order_whose_carrier_cannot_be_looked_up_was_not_sent_and_ends_so(shop: Shop) -> None:
    e164, account_id = shop.number(carrier="acme"), shop.account(PRICE)
    placement = Placement(
        shop.writer, shop.reader, Lost({}), settle_orders, now=lambda: shop.now, time=shop.process_time
    )
    outcome = shop.tell(shop.purchase(placement, shop.wants(account_id, e164)))
    assert isinstance(outcome, Refusal)
    assert (outcome.error, shop.wallet(account_id).held) == (CarrierUnavailable(), 0)


class Blind(Reader):
    """A reader whose database does not answer."""

    asked = 0

    async def look_up(self, question: Any, *, for_account: str | None = None) -> Any:  # noqa: ARG002  nothing is asked
        self.asked += 1
        raise StorageFailedError("gone")


def test_whoever_waits_for_an_order_that_this_process_ends_is_woken_and_looks_nothing_up(shop: Shop) -> None:
    e164, account_id = shop.number(carrier="acme"), shop.account(PRICE)
    shop.acme.order_seconds = 1
    blind = Blind(shop.database, ReadLimits(threads=1))
    placement = Placement(
        shop.writer, blind, shop.carriers, settle_orders, now=lambda: shop.now, time=shop.process_time
    )
    first, again = shop.wants(account_id, e164, key="k"), shop.wants(account_id, e164, key="k")

    async def both() -> list[Order | Refusal]:
        return list(await asyncio.gather(shop.purchase(placement, first), shop.purchase(placement, again)))

    assert [state_of(outcome) for outcome in shop.tell(both())] == [OrderState.COMPLETED] * 2
    assert blind.asked == 1  # the country of the number, before it is ordered
    blind.close()


def test_whoever_waits_for_an_order_is_woken_by_the_chase_that_ends_it(shop: Shop) -> None:
    e164, account_id = shop.number(carrier="acme"), shop.account(PRICE)
    shop.acme.script(e164, Does.BUYS_SILENTLY)
    placement = shop.placement()

    async def story() -> Order | Refusal:
        waiting = asyncio.ensure_future(shop.purchase(placement, shop.wants(account_id, e164), 60))
        await asyncio.sleep(5)
        shop.now += WINDOW
        await shop.carrier_order(placement)
        ended = asyncio.get_running_loop().time()
        outcome = await waiting
        assert asyncio.get_running_loop().time() == ended
        return outcome

    assert state_of(shop.tell(story())) is OrderState.COMPLETED


def test_an_order_that_cannot_be_looked_up_is_not_told_as_one_that_charged_nothing(shop: Shop) -> None:
    e164, buy_of = shop.number(carrier="acme"), shop.account(PRICE)
    shop.acme.script(e164, Does.BUYS_SILENTLY)
    blind = Blind(shop.database, ReadLimits(threads=1))
    placement = Placement(
        shop.writer, blind, shop.carriers, settle_orders, now=lambda: shop.now, time=shop.process_time
    )
    buy = shop.wants(buy_of, e164)
    assert state_of(shop.tell(shop.purchase(placement, buy))) is OrderState.ORDERING
    assert shop.wallet(buy_of).held == PRICE
    assert 1 < blind.asked < 10
    blind.close()


def test_a_proof_that_could_not_be_written_sends_nothing(shop: Shop) -> None:
    buy, placement = opened(shop, Does.LOSES)
    while carrier_order_of(shop, buy).absences < FEWEST_ABSENCES - 1:
        shop.now = max(shop.now, carrier_order_of(shop, buy).next_at or 0)
        shop.tell(shop.carrier_order(placement))
    shop.now += WINDOW
    reluctant(shop, *[Overloaded()] * 6)
    shop.tell(shop.carrier_order(shop.placement()))
    assert len(shop.acme.orders) == 1
    shop.tell(shop.chase_to_the_end(shop.placement()))
    assert shop.acme.executed == [(buy.e164, buy.order_id)]


def test_a_carrier_is_told_the_country_that_the_number_was_offered_under(shop: Shop) -> None:
    opened(shop, Does.BUYS)
    assert shop.acme.countries == ["US"]
