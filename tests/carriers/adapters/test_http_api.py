"""What all adapters share: where requests go, which way a failure counts, what of an answer may be shown."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
import pytest

from numberdesk.carriers.adapters.http_api import (
    Call,
    CarrierHttpApi,
    basic,
    check_common,
    decoded,
    each,
    excerpt,
    refusal,
    refused,
    retry_after,
)
from numberdesk.carriers.port import VISIBILITY_WINDOW, CarrierError, Setup, Trouble
from numberdesk.core.carrier_order import NotSent, Reason, Refused, Unknown
from numberdesk.core.errors import InvalidRequest
from numberdesk.infra.http import HttpRequest, HttpResponse, NoAnswerError, NotSentError

AUTHORIZATION: Final = basic("account", "a-long-password")
CALL: Final = Call("GET", "/numbers")


class Sent:
    """An HTTP client that gives what it is told to, and keeps the requests."""

    def __init__(self, outcome: HttpResponse | Exception) -> None:
        self.outcome = outcome
        self.requests: list[HttpRequest] = []

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def answer(status: int = 200, body: bytes = b"", **headers: str) -> HttpResponse:
    return HttpResponse(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def api(http: Sent, *, authorization: str = AUTHORIZATION, **values: str) -> CarrierHttpApi:
    return CarrierHttpApi(Setup(values), http, base_url="https://api.example.com", authorization=authorization)


def read(outcome: HttpResponse | Exception, call: Call = CALL, **values: str) -> HttpResponse:
    return asyncio.run(api(Sent(outcome), **values).read(call))


def order(outcome: HttpResponse | Exception, **values: str) -> Any:
    return asyncio.run(api(Sent(outcome), **values).order(Call("POST", "/orders")))


def request_of(call: Call, *, other: str | None = None, **values: str) -> HttpRequest:
    http = Sent(answer())
    asyncio.run(api(http, **values).read(call, base_url=other))
    [request] = http.requests
    return request


@pytest.mark.parametrize(
    ("call", "url", "body", "kind"),
    [
        (CALL, "/numbers", b"", None),
        (CALL._replace(query=[("n", "+1 2"), ("n", "a&b"), ("e", "")]), "/numbers?n=%2B1+2&n=a%26b&e=", b"", None),
        (CALL._replace(form=[("N", "+1"), ("F", "é")]), "/numbers", b"N=%2B1&F=%C3%A9", "x-www-form-urlencoded"),
        (CALL._replace(form=[]), "/numbers", b"", "x-www-form-urlencoded"),
        (CALL._replace(json={"n": ["+1"]}), "/numbers", b'{"n":["+1"]}', "json"),
        (CALL._replace(body=b"<Order/>", headers={"Content-Type": "application/xml"}), "/numbers", b"<Order/>", "xml"),
    ],
    ids=["bare", "query", "form", "empty form", "json", "bytes"],
)
def test_a_call_becomes_one_request(call: Call, url: str, body: bytes, kind: str | None) -> None:
    request = request_of(call)
    assert (request.method, request.url, request.body) == ("GET", f"https://api.example.com{url}", body)
    assert request.headers["Authorization"] == AUTHORIZATION
    assert request.headers["Accept"] == "application/json"
    assert request.headers.get("Content-Type") == (None if kind is None else f"application/{kind}")


def test_reads_and_orders_have_their_own_time_and_only_an_order_is_sent_once() -> None:
    http = Sent(answer())
    line = api(http, read_seconds="3", order_seconds="44")
    asyncio.run(line.read(CALL))
    asyncio.run(line.order(CALL))
    assert [(request.seconds, request.once) for request in http.requests] == [(3.0, False), (44.0, True)]


def test_times_are_those_of_the_document_unless_set() -> None:
    http = Sent(answer())
    line = api(http)
    asyncio.run(line.read(CALL))
    asyncio.run(line.order(CALL))
    assert [request.seconds for request in http.requests] == [10.0, 30.0]
    assert line.window == VISIBILITY_WINDOW
    assert api(http, window_seconds="60").window == 60_000_000
    assert api(http, window_seconds="0").window == 0


@pytest.mark.parametrize(
    ("set_up", "other", "expected"),
    [
        ("", None, "https://api.example.com"),
        ("", "https://prices.example.com", "https://prices.example.com"),
        ("https://proxy.example.com/v1/", None, "https://proxy.example.com/v1"),
        ("https://proxy.example.com", "https://prices.example.com", "https://prices.example.com"),
        ("http://127.0.0.1:9000", "https://prices.example.com", "http://127.0.0.1:9000"),
        ("http://[::1]:9000/", "https://prices.example.com", "http://[::1]:9000"),
        ("https://localhost", "https://prices.example.com", "https://localhost"),
    ],
)
def test_a_stand_in_on_this_machine_has_every_host(set_up: str, other: str | None, expected: str) -> None:
    assert request_of(CALL, other=other, base_url=set_up).url == f"{expected}/numbers"


@pytest.mark.parametrize(
    ("outcome", "trouble", "said"),
    [
        (NotSentError("no connection in time"), Trouble.UNREACHABLE, "api.example.com: no connection in time"),
        (NoAnswerError("cut off"), Trouble.UNREACHABLE, "api.example.com: cut off"),
        (answer(401, b'{"error": "who?"}'), Trouble.CREDENTIALS, 'HTTP 401: {"error": "who?"}'),
        (answer(403), Trouble.CREDENTIALS, "HTTP 403"),
        (answer(429, b"slow down"), Trouble.THROTTLED, "HTTP 429: slow down"),
        (answer(500, b"<html>\n<b>oops"), Trouble.FAILING, "HTTP 500: <html> <b>oops"),
        (answer(503), Trouble.FAILING, "HTTP 503"),
    ],
)
def test_a_read_that_fails_says_why(outcome: HttpResponse | Exception, trouble: Trouble, said: str) -> None:
    with pytest.raises(CarrierError) as caught:
        read(outcome)
    assert (caught.value.trouble, caught.value.message) == (trouble, said)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("ConnectError: All connection attempts failed", "no connection (All connection attempts failed)"),
        ("ConnectError: [SSL: WRONG] a: b", "no connection ([SSL: WRONG] a: b)"),
        ("ReadError", "the connection was cut before the whole answer came"),
        ("WriteError", "the connection was cut while the request was sent"),
        ("RemoteProtocolError: Server disconnected", "no whole answer by HTTP (Server disconnected)"),
        ("no whole answer within 10 s", "no whole answer within 10 s"),
        ("InvalidURL", "InvalidURL"),
    ],
)
def test_why_no_answer_came_is_told_in_words_with_the_host(said: str, words: str) -> None:
    with pytest.raises(CarrierError) as caught:
        read(NoAnswerError(said), base_url="https://proxy.example.com:8443/v2")
    assert caught.value.message == f"proxy.example.com:8443: {words}"


@pytest.mark.parametrize("status", [101, 200, 201, 204, 302, 400, 404, 409, 422])
def test_other_answers_are_the_adapters_to_read(status: int) -> None:
    assert read(answer(status, b"text")) == answer(status, b"text")
    assert order(answer(status, b"text")) == answer(status, b"text")


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        (NotSentError("no connection in time"), NotSent("api.example.com: no connection in time")),
        (NoAnswerError("ReadError"), Unknown("api.example.com: the connection was cut before the whole answer came")),
        (answer(429, retry_after="7"), Refused(Reason.THROTTLED, "HTTP 429", 7)),
        (answer(429), Refused(Reason.THROTTLED, "HTTP 429", None)),
        (answer(500, b"oops"), Unknown("HTTP 500: oops")),
        (answer(599), Unknown("HTTP 599")),
        (answer(401), answer(401)),
        (answer(403), answer(403)),
    ],
)
def test_what_came_of_an_order_is_a_word_or_an_answer(outcome: HttpResponse | Exception, word: Any) -> None:
    assert order(outcome) == word


@pytest.mark.parametrize("name", ["read", "order"])
@pytest.mark.parametrize(
    ("authorization", "secret"),
    [
        (AUTHORIZATION, AUTHORIZATION.removeprefix("Basic ")),
        (AUTHORIZATION, "a-long-password"),
        ("Bearer KEY-of-some-length", "KEY-of-some-length"),
    ],
)
def test_no_credential_comes_back_in_an_answer_that_echoes_the_request(
    name: str, authorization: str, secret: str
) -> None:
    http = Sent(answer(400, f"you sent {secret} and {secret}".encode()))
    line = api(http, authorization=authorization)
    back = asyncio.run(getattr(line, name)(CALL))
    assert back.body == b"you sent *** and ***"


@pytest.mark.parametrize("authorization", ["Bearer ", "Bearer x", basic("account", ""), basic("account", "x"), ""])
def test_a_credential_of_next_to_nothing_garbles_no_answer(authorization: str) -> None:
    http = Sent(answer(200, b"a text with x"))
    assert asyncio.run(api(http, authorization=authorization).read(CALL)).body == b"a text with x"


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"", ""),
        (b" \r\n\t ", ""),
        (b"one\r\n  two\x00\x1b[31m three", ": one two [31m three"),
        (b"\xff\xfe caf\xc3\xa9", ": \ufffd\ufffd caf\u00e9"),
        ("a\u202eb\u2028c".encode(), ": a b c"),
        (b"x" * 5000, ": " + "x" * 200),
    ],
)
def test_what_a_carrier_said_is_shown_short_and_printable(body: bytes, shown: str) -> None:
    assert excerpt(answer(400, body)) == shown
    assert refused(answer(400, body)).message == f"HTTP 400{shown}"
    assert refused(answer(400, body)).trouble is Trouble.REFUSED


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7), (" 120 ", 120), ("0", 0), ("", None), ("-1", None), ("1.5", None), ("\u0663", None), ("9" * 30, None),
     ("Wed, 21 Oct 2026 07:28:00 GMT", None)],
)  # fmt: skip
def test_a_retry_after_is_a_few_digits_or_nothing(text: str, seconds: int | None) -> None:
    assert retry_after(answer(429, retry_after=text)) == seconds
    assert retry_after(answer(429)) is None


class Shape(msgspec.Struct):
    name: str
    tags: list[str] = []


def test_a_body_is_read_as_a_shape_and_what_it_does_not_name_is_ignored() -> None:
    read_as = decoded(answer(200, b'{"name": "x", "more": {"deep": [1, null]}}'), Shape)
    assert (read_as.name, read_as.tags) == ("x", [])


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"{}", b'{"name": 1}', b'{"name": null}', b'{"name": "x", "tags": null}', b'{"name": "x"',
        b'{"name": "x"} and more', b"<html></html>", b"\xff\xfe{}", b'{"name": "\xff"}', b'{"name": "\\ud800"}',
        b'{"name": "x", "more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"name": ' + b"9" * 100_000 + b"}",
    ],
)  # fmt: skip
def test_a_body_of_another_shape_is_unreadable(body: bytes) -> None:
    with pytest.raises(CarrierError) as caught:
        decoded(answer(200, body), Shape)
    assert caught.value.trouble is Trouble.UNREADABLE
    assert len(caught.value.message) <= 300


def test_a_bad_item_of_a_list_costs_itself_and_not_the_list() -> None:
    class Listing(msgspec.Struct):
        items: list[msgspec.Raw]

    body = b'{"items": [{"name": "a"}, {"name": 1}, null, 7, {"name": "b", "tags": null}, [[]], {"name": "c"}]}'
    found = each(decoded(answer(200, body), Listing).items, Shape)
    assert [item and item.name for item in found] == ["a", None, None, None, None, None, "c"]


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com", "https://api.example.com:8443/v1/", "HTTPS://api.example.com",
        "http://127.0.0.1:9000", "http://localhost", "http://[::1]:9000/twilio",
    ],
)  # fmt: skip
def test_a_base_url_names_a_host_and_whether_requests_may_go_there_is_decided_elsewhere(url: str) -> None:
    check_common(Setup({"base_url": url}))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1", "example.com",
        "https://", "https:///v1", "//api.example.com", "https://key@api.example.com", "https://a:b@api.example.com",
        "https://@api.example.com", "https://api.example.com/?a=b", "https://api.example.com?", "https://api.example.com#",
        "https://api.example.com#top", "https://[::1", "https://api.example.com:port", "https://api.example.com:99999",
        "https://api.example.com:0", "https://api.example.com\\@127.0.0.1", "http://127.0.0.1\\.example.com",
        "http://localhost@api.example.com", "https://api example.com",
    ],
)  # fmt: skip
def test_any_other_base_url_is_refused_by_its_name(url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_common(Setup({"base_url": url}))
    assert caught.value.details["field"] == "base_url"


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("at_once", ["1", "20", "200"], ["0", "201", "-1", "1.5", "many", "1e2", "\u0661", "00000000001"]),
        ("read_seconds", ["1", "60"], ["0", "61", "9" * 5000]),
        ("order_seconds", ["1", "120"], ["0", "121", "30 "]),
        ("window_seconds", ["0", "900", "86400"], ["86401", "-900", "+900"]),
    ],
)
def test_numbers_of_a_setup_have_bounds(name: str, good: list[str], bad: list[str]) -> None:
    for text in ["", *good]:
        check_common(Setup({name: text}))
    for text in bad:
        with pytest.raises(InvalidRequest) as caught:
            check_common(Setup({name: text}))
        assert caught.value.details["field"] == name


def test_a_setup_shows_nothing_of_itself() -> None:
    assert "hidden-token" not in f"{Setup({'token': 'hidden-token'})!r} {Setup({'token': 'hidden-token'})}"


@pytest.mark.parametrize("status", [408, 425])
def test_a_request_that_was_not_read_to_its_end_is_undecided_whatever_code_stands_beside_it(status: int) -> None:
    assert isinstance(refusal(status, "code 21404", Reason.ACCOUNT), Unknown)
    assert isinstance(refusal(400, "code 21404", Reason.ACCOUNT), Refused)
