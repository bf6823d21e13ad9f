"""The control endpoint, by the client that tests use, and what it refuses."""

from __future__ import annotations

import httpx
import pytest

from carrier_mock.faults import Fault
from carrier_mock.model import Api, HoldingState, Operation, Outcome
from carrier_mock.settings import State
from testbed.carrier_mock import Control, MockUrls
from tests.carrier_mock.asking import KEY, SID, Bench, Telnyx, Twilio

SUCCEEDS = "+15005550006"


@pytest.fixture
def control(sim: MockUrls) -> Control:
    return sim.control


def test_purchases_tell_who_bought_what_under_which_reference_and_when(
    control: Control, twilio: Twilio, telnyx: Telnyx
) -> None:
    sid = twilio.buy(SUCCEEDS, "ord_1").json()["sid"]
    number = telnyx.found(limit=1)[0]
    order_id = telnyx.order(number, reference="ord_2").json()["data"]["id"]
    first, second = control.purchases()
    assert (first.api, first.account, first.phone_number, first.number_id) == (Api.TWILIO, SID, SUCCEEDS, sid)
    assert (first.reference, first.charged, first.standing, first.order_id) == (
        "ord_1",
        "1.15",
        HoldingState.ACTIVE,
        None,
    )
    assert (second.phone_number, second.order_id, second.charged) == (number, order_id, "2.00")
    assert KEY not in second.account
    assert first.at < second.at
    assert control.purchases(api=Api.TELNYX) == control.purchases(reference="ord_2") == [second]
    twilio.one(sid, "DELETE")
    assert control.purchases(live=True) == [second]
    (first,) = control.purchases(phone_number=SUCCEEDS)
    assert first.standing is HoldingState.RELEASED
    assert first.ended_at is not None


def test_attempts_tell_of_every_order_also_of_those_that_were_not_received(control: Control, twilio: Twilio) -> None:
    control.arm(Fault.LOST_ERROR, operation=Operation.ORDER)
    for reference in ("ord_1", "ord_2", "ord_3"):
        twilio.buy(SUCCEEDS, reference)
    told = [(one.reference, one.outcome, one.code, one.fault) for one in control.attempts(phone_number=SUCCEEDS)]
    assert told == [
        ("ord_1", Outcome.LOST, None, Fault.LOST_ERROR),
        ("ord_2", Outcome.ACCEPTED, None, None),
        ("ord_3", Outcome.REFUSED, "21422", None),
    ]
    deal = control.number(SUCCEEDS)
    assert (deal.ordered, deal.bought, deal.for_sale) == (2, 1, False)
    assert deal.held is not None
    assert deal.held.reference == "ord_2"
    assert len(control.attempts(reference="ord_3")) == 1
    assert control.attempts(api=Api.TELNYX) == []


def test_faults_are_armed_shown_counted_and_disarmed(control: Control, twilio: Twilio) -> None:
    control.arm(Fault.HTML, api=Api.TWILIO, times=2)
    control.arm(Fault.SLOW, phone_number=SUCCEEDS, seconds=2.5)
    twilio.owned()
    html, slow = control.overview()["faults"]
    assert (html["fault"], html["api"], html["times"]) == ("html", "twilio", 1)
    assert (slow["phone_number"], slow["operation"], slow["seconds"]) == (SUCCEEDS, None, 2.5)
    assert control.struck() == {Fault.HTML: 1}
    control.disarm()
    assert control.overview()["faults"] == []


def test_settings_change_one_by_one(control: Control) -> None:
    control.set(order_seconds=3)
    control.set_carrier(Api.TWILIO, lag_seconds=4, state=State.HANGING)
    control.set_carrier(Api.TELNYX, answer_seconds=0.5)
    assert control.overview()["settings"] == {
        "twilio": {"state": "hanging", "lag_seconds": 4, "answer_seconds": 0},
        "telnyx": {"state": "up", "lag_seconds": 0, "answer_seconds": 0.5},
        "order_seconds": 3,
        "searched_seconds": 900,
    }


def test_numbers_are_added_and_sold(control: Control, twilio: Twilio, telnyx: Telnyx) -> None:
    control.add_numbers(
        {"phone_number": "+15125559999", "area_code": "512", "region": "TX", "locality": "Austin"},
        {
            "phone_number": "+46701740605",
            "country": "SE",
            "calling_code": "46",
            "type": "mobile",
            "capabilities": ["sms"],
        },
    )
    assert twilio.found(Contains="+15125559999") == ["+15125559999"]
    assert twilio.found("Mobile", "SE") == telnyx.found("SE") == ["+46701740605"]
    assert twilio.buy("+46701740605").json()["capabilities"]["voice"] is False


def test_a_number_is_taken_away_from_sale_and_from_its_account(control: Control, twilio: Twilio) -> None:
    first, second = twilio.found(PageSize=2)
    twilio.buy(first)
    for number in (first, second):
        control.take_away(number)
        assert not control.number(number).for_sale
        assert number not in twilio.found(PageSize=1000)
    assert twilio.numbers() == []
    assert [one.standing for one in control.purchases()] == [HoldingState.TAKEN_AWAY]
    control.add_numbers({"phone_number": first})
    assert control.number(first).for_sale


