"""The Plivo adapter before a scripted server: what it sends, and what it makes of every answer."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from numberdesk.carriers import port
from numberdesk.carriers.adapters.plivo import Plivo
from numberdesk.core.carrier_order import Absent, NotSent, Pending, Placed, Reason, Refused, Unknown
from numberdesk.infra.http import HttpClient
from testbed.egress import LOOPBACK
from testbed.scripted import Answer, Scripted, Seen, json_reply, reply, reset, scripted, silence
from tests.carriers.adapters.words import FORBIDDEN, HTML, OTHER, TAKEN, kind

TOKEN: Final = "t0p-s3cret"
ACCOUNT: Final = "/v1/Account/MA123/"
OURS: Final = "+14155550142"
DIGITS: Final = "14155550142"
NOT_FOUND: Final = json_reply(404, {"api_id": "x", "error": "not found"})


def setup(url: str, **more: str) -> port.Setup:
    values = {"auth_id": "MA123", "auth_token": TOKEN, "base_url": url, "read_seconds": "1", "order_seconds": "1"}
    return port.Setup({**values, **more})


def ask(url: str, call: Callable[[Plivo], Awaitable[Any]], **more: str) -> Any:
    async def main() -> Any:
        http = HttpClient(egress=LOOPBACK)
        try:
            return await call(Plivo(setup(url, **more), http))
        finally:
            await http.close()

    return asyncio.run(main())


def order(server: Scripted, **more: str) -> Any:
    return ask(server.url, lambda plivo: plivo.order(OURS, "ord_1"), **more)


def owned(server: Scripted, cursor: str | None = None) -> Any:
    return ask(server.url, lambda plivo: plivo.owned(cursor))


def bought(number: Any = DIGITS, state: Any = "Success", status: Any = "fulfilled", **more: Any) -> Answer:
    numbers = [{"number": number, "status": state, **more}]
    return json_reply(201, {"api_id": "x", "message": "created", "numbers": numbers, "status": status})


def rented(*numbers: Any, total: int | None = None, objects: Any = None) -> Answer:
    listed = [{"number": number, "alias": None, "carrier": "Plivo"} for number in numbers]
    meta = {"limit": 20, "offset": 0, "total_count": len(numbers) if total is None else total, "next": None}
    return json_reply(200, {"api_id": "x", "meta": meta, "objects": listed if objects is None else objects})


NO_MONEY: Final = "insufficient balance to rent: all credits are already used"
ORDERS: Final[dict[str, tuple[Answer, Any]]] = {
    "fulfilled": (bought(), Placed),
    "in other capitals": (bought(state="SUCCESS", status="Fulfilled"), Placed),
    "the number without quotes": (bought(int(DIGITS)), Placed),
    "documents are still to be shown": (bought(state="pending"), Pending),
    "the order is pending": (bought(state="pending", status="pending"), Pending),
    "another number": (bought("14155550143"), Unknown),
    "a longer number": (bought(DIGITS + "1"), Unknown),
    "another number as a fallback": (bought(fallback_number="14155550143"), Unknown),
    "no fallback": (bought(fallback_number=None), Placed),
    "no number": (json_reply(201, {"numbers": [], "status": "fulfilled"}), Unknown),
    "null for numbers": (json_reply(201, {"numbers": None, "status": "fulfilled"}), Unknown),
    "no state": (bought(state=None), Unknown),
    "an undocumented state": (bought(state="queued"), Unknown),
    "an undocumented status": (bought(status="cancelled"), Unknown),
    "a state of a wrong type": (bought(state={"a": 1}), Unknown),
    "a list": (json_reply(201, []), Unknown),
    "cut JSON": (reply(201, b'{"numbers": [{"number": "1415'), Unknown),
    "not for sale": (NOT_FOUND, TAKEN),
    "another 404": (json_reply(404, {"error": "no such route"}), OTHER),
    "a 404 from something else": (reply(404, HTML), Unknown),
    "an invalid parameter": (json_reply(400, {"api_id": "x", "error": "invalid app_id"}), OTHER),
    "400 about somebody's number": (json_reply(400, {"error": "Number is already rented"}), TAKEN),
    "a method that is not allowed": (json_reply(405, {"error": "method not allowed"}), OTHER),
    "wrong credentials": (reply(401, b"Could not verify your access level"), FORBIDDEN),
    "forbidden": (json_reply(403, {"error": "forbidden"}), FORBIDDEN),
    **{str(status): (json_reply(status, {"error": "not found"}), Unknown) for status in (408, 409, 425, 500)},
    "not paid": (json_reply(402, {"error": "not found"}), FORBIDDEN),
    "no money, in words that sound like taken": (json_reply(400, {"error": NO_MONEY}), FORBIDDEN),
    "an application that is missing": (json_reply(400, {"error": "compliance_application_id does not exist"}), OTHER),
    "a plan": (json_reply(400, {"error": "This service is not available on your plan"}), OTHER),
    "numbers on a plan": (json_reply(400, {"error": "Numbers are not available on this plan"}), OTHER),
    "a validation that failed": (json_reply(422, {"error": "validation failed"}), OTHER),
    "taken, by a validation": (json_reply(422, {"error": "this number is not available"}), TAKEN),
    "an error that is no text": (json_reply(422, {"error": {"phone": "bad"}}), OTHER),
    "too many requests": (reply(429), (Refused, Reason.THROTTLED)),
}


@pytest.mark.parametrize(("answer", "expected"), ORDERS.values(), ids=ORDERS)
def test_an_order_is_sent_once_and_its_answer_is_read_with_care(answer: Answer, expected: Any) -> None:
    with scripted(lambda _seen: answer) as server:
        word = order(server)
    assert kind(word) == expected
    assert [seen.method for seen in server.seen] == ["POST"]
    assert TOKEN not in repr(word)
    if isinstance(word, Placed):
        assert word == Placed(DIGITS, None)


def test_an_order_names_the_number_and_the_account_in_its_path_and_carries_no_secret_in_the_url() -> None:
    with scripted(lambda _seen: bought()) as server:
        order(server)
        order(server, app_id="77", compliance_application_id="c-1")
        papers = {"compliance_application_id": "c-2"}
        ask(server.url, lambda plivo: plivo.order(OURS, "ord_1", "DE", papers), compliance_application_id="c-1")
    plain, linked, customers = server.seen
    assert (plain.method, plain.path, plain.query) == ("POST", f"{ACCOUNT}PhoneNumber/{DIGITS}/", [])
    assert plain.headers["authorization"] == "Basic " + base64.b64encode(f"MA123:{TOKEN}".encode()).decode()
    assert plain.headers["content-type"] == "application/json"
    assert plain.json == {}
    assert linked.json == {"app_id": "77", "compliance_application_id": "c-1"}
    assert customers.json == papers


def test_an_order_to_nobody_is_not_sent_and_a_throttled_one_says_until_when() -> None:
    with scripted(lambda _seen: reply(429, Retry_After="7")) as server:
        assert order(server) == Refused(Reason.THROTTLED, "HTTP 429", 7)
    assert isinstance(order(server), NotSent)


FINDS: Final[dict[str, tuple[Answer, Answer, Any]]] = {
    "there": (json_reply(200, {"number": DIGITS, "alias": None}), NOT_FOUND, Placed),
    "another number": (json_reply(200, {"number": DIGITS + "1"}), rented(), Unknown),
    "nowhere": (NOT_FOUND, rented(), Absent),
    "nowhere, said by something else": (reply(404, HTML), rented(), Absent),
    "only in the list": (NOT_FOUND, rented(DIGITS), Placed),
    "a longer one in the list": (NOT_FOUND, rented(DIGITS + "1"), Absent),
    "a list that was not filtered": (NOT_FOUND, rented("14155550143"), Unknown),
    "a list that goes on": (NOT_FOUND, rented(DIGITS + "1", total=30), Unknown),
    "a list that is not there": (NOT_FOUND, NOT_FOUND, Unknown),
    "a list in HTML": (NOT_FOUND, reply(200, HTML), Unknown),
    "an unreadable item": (NOT_FOUND, rented(objects=[{"no": "number"}]), Unknown),
    "null for objects": (NOT_FOUND, json_reply(200, {"objects": None}), Unknown),
    "an empty answer": (reply(204), rented(), Unknown),
    "HTML with 200": (reply(200, HTML), rented(), Unknown),
    "cut JSON": (reply(200, b'{"number": "14'), rented(), Unknown),
    "wrong credentials": (reply(401), rented(), Unknown),
    "too many requests": (reply(429), rented(), Unknown),
    "too many requests at the second": (NOT_FOUND, reply(429, Retry_After="1"), Unknown),
    "a redirect": (reply(301, b"", Location="/x"), rented(), Unknown),
    "500": (reply(500), rented(), Unknown),
    "a reset": (reset, rented(), Unknown),
}


@pytest.mark.parametrize(("number", "listed", "expected"), FINDS.values(), ids=FINDS)
def test_a_number_is_absent_only_when_both_look_ups_say_so(number: Answer, listed: Answer, expected: Any) -> None:
    with scripted(
        lambda seen: {f"{ACCOUNT}Number/{DIGITS}/": number, f"{ACCOUNT}Number/": listed}[seen.path]
    ) as server:
        word = ask(server.url, lambda plivo: plivo.find(OURS, "ord_1"))
    assert kind(word) == expected
    assert {seen.method for seen in server.seen} == {"GET"}
    for seen in server.seen[1:]:
        assert seen.query == [("number_startswith", DIGITS), ("limit", "20"), ("offset", "0")]
    assert TOKEN not in repr(word)
    if isinstance(word, Placed):
        assert word == Placed(DIGITS, None)


def wanted(**more: Any) -> port.Wanted:
    return port.Wanted("US", "1", None, "", "", "", "", "", "", (), 20)._replace(**more)


def search(server: Scripted, **more: Any) -> Any:
    return ask(server.url, lambda plivo: plivo.search(wanted(**more)))


QUERIES: Final[dict[str, tuple[dict[str, Any], dict[str, str]]]] = {
    "a country": ({}, {}),
    "a prefix": ({"area_code": "415", "starts_with": "41555"}, {"pattern": "41555"}),
    "an area code": ({"area_code": "415", "starts_with": "4"}, {"pattern": "415"}),
    "what it cannot look for": ({"ends_with": "42", "contains": "555", "region": "CA"}, {}),
    "local": ({"number_type": "local"}, {"type": "fixed"}),
    "national": ({"number_type": "national"}, {"type": "national"}),
    "mobile": ({"number_type": "mobile"}, {"type": "mobile"}),
    "toll-free": ({"number_type": "toll_free"}, {"type": "tollfree"}),
    "a city": ({"locality": "San Francisco"}, {"type": "local", "city": "San Francisco"}),
    "a city of mobile numbers": ({"locality": "Berlin", "number_type": "mobile"}, {"type": "mobile"}),
    "voice and SMS": ({"capabilities": ("voice", "sms")}, {"services": "voice,sms"}),
    "all": ({"capabilities": ("voice", "sms", "mms", "fax")}, {"services": "voice,sms,mms"}),
    "a set that cannot be asked for": ({"capabilities": ("voice", "mms")}, {"services": "mms"}),
    "fax": ({"capabilities": ("fax",)}, {}),
}


@pytest.mark.parametrize(("more", "expected"), QUERIES.values(), ids=QUERIES)
def test_a_search_pushes_down_what_plivo_can_look_for(more: dict[str, Any], expected: dict[str, str]) -> None:
    with scripted(lambda _seen: rented()) as server:
        assert search(server, **more).missed is None
    (seen,) = server.seen
    assert (seen.method, seen.path) == ("GET", f"{ACCOUNT}PhoneNumber/")
    assert dict(seen.query) == {"country_iso": "US", **expected, "limit": "20", "offset": "0"}


def test_an_area_code_that_contradicts_the_first_digits_asks_nothing() -> None:
    with scripted(lambda _seen: rented()) as server:
        assert search(server, area_code="415", starts_with="212") == port.AvailablePage(())
    assert server.seen == []


def offered(number: Any = DIGITS, **more: Any) -> dict[str, Any]:
    return {
        "number": number, "type": "fixed", "sub_type": "local", "city": "SAN FRANCISCO", "region": "United States",
        "voice_enabled": True, "sms_enabled": True, "mms_enabled": False, "setup_rate": "0.50000",
        "monthly_rental_rate": "0.80000", "voice_rate": "0.00550", "sms_rate": "0.00800", **more,
    }  # fmt: skip


USUAL: Final = port.Cost("USD", 800_000, inbound=5_500, setup=500_000)
ITEMS: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "as documented": ({}, {}),
    "national": ({"sub_type": "national", "city": None}, {"number_type": "national", "locality": ""}),
    "without a subtype": ({"sub_type": None, "type": "TollFree"}, {"number_type": "toll_free"}),
    "an unknown type": ({"sub_type": "lunar", "type": 7}, {"number_type": ""}),
    "a city in two cases": ({"city": "La Jolla"}, {"locality": "La Jolla"}),
    "a city of a wrong type": ({"city": ["x"]}, {"locality": ""}),
    "text for a flag": ({"sms_enabled": "TRUE", "mms_enabled": "false"}, {"capabilities": ("voice", "sms")}),
    "no flags": (dict.fromkeys(("voice_enabled", "sms_enabled")), {"capabilities": ()}),
    "a rate without quotes": ({"monthly_rental_rate": 0.8}, {}),
    "no setup rate": ({"setup_rate": None}, {"cost": None}),
    "a free number": ({"monthly_rental_rate": "0.00000"}, {"cost": USUAL._replace(monthly=0)}),
    "a rate that is no number": ({"voice_rate": "free"}, {"cost": None}),
    "a negative rate": ({"monthly_rental_rate": "-1"}, {"cost": None}),
    "a rate finer than a micro": ({"voice_rate": "0.00000001"}, {"cost": None}),
    "a rate of a wrong type": ({"voice_rate": {}}, {"cost": None}),
    "no rates": (dict.fromkeys(("setup_rate", "monthly_rental_rate", "voice_rate")), {"cost": None}),
}


@pytest.mark.parametrize(("more", "expected"), ITEMS.values(), ids=ITEMS)
def test_an_offered_number_is_read_as_far_as_it_goes(more: dict[str, Any], expected: dict[str, Any]) -> None:
    usual = port.Available(OURS, "local", "", "San Francisco", ("voice", "sms"), USUAL)
    with scripted(lambda _seen: rented(objects=[offered(**more)], total=1)) as server:
        assert search(server).numbers == (usual._replace(**expected),)


def test_an_item_that_cannot_be_read_is_skipped_and_not_its_list() -> None:
    bad = [None, 7, {}, offered(None), offered("no number"), offered("1" * 16), offered(1.5), offered("0123456789")]
    with scripted(lambda _seen: rented(objects=[*bad, offered()], total=9)) as server:
        assert [one.e164 for one in search(server).numbers] == [OURS]


def stock(total: int, *, broken: int | None = None) -> Callable[[Seen], Answer]:
    def script(seen: Seen) -> Answer:
        query = dict(seen.query)
        offset, limit = int(query["offset"]), int(query["limit"])
        if offset == broken:
            return reply(429)
        page = range(offset, min(offset + limit, total))
        return rented(objects=[offered(f"1415555{index:04}") for index in page], total=total)

    return script


@pytest.mark.parametrize(
    ("total", "limit", "expected", "offsets"),
    [
        (5, 50, (5, False), [0]),
        (20, 20, (20, False), [0]),
        (21, 20, (20, True), [0]),
        (45, 50, (45, False), [0, 20, 40]),
        (70, 50, (50, True), [0, 20, 40]),
        (1000, 5000, (200, True), list(range(0, 200, 20))),
    ],
)
def test_a_search_takes_the_pages_that_its_limit_asks_for(
    total: int, limit: int, expected: tuple[int, bool], offsets: list[int]
) -> None:
    with scripted(stock(total)) as server:
        page = search(server, limit=limit)
    assert (len(page.numbers), page.more) == expected
    assert sorted(int(dict(seen.query)["offset"]) for seen in server.seen) == offsets


def test_a_later_page_that_fails_leaves_the_others_and_the_first_fails_the_search() -> None:
    with scripted(stock(60, broken=20)) as server:
        page = search(server, limit=60)
    assert (len(page.numbers), page.missed is None, page.more) == (40, False, False)
    with scripted(stock(60, broken=0)) as server, pytest.raises(port.CarrierError):
        search(server, limit=60)


TROUBLES: Final[dict[str, tuple[Answer, port.Trouble]]] = {
    "wrong credentials": (reply(401), port.Trouble.CREDENTIALS),
    "too many requests": (reply(429, Retry_After="9"), port.Trouble.THROTTLED),
    "500": (reply(500), port.Trouble.FAILING),
    "nothing": (silence, port.Trouble.UNREACHABLE),
    "400": (json_reply(400, {"error": "unknown country"}), port.Trouble.REFUSED),
    "a redirect": (reply(307, b"", Location="/x"), port.Trouble.REFUSED),
    "no body": (reply(204), port.Trouble.REFUSED),
    "HTML": (reply(200, HTML), port.Trouble.UNREADABLE),
    "null for objects": (json_reply(200, {"meta": {}, "objects": None}), port.Trouble.UNREADABLE),
    "a list": (json_reply(200, []), port.Trouble.UNREADABLE),
    "nested without end": (reply(200, b'{"objects": ' + b"[" * 100_000), port.Trouble.UNREADABLE),
}


@pytest.mark.parametrize(("answer", "trouble"), TROUBLES.values(), ids=TROUBLES)
def test_a_search_or_list_that_fails_says_in_which_way(answer: Answer, trouble: port.Trouble) -> None:
    with scripted(lambda _seen: answer) as server:
        with pytest.raises(port.CarrierError) as searching:
            search(server)
        with pytest.raises(port.CarrierError) as listing:
            owned(server)
    assert {searching.value.trouble, listing.value.trouble} == {trouble}
    assert TOKEN not in repr(searching.value)


def test_the_list_of_the_account_is_walked_by_offsets_to_its_count() -> None:
    with scripted(stock(45)) as server:
        pages = [owned(server), owned(server, "20"), owned(server, "40")]
    assert [page.cursor for page in pages] == ["20", "40", None]
    rows = [row for page in pages for row in page.numbers]
    assert rows == [port.OwnedNumber(f"+1415555{index:04}", f"1415555{index:04}", "") for index in range(45)]
    assert [dict(seen.query)["limit"] for seen in server.seen] == ["20"] * 3


@pytest.mark.parametrize("cursor", ["", "-1", "1.5", "12345678", "https://elsewhere.example/", "\u0661"])
def test_a_cursor_that_is_none_of_ours_is_not_sent(cursor: str) -> None:
    with scripted(stock(45)) as server, pytest.raises(port.CarrierError):
        owned(server, cursor)
    assert server.seen == []


def test_a_list_that_ends_early_or_holds_the_unreadable_is_no_list_and_a_short_code_is_left_out() -> None:
    answers = iter([rented(total=5), rented(objects=[{"number": None}]), rented("77222", DIGITS)])
    with scripted(lambda _seen: next(answers)) as server:
        for _ in range(2):
            with pytest.raises(port.CarrierError):
                owned(server)
        assert owned(server) == ((port.OwnedNumber(OURS, DIGITS, ""),), None)


GONE: Final = {f"GET Number/{DIGITS}/": NOT_FOUND, "GET Number/": rented()}
STILL: Final = {f"GET Number/{DIGITS}/": json_reply(200, {"number": DIGITS})}
RELEASES: Final[dict[str, tuple[Answer, dict[str, Answer], type]]] = {
    "released": (reply(204), {}, port.Released),
    "released with a body": (json_reply(200, {"message": "ok"}), {}, port.Released),
    "not there any more": (NOT_FOUND, GONE, port.Released),
    "a 404, and still there": (NOT_FOUND, STILL, port.NotReleased),
    "a 404, and nobody knows": (NOT_FOUND, {f"GET Number/{DIGITS}/": reply(500)}, port.NotReleased),
    "400": (json_reply(400, {"error": "in use"}), {}, port.NotReleased),
    "wrong credentials": (reply(401), {}, port.NotReleased),
    "too many requests": (reply(429), {}, port.NotReleased),
    "500": (reply(500), {}, port.NotReleased),
    "a reset": (reset, {}, port.NotReleased),
    "a redirect": (reply(302, b"", Location="/x"), {}, port.NotReleased),
}


@pytest.mark.parametrize(("answer", "then", "expected"), RELEASES.values(), ids=RELEASES)
def test_a_number_is_released_by_its_digits(answer: Answer, then: dict[str, Answer], expected: type) -> None:
    answers = {f"DELETE Number/{DIGITS}/": answer, **then}
    with scripted(lambda seen: answers[f"{seen.method} {seen.path.removeprefix(ACCOUNT)}"]) as server:
        words = [ask(server.url, lambda plivo: plivo.release(OURS, DIGITS))]
        words.append(ask(server.url, lambda plivo: plivo.release(OURS, None)))
    assert {type(word) for word in words} == {expected}
    assert TOKEN not in repr(words)


ACCOUNT_STATE: Final = {"cash_credits": "4.88860", "billing_mode": "prepaid", "name": None}
CHECKS: Final[dict[str, tuple[Answer, str, dict[str, str]]]] = {
    "fine": (json_reply(200, ACCOUNT_STATE), "answers", {"balance": "4.88860", "billing_mode": "prepaid"}),
    "wrong credentials": (reply(401, b"no access"), "auth_token is wrong", {}),
    "no account": (NOT_FOUND, "no account of this auth_id", {}),
    "too many requests": (reply(429), "throttled", {}),
    "500": (reply(500, HTML), "failing", {}),
    "HTML": (reply(200, HTML), "unreadable", {}),
}


@pytest.mark.parametrize(("answer", "words", "facts"), CHECKS.values(), ids=CHECKS)
def test_a_check_asks_for_the_account_and_says_what_is_wrong(answer: Answer, words: str, facts: dict[str, str]) -> None:
    with scripted(lambda _seen: answer) as server:
        health = ask(server.url, lambda plivo: plivo.check())
    assert (health.ok, health.facts) == (bool(facts), facts)
    assert words in health.message
    assert [(seen.method, seen.path) for seen in server.seen] == [("GET", ACCOUNT)]
    assert TOKEN not in repr(health)


def test_the_window_is_that_of_the_account() -> None:
    assert Plivo(setup("http://127.0.0.1:9"), HttpClient(egress=LOOPBACK)).window == 900_000_000
    assert Plivo(setup("http://127.0.0.1:9", window_seconds="60"), HttpClient(egress=LOOPBACK)).window == 60_000_000
