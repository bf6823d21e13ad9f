"""The SignalWire adapter before a scripted server: orders, look-ups, releases, checks."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from numberdesk.carriers.adapters.signalwire import FIELDS, SignalWire
from numberdesk.carriers.port import (
    AnotherNumber,
    CarrierError,
    NotReleased,
    OwnedNumber,
    OwnedPage,
    Released,
    Setup,
)
from numberdesk.core.carrier_order import Absent, NotSent, Placed, Reason, Refused, Unknown
from numberdesk.core.errors import InvalidRequest
from numberdesk.infra.http import HttpClient, HttpRequest, HttpResponse
from testbed.egress import LOOPBACK
from testbed.scripted import Answer, Seen, json_reply, raw, reply, reset, scripted, silence
from tests.carriers.adapters.words import FORBIDDEN, HTML, TAKEN, kind
from tests.carriers.adapters.words import OTHER as NO

PROJECT: Final = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
TOKEN: Final = "PT0123456789abcdef"
BASIC: Final = "Basic " + base64.b64encode(f"{PROJECT}:{TOKEN}".encode()).decode()
OURS: Final = "+14155550142"
OTHER: Final = "+14155550143"
ID: Final = "0f9e8d7c-5717-4562-b3fc-2c963f66afa6"
ORDER: Final = "ord_0195b3a4c7e07d2f8a1b2c3d4e5f6071"
PATH: Final = "/api/relay/rest/phone_numbers"


def setup(url: str, **more: str) -> Setup:
    values = {"space": "example", "project_id": PROJECT, "api_token": TOKEN, "read_seconds": "1", "order_seconds": "1"}
    return Setup({**values, "base_url": url, **more})


def ask(url: str, call: Callable[[SignalWire], Awaitable[Any]]) -> Any:
    """What a call of the adapter gives, before a server."""

    async def main() -> Any:
        http = HttpClient(egress=LOOPBACK)
        try:
            return await call(SignalWire(setup(url), http))
        finally:
            await http.close()

    return asyncio.run(main())


def asked(answer: Answer, call: Callable[[SignalWire], Awaitable[Any]]) -> tuple[Any, list[Seen]]:
    """What a call gives where every request has the same answer, and the requests."""
    with scripted(lambda _seen: answer) as server:
        return ask(server.url, call), server.seen


def held(number: Any = OURS, number_id: Any = ID, **more: Any) -> dict[str, Any]:
    """A number as SignalWire shows it."""
    return {
        "id": number_id, "number": number, "name": None, "capabilities": ["voice", "sms"], "number_type": "longcode",
        "e911_address_id": None, "country_code": "US", "next_billed_at": "2026-12-01T00:00:00Z", **more,
    }  # fmt: skip


def invalid(*details: Any) -> Answer:
    errors = [{"detail": detail, "status": "422", "title": "Invalid Attribute", "code": "422"} for detail in details]
    return json_reply(422, {"errors": errors})


BOUGHT: Final = json_reply(200, held())

ORDERS: Final[dict[str, tuple[Answer, Any]]] = {
    "bought": (BOUGHT, Placed),
    "bought, with 201": (json_reply(201, held()), Placed),
    "another number": (json_reply(200, held(OTHER)), Unknown),
    "without the plus sign": (json_reply(200, held(OURS[1:])), Unknown),
    "a longer number": (json_reply(200, held(OURS + "0")), Unknown),
    "no number": (json_reply(200, held(None)), Unknown),
    "a number as a number": (json_reply(200, held(14155550142)), Unknown),
    "no id": (json_reply(200, held(number_id=None)), Unknown),
    "an id that leads elsewhere": (json_reply(200, held(number_id="../../x")), Unknown),
    "capitals": (json_reply(200, {"ID": ID, "NUMBER": OURS}), Unknown),
    "a list": (json_reply(200, [held()]), Unknown),
    "accepted": (json_reply(202, {"status": "pending"}), Unknown),
    "redirect": (reply(307, Location=PATH), Unknown),
    "taken": (invalid("Number has already been taken"), TAKEN),
    "not available": (invalid("Other", "Number is not available for purchase"), TAKEN),
    "no money": (invalid("Your available balance is too low, and it was already so"), FORBIDDEN),
    "a trial": (invalid("Buying is not available for trial projects"), FORBIDDEN),
    "a project": (invalid("Buying numbers is not available for this project"), NO),
    "no reason": (invalid(), NO),
    "reason that is none": (invalid(7), NO),
    "null for a reason": (json_reply(422, {"errors": [{"detail": None, "code": "number_not_available"}]}), TAKEN),
    "without a list": (json_reply(422, {"title": "Validation failed", "detail": None}), NO),
    "a code of its own": (json_reply(422, {"code": "number_not_available"}), TAKEN),
    "no words at all": (json_reply(422, {"status": 422}), Unknown),
    "null for reasons": (json_reply(422, {"errors": None}), Unknown),
    "bad request": (json_reply(400, {"error": "Bad Request"}), NO),
    "unauthorized": (json_reply(401, {"error": "Unauthorized"}), FORBIDDEN),
    "forbidden": (reply(403, HTML), FORBIDDEN),
    "not paid": (json_reply(402, {"error": "Payment Required"}), FORBIDDEN),
    "not found": (json_reply(404, {"error": "Not Found"}), NO),
    "conflict": (json_reply(409, {"error": "Conflict"}), Unknown),
    "throttled": (reply(429, HTML, Retry_After="7"), (Refused, Reason.THROTTLED)),
    "failure": (json_reply(500, {"error": "Internal Server Error"}), Unknown),
}


@pytest.mark.parametrize("name", ORDERS)
def test_an_order_is_one_post_and_every_answer_has_its_word(name: str) -> None:
    answer, expected = ORDERS[name]
    word, [seen] = asked(answer, lambda carrier: carrier.order(OURS, ORDER))
    assert kind(word) == expected
    assert word == Placed(ID, None) if expected is Placed else word.message
    assert (seen.method, seen.path, seen.query, seen.json) == ("POST", PATH, [], {"number": OURS})
    assert seen.headers["authorization"] == BASIC
    assert seen.headers["content-type"] == "application/json"


def test_an_order_that_reaches_nobody_was_not_sent() -> None:
    with scripted(lambda _seen: BOUGHT) as server:
        pass
    assert kind(ask(server.url, lambda carrier: carrier.order(OURS, ORDER))) is NotSent


class Kept:
    """An HTTP client that keeps requests and answers with an empty list."""

    def __init__(self) -> None:
        self.urls: list[str] = []

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.urls.append(request.url)
        return HttpResponse(200, {}, b'{"data": []}')


def test_requests_go_to_the_space() -> None:
    http = Kept()
    asyncio.run(SignalWire(setup("", space="My-Space"), http).check())
    assert http.urls == [f"https://my-space.signalwire.com{PATH}?page_size=1"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("space", bad) for bad in ("", "-a", "a-", "a.signalwire.com", "a/b", "a@b", "a_b", "é", "a" * 64)),
        ("project_id", "a:b"),
    ],
)
def test_a_setup_that_cannot_work_is_refused_by_its_field(field: str, value: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        SignalWire(setup("", **{field: value}), Kept())
    assert caught.value.details["field"] == field


def test_what_is_secret_is_marked() -> None:
    assert [(field.name, field.secret) for field in FIELDS] == [
        ("space", False), ("project_id", False), ("api_token", True),
    ]  # fmt: skip


def listed(*numbers: Any, following: Any = None) -> Answer:
    links = {"self": PATH, "first": PATH} | ({} if following is None else {"next": following})
    return json_reply(200, {"links": links, "data": list(numbers)})


NONE: Final = listed()
OVER: Final = f"{PATH}?page_number=1&page_size=1000&page_token=PA12"
UNCLEAR: Final[dict[str, Answer]] = {
    "a failure": reply(500),
    "unauthorized": json_reply(401, {"error": "Unauthorized"}),
    "throttled": reply(429),
    "bad request": json_reply(400, {"error": "Bad Request"}),
    "not found": json_reply(404, {"error": "Not Found"}),
    "redirect": reply(301, Location="/"),
    "no content": reply(204),
    "a page": reply(200, HTML),
    "null for a list": json_reply(200, {"links": {}, "data": None}),
    "no list": json_reply(200, {"links": {}}),
    "an object for a list": json_reply(200, {"data": {}}),
    "a list that goes on": listed(held(OTHER), following=OVER),
    "links that are none": json_reply(200, {"links": "x", "data": []}),
    "an item that is none": listed(None),
    "our number with no id": listed(held(number_id=None)),
    "our number with an id that leads elsewhere": listed(held(number_id="../x")),
    "cut": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"),
}
FOUND: Final[dict[str, tuple[Answer, Answer, Any]]] = {
    "by both": (listed(held()), listed(held()), Placed(ID)),
    "with the plus sign": (listed(held()), NONE, Placed(ID)),
    "without the plus sign": (NONE, listed(held()), Placed(ID)),
    "written without it": (NONE, listed(held(OURS[1:])), Placed(ID)),
    "while the other fails": (reply(500), listed(held()), Placed(ID)),
    "while the other is silent": (listed(held()), silence, Placed(ID)),
    "among others": (listed(held(OTHER), held(OURS + "1"), held()), NONE, Placed(ID)),
    "on the first of several pages": (listed(held(), following=OVER), NONE, Placed(ID)),
    "beside what cannot be read": (listed(None, held()), NONE, Placed(ID)),
    "under whatever name": (listed(held(name="Sales")), NONE, Placed(ID)),
    "nowhere": (NONE, NONE, Absent()),
    "only numbers that are alike": (listed(held(OURS + "1"), held("+114155550142")), NONE, Absent()),
}


def find(with_plus: Answer, without: Answer) -> tuple[Any, list[Seen]]:
    with scripted(lambda seen: with_plus if ("filter_number", OURS) in seen.query else without) as server:
        return ask(server.url, lambda carrier: carrier.find(OURS, ORDER)), server.seen


@pytest.mark.parametrize("name", FOUND)
def test_what_became_of_an_order_is_looked_up_by_its_number(name: str) -> None:
    with_plus, without, expected = FOUND[name]
    word, requests = find(with_plus, without)
    assert word == expected
    assert {(seen.method, seen.path) for seen in requests} == {("GET", PATH)}
    assert sorted(seen.query for seen in requests) == [
        [("filter_number", OURS), ("page_size", "1000")],
        [("filter_number", OURS[1:]), ("page_size", "1000")],
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
        (reply(204), NONE, ID, Released()),
        (reply(204), listed(held()), None, Released()),
        (reply(204), listed(held()), "../../x", Released()),
        (json_reply(404, {"error": "Not Found"}), NONE, ID, Released()),
        (reply(204), NONE, None, Released()),
        (json_reply(404, {"error": "Not Found"}), listed(held()), ID, NotReleased),
        (json_reply(404, {"error": "Not Found"}), reply(500), ID, NotReleased),
        (invalid("Phone number was bought too lately"), NONE, ID, NotReleased),
        (reply(401), NONE, ID, NotReleased),
        (reply(302, Location="/"), NONE, ID, NotReleased),
        (reply(500), NONE, ID, NotReleased),
        (silence, NONE, ID, NotReleased),
        (reply(204), listed(held(OTHER), following=OVER), None, NotReleased),
    ],
)
def test_a_number_is_released_when_it_is_gone(deleted: Answer, left: Answer, number_id: Any, expected: Any) -> None:
    one = json_reply(200, held())
    with scripted(lambda seen: deleted if seen.method == "DELETE" else one if ID in seen.path else left) as server:
        word = ask(server.url, lambda carrier: carrier.release(OURS, number_id))
    assert word == expected or (expected is NotReleased and isinstance(word, NotReleased) and word.message)
    assert {seen.path for seen in server.seen} <= {PATH, f"{PATH}/{ID}"}
    assert {seen.method for seen in server.seen if seen.path != PATH} <= {"DELETE", "GET"}


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (json_reply(200, held(OTHER)), AnotherNumber(OTHER)),
        (reply(500), NotReleased),
        (json_reply(200, {}), NotReleased),
    ],
)
def test_a_number_that_the_id_is_not_of_is_never_released(one: Answer, expected: Any) -> None:
    with scripted(lambda seen: one if ID in seen.path else listed(held())) as server:
        word = ask(server.url, lambda carrier: carrier.release(OURS, ID))
    assert word == expected or (expected is NotReleased and isinstance(word, NotReleased))
    assert {seen.method for seen in server.seen} == {"GET"}


def test_our_numbers_are_listed_page_by_page() -> None:
    pages = iter([
        listed(held(), held(OTHER, name="Sales"), None, held("12345"), {"id": ID}, following=f"https://evil.example{OVER}"),
        listed(held("+18005550142")),
    ])  # fmt: skip
    with scripted(lambda _seen: next(pages)) as server:
        first = ask(server.url, lambda carrier: carrier.owned(None))
        second = ask(server.url, lambda carrier: carrier.owned(first.cursor))
    assert first.numbers == (OwnedNumber(OURS, ID, ""), OwnedNumber(OTHER, ID, ""))
    assert second == OwnedPage((OwnedNumber("+18005550142", ID, ""),), None)
    assert [(seen.path, seen.query) for seen in server.seen] == [
        (PATH, [("page_size", "1000")]),
        (PATH, [("page_size", "1000"), ("page_number", "1"), ("page_token", "PA12")]),
    ]


@pytest.mark.parametrize("following", ["/x", "/x?page_number=", "//[", "/x?page_number=1&page_token=%0A", 7])
def test_a_next_page_that_cannot_be_read_is_an_error_and_not_the_end(following: Any) -> None:
    with pytest.raises(CarrierError):
        asked(listed(following=following), lambda carrier: carrier.owned(None))


@pytest.mark.parametrize("cursor", ["", "1", "x.y", "1.a\nb", "-1.a", "1." + "x" * 201])
def test_a_cursor_of_somebody_elses_is_refused(cursor: str) -> None:
    with pytest.raises(CarrierError):
        asked(NONE, lambda carrier: carrier.owned(cursor))


@pytest.mark.parametrize(
    ("answer", "ok", "said"),
    [
        (NONE, True, "knows the project"),
        (listed(held()), True, "knows the project"),
        (json_reply(401, {"error": "Unauthorized"}), False, "project id and token"),
        (json_reply(404, {"error": "Not Found"}), False, "cannot be asked: refused: HTTP 404"),
        (reply(200, HTML), False, "cannot be asked: unreadable"),
        (reply(503), False, "cannot be asked: failing: HTTP 503"),
        (reset, False, "space's name"),
    ],
)
def test_a_check_says_what_is_wrong(answer: Answer, ok: Any, said: str) -> None:
    health, [seen] = asked(answer, lambda carrier: carrier.check())
    assert (health.ok, health.facts) == (ok, {})
    assert said in health.message
    assert (seen.method, seen.path, seen.query) == ("GET", PATH, [("page_size", "1")])