def test_an_orphan_is_on_the_account_and_was_never_ordered(control: Control, twilio: Twilio, telnyx: Telnyx) -> None:
    control.orphans(Api.TWILIO, phone_number="+15125550100", account=SID, reference="somebody")
    assert twilio.numbers(FriendlyName="somebody") == ["+15125550100"]
    (orphan,) = control.orphans(Api.TELNYX, account=KEY)
    assert telnyx.numbers() == [orphan.phone_number]
    assert orphan.charged == "0.00"
    deal = control.number(orphan.phone_number)
    assert (deal.ordered, deal.bought, deal.for_sale) == (0, 1, False)


def test_orphans_go_to_the_only_account_there_is(control: Control, twilio: Twilio) -> None:
    assert control.orphans(Api.TWILIO)[0].account == "AC" + "0" * 32
    control.reset()
    twilio.buy(SUCCEEDS)
    assert len(control.orphans(Api.TWILIO, count=20)) == 20
    assert len(twilio.numbers()) == 21


def test_a_number_that_is_ported_away_is_listed_as_such_at_telnyx_and_gone_at_twilio(
    control: Control, twilio: Twilio, telnyx: Telnyx
) -> None:
    number = telnyx.found(limit=1)[0]
    telnyx.order(number)
    twilio.buy(SUCCEEDS)
    control.port_away(number)
    control.port_away(SUCCEEDS)
    (listed,) = telnyx.owned().json()["data"]
    assert (listed["phone_number"], listed["status"]) == (number, "ported-out")
    assert twilio.numbers() == []
    assert [control.number(each).for_sale for each in (number, SUCCEEDS)] == [False, False]
    assert telnyx.ask("DELETE", f"/phone_numbers/{listed['id']}").status_code == 200
    assert telnyx.numbers() == []
    assert not control.number(number).for_sale


def test_after_a_reset_everything_is_as_at_the_beginning(control: Control, twilio: Twilio, telnyx: Telnyx) -> None:
    before = twilio.found(PageSize=1000)
    twilio.buy(before[0])
    telnyx.order(telnyx.found(limit=1)[0])
    control.arm(Fault.HTML, times=5)
    control.set(order_seconds=9)
    control.reset()
    assert twilio.found(PageSize=1000) == before
    assert (control.purchases(), control.attempts(), twilio.numbers(), telnyx.orders()) == ([], [], [], [])
    assert control.overview()["settings"]["order_seconds"] == 0


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", "/faults", {"fault": "nothing"}),
        ("POST", "/faults", {}),
        ("POST", "/faults", {"fault": "slow", "operation": "sell"}),
        ("POST", "/faults", {"fault": "slow", "times": 0}),
        ("POST", "/faults", {"fault": "slow", "sconds": 1}),
        ("PATCH", "/settings", {"lag": 1}),
        ("PATCH", "/settings", {"twilio": {"lag_seconds": -1}}),
        ("PATCH", "/settings", {"twilio": {"state": "broken"}}),
        ("POST", "/numbers", {"numbers": [{"phone_number": "123"}]}),
        ("POST", "/numbers", {"numbers": [{"phone_number": "+15125550100", "type": "pager"}]}),
        ("POST", "/orphans", {"api": "plivo"}),
        ("POST", "/orphans", {"api": "twilio", "account": "AC1"}),
        ("POST", "/orphans", {"api": "twilio", "phone_number": "5"}),
        ("POST", "/orphans", {"api": "twilio", "count": 999_999}),
        ("POST", "/orders/1", {"status": "maybe"}),
    ],
)
def test_what_is_not_as_documented_is_refused(bench: Bench, method: str, path: str, content: object) -> None:
    answer = bench.client.request(method, f"/control{path}", json=content)
    assert answer.status_code == 422
    assert answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"), ("POST", "/purchases"), ("DELETE", "/numbers/+19995550100"), ("DELETE", "/settings"),
        ("GET", "/numbers/1/2"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_not_found(bench: Bench, method: str, path: str) -> None:
    assert bench.client.request(method, f"/control{path}").status_code == 404
    assert bench.client.post("/control/ports", json={"phone_number": "+19995550100"}).status_code == 404
    assert bench.client.post("/control/orders/1", json={"status": "success"}).status_code == 404


def test_an_orphan_cannot_be_on_two_accounts(bench: Bench) -> None:
    bench.twilio.buy(SUCCEEDS)
    content = {"api": "telnyx", "phone_number": SUCCEEDS}
    assert bench.client.post("/control/orphans", json=content).status_code == 422


def test_of_several_accounts_one_has_to_be_named(bench: Bench) -> None:
    Twilio(bench.client, "AC" + "1" * 32).buy(SUCCEEDS)
    bench.twilio.buy(bench.twilio.found(PageSize=1)[0])
    assert bench.client.post("/control/orphans", json={"api": "twilio"}).status_code == 422
    assert bench.client.post("/control/orphans", json={"api": "twilio", "account": SID}).status_code == 200


def test_answers_of_the_carriers_say_that_they_are_simulated(client: httpx.Client, twilio: Twilio) -> None:
    for answer in (twilio.owned(), client.get("/v2/balance"), client.get("/nothing")):
        assert answer.headers["x-carrier-simulator"] == "numberdesk"
