"""Calls that are read from carriers: charged once, told their cost later, no day left out, and nobody else's calls."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import update

from carrier_mock.model import Api
from numberdesk.carriers.call_port import CallCost, CallPage, CarrierCall
from numberdesk.carriers.client import CarrierClient
from numberdesk.carriers.port import CarrierError, Setup, Trouble
from numberdesk.carriers.registry import KINDS
from numberdesk.core.breaker import Breaker
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.purchase import POOL
from numberdesk.flows.usage.note_pulls import DAY, HOUR, SETTLED, day_of
from numberdesk.flows.usage.pull_calls import CallPuller
from numberdesk.infra.due_work import DueWorker
from numberdesk.tables import numbers
from testbed.mocked_http import MockedHttp
from tests.flows.audits import rented
from tests.flows.conftest import PRICE, Shop

POSTGRESQL_IN_THE_LONG_RUN = "recording and due work are shown on both engines by tests of their own"

SID = "AC" + "1" * 32
KEYS = {
    Api.TWILIO: {"account_sid": SID, "auth_token": "a-token"},
    Api.TELNYX: {"api_key": "a-key"},
}
ACCOUNTS = {Api.TWILIO: SID, Api.TELNYX: "a-key"}


class Wired:
    """A shop whose carrier acme is the mock of one, and a worker that reads its calls."""

    def __init__(self, shop: Shop, api: Api) -> None:
        self.shop, self.api = shop, api
        self.http = MockedHttp(lambda: shop.now)
        self.carrier: Any = KINDS[api.value].build(Setup(KEYS[api]), self.http)
        self.rests: list[float] = []
        self.past: int | None = None
        self.puller = CallPuller(
            shop.writer,
            shop.reader,
            self,
            lambda: shop.now,
            shop.new_id,
            every=HOUR,
            past=self._past,
            sleep=self._sleep,
        )
        self.account_id = shop.account(100 * PRICE)
        self.e164 = rented(shop, self.account_id)
        self.http.control("orphans", api=api.value, account=ACCOUNTS[api], phone_number=self.e164)

    async def client(self, name: str) -> CarrierClient | None:
        client = CarrierClient(name, self.carrier, seconds=lambda: 0.0, breaker=Breaker())
        return client if name == "acme" else None

    async def clients(self, *, active_only: bool) -> list[CarrierClient]:
        assert not active_only, "a carrier of which nothing is bought any more still carries calls"
        return [CarrierClient("acme", self.carrier, seconds=lambda: 0.0, breaker=Breaker())]

    def forget(self) -> None:
        pass

    def paused(self) -> dict[tuple[str, ...], float]:
        return {}

    async def close(self) -> None:
        pass

    async def _past(self) -> int:
        return self.shop.now if self.past is None else self.past

    async def _sleep(self, seconds: float) -> None:
        self.rests.append(seconds)

    def call(self, seconds: int = 61, *, at: int | None = None, number: str | None = None, **more: Any) -> None:
        """Somebody calls the number; without `at` the call ends now."""
        began = datetime.fromtimestamp((at or self.shop.now - seconds * MICROSECONDS) / MICROSECONDS, UTC)
        call = {"phone_number": number or self.e164, "seconds": seconds, "started_at": began.isoformat(), **more}
        self.http.control("call-records", **call)

    def work(self) -> None:
        """What the worker does now."""

        async def once() -> None:
            await self.puller.begin()
            for work in self.puller.due_work:
                worker = DueWorker(work, self.shop.writer, self.shop.reader, now=lambda: self.shop.now)
                while await worker.run_once():
                    pass

        self.shop.tell(once())

    def pulls(self) -> list[tuple[Any, ...]]:
        """Each day, from today's on: whether it is done, when it is read next in hours, and what was listed."""
        query = "SELECT day, ended_at, next_at, listed FROM call_pulls ORDER BY day"
        return [
            (day, ended is not None, None if due is None else (due - self.shop.now) / HOUR, listed)
            for day, ended, due, listed in self.shop.rows(query)
        ]

    def charges(self) -> list[tuple[Any, ...]]:
        return self.shop.rows("SELECT source, state, seconds, amount FROM calls ORDER BY started_at, id")

    def costs(self) -> list[int]:
        return [amount for (amount,) in self.shop.rows("SELECT amount FROM call_costs ORDER BY call")]


