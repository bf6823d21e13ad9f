"""The Vonage adapter before a scripted server: what it sends, and what it makes of every answer."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from numberdesk.carriers import port
from numberdesk.carriers.adapters.vonage import Vonage
from numberdesk.core.carrier_order import Absent, NotSent, Placed, Reason, Refused, Unknown
from numberdesk.infra.http import HttpClient
from testbed.egress import LOOPBACK
from testbed.scripted import Answer, Scripted, Seen, json_reply, reply, reset, scripted
from tests.carriers.adapters.words import HTML, kind

SECRET: Final = "t0p-s3cret"
OURS: Final = "+447700900142"
DIGITS: Final = "447700900142"


def setup(url: str, **more: str) -> port.Setup:
    values = {"api_key": "abcd1234", "api_secret": SECRET, "base_url": url, "read_seconds": "1", "order_seconds": "1"}
    return port.Setup({**values, **more})


def ask(server: Scripted, call: Callable[[Vonage], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        http = HttpClient(egress=LOOPBACK)
        try:
            return await call(Vonage(setup(server.url), http))
        finally:
            await http.close()

    return asyncio.run(main())


def order(server: Scripted, e164: str = OURS) -> Any:
    return ask(server, lambda vonage: vonage.order(e164, "ord_1"))


def owned(server: Scripted, cursor: str | None = None) -> Any:
    return ask(server, lambda vonage: vonage.owned(cursor))


def search(server: Scripted, **more: Any) -> Any:
    return ask(server, lambda vonage: vonage.search(wanted(**more)))


def wanted(**more: Any) -> port.Wanted:
    return port.Wanted("GB", "44", None, "", "", "", "", "", "", (), 20)._replace(**more)


def status(code: Any, label: Any = "method failed", http: int = 420) -> Answer:
    return json_reply(http, {"error-code": code, "error-code-label": label})


def listed(*numbers: Any, count: Any = None, items: Any = None) -> Answer:
    rows = [{"country": "GB", "msisdn": number, "type": "mobile-lvn"} for number in numbers]
    rows = rows if items is None else items
    return json_reply(200, {"count": len(rows) if count is None else count, "numbers": rows})


SUCCESS: Final = status("200", "success", 200)
EMPTY: Final = json_reply(200, {})
ADDRESS: Final = "Numbers of this country can be had elsewhere, as they need a valid local address first"

ORDERS: Final[dict[str, tuple[Answer, Any]]] = {
    "a success": (SUCCESS, Placed),
    "a code without quotes": (status(200, "success", 200), Placed),
    "a local address is missing": (status("420", ADDRESS), (Refused, Reason.OTHER)),
    "the same under 200": (status("420", ADDRESS, 200), (Refused, Reason.OTHER)),
    "it failed, for any reason": (status("420"), (Refused, Reason.OTHER)),
    "it may be ours already": (status("420", "you may already own this number"), (Refused, Reason.TAKEN)),
    "another code": (status("500", "oops", 200), Unknown),
    "a success that is a failure": (status("200", "success", 420), Unknown),
    "401 under 200": (status("401", "authentication failed", 200), (Refused, Reason.ACCOUNT)),
    "404 under 200": (status("404", "not found", 200), (Refused, Reason.OTHER)),
    "429 under 200": (status("429", "too many requests", 200), (Refused, Reason.THROTTLED)),
    "408 under 200": (status("408", "timed out", 200), Unknown),
    "400": (status("400", "bad request", 400), (Refused, Reason.OTHER)),
    "404 with words": (status("404", "not found", 404), (Refused, Reason.OTHER)),
    "no credit": (status("420", "quota exceeded - insufficient balance"), (Refused, Reason.ACCOUNT)),
    "of another country": (status("420", "country and msisdn do not match"), (Refused, Reason.OTHER)),
    "an error by another name": (json_reply(400, {"type": "x", "title": "Bad"}), (Refused, Reason.OTHER)),
    "a label of a wrong type": (status("420", None), Unknown),
    "a code of a wrong type": (status(None, "success", 200), Unknown),
    "an empty object": (EMPTY, Unknown),
    "XML": (reply(200, b"<response><error-code>200</error-code></response>"), Unknown),
    "a field is missing": (json_reply(400, {"country": "Is required."}), Unknown),
    "404": (reply(404, HTML), Unknown),
    "409 with a success": (status("200", "success", 409), Unknown),
    "wrong credentials": (status("401", "authentication failed", 401), (Refused, Reason.ACCOUNT)),
    "a success without a label": (json_reply(200, {"error-code": "200"}), Placed),
    "too many requests": (reply(429), (Refused, Reason.THROTTLED)),
    "500": (status("500", "oops", 500), Unknown),
}


@pytest.mark.parametrize(("answer", "expected"), ORDERS.values(), ids=ORDERS)
def test_an_order_is_sent_once_and_its_answer_is_read_with_care(answer: Answer, expected: Any) -> None:
    with scripted(lambda _seen: answer) as server:
        word = order(server)
    assert kind(word) == expected
    assert [seen.method for seen in server.seen] == ["POST"]
    assert SECRET not in repr(word)
    if isinstance(word, Placed):
        assert word == Placed(f"GB:{DIGITS}", None)


def test_an_order_names_its_country_and_digits_in_the_body_and_the_secret_only_in_a_header() -> None:
    with scripted(lambda _seen: SUCCESS) as server:
        order(server)
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.query) == ("POST", "/number/buy", [])
    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"
    assert seen.headers["authorization"] == "Basic " + base64.b64encode(f"abcd1234:{SECRET}".encode()).decode()
    assert seen.form == {"country": "GB", "msisdn": DIGITS}


def test_an_order_of_no_country_or_to_nobody_is_not_sent_and_a_throttled_one_says_until_when() -> None:
    with scripted(lambda _seen: reply(429, Retry_After="7")) as server:
        assert isinstance(order(server, "+80012345678"), NotSent)
        assert server.seen == []
        assert order(server) == Refused(Reason.THROTTLED, "HTTP 429", 7)
    assert isinstance(order(server), NotSent)


COUNTRIES: Final = {
    "+14155550142": "US", "+18005550142": "US", "+16135550142": "CA", "+17875550142": "PR", "+18765550142": "JM",
    "+74951234567": "RU", "+77271234567": "KZ", "+390612345678": "IT", "+35312345678": "IE", "+34912345678": "ES",
    "+441534712345": "JE", "+447624123456": "IM", "+15655550142": "US",
}  # fmt: skip


@pytest.mark.parametrize(("e164", "country"), COUNTRIES.items())
def test_the_country_of_a_number_follows_from_its_first_digits(e164: str, country: str) -> None:
    with scripted(lambda _seen: SUCCESS) as server:
        assert order(server, e164) == Placed(f"{country}:{e164[1:]}")
    assert server.seen[0].form["country"] == country


def test_the_country_that_a_search_told_counts_more_than_the_digits() -> None:
    async def main(vonage: Vonage) -> Any:
        await vonage.search(wanted(iso_country="CA", calling_code="1"))
        return await vonage.order("+18005550142", "ord_1"), await vonage.release("+18005550142", None)

    found = listed(items=[{"country": "CA", "msisdn": "18005550142"}])
    with scripted(lambda seen: found if seen.path == "/number/search" else SUCCESS) as server:
        assert ask(server, main) == (Placed("CA:18005550142"), port.Released())
    assert [seen.form.get("country") for seen in server.seen] == [None, "CA", "CA"]


def test_the_country_that_the_offer_told_counts_after_a_restart_when_no_search_has_told_it() -> None:
    with scripted(lambda _seen: SUCCESS) as server:
        placed = ask(server, lambda vonage: vonage.order(OURS, "ord_1", "JE"))
    assert placed == Placed(f"JE:{DIGITS}")
    assert server.seen[0].form["country"] == "JE"


FINDS: Final[dict[str, tuple[Answer, Any]]] = {
    "there": (listed(DIGITS), Placed),
    "there without quotes": (listed(int(DIGITS)), Placed),
    "there beside a longer one": (listed(DIGITS + "1", DIGITS), Placed),
    "an empty object": (EMPTY, Absent),
    "an empty list": (listed(), Absent),
    "a count of none": (json_reply(200, {"count": 0}), Absent),
    "a longer one alone": (listed(DIGITS + "1"), Absent),
    "a list that was not filtered": (listed("447700900143"), Unknown),
    "a list that goes on": (listed(DIGITS + "1", count=200), Unknown),
    "a count without numbers": (listed(count=3), Unknown),
    "a count alone": (json_reply(200, {"count": 3}), Unknown),
    "an error under 200": (status("401", "authentication failed", 200), Unknown),
    "an item without a number": (listed(items=[{"country": "GB"}]), Unknown),
    "an item that is none": (listed(items=[None]), Unknown),
    "null for numbers": (json_reply(200, {"count": 0, "numbers": None}), Unknown),
    "another object": (json_reply(200, {"status": "ok"}), Unknown),
    "a list at the top": (json_reply(200, []), Unknown),
    "an empty body": (reply(200), Unknown),
    "no body": (reply(204), Unknown),
    "cut JSON": (reply(200, b'{"count": 0, "num'), Unknown),
    "HTML with 200": (reply(200, HTML), Unknown),
    "404": (json_reply(404, {}), Unknown),
    "420": (status("420"), Unknown),
    "wrong credentials": (status("401", "authentication failed", 401), Unknown),
    "too many requests": (reply(429), Unknown),
    "a redirect": (reply(301, b"", Location="/x"), Unknown),
    "500": (reply(500), Unknown),
    "a reset": (reset, Unknown),
}


@pytest.mark.parametrize(("answer", "expected"), FINDS.values(), ids=FINDS)
def test_a_number_is_absent_only_when_the_list_says_so_for_certain(answer: Answer, expected: Any) -> None:
    with scripted(lambda _seen: answer) as server:
        word = ask(server, lambda vonage: vonage.find(OURS, "ord_1"))
    assert kind(word) == expected
    assert SECRET not in repr(word)
    if isinstance(word, Placed):
        assert word == Placed(f"GB:{DIGITS}", None)
    (seen,) = server.seen
    assert (seen.method, seen.path) == ("GET", "/account/numbers")
    assert dict(seen.query) == {"pattern": DIGITS, "search_pattern": "0", "size": "100", "index": "1"}


NORTH_AMERICA: Final = {"iso_country": "US", "calling_code": "1"}
QUERIES: Final[dict[str, tuple[dict[str, Any], dict[str, str]]]] = {
    "a country": ({}, {}),
    "a prefix": ({"area_code": "20", "starts_with": "207"}, {"pattern": "44207", "search_pattern": "0"}),
    "an area code": ({"area_code": "20"}, {"pattern": "4420", "search_pattern": "0"}),
    "digits anywhere": ({"contains": "900"}, {"pattern": "900", "search_pattern": "1"}),
    "a suffix": ({"ends_with": "0142", "starts_with": "77"}, {"pattern": "0142", "search_pattern": "2"}),
    "the longest": ({"ends_with": "42", "contains": "7009"}, {"pattern": "7009", "search_pattern": "1"}),
    "what it cannot look for": ({"region": "London", "locality": "London"}, {}),
    "local": ({"number_type": "local"}, {"type": "landline"}),
    "national": ({"number_type": "national"}, {"type": "landline"}),
    "mobile": ({"number_type": "mobile"}, {"type": "mobile-lvn"}),
    "toll-free": ({"number_type": "toll_free"}, {"type": "landline-toll-free"}),
    "local in North America": ({**NORTH_AMERICA, "number_type": "local"}, {"country": "US"}),
    "mobile in North America": ({**NORTH_AMERICA, "number_type": "mobile"}, {"country": "US"}),
    "SMS": ({"capabilities": ("sms",)}, {"features": "SMS"}),
    "voice and SMS": ({"capabilities": ("voice", "sms")}, {"features": "SMS,VOICE"}),
    "voice and MMS": ({"capabilities": ("mms", "voice")}, {"features": "VOICE,MMS"}),
    "all": ({"capabilities": ("voice", "sms", "mms", "fax")}, {"features": "SMS,MMS,VOICE"}),
    "fax": ({"capabilities": ("fax",)}, {}),
}


@pytest.mark.parametrize(("more", "expected"), QUERIES.values(), ids=QUERIES)
def test_a_search_pushes_down_what_vonage_can_look_for(more: dict[str, Any], expected: dict[str, str]) -> None:
    with scripted(lambda _seen: EMPTY) as server:
        assert search(server, **more) == port.AvailablePage(())
    (seen,) = server.seen
    assert (seen.method, seen.path) == ("GET", "/number/search")
    assert dict(seen.query) == {"country": "GB", **expected, "size": "20", "index": "1"}


def test_an_area_code_that_contradicts_the_first_digits_asks_nothing() -> None:
    with scripted(lambda _seen: EMPTY) as server:
        assert search(server, area_code="20", starts_with="77") == port.AvailablePage(())
    assert server.seen == []


def offered(number: Any = DIGITS, **more: Any) -> dict[str, Any]:
    usual = {"country": "GB", "msisdn": number, "type": "mobile-lvn", "cost": "1.25", "features": ["SMS", "VOICE"]}
    return {**usual, **more}


ITEMS: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "as documented": ({}, {}),
    "a landline": ({"type": "landline"}, {"number_type": ""}),
    "toll-free": ({"type": "landline-toll-free"}, {"number_type": "toll_free"}),
    "a type of a wrong type": ({"type": ["mobile-lvn"]}, {"number_type": ""}),
    "features in any case": ({"features": ["mms", "Voice", "LASER", 7]}, {"capabilities": ("voice", "mms")}),
    "features in one text": ({"features": ["SMS,MMS"]}, {"capabilities": ("sms", "mms")}),
    "null for features": ({"features": None}, {"capabilities": ()}),
    "a fee at the beginning": ({"initialPrice": "0.50"}, {"cost": port.Cost("EUR", 1_250_000, setup=500_000)}),
    "a cost without quotes": ({"cost": 0.9}, {"cost": port.Cost("EUR", 900_000)}),
    "no cost": ({"cost": None}, {"cost": None}),
    "a cost that is no number": ({"cost": "on request"}, {"cost": None}),
    "a cost that is not finite": ({"cost": "NaN"}, {"cost": None}),
    "a cost past all bounds": ({"cost": "1e30"}, {"cost": None}),
    "a country that is none": ({"country": 44}, {}),
}


@pytest.mark.parametrize(("more", "expected"), ITEMS.values(), ids=ITEMS)
def test_an_offered_number_is_read_as_far_as_it_goes(more: dict[str, Any], expected: dict[str, Any]) -> None:
    usual = port.Available(OURS, "mobile", "", "", ("voice", "sms"), port.Cost("EUR", 1_250_000))
    with scripted(lambda _seen: listed(items=[None, 7, {}, offered(None), offered("x"), offered(**more)])) as server:
        assert search(server).numbers == (usual._replace(**expected),)


def test_what_is_called_mobile_in_north_america_may_be_local() -> None:
    with scripted(lambda _seen: listed(items=[offered("14155550142", country="US")])) as server:
        assert search(server, **NORTH_AMERICA).numbers[0].number_type == ""


def stock(total: int, *, broken: int = 0, most: int = 100) -> Callable[[Seen], Answer]:
    def script(seen: Seen) -> Answer:
        query = dict(seen.query)
        size, index = min(most, int(query["size"])), int(query["index"])
        if index == broken:
            return reply(429)
        page = range(size * (index - 1), min(size * index, total))
        return listed(count=total, items=[offered(f"44770090{number:04}") for number in page]) if page else EMPTY

    return script


@pytest.mark.parametrize(
    ("total", "limit", "expected", "sizes"),
    [
        (5, 50, (5, False), [50]),
        (50, 50, (50, False), [50]),
        (51, 50, (50, True), [50]),
        (130, 150, (130, False), [75, 75]),
        (500, 250, (252, True), [84, 84, 84]),
        (5000, 5000, (500, True), [100] * 5),
    ],
)
def test_a_search_takes_the_pages_that_its_limit_asks_for(
    total: int, limit: int, expected: tuple[int, bool], sizes: list[int]
) -> None:
    with scripted(stock(total)) as server:
        page = search(server, limit=limit)
    assert (len(page.numbers), page.more) == expected
    assert [int(dict(seen.query)["size"]) for seen in server.seen] == sizes


def test_a_later_page_that_fails_leaves_the_others_and_the_first_fails_the_search() -> None:
    with scripted(stock(300, broken=2)) as server:
        page = search(server, limit=200)
    assert (len(page.numbers), page.missed is None, page.more) == (100, False, False)
    with scripted(stock(300, broken=1)) as server, pytest.raises(port.CarrierError) as failed:
        search(server)
    assert failed.value.trouble is port.Trouble.THROTTLED
    assert SECRET not in repr(failed.value)


@pytest.mark.parametrize("most", [100, 40])
def test_the_list_of_the_account_is_walked_to_its_count_whatever_its_pages_hold(most: int) -> None:
    with scripted(stock(120, most=most)) as server:
        pages = [owned(server)]
        while pages[-1].cursor is not None:
            pages.append(owned(server, pages[-1].cursor))
    assert [page.cursor for page in pages] == (["2:100", None] if most == 100 else ["2:40", "3:80", None])
    rows = [row for page in pages for row in page.numbers]
    assert rows == [port.OwnedNumber(f"+44770090{n:04}", f"GB:44770090{n:04}", "") for n in range(120)]


@pytest.mark.parametrize("cursor", ["", "2", "0:0", "-1:5", "2:x", "2:\u0661", "https://elsewhere.example/"])
def test_a_cursor_that_is_none_of_ours_is_not_sent(cursor: str) -> None:
    with scripted(stock(45)) as server, pytest.raises(port.CarrierError):
        owned(server, cursor)
    assert server.seen == []


def test_a_list_that_ends_early_or_holds_the_unreadable_is_no_list_and_a_short_code_is_left_out() -> None:
    answers = iter([listed(count=5), listed(items=[{}]), listed("77222", DIGITS), EMPTY])
    with scripted(lambda _seen: next(answers)) as server:
        for _ in range(2):
            with pytest.raises(port.CarrierError):
                owned(server)
        assert owned(server) == ((port.OwnedNumber(OURS, f"GB:{DIGITS}", ""),), None)
        assert owned(server) == ((), None)


JERSEY: Final = listed(items=[{"country": "JE", "msisdn": DIGITS}])
RELEASES: Final[dict[str, tuple[dict[str, Answer], Answer, type]]] = {
    "released": ({"GB": SUCCESS}, EMPTY, port.Released),
    "not there any more": ({"GB": status("420")}, EMPTY, port.Released),
    "420 under 200": ({"GB": status("420", http=200)}, EMPTY, port.Released),
    "of another country": ({"GB": status("420"), "JE": SUCCESS}, JERSEY, port.Released),
    "of another country, in vain": ({"GB": status("420"), "JE": status("420")}, JERSEY, port.NotReleased),
    "failed, and still there": ({"GB": status("420")}, listed(DIGITS), port.NotReleased),
    "failed, and nobody knows": ({"GB": status("420")}, reply(500), port.NotReleased),
    "HTML with 200": ({"GB": reply(200, HTML)}, EMPTY, port.NotReleased),
    "401": ({"GB": reply(401)}, EMPTY, port.NotReleased),
    "404": ({"GB": reply(404)}, EMPTY, port.NotReleased),
    "429": ({"GB": reply(429)}, EMPTY, port.NotReleased),
    "a reset": ({"GB": reset}, EMPTY, port.NotReleased),
}


@pytest.mark.parametrize(("cancels", "found", "expected"), RELEASES.values(), ids=RELEASES)
def test_a_number_is_released_by_its_country_and_digits(
    cancels: dict[str, Answer], found: Answer, expected: type
) -> None:
    def script(seen: Seen) -> Answer:
        return cancels[seen.form["country"]] if seen.path == "/number/cancel" else found

    with scripted(script) as server:
        words = [ask(server, lambda vonage: vonage.release(OURS, f"GB:{DIGITS}"))]
        words.append(ask(server, lambda vonage: vonage.release(OURS, None)))
    assert {type(word) for word in words} == {expected}
    assert SECRET not in repr(words)


CHECKS: Final[dict[str, tuple[Answer, str, dict[str, str]]]] = {
    "fine": (json_reply(200, {"value": 10.28, "autoReload": False}), "answers", {"balance": "10.28 EUR"}),
    "wrong credentials": (status("401", "authentication failed", 401), "api_secret is wrong", {}),
    "too many requests": (reply(429), "throttled", {}),
    "404": (reply(404), "check base_url: HTTP 404", {}),
    "500": (reply(500, HTML), "failing", {}),
    "no balance": (json_reply(200, {"value": None}), "unreadable", {}),
}


@pytest.mark.parametrize(("answer", "words", "facts"), CHECKS.values(), ids=CHECKS)
def test_a_check_asks_for_the_balance_and_says_what_is_wrong(answer: Answer, words: str, facts: dict[str, str]) -> None:
    with scripted(lambda _seen: answer) as server:
        health = ask(server, lambda vonage: vonage.check())
    assert (health.ok, health.facts) == (bool(facts), facts)
    assert words in health.message
    assert [(seen.method, seen.path) for seen in server.seen] == [("GET", "/account/get-balance")]
    assert SECRET not in repr(health)
