"""The Twilio adapter before a scripted server: orders, look-ups, releases. Searches, prices and checks are beside."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from numberdesk.carriers.adapters.twilio import FIELDS, Twilio
from numberdesk.carriers.port import (
    AnotherNumber,
    CarrierError,
    NotReleased,
    OwnedNumber,
    OwnedPage,
    Released,
    Setup,
    Trouble,
)
from numberdesk.core.carrier_order import Absent, NotSent, Placed, Reason, Refused, Unknown
from numberdesk.core.errors import InvalidRequest
from numberdesk.infra.http import HttpClient
from testbed.egress import LOOPBACK
from testbed.scripted import Answer, Scripted, Seen, json_reply, raw, reply, scripted, silence
from tests.carriers.adapters.words import FORBIDDEN, HTML, TAKEN, kind
from tests.carriers.adapters.words import OTHER as NO

ACCOUNT: Final = "AC0123456789abcdef0123456789abcdef"
TOKEN: Final = "t0ken-of-32-signs-or-so"
BASIC: Final = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
OURS: Final = "+14155550142"
OTHER: Final = "+14155550143"
SID: Final = "PN" + "0f" * 16
ORDER: Final = "ord_0195b3a4c7e07d2f8a1b2c3d4e5f6071"
NUMBERS: Final = f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers"


def setup(url: str, **more: str) -> Setup:
    values = {"account_sid": ACCOUNT, "auth_token": TOKEN, "read_seconds": "1", "order_seconds": "1"}
    return Setup({**values, "base_url": url, **more})


def ask(url: str, call: Callable[[Twilio], Awaitable[Any]], **more: str) -> Any:
    """What a call of the adapter gives, before a server."""

    async def main() -> Any:
        http = HttpClient(egress=LOOPBACK)
        try:
            return await call(Twilio(setup(url, **more), http))
        finally:
            await http.close()

    return asyncio.run(main())


def held(number: Any = OURS, sid: Any = SID, name: Any = ORDER, **more: Any) -> dict[str, Any]:
    """A number as Twilio shows it."""
    return {
        "sid": sid, "account_sid": ACCOUNT, "phone_number": number, "friendly_name": name, "status": "in-use",
        "type": "local", "beta": False, "trunk_sid": None, "capabilities": {"voice": True, "sms": True}, **more,
    }  # fmt: skip


def failure(status: int, code: Any, **headers: str) -> Answer:
    content = {"code": code, "message": "No.", "more_info": "https://www.twilio.com/docs/errors", "status": status}
    return json_reply(status, content, **headers)


THROTTLED: Final = (Refused, Reason.THROTTLED)
BOUGHT: Final = json_reply(201, held())

OF_ACCOUNT: Final = ((400, 10001), (400, 21404), (404, 20404), (403, 20403))
ORDERS: Final[dict[str, tuple[Answer, Any]]] = {
    "bought": (BOUGHT, Placed),
    "bought, with 200": (json_reply(200, held()), Placed),
    "bought, in an undocumented state": (json_reply(201, held(status="dreaming")), Placed),
    "bought, without a name": (json_reply(201, held(name=None)), Placed),
    "another number": (json_reply(201, held(OTHER)), Unknown),
    "without the plus sign": (json_reply(201, held(OURS[1:])), Unknown),
    "a longer number": (json_reply(201, held(OURS + "0")), Unknown),
    "no number": (json_reply(201, held(None)), Unknown),
    "a number as a number": (json_reply(201, held(14155550142)), Unknown),
    "no sid": (json_reply(201, held(sid=None)), Unknown),
    "a sid of something else": (json_reply(201, held(sid="CA" + "0f" * 16)), Unknown),
    "a sid that leads elsewhere": (json_reply(201, held(sid="PN/../../Accounts")), Unknown),
    "a name that is none": (json_reply(201, held(name=["x"])), Unknown),
    "capitals": (json_reply(201, {key.upper(): value for key, value in held().items()}), Unknown),
    "a list": (json_reply(201, [held()]), Unknown),
    "an empty object": (json_reply(201, {}), Unknown),
    "accepted": (json_reply(202, {"status": "queued"}), Unknown),
    "redirect": (reply(302, Location="/2010-04-01/elsewhere"), Unknown),
    "redirect that keeps the method": (reply(307, Location=f"{NUMBERS}.json"), Unknown),
    "not available": (failure(400, 21422), TAKEN),
    "no such number": (failure(400, 21421), NO),
    "trial account": (failure(400, 10002), FORBIDDEN),
    "address missing": (failure(400, 21631), NO),
    "certification missing": (failure(400, 21613), NO),
    "address not found": (failure(400, 21628), NO),
    "address suggested": (failure(400, 21629), NO),
    "bundle missing": (failure(400, 21649), NO),
    "undocumented code": (failure(400, 29999), NO),
    "a code as a text": (failure(400, "21422"), Unknown),
    "no code": (json_reply(400, {"message": "No."}), NO),
    "neither code nor words": (json_reply(400, {}), Unknown),
    **{f"of the account: {code}": (failure(status, code), FORBIDDEN) for status, code in OF_ACCOUNT},
    **{f"of the number: {code}": (failure(400, code), NO) for code in (21615, 21650, 21651)},
    "words of the account with a timeout": (failure(408, 29999), Unknown),
    "code with a redirect": (failure(302, 21422), Unknown),
    "code with a success": (json_reply(200, {"code": 21422}), TAKEN),
    "code with a failure of the server": (failure(500, 21422), Unknown),
    "not paid": (failure(402, 20001), FORBIDDEN),
    "conflict": (failure(409, 20409), Unknown),
    "wrong token": (failure(401, 20003), FORBIDDEN),
    "suspended": (failure(403, 20005), FORBIDDEN),
    "forbidden by somebody in between": (reply(403, HTML), FORBIDDEN),
    "throttled": (failure(429, 20429, Retry_After="7"), THROTTLED),
    "throttled without a time": (reply(429, HTML), THROTTLED),
    "failure": (failure(500, 20500), Unknown),
}


def test_a_customers_papers_go_with_its_order_in_the_place_of_the_accounts_own() -> None:
    papers = {"bundle_sid": "BU1", "address_sid": "AD1"}
    with scripted(lambda _seen: BOUGHT) as server:
        ask(server.url, lambda twilio: twilio.order(OURS, ORDER, "DE", papers), identity_sid="RI0", address_sid="AD0")
        ask(server.url, lambda twilio: twilio.order(OURS, ORDER), identity_sid="RI0")
    mine, own = server.seen
    assert mine.form == {"PhoneNumber": OURS, "FriendlyName": ORDER, "BundleSid": "BU1", "AddressSid": "AD1"}
    assert own.form == {"PhoneNumber": OURS, "FriendlyName": ORDER, "IdentitySid": "RI0"}


@pytest.mark.parametrize("name", ORDERS)
def test_an_order_is_one_post_and_every_answer_has_its_word(name: str) -> None:
    answer, expected = ORDERS[name]
    with scripted(lambda _seen: answer) as server:
        word = ask(server.url, lambda twilio: twilio.order(OURS, ORDER))
    assert kind(word) == expected
    if isinstance(word, Placed):
        assert word == Placed(SID, ORDER)
    else:
        assert word.message
        assert TOKEN not in word.message
    [seen] = server.seen
    assert (seen.method, seen.path, seen.query) == ("POST", f"{NUMBERS}.json", [])
    assert seen.form == {"PhoneNumber": OURS, "FriendlyName": ORDER}
    assert seen.headers["authorization"] == BASIC
    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"


def test_an_order_that_reaches_nobody_was_not_sent() -> None:
    with scripted(lambda _seen: BOUGHT) as server:
        pass
    assert kind(ask(server.url, lambda twilio: twilio.order(OURS, ORDER))) is NotSent


def test_a_name_that_twilio_gave_another_way_is_told() -> None:
    with scripted(lambda _seen: json_reply(201, held(name="(415) 555-0142"))) as server:
        assert ask(server.url, lambda twilio: twilio.order(OURS, ORDER)) == Placed(SID, "(415) 555-0142")


def test_throttling_tells_when_to_come_back() -> None:
    with scripted(lambda _seen: failure(429, 20429, Retry_After="7")) as server:
        assert ask(server.url, lambda twilio: twilio.order(OURS, ORDER)).retry_after == 7


def test_papers_go_with_an_order_and_a_key_replaces_the_token() -> None:
    papers = {"bundle_sid": "BU1", "address_sid": "AD1", "identity_sid": "RI1"}
    with scripted(lambda _seen: BOUGHT) as server:
        ask(
            server.url,
            lambda twilio: twilio.order(OURS, ORDER),
            api_key_sid="SK1", api_key_secret="s3cret", auth_token="", **papers,
        )  # fmt: skip
    [seen] = server.seen
    assert seen.form == {
        "PhoneNumber": OURS, "FriendlyName": ORDER, "BundleSid": "BU1", "AddressSid": "AD1", "IdentitySid": "RI1",
    }  # fmt: skip
    assert seen.headers["authorization"] == "Basic " + base64.b64encode(b"SK1:s3cret").decode()
    assert seen.path == f"{NUMBERS}.json"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"account_sid": "AC123"}, "account_sid"),
        ({"account_sid": "SK0123456789abcdef0123456789abcdef"}, "account_sid"),
        ({"account_sid": f"{ACCOUNT}/../x"}, "account_sid"),
        ({"auth_token": ""}, "auth_token"),
        ({"api_key_sid": "SK1"}, "api_key_secret"),
        ({"api_key_secret": "x"}, "api_key_sid"),
    ],
)
def test_a_setup_that_cannot_work_is_refused_by_its_field(values: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Twilio(setup("", **values), HttpClient(egress=LOOPBACK))
    assert caught.value.details["field"] == field


def test_what_is_secret_is_marked() -> None:
    assert {field.name for field in FIELDS if field.secret} == {"auth_token", "api_key_secret"}
    assert [field.name for field in FIELDS if field.required] == ["account_sid"]


def listed(*numbers: Any, following: Any = None, **more: Any) -> Answer:
    """A list of our numbers."""
    return json_reply(200, {"incoming_phone_numbers": list(numbers), "next_page_uri": following, "page": 0, **more})


NONE: Final = listed()
OVER: Final = f"{NUMBERS}.json?PageSize=1000&Page=1&PageToken=PAPN1"
UNCLEAR: Final[dict[str, Answer]] = {
    "a failure": reply(500),
    "wrong token": failure(401, 20003),
    "throttled": failure(429, 20429),
    "not found": failure(404, 20404),
    "bad request": failure(400, 20001),
    "redirect": reply(301, Location="/"),
    "no content": reply(204),
    "a page": reply(200, HTML),
    "null for a list": json_reply(200, {"incoming_phone_numbers": None}),
    "no list": json_reply(200, {"available_phone_numbers": []}),
    "an object for a list": json_reply(200, {"incoming_phone_numbers": {}}),
    "a list that goes on": listed(held(OTHER, name="x"), following=OVER),
    "an item that is none": listed(None),
    "an item without a number": listed(held(None)),
    "our number with no sid": listed(held(sid=None)),
    "our number with a sid of something else": listed(held(sid="BU" + "0f" * 16)),
    "cut": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
}

FOUND: Final[dict[str, tuple[Answer, Answer, Any]]] = {
    "by both": (listed(held()), listed(held()), Placed(SID, ORDER)),
    "by number": (listed(held()), NONE, Placed(SID, ORDER)),
    "by reference": (NONE, listed(held()), Placed(SID, ORDER)),
    "by number, while the other fails": (listed(held()), reply(500), Placed(SID, ORDER)),
    "by reference, while the other fails": (silence, listed(held()), Placed(SID, ORDER)),
    "among others": (listed(held(OTHER), held(OURS + "1"), held()), NONE, Placed(SID, ORDER)),
    "on the first of several pages": (listed(held(), following=OVER), NONE, Placed(SID, ORDER)),
    "beside what cannot be read": (listed(None, held()), NONE, Placed(SID, ORDER)),
    "under another reference": (listed(held(name="ord_of_another")), NONE, Placed(SID, "ord_of_another")),
    "under no reference": (listed(held(name=None)), NONE, Placed(SID, "")),
    "under a name nobody should print": (listed(held(name="\x1b[2J")), NONE, Placed(SID, "")),
    "twice": (listed(held(sid="PN" + "1" * 32, name="x"), held()), NONE, Placed(SID, ORDER)),
    "nowhere": (NONE, NONE, Absent()),
    "only numbers that are alike": (listed(held(OURS + "1", name="x"), held("+141555501", name="y")), NONE, Absent()),
    "nowhere, by a filter that filters nothing": (
        listed(held(OTHER, name="x")),
        listed(held(OTHER, name="x")),
        Absent(),
    ),
    "another number under our reference": (NONE, listed(held(OTHER)), Unknown("another number has our reference")),
}


def find(by_number: Answer, by_reference: Answer) -> tuple[Any, Scripted]:
    def script(seen: Seen) -> Answer:
        return by_number if dict(seen.query).get("PhoneNumber") else by_reference

    with scripted(script) as server:
        return ask(server.url, lambda twilio: twilio.find(OURS, ORDER)), server


@pytest.mark.parametrize("name", FOUND)
def test_what_became_of_an_order_is_looked_up_by_number_and_by_reference(name: str) -> None:
    by_number, by_reference, expected = FOUND[name]
    word, server = find(by_number, by_reference)
    assert word == expected
    assert {(seen.method, seen.path) for seen in server.seen} == {("GET", f"{NUMBERS}.json")}
    assert sorted(seen.query for seen in server.seen) == [
        [("FriendlyName", ORDER), ("PageSize", "1000")],
        [("PhoneNumber", OURS), ("PageSize", "1000")],
    ]


@pytest.mark.parametrize("name", UNCLEAR)
def test_what_is_not_clear_is_not_absent(name: str) -> None:
    for answers in ((UNCLEAR[name], NONE), (NONE, UNCLEAR[name])):
        word, _ = find(*answers)
        assert kind(word) is Unknown
        assert word.message


@pytest.mark.parametrize(
    ("deleted", "left", "number_id", "expected"),
    [
        (reply(204), NONE, SID, Released()),
        (reply(200), NONE, SID, Released()),
        (reply(204), listed(held()), None, Released()),
        (reply(204), listed(held()), "", Released()),
        (reply(204), listed(held()), "../Accounts", Released()),
        (failure(404, 20404), NONE, SID, Released()),
        (failure(404, 20404), listed(held(OTHER)), SID, Released()),
        (reply(204), NONE, None, Released()),
        (failure(404, 20404), listed(held()), SID, NotReleased),
        (failure(404, 20404), reply(500), SID, NotReleased),
        (failure(400, 21685), NONE, SID, NotReleased),
        (failure(401, 20003), NONE, SID, NotReleased),
        (failure(429, 20429), NONE, SID, NotReleased),
        (reply(302, Location="/"), NONE, SID, NotReleased),
        (reply(500), NONE, SID, NotReleased),
        (silence, NONE, SID, NotReleased),
        (reply(204), listed(held(OTHER), following=OVER), None, NotReleased),
        (reply(204), reply(500), None, NotReleased),
    ],
)
def test_a_number_is_released_when_it_is_gone(
    deleted: Answer, left: Answer, number_id: str | None, expected: Any
) -> None:
    one = json_reply(200, held())
    with scripted(lambda seen: deleted if seen.method == "DELETE" else one if SID in seen.path else left) as server:
        word = ask(server.url, lambda twilio: twilio.release(OURS, number_id))
    assert word == expected or (expected is NotReleased and isinstance(word, NotReleased) and word.message)
    assert {seen.path for seen in server.seen if seen.method == "DELETE"} <= {f"{NUMBERS}/{SID}.json"}
    assert {seen.path for seen in server.seen if seen.method == "GET"} <= {f"{NUMBERS}.json", f"{NUMBERS}/{SID}.json"}


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (json_reply(200, held(OTHER)), AnotherNumber(OTHER)),
        (reply(500), NotReleased),
        (json_reply(200, {}), NotReleased),
    ],
)
def test_a_number_that_the_sid_is_not_of_is_never_released(one: Answer, expected: Any) -> None:
    with scripted(lambda seen: one if SID in seen.path else listed(held())) as server:
        word = ask(server.url, lambda twilio: twilio.release(OURS, SID))
    assert word == expected or (expected is NotReleased and isinstance(word, NotReleased))
    assert {seen.method for seen in server.seen} == {"GET"}


def test_our_numbers_are_listed_page_by_page() -> None:
    pages = iter([
        listed(held(), held(OTHER, name="(415) 555-0143"), None, held("12345"), {"sid": SID}, following=OVER),
        listed(held("+442079460018", name=None)),
    ])  # fmt: skip
    with scripted(lambda _seen: next(pages)) as server:
        first = ask(server.url, lambda twilio: twilio.owned(None))
        second = ask(server.url, lambda twilio: twilio.owned(first.cursor))
    assert first.numbers == (OwnedNumber(OURS, SID, ORDER), OwnedNumber(OTHER, SID, "(415) 555-0143"))
    assert second == OwnedPage((OwnedNumber("+442079460018", SID, ""),), None)
    assert [seen.query for seen in server.seen] == [
        [("PageSize", "1000")],
        [("PageSize", "1000"), ("Page", "1"), ("PageToken", "PAPN1")],
    ]


def test_a_next_page_at_another_host_is_not_gone_to() -> None:
    with scripted(lambda _seen: listed(following="https://evil.example.com/x.json?Page=2&PageToken=T")) as server:
        page = ask(server.url, lambda twilio: twilio.owned(None))
        ask(server.url, lambda twilio: twilio.owned(page.cursor))
    assert server.seen[1].path == f"{NUMBERS}.json"


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (listed(following="/x"), Trouble.UNREADABLE),
        (listed(following="/x?Page="), Trouble.UNREADABLE),
        (listed(following="//["), Trouble.UNREADABLE),
        (listed(following="/x?Page=1&PageToken=%0A"), Trouble.UNREADABLE),
        (listed(following=7), Trouble.UNREADABLE),
        (json_reply(200, {"incoming_phone_numbers": None}), Trouble.UNREADABLE),
        (reply(200, HTML), Trouble.UNREADABLE),
        (reply(204), Trouble.REFUSED),
        (failure(404, 20404), Trouble.REFUSED),
        (failure(403, 20005), Trouble.CREDENTIALS),
        (reply(502), Trouble.FAILING),
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_read_is_an_error_and_not_an_empty_one(answer: Answer, trouble: Trouble) -> None:
    with scripted(lambda _seen: answer) as server, pytest.raises(CarrierError) as caught:
        ask(server.url, lambda twilio: twilio.owned(None))
    assert caught.value.trouble is trouble


@pytest.mark.parametrize("cursor", ["", "1", "x.y", "1.a\nb", "-1.a", "1." + "x" * 201, "\u0661.a"])
def test_a_cursor_of_somebody_elses_is_refused(cursor: str) -> None:
    with scripted(lambda _seen: NONE) as server, pytest.raises(CarrierError):
        ask(server.url, lambda twilio: twilio.owned(cursor))
    assert server.seen == []


@pytest.mark.parametrize("status", [200, 201, 302, 400, 401, 404, 500])
def test_an_answer_that_echoes_our_credentials_gets_nowhere(status: int) -> None:
    echo = reply(status, f'{{"sid": "{BASIC} {TOKEN}", "phone_number": "{TOKEN}"}} {BASIC} {TOKEN}'.encode())
    with scripted(lambda _seen: echo) as server:
        said = [
            str(ask(server.url, lambda twilio: twilio.order(OURS, ORDER))),
            str(ask(server.url, lambda twilio: twilio.find(OURS, ORDER))),
            str(ask(server.url, lambda twilio: twilio.release(OURS, SID))),
            str(ask(server.url, lambda twilio: twilio.check())),
        ]
    assert [text for text in said if TOKEN in text or BASIC.removeprefix("Basic ") in text] == []