@pytest.fixture(params=[Api.TWILIO, Api.TELNYX], ids=str)
def wired(shop: Shop, request: pytest.FixtureRequest) -> Wired:
    return Wired(shop, request.param)


def test_a_clock_that_is_ahead_ends_no_day_and_begins_none(wired: Wired) -> None:
    today = wired.shop.now
    wired.past = today
    wired.shop.now = today + 40 * DAY
    wired.work()
    assert [(day, done) for day, done, _, _ in wired.pulls()] == [(day_of(today), False)]
    wired.shop.now = wired.past = today + 2 * HOUR
    wired.call(61)
    wired.work()
    assert len(wired.charges()) == 1


def test_calls_are_read_and_charged_once_and_their_cost_follows_when_it_is_told(wired: Wired) -> None:
    wired.call(61, price=0.0085, price_after_seconds=1800)
    wired.call(0)
    wired.work()
    (first, missed) = sorted(wired.charges(), key=lambda call: -call[2])
    assert first[:3] == ("acme", "charged", 61)
    assert first[3] > 0
    assert missed == ("acme", "charged", 0, 0)
    left = wired.shop.wallet(wired.account_id).posted
    wired.shop.now += 2 * HOUR
    wired.work()
    assert 8_500 in wired.costs()
    assert wired.shop.wallet(wired.account_id).posted == left
    assert len(wired.charges()) == 2
    wired.shop.verified()


def test_the_cost_is_none_until_the_carrier_tells_it(wired: Wired) -> None:
    wired.call(61, price=0.0085, price_after_seconds=1800)
    wired.work()
    assert (len(wired.charges()), wired.costs()) == (1, [])
    wired.shop.now += HOUR
    wired.work()
    assert wired.costs() == [8_500]


def test_calls_of_numbers_that_are_not_ours_are_left_out(wired: Wired) -> None:
    wired.http.control("orphans", api=wired.api.value, account=ACCOUNTS[wired.api], phone_number="+13612738899")
    pool = wired.shop.number()
    wired.http.control("orphans", api=wired.api.value, account=ACCOUNTS[wired.api], phone_number=pool)
    wired.call(number="+13612738899")
    wired.call(number=pool)
    wired.call(direction="outbound", other="sip:somebody@example.com")
    wired.work()
    assert [call[:3] for call in wired.charges()] in ([("acme", "charged", 61)], [("acme", "parked", 61)])
    assert wired.pulls()[0][3] == 1


def test_calls_of_a_number_that_was_rented_from_the_carrier_are_read_though_it_is_anothers_by_now(wired: Wired) -> None:
    wired.call()
    with wired.shop.database.write() as tx:
        tx.execute(update(numbers).where(numbers.c.e164 == wired.e164).values(carrier=POOL))
    wired.work()
    assert [call[:3] for call in wired.charges()] == [("acme", "charged", 61)]


def test_a_day_is_read_hourly_then_seldom_and_a_last_time_when_it_is_two_days_old(wired: Wired) -> None:
    shop, today = wired.shop, day_of(wired.shop.now)
    wired.work()
    assert wired.pulls() == [(today, False, 1, 0)]
    shop.now = today + DAY + HOUR // 2
    wired.call(7_200, at=today + DAY - HOUR)  # over midnight, and not over yet
    wired.work()
    wired.work()
    assert [one[:2] for one in wired.pulls()] == [(today, False), (today + DAY, False)]
    assert wired.charges() == []
    shop.now += HOUR
    wired.work()
    assert len(wired.charges()) == 1
    shop.now = today + DAY + 7 * HOUR
    wired.work()
    assert wired.pulls()[0][2] == 6
    shop.now = today + DAY + SETTLED
    wired.work()
    assert wired.pulls()[0] == (today, True, None, 1)
    asked = len(wired.http.asked)
    shop.now += HOUR
    wired.work()
    assert len(wired.http.asked) > asked, "later days go on"
    assert [one[1] for one in wired.pulls()] == [True, False, False, False]


