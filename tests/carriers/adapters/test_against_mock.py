"""Tests for every adapter whose carrier can be simulated: what works, and every way in which it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, TypeVar

import pytest

from carrier_mock.faults import NOT_RECEIVED, Fault
from carrier_mock.model import Api, Operation
from carrier_mock.running import Config
from carrier_mock.settings import State
from numberdesk.carriers.port import Carrier, CarrierError, NotReleased, Released, Trouble, Wanted
from numberdesk.carriers.registry import KINDS, checked_setup
from numberdesk.core.carrier_order import Absent, NotSent, Pending, Placed, Reason, Refused, Unknown
from numberdesk.core.findings import FindingKind
from numberdesk.infra.http import HttpClient
from testbed.carrier_mock import MockUrls, simulated
from testbed.egress import LOOPBACK

Result = TypeVar("Result")

REFERENCE: Final = "ord_0123456789abcdef0123456789abcdef"
SETUPS: Final = {
    Api.TWILIO: {"account_sid": "AC" + "0" * 31 + "1", "auth_token": "a-token"},
    Api.TELNYX: {"api_key": "a-key"},
}
WANTED: Final = Wanted("US", "1", "local", "212", "", "", "", "", "", (), 20)
DOUBT: Final = (Unknown,)
WORDS: Final[dict[Fault, tuple[type, ...]]] = {
    Fault.SILENCE: DOUBT,
    Fault.LOST: DOUBT,
    Fault.RESET: DOUBT,
    Fault.LOST_RESET: DOUBT,
    Fault.ERROR: DOUBT,
    Fault.LOST_ERROR: DOUBT,
    Fault.TAKEN: (Refused,),
    Fault.INVALID: (Refused,),
    Fault.REFUSED: (Refused,),
    Fault.UNAUTHORIZED: (Refused,),
    Fault.THROTTLED: (Refused,),
    Fault.SLOW: DOUBT,
    Fault.OTHER_NUMBER: DOUBT,
    Fault.HTML: DOUBT,
    Fault.CUT_JSON: DOUBT,
    Fault.CUT_OFF: DOUBT,
    Fault.DRIP: DOUBT,
    Fault.HUGE: DOUBT,
    Fault.BOMB: DOUBT,
    Fault.OTHER_PRICE: (Placed, Pending),
}
"""What an order is heard to be when its answer has this fault."""


_OPERATIONS: Final = (Operation.SEARCH, Operation.FIND, Operation.LIST, Operation.RELEASE)
_FAULTS: Final = (Fault.SILENCE, Fault.RESET, Fault.HTML, Fault.CUT_JSON, Fault.HUGE, Fault.BOMB)
ASKED: Final = [
    pytest.param(operation, fault, marks=[] if (row + column) % 3 == 0 else [pytest.mark.long])
    for row, operation in enumerate(_OPERATIONS)
    for column, fault in enumerate(_FAULTS)
]
"""Every call and every fault now, all pairs in the long run."""


@pytest.fixture(scope="module")
def carriers() -> Iterator[MockUrls]:
    with simulated(Config(order_seconds=0)) as running:
        yield running


@pytest.mark.parametrize("api", SETUPS, ids=str)
class TestEveryAdapter:
    """`ask` runs calls of the port on a fresh mock."""

    @pytest.fixture
    def ask(self, api: Api, carriers: MockUrls) -> Callable[[Callable[[Carrier], Awaitable[Any]]], Any]:
        carriers.control.reset()
        carriers.control.set(order_seconds=0)
        url = carriers.twilio_url if api is Api.TWILIO else carriers.telnyx_url
        values = {**SETUPS[api], "base_url": url, "read_seconds": "2", "order_seconds": "1"}

        def asked(story: Callable[[Carrier], Awaitable[Result]]) -> Result:
            async def whole() -> Result:
                http = HttpClient(egress=LOOPBACK)
                try:
                    return await story(KINDS[api.value].build(checked_setup(api.value, values), http))
                finally:
                    await http.close()

            return asyncio.run(whole())

        return asked

    def test_what_is_searched_for_is_found_with_its_cost(self, ask: Any, api: Api) -> None:
        page = ask(lambda carrier: carrier.search(WANTED))
        assert len(page.numbers) == 20
        for number in page.numbers:
            assert number.e164.startswith("+1212")
            assert (number.number_type, number.region) == ("local", "NY")
            assert "voice" in number.capabilities
            assert number.cost is not None
            assert (number.cost.currency, number.cost.monthly) == ("USD", 1_150_000 if api is Api.TWILIO else 1_000_000)

    @pytest.mark.parametrize(
        "changes",
        [
            {"ends_with": "0101"},
            {"contains": "5550101"},
            {"starts_with": "2125550101"},
            {"capabilities": ("voice", "sms")},
        ],
        ids=str,
    )
    def test_nothing_that_fits_is_left_out(self, ask: Any, changes: dict[str, Any]) -> None:
        page = ask(lambda carrier: carrier.search(WANTED._replace(limit=100, **changes)))
        assert "+12125550101" in {number.e164 for number in page.numbers}

    def test_a_number_is_ordered_found_listed_and_released(self, ask: Any, carriers: MockUrls) -> None:
        async def story(carrier: Carrier) -> list[Any]:
            e164 = (await carrier.search(WANTED)).numbers[0].e164
            ordered = await carrier.order(e164, REFERENCE)
            found = await carrier.find(e164, REFERENCE)
            owned = await carrier.owned(None)
            assert isinstance(found, Placed)
            released = await carrier.release(e164, found.number_id)
            again = await carrier.release(e164, found.number_id)
            return [e164, ordered, found, owned, released, again, await carrier.find(e164, REFERENCE + "x")]

        e164, ordered, found, owned, released, again, gone = ask(story)
        assert isinstance(ordered, Placed | Pending)
        assert found.reference == REFERENCE
        assert [(number.e164, number.number_id, number.reference) for number in owned.numbers] == [
            (e164, found.number_id, REFERENCE)
        ]
        assert owned.cursor is None
        assert (released, again, gone) == (Released(), Released(), Absent())
        assert carriers.control.number(e164).for_sale

    def test_what_somebody_else_has_is_taken(self, ask: Any, api: Api, carriers: MockUrls) -> None:
        async def story(carrier: Carrier) -> Any:
            e164 = (await carrier.search(WANTED)).numbers[0].e164
            other = "AC" + "f" * 32 if api is Api.TWILIO else "another-key"
            carriers.control.orphans(api, phone_number=e164, account=other)
            return await carrier.order(e164, REFERENCE), await carrier.find(e164, REFERENCE)

        word, found = ask(story)
        assert isinstance(word, Refused)
        assert word.reason is Reason.TAKEN
        assert found == Absent()

    @pytest.mark.parametrize("fault", WORDS, ids=str)
    def test_an_order_is_sent_once_and_heard_for_what_it_is(
        self, ask: Any, api: Api, carriers: MockUrls, fault: Fault
    ) -> None:
        async def story(carrier: Carrier) -> Any:
            e164 = (await carrier.search(WANTED)).numbers[0].e164
            carriers.control.arm(fault, api=api, operation=Operation.ORDER, seconds=2)
            word = await carrier.order(e164, REFERENCE)
            found = await carrier.find(e164, REFERENCE)
            return e164, word, found

        e164, word, found = ask(story)
        assert isinstance(word, WORDS[fault])
        assert len(carriers.control.attempts(phone_number=e164)) == 1
        bought = carriers.control.number(e164).bought == 1
        assert bought is (fault not in NOT_RECEIVED and not isinstance(word, Refused))
        assert isinstance(found, Placed if bought else Absent)
        if isinstance(word, Refused) and fault is Fault.THROTTLED:
            assert (word.reason, word.retry_after) == (Reason.THROTTLED, 2)

    @pytest.mark.parametrize(("operation", "fault"), ASKED, ids=str)
    def test_other_calls_bear_what_comes_back(
        self, ask: Any, api: Api, carriers: MockUrls, operation: Operation, fault: Fault
    ) -> None:
        async def story(carrier: Carrier) -> Any:
            e164 = (await carrier.search(WANTED)).numbers[0].e164
            carriers.control.orphans(
                api, phone_number=e164, account=next(iter(SETUPS[api].values())), reference=REFERENCE
            )
            carriers.control.arm(fault, api=api, operation=operation, times=20)
            if operation is Operation.SEARCH:
                with pytest.raises(CarrierError) as raised:
                    await carrier.search(WANTED._replace(area_code="213"))
                return raised.value.trouble
            if operation is Operation.LIST:
                with pytest.raises(CarrierError) as raised:
                    await carrier.owned(None)
                return raised.value.trouble
            if operation is Operation.FIND:
                return await carrier.find(e164, REFERENCE)
            return await carrier.release(e164, None)

        outcome = ask(story)
        if operation is Operation.FIND:
            assert isinstance(outcome, Unknown)
        elif operation is Operation.RELEASE:
            assert isinstance(outcome, NotReleased | Released)
        else:
            assert outcome in (Trouble.UNREACHABLE, Trouble.UNREADABLE)

    def test_what_a_list_hides_yet_is_absent_and_then_it_is_there(self, ask: Any, api: Api, carriers: MockUrls) -> None:
        async def story(carrier: Carrier) -> list[Any]:
            e164 = (await carrier.search(WANTED)).numbers[0].e164
            carriers.control.set_carrier(api, lag_seconds=3600)
            ordered = await carrier.order(e164, REFERENCE)
            before = await carrier.find(e164, REFERENCE)
            carriers.control.set_carrier(api, lag_seconds=0)
            return [ordered, before, await carrier.find(e164, REFERENCE)]

        ordered, before, after = ask(story)
        assert isinstance(ordered, Placed | Pending)
        assert isinstance(before, Absent | Pending)
        assert isinstance(after, Placed)

    def test_a_carrier_that_is_down_is_never_thought_to_have_the_order(
        self, ask: Any, api: Api, carriers: MockUrls
    ) -> None:
        async def story(carrier: Carrier) -> list[Any]:
            e164 = (await carrier.search(WANTED)).numbers[0].e164
            carriers.control.set_carrier(api, state=State.DOWN)
            word = await carrier.order(e164, REFERENCE)
            health = await carrier.check()
            with pytest.raises(CarrierError) as raised:
                await carrier.search(WANTED._replace(area_code="213"))
            return [word, health, raised.value.trouble]

        word, health, trouble = ask(story)
        assert isinstance(word, NotSent)
        assert not health.ok
        assert trouble is Trouble.UNREACHABLE

    @pytest.mark.usefixtures("ask")
    def test_wrong_credentials_are_named(self, api: Api, carriers: MockUrls) -> None:
        url = carriers.twilio_url if api is Api.TWILIO else carriers.telnyx_url
        secret = "auth_token" if api is Api.TWILIO else "api_key"
        setup = checked_setup(api.value, {**SETUPS[api], secret: "wrong", "base_url": url})

        async def story() -> Any:
            http = HttpClient(egress=LOOPBACK)
            carrier = KINDS[api.value].build(setup, http)
            health = await carrier.check()
            with pytest.raises(CarrierError) as raised:
                await carrier.owned(None)
            await http.close()
            return health, raised.value

        health, error = asyncio.run(story())
        assert not health.ok
        assert error.trouble is Trouble.CREDENTIALS
        assert "wrong" not in str(error)

    def test_a_number_that_was_ported_away_is_not_ours_any_more(self, ask: Any, api: Api, carriers: MockUrls) -> None:
        async def story(carrier: Carrier) -> list[Any]:
            e164 = (await carrier.search(WANTED)).numbers[0].e164
            await carrier.order(e164, REFERENCE)
            carriers.control.port_away(e164)
            return [await carrier.owned(None), await carrier.find(e164, "ord_other")]

        owned, found = ask(story)
        assert [number.gone for number in owned.numbers] == ([FindingKind.PORTED_AWAY] if api is Api.TELNYX else [])
        assert found == Absent()

    def test_thousands_of_numbers_are_listed_page_by_page(self, ask: Any, api: Api, carriers: MockUrls) -> None:
        carriers.control.orphans(api, count=600, account=next(iter(SETUPS[api].values())))

        async def story(carrier: Carrier) -> list[str]:
            found: list[str] = []
            cursor: str | None = None
            while True:
                page = await carrier.owned(cursor)
                found += [number.e164 for number in page.numbers]
                cursor = page.cursor
                if cursor is None:
                    return found

        found = ask(story)
        assert len(found) == len(set(found)) == 600
