"""Which requests a fault strikes, and what the carriers then do, without a socket."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from carrier_mock.faults import EFFECTS, MAGIC_NUMBERS, NOT_RECEIVED, Armed, Delivery, Fault, Faults
from carrier_mock.model import Api, Operation
from tests.carrier_mock.asking import SID, Bench

SUCCEEDS = "+15005550006"
MAGIC = {fault: e164 for e164, fault in MAGIC_NUMBERS.items() if fault is not None}
FAULTS = pytest.mark.parametrize("fault", list(Fault))


def test_every_fault_has_an_effect_and_a_magic_number() -> None:
    assert set(EFFECTS) == set(MAGIC) == set(Fault)
    assert len(MAGIC) == len(MAGIC_NUMBERS) - 1
    assert {fault for fault, effect in EFFECTS.items() if not effect.happens} >= NOT_RECEIVED


@pytest.mark.parametrize(
    ("armed", "strikes"),
    [
        (Armed(Fault.SLOW), True),
        (Armed(Fault.SLOW, api=Api.TWILIO), True),
        (Armed(Fault.SLOW, api=Api.TELNYX), False),
        (Armed(Fault.SLOW, operation=Operation.ORDER), True),
        (Armed(Fault.SLOW, operation=Operation.FIND), False),
        (Armed(Fault.SLOW, e164=SUCCEEDS), True),
        (Armed(Fault.SLOW, e164="+15005550007"), False),
        (Armed(Fault.SLOW, Api.TWILIO, Operation.ORDER, SUCCEEDS), True),
    ],
)
def test_a_fault_strikes_what_it_is_armed_for(armed: Armed, strikes: bool) -> None:  # noqa: FBT001  a case of a table
    faults = Faults()
    faults.arm(armed)
    assert faults.take(Api.TWILIO, Operation.ORDER, [SUCCEEDS]) == (armed if strikes else None)
    assert faults.struck == ({Fault.SLOW: 1} if strikes else {})
    assert len(faults.armed) == (not strikes)


def test_a_fault_strikes_as_often_as_it_is_armed_and_the_oldest_first() -> None:
    faults = Faults()
    faults.arm(Armed(Fault.SLOW, times=2))
    faults.arm(Armed(Fault.HTML))
    taken = [faults.take(Api.TELNYX, Operation.LIST, []) for _ in range(4)]
    assert [one and one.fault for one in taken] == [Fault.SLOW, Fault.SLOW, Fault.HTML, None]


def test_a_magic_number_strikes_orders_only_and_gives_way_to_what_is_armed() -> None:
    faults = Faults()
    magic = MAGIC[Fault.RESET]
    assert faults.take(Api.TWILIO, Operation.FIND, [magic]) is None
    faults.arm(Armed(Fault.HTML))
    taken = [faults.take(Api.TWILIO, Operation.ORDER, [magic]) for _ in range(2)]
    assert [one and one.fault for one in taken] == [Fault.HTML, Fault.RESET]


def order(bench: Bench, api: str, number: str) -> httpx.Response | Delivery:
    """Order a number; how the answer goes out, where it does not come."""
    if api == "telnyx":
        assert number in bench.telnyx.found(national_destination_code=number[2:5], limit=250)
    try:
        return bench.twilio.buy(number, "ord_1") if api == "twilio" else bench.telnyx.order(number, reference="ord_1")
    except httpx.ReadError as cut:
        return Delivery(str(cut))


def owned(bench: Bench, api: str) -> list[str]:
    return bench.twilio.numbers() if api == "twilio" else bench.telnyx.numbers()


@FAULTS
@pytest.mark.parametrize("api", list(Api))
def test_a_carrier_has_done_what_it_was_ordered_exactly_when_the_fault_says_so(
    bench: Bench, api: str, fault: Fault
) -> None:
    bench.set(order_seconds=0)
    order(bench, api, MAGIC[fault])
    fails = api == "telnyx" and fault is Fault.PENDING_FAILED
    happens = EFFECTS[fault].happens
    assert owned(bench, api) == ([MAGIC[fault]] if happens and not fails else [])
    (attempt,) = bench.control("GET", "/attempts")
    assert attempt["fault"] == fault
    assert attempt["outcome"] == ("accepted" if happens else "lost" if fault in NOT_RECEIVED else "refused")
    assert (attempt["phone_numbers"], attempt["reference"], attempt["api"]) == ([MAGIC[fault]], "ord_1", api)
    number = bench.control("GET", f"/numbers/{MAGIC[fault]}")
    assert (number["ordered"], number["bought"]) == (fault not in NOT_RECEIVED, happens)


@pytest.mark.parametrize(
    ("fault", "twilio", "telnyx"),
    [
        (Fault.TAKEN, (400, 21422), (422, "85001")),
        (Fault.INVALID, (400, 21421), (422, "10016")),
        (Fault.REFUSED, (400, 21631), (403, "20100")),
        (Fault.UNAUTHORIZED, (401, 20003), (401, "10009")),
        (Fault.THROTTLED, (429, 20429), (429, "10011")),
        (Fault.ERROR, (500, 20500), (500, "10007")),
        (Fault.LOST_ERROR, (500, 20500), (500, "10007")),
    ],
)
def test_a_fault_that_refuses_speaks_as_the_carrier_does(
    bench: Bench, fault: Fault, twilio: tuple[int, int], telnyx: tuple[int, str]
) -> None:
    answer = bench.twilio.buy(MAGIC[fault])
    assert (answer.status_code, answer.json()["code"]) == twilio
    other = order(bench, "telnyx", MAGIC[fault]) if fault is not Fault.ERROR else bench.telnyx.order(MAGIC[fault])
    assert isinstance(other, httpx.Response)
    assert (other.status_code, other.json()["errors"][0]["code"]) == telnyx
    if fault is Fault.THROTTLED:
        assert answer.headers["retry-after"] == other.headers["retry-after"] == "5"


@pytest.mark.parametrize(
    ("fault", "delivery"),
    [
        (Fault.SILENCE, Delivery.NEVER), (Fault.LOST, Delivery.NEVER), (Fault.RESET, Delivery.RESET),
        (Fault.LOST_RESET, Delivery.RESET), (Fault.CUT_OFF, Delivery.CUT_OFF), (Fault.DRIP, Delivery.DRIP),
        (Fault.HUGE, Delivery.HUGE), (Fault.BOMB, Delivery.BOMB),
    ],
)  # fmt: skip
def test_a_fault_of_the_way_says_how_the_answer_goes_out(bench: Bench, fault: Fault, delivery: Delivery) -> None:
    assert order(bench, "twilio", MAGIC[fault]) is delivery


def ordered(bench: Bench, number: str) -> httpx.Response:
    answer = order(bench, "twilio", number)
    assert isinstance(answer, httpx.Response)
    return answer


def test_another_number_is_in_an_answer_that_looks_right(bench: Bench) -> None:
    answer = ordered(bench, MAGIC[Fault.OTHER_NUMBER])
    assert (answer.status_code, answer.json()["phone_number"]) == (201, "+15005550100")
    assert bench.twilio.numbers() == [MAGIC[Fault.OTHER_NUMBER]]


def test_a_web_page_comes_with_200(bench: Bench) -> None:
    answer = ordered(bench, MAGIC[Fault.HTML])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.text.startswith("<!doctype html>")


def test_json_stops_in_the_middle(bench: Bench) -> None:
    answer = ordered(bench, MAGIC[Fault.CUT_JSON])
    assert answer.status_code == 201
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        answer.json()


@pytest.mark.parametrize(("seconds", "expected"), [({}, 5), ({"seconds": 0.5}, 0.5)])
def test_an_answer_waits_as_long_as_its_fault_says(bench: Bench, seconds: dict[str, Any], expected: float) -> None:
    bench.arm("slow", **seconds)
    bench.set(twilio={"answer_seconds": 2})
    assert bench.twilio.buy(SUCCEEDS).status_code == 201
    bench.twilio.numbers()
    assert [plan.wait for plan in bench.inside.plans[-2:]] == [expected + 2, 2]


def test_an_order_stays_pending_until_it_is_ended(bench: Bench) -> None:
    order(bench, "telnyx", MAGIC[Fault.PENDING])
    bench.wait(86_400)
    (one,) = bench.telnyx.orders()
    assert one["status"] == "pending"
    ended = bench.control("POST", f"/orders/{one['id']}", {"status": "success"})
    assert ended == {"order_id": one["id"], "reference": "ord_1", "status": "success"}
    assert bench.telnyx.numbers(status="active") == [MAGIC[Fault.PENDING]]


def test_an_order_fails_after_it_was_pending_and_its_number_is_for_sale_again(bench: Bench) -> None:
    number = MAGIC[Fault.PENDING_FAILED]
    answer = order(bench, "telnyx", number)
    assert isinstance(answer, httpx.Response)
    assert answer.json()["data"]["status"] == "pending"
    assert bench.telnyx.numbers() == [number]
    bench.wait(1)
    assert [one["status"] for one in bench.telnyx.orders()] == ["failure"]
    assert bench.telnyx.numbers() == []
    assert number in bench.telnyx.found(national_destination_code="500")


def test_a_number_is_charged_at_ten_times_its_price(bench: Bench) -> None:
    ordered(bench, MAGIC[Fault.OTHER_PRICE])
    assert [one["charged"] for one in bench.control("GET", "/purchases")] == ["11.50"]


def test_prices_and_searches_show_ten_times_the_price_when_that_is_armed(bench: Bench) -> None:
    bench.arm("other_price", operation="pricing")
    bench.arm("other_price", operation="search", api="telnyx")
    shown = bench.twilio.ask("GET", "/v1/PhoneNumbers/Countries/US").json()["phone_number_prices"]
    assert [one["current_price"] for one in shown] == ["11.50", "21.50"]
    assert bench.telnyx.search(limit=1).json()["data"][0]["cost_information"]["monthly_cost"] == "10.00"
    assert bench.telnyx.search(limit=1).json()["data"][0]["cost_information"]["monthly_cost"] == "1.00"


@pytest.mark.parametrize(
    ("operation", "ask"),
    [
        ("search", lambda bench: bench.twilio.search()),
        ("find", lambda bench: bench.twilio.owned(PhoneNumber=SUCCEEDS)),
        ("find", lambda bench: bench.twilio.owned(FriendlyName="ord_1")),
        ("find", lambda bench: bench.twilio.one("PN" + "0" * 32)),
        ("list", lambda bench: bench.twilio.owned()),
        ("release", lambda bench: bench.twilio.one("PN" + "0" * 32, "DELETE")),
        ("pricing", lambda bench: bench.twilio.ask("GET", "/v1/Voice/Countries/US")),
        ("check", lambda bench: bench.twilio.ask("GET", f"/2010-04-01/Accounts/{SID}.json")),
        ("check", lambda bench: bench.twilio.ask("GET", f"/2010-04-01/Accounts/{SID}/Balance.json")),
        ("search", lambda bench: bench.telnyx.search()),
        ("order", lambda bench: bench.telnyx.order(SUCCEEDS)),
        ("find", lambda bench: bench.telnyx.owned(phone_number="15005550006")),
        ("find", lambda bench: bench.telnyx.owned(customer_reference="ord_1")),
        ("find", lambda bench: bench.telnyx.ask("GET", "/number_orders", params={"filter[customer_reference]": "x"})),
        ("find", lambda bench: bench.telnyx.ask("GET", "/number_orders/1")),
        ("find", lambda bench: bench.telnyx.ask("GET", "/phone_numbers/1")),
        ("list", lambda bench: bench.telnyx.owned()),
        ("list", lambda bench: bench.telnyx.ask("GET", "/number_orders")),
        ("release", lambda bench: bench.telnyx.ask("DELETE", "/phone_numbers/1")),
        ("check", lambda bench: bench.telnyx.ask("GET", "/balance")),
    ],
)
def test_each_request_is_an_operation_that_a_fault_can_be_armed_for(bench: Bench, operation: str, ask: Any) -> None:
    bench.arm("lost_error", operation=operation)
    assert ask(bench).status_code == 500
    assert ask(bench).status_code != 500


def test_a_fault_for_a_number_strikes_look_ups_by_number_reference_and_id(bench: Bench) -> None:
    bench.set(order_seconds=0)
    first, second = bench.telnyx.found(limit=2)
    order_id = bench.telnyx.order(first, reference="ord_1").json()["data"]["id"]
    bench.telnyx.order(second, reference="ord_2")
    sid = bench.twilio.buy(SUCCEEDS, "ord_3").json()["sid"]
    bench.arm("lost_error", phone_number=first, operation="find", times=9)
    bench.arm("lost_error", phone_number=SUCCEEDS, operation="find", times=9)
    assert bench.telnyx.owned(phone_number=first[1:]).status_code == 500
    assert bench.telnyx.owned(customer_reference="ord_1").status_code == 500
    assert bench.telnyx.ask("GET", f"/phone_numbers/{first}").status_code == 500
    assert bench.telnyx.ask("GET", f"/number_orders/{order_id}").status_code == 500
    assert bench.telnyx.ask("GET", "/number_orders?filter[customer_reference]=ord_1").status_code == 500
    assert bench.telnyx.numbers(phone_number=second[1:]) == [second]
    assert bench.telnyx.numbers() == [second, first]
    assert bench.twilio.owned(PhoneNumber=SUCCEEDS).status_code == 500
    assert bench.twilio.owned(FriendlyName="ord_3").status_code == 500
    assert bench.twilio.one(sid).status_code == 500


def test_a_request_that_is_not_allowed_uses_up_no_fault(bench: Bench) -> None:
    bench.arm("html")
    assert bench.client.get("/v2/balance").status_code == 401
    assert bench.telnyx.ask("GET", "/nothing").status_code == 404
    assert len(bench.control("GET", "/faults")) == 1


def test_a_carrier_that_hangs_or_is_down_does_nothing(bench: Bench) -> None:
    for state, delivery in (("hanging", Delivery.NEVER), ("down", Delivery.RESET)):
        bench.set(twilio={"state": state})
        assert order(bench, "twilio", SUCCEEDS) is delivery
        assert bench.telnyx.numbers() == []
    bench.set(twilio={"state": "up"})
    assert bench.twilio.numbers() == []
    assert bench.control("GET", "/attempts") == []