def test_days_on_which_nothing_ran_are_read_each_when_it_runs_again(wired: Wired) -> None:
    shop, today = wired.shop, day_of(wired.shop.now)
    wired.work()
    for day in range(1, 6):
        wired.call(60, at=today + day * DAY + HOUR)
    shop.now = today + 6 * DAY + HOUR
    wired.work()
    assert [one[0] for one in wired.pulls()] == [today + day * DAY for day in range(7)]
    assert [one[1] for one in wired.pulls()] == [True] * 4 + [False] * 3
    assert len(wired.charges()) == 5
    shop.verified()


def test_a_long_list_is_read_page_by_page_with_the_rests_that_its_carrier_wants(wired: Wired) -> None:
    for _ in range(120):
        wired.call(60)
    wired.work()
    assert len(wired.charges()) == 120
    pages = {Api.TWILIO: 1, Api.TELNYX: 4}[wired.api]
    assert len([path for path in wired.http.asked if "Calls" in path or "detail" in path]) == pages
    assert wired.rests == ([] if wired.api is Api.TWILIO else [1.6] * 3)


class Failing:
    """A carrier whose list fails so many times, in one way."""

    window = 0

    def __init__(self, carrier: Any, times: int, trouble: Trouble) -> None:
        self.carrier, self.times, self.trouble = carrier, times, trouble

    async def calls(self, day: int, cursor: str | None) -> CallPage:
        self.times -= 1
        if self.times >= 0:
            raise CarrierError(self.trouble, "not now", 7)
        page: CallPage = await self.carrier.calls(day, cursor)
        return page


def test_a_list_that_fails_is_asked_for_again_and_then_put_off_and_goes_on_from_its_day(wired: Wired) -> None:
    real, shop = wired.carrier, wired.shop
    wired.call()
    wired.carrier = Failing(real, 2, Trouble.THROTTLED)
    wired.work()
    assert (len(wired.charges()), wired.rests[:2]) == (1, [7, 8])
    shop.now += HOUR
    wired.call()
    wired.carrier = Failing(real, 100, Trouble.CREDENTIALS)
    wired.work()
    assert (len(wired.charges()), wired.carrier.times) == (1, 99)
    assert shop.rows("SELECT attempts, message FROM call_pulls") == [(1, "credentials: not now")]
    wired.carrier = real
    shop.now += 2 * 60 * MICROSECONDS
    wired.work()
    assert len(wired.charges()) == 2
    assert shop.rows("SELECT attempts, message FROM call_pulls") == [(0, "")]


def test_carriers_that_list_no_calls_and_a_service_that_is_told_not_to_ask_nobody(wired: Wired) -> None:
    real = wired.carrier
    wired.carrier = object()
    wired.work()
    assert wired.pulls() == []
    wired.carrier, wired.puller.every = real, 0
    wired.work()
    assert wired.pulls() == []
    assert wired.puller.due_work == ()


def test_a_list_that_does_not_end_is_given_up(wired: Wired) -> None:
    class Endless:
        async def calls(self, day: int, cursor: str | None) -> CallPage:  # noqa: ARG002
            return CallPage((), "same")

    wired.carrier = Endless()
    wired.work()
    assert wired.shop.rows("SELECT message FROM call_pulls") == [("the list of calls of this day does not end",)]


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)
def test_one_call_that_no_database_takes_keeps_no_other_from_being_charged(wired: Wired) -> None:
    began = datetime.fromtimestamp((wired.shop.now - 61 * MICROSECONDS) / MICROSECONDS, UTC).isoformat()
    good = {"call_id": "c1", "direction": "inbound", "phone_number": wired.e164, "started_at": began, "seconds": 61}
    odd = ({"phone_number": "+1361\x00"}, {"phone_number": ["+1361"]}, {"call_id": "c\x00"}, {"call_id": None})

    class Odd:
        async def calls(self, day: int, cursor: str | None) -> CallPage:  # noqa: ARG002
            listed = [CarrierCall(good | one, CallCost("USD", 1)) for one in (*odd, {})]
            return CallPage(tuple(listed), None)

    wired.carrier = Odd()
    wired.work()
    assert [(state, seconds) for _, state, seconds, _ in wired.charges()] == [("charged", 61)]
    assert wired.costs() == [1]
