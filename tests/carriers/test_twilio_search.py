"""Searches at Twilio: what is pushed down, how its offers are read, and what they cost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from numberdesk.carriers.model import Available, AvailablePage, CarrierError, Cost, Trouble, Wanted
from numberdesk.carriers.twilio import Twilio
from numberdesk.infra.http import HttpAnswer, HttpClient, HttpRequest
from testbed.scripted import Answer, Scripted, Seen, json_reply, reply, scripted, silence
from tests.carriers.test_twilio import ACCOUNT, BASIC, failure, setup

ANYTHING: Final = Wanted(
    iso_country="US", calling_code="1", number_type=None, area_code="", region="", locality="", starts_with="",
    contains="", ends_with="", capabilities=(), limit=20,
)  # fmt: skip
LOCAL: Final = ANYTHING._replace(number_type="local")
ABROAD: Final = LOCAL._replace(iso_country="GB", calling_code="44")
HTML: Final = b"<html></html>"
PRICES: Final = {
    "country": "United States", "iso_country": "US", "price_unit": "USD",
    "phone_number_prices": [
        {"number_type": "local", "base_price": "1.15", "current_price": "1.15"},
        {"number_type": "toll free", "base_price": "2.15", "current_price": "2.15"},
    ],
}  # fmt: skip
CALLS: Final = {
    "price_unit": "usd",
    "inbound_call_prices": [
        {"number_type": "local", "base_price": "0.0085", "current_price": "0.0085"},
        {"number_type": "toll free", "base_price": "0.022", "current_price": None},
    ],
    "outbound_prefix_prices": [],
}


NO_PRICES: Final[tuple[Any, ...]] = (
    "", "free", "-1", -1, "1e99", "NaN", "0.0000001", True, [], {}, "1,15", "\ud800", "9" * 90,
)  # fmt: skip


def offer(number: Any = "+14155550142", **more: Any) -> dict[str, Any]:
    """An offer, with the capitals of the live service."""
    return {
        "friendly_name": "(415) 555-0142", "phone_number": number, "lata": "722", "locality": "San Francisco",
        "rate_center": "SNFC", "latitude": "37.78", "region": "CA", "iso_country": "US", "address_requirements": "none",
        "beta": False, "capabilities": {"voice": True, "SMS": True, "MMS": False}, **more,
    }  # fmt: skip


def offers(*items: Any, **more: Any) -> Answer:
    return json_reply(200, {"available_phone_numbers": list(items), "uri": "/", **more})


NOTHING: Final = offers()


def market(**answers: Answer) -> Callable[[Seen], Answer]:
    """Answers by the last part of the path (Local, TollFree...), by `prices` and by `calls`; 404 for the rest."""

    def script(seen: Seen) -> Answer:
        if seen.path.startswith("/v1/"):
            return answers.get("prices" if "/PhoneNumbers/" in seen.path else "calls", reply(404))
        return answers.get(seen.path.rsplit("/", 1)[1].removesuffix(".json"), failure(404, 20404))

    return script


def use(server: Scripted, calls: Callable[[Twilio], Awaitable[Any]], **more: Any) -> Any:
    clock = more.pop("seconds", lambda: 0.0)

    async def main() -> Any:
        http = HttpClient()
        try:
            return await calls(Twilio(setup(server.url, **more), http, seconds=clock))
        finally:
            await http.close()

    return asyncio.run(main())


def search(
    script: Callable[[Seen], Answer], wanted: Wanted = LOCAL, papers: dict[str, str] | None = None
) -> tuple[AvailablePage, list[Seen]]:
    with scripted(script) as server:
        page = use(server, lambda twilio: twilio.search(wanted), **(papers or {}))
    return page, [seen for seen in server.seen if not seen.path.startswith("/v1/")]


QUESTIONS: Final[list[tuple[Wanted, dict[str, str]]]] = [
    (LOCAL, {}),
    (LOCAL._replace(area_code="415"), {"AreaCode": "415"}),
    (LOCAL._replace(starts_with="415"), {"AreaCode": "415"}),
    (LOCAL._replace(starts_with="41"), {"Contains": "+141"}),
    (LOCAL._replace(starts_with="4"), {"Contains": "+14"}),
    (LOCAL._replace(area_code="415", starts_with="41555"), {"AreaCode": "415", "Contains": "+141555"}),
    (LOCAL._replace(area_code="415", starts_with="4"), {"AreaCode": "415"}),
    (LOCAL._replace(area_code="41"), {"Contains": "+141"}),
    (LOCAL._replace(contains="0142"), {"Contains": "0142"}),
    (LOCAL._replace(contains="7"), {}),
    (LOCAL._replace(ends_with="00"), {"Contains": "00$"}),
    (LOCAL._replace(ends_with="0"), {}),
    (LOCAL._replace(ends_with="00", contains="123"), {"Contains": "123"}),
    (LOCAL._replace(ends_with="0000", contains="123", starts_with="415"), {"AreaCode": "415", "Contains": "0000$"}),
    (LOCAL._replace(contains="1" * 17, ends_with="42"), {"Contains": "42$"}),
    (LOCAL._replace(region="CA", locality="Los Angeles"), {"InRegion": "CA", "InLocality": "Los Angeles"}),
    (LOCAL._replace(region="California"), {}),
    (LOCAL._replace(iso_country="CA", area_code="416", region="ON"), {"AreaCode": "416", "InRegion": "ON"}),
    (LOCAL._replace(capabilities=("voice", "sms")), {"VoiceEnabled": "true", "SmsEnabled": "true"}),
    (LOCAL._replace(capabilities=("mms", "fax")), {"MmsEnabled": "true", "FaxEnabled": "true"}),
    (LOCAL._replace(limit=5000), {"PageSize": "1000"}),
    (LOCAL._replace(limit=0), {"PageSize": "1"}),
    (LOCAL._replace(number_type="toll_free", area_code="800"), {"Contains": "+1800"}),
    (LOCAL._replace(number_type="toll_free", starts_with="8005"), {"Contains": "+18005"}),
    (ABROAD._replace(area_code="20"), {"Contains": "+4420"}),
    (ABROAD._replace(area_code="20", starts_with="207946"), {"Contains": "+44207946"}),
    (ABROAD._replace(region="London", locality="London"), {"InLocality": "London"}),
    (ABROAD._replace(number_type="mobile", ends_with="999"), {"Contains": "999$"}),
]


@pytest.mark.parametrize(("wanted", "expected"), QUESTIONS)
def test_what_twilio_understands_is_pushed_down(wanted: Wanted, expected: dict[str, str]) -> None:
    _, [seen] = search(market(), wanted)
    resource = {"local": "Local", "mobile": "Mobile", "toll_free": "TollFree"}[wanted.number_type or ""]
    path = f"/2010-04-01/Accounts/{ACCOUNT}/AvailablePhoneNumbers/{wanted.iso_country}/{resource}.json"
    assert (seen.method, seen.path, seen.headers["authorization"]) == ("GET", path, BASIC)
    assert dict(seen.query) == {"PageSize": "20", "ExcludeAllAddressRequired": "true", **expected}
    assert len(seen.query) == len(dict(seen.query))


@pytest.mark.parametrize("field", ["address_sid", "bundle_sid"])
def test_numbers_that_need_an_address_are_offered_to_those_who_have_one(field: str) -> None:
    _, [seen] = search(market(), papers={field: "X"})
    assert dict(seen.query) == {"PageSize": "20"}


@pytest.mark.parametrize(
    "wanted",
    [
        LOCAL._replace(area_code="415", starts_with="416"),
        LOCAL._replace(number_type="voip"),
        LOCAL._replace(number_type="toll_free", region="CA"),
        LOCAL._replace(number_type="toll_free", locality="Los Angeles"),
    ],
)
def test_what_no_number_can_be_is_not_asked_for(wanted: Wanted) -> None:
    assert search(market(Local=reply(500)), wanted) == (AvailablePage(()), [])


def test_an_offer_is_read_whatever_the_case_of_its_capabilities() -> None:
    page, _ = search(
        market(
            Local=offers(
                offer(), offer("+14155550143", capabilities={"fax": True, "sms": None, "mms": "no", "voice": 1})
            )
        )
    )
    assert page == AvailablePage((
        Available("+14155550142", "local", "CA", "San Francisco", ("voice", "sms"), None),
        Available("+14155550143", "local", "CA", "San Francisco", ("fax",), None),
    ))  # fmt: skip


@pytest.mark.parametrize(
    "bad",
    [
        None, 7, "x", [], {}, offer(None), offer(14155550142), offer("14155550142"), offer("+0155550142"), offer("+1"),
        offer("+1415555014x"), offer(region=5), offer(locality=["x"]), offer(capabilities="voice"), offer("+1" * 900),
    ],
)  # fmt: skip
def test_one_bad_offer_costs_itself_and_not_the_others(bad: Any) -> None:
    page, _ = search(market(Local=offers(bad, offer())))
    assert [number.e164 for number in page.numbers] == ["+14155550142"]


@pytest.mark.parametrize("missing", [{"region": None, "locality": None, "capabilities": None}])
def test_what_is_not_said_is_empty(missing: dict[str, Any]) -> None:
    page, _ = search(market(Local=offers(offer(**missing), {"phone_number": "+14155550143"})))
    assert [number[2:] for number in page.numbers] == [("", "", (), None)] * 2


def test_all_types_are_asked_side_by_side_and_404_means_that_there_is_none() -> None:
    page, seen = search(market(Local=offers(offer()), TollFree=offers(offer("+18005550142", region=None))), ANYTHING)
    assert [(number.e164, number.number_type) for number in page.numbers] == [
        ("+14155550142", "local"),
        ("+18005550142", "toll_free"),
    ]
    assert page.missed is None
    assert sorted(one.path.rsplit("/", 1)[1] for one in seen) == [
        "Local.json", "Mobile.json", "National.json", "TollFree.json",
    ]  # fmt: skip


@pytest.mark.parametrize("broken", [reply(500), failure(401, 20003), failure(429, 20429), reply(200, HTML), silence])
def test_a_type_that_fails_leaves_the_others_and_is_missed(broken: Answer) -> None:
    page, _ = search(market(Local=offers(offer()), Mobile=broken), ANYTHING)
    assert len(page.numbers) == 1
    assert isinstance(page.missed, CarrierError)


@pytest.mark.parametrize("wanted", [ANYTHING, ANYTHING._replace(region="CA")], ids=["anywhere", "toll-free is nowhere"])
def test_types_that_there_are_not_do_not_make_up_for_those_that_fail(wanted: Wanted) -> None:
    with pytest.raises(CarrierError) as caught:
        search(market(Local=reply(500), TollFree=reply(500)), wanted)
    assert caught.value.said == "HTTP 500"


@pytest.mark.parametrize("code", [21451, 21452])
def test_an_area_code_without_numbers_is_no_error(code: int) -> None:
    assert search(market(Local=failure(400, code)))[0] == AvailablePage(())


@pytest.mark.parametrize(
    ("answer", "trouble", "retry_after"),
    [
        (failure(401, 20003), Trouble.CREDENTIALS, None),
        (failure(429, 20429, Retry_After="7"), Trouble.THROTTLED, 7),
        (failure(400, 20001), Trouble.REFUSED, None),
        (reply(302, Location="/"), Trouble.REFUSED, None),
        (reply(204), Trouble.REFUSED, None),
        (reply(200, HTML), Trouble.UNREADABLE, None),
        (json_reply(200, {"available_phone_numbers": None}), Trouble.UNREADABLE, None),
        (json_reply(200, {"available_phone_numbers": {}}), Trouble.UNREADABLE, None),
        (json_reply(200, {}), Trouble.UNREADABLE, None),
        (reply(503), Trouble.UNREACHABLE, None),
    ],
)
def test_a_search_that_fails_says_why(answer: Answer, trouble: Trouble, retry_after: int | None) -> None:
    with pytest.raises(CarrierError) as caught:
        search(market(Local=answer))
    assert (caught.value.trouble, caught.value.retry_after) == (trouble, retry_after)


@pytest.mark.parametrize(
    ("limit", "count", "following", "more"),
    [(2, 1, None, False), (2, 2, None, True), (50, 2, "/next", True), (1500, 2, "/next", True), (1500, 2, None, False)],
)
def test_a_search_says_when_there_may_be_more(limit: int, count: int, following: str | None, *, more: bool) -> None:
    found = offers(*(offer(f"+1415555014{n}") for n in range(count)), next_page_uri=following)
    assert search(market(Local=found), LOCAL._replace(limit=limit))[0].more is more


def costs(prices: Answer, calls: Answer) -> list[Cost | None]:
    script = market(Local=offers(offer()), TollFree=offers(offer("+18005550142")), prices=prices, calls=calls)
    return [number.cost for number in search(script, ANYTHING)[0].numbers]


def priced(price: Any, **more: Any) -> Answer:
    entry = {"number_type": "local", "base_price": "9.99", "current_price": price}
    return json_reply(200, {**PRICES, "phone_number_prices": [entry], **more})


@pytest.mark.parametrize(
    ("prices", "calls", "expected"),
    [
        (json_reply(200, PRICES), json_reply(200, CALLS),
         [Cost("USD", 1_150_000, 8_500), Cost("USD", 2_150_000, 22_000)]),
        (json_reply(200, PRICES), reply(404), [Cost("USD", 1_150_000), Cost("USD", 2_150_000)]),
        (json_reply(200, PRICES), reply(500), [Cost("USD", 1_150_000), Cost("USD", 2_150_000)]),
        (json_reply(200, PRICES), json_reply(200, {**CALLS, "price_unit": "EUR"}),
         [Cost("USD", 1_150_000), Cost("USD", 2_150_000)]),
        (json_reply(200, PRICES), json_reply(200, {"price_unit": None, "inbound_call_prices": None}),
         [Cost("USD", 1_150_000), Cost("USD", 2_150_000)]),
        (reply(404), json_reply(200, CALLS), [None, None]),
        (reply(500), json_reply(200, CALLS), [None, None]),
        (failure(401, 20003), json_reply(200, CALLS), [None, None]),
        (reply(200, HTML), json_reply(200, CALLS), [None, None]),
        (json_reply(200, {**PRICES, "price_unit": "dollars"}), reply(404), [None, None]),
        (json_reply(200, {**PRICES, "price_unit": None}), reply(404), [None, None]),
        (json_reply(200, {**PRICES, "phone_number_prices": None}), reply(404), [None, None]),
        (priced(1.15), reply(404), [Cost("USD", 1_150_000), None]),
        (priced(3), reply(404), [Cost("USD", 3_000_000), None]),
        (priced(None), reply(404), [Cost("USD", 9_990_000), None]),
        (priced("0"), reply(404), [Cost("USD", 0), None]),
        (priced("0.000001"), reply(404), [Cost("USD", 1), None]),
        *((priced(bad), reply(404), [None, None]) for bad in NO_PRICES),
    ],
)  # fmt: skip
def test_costs_are_exact_or_missing(prices: Answer, calls: Answer, expected: list[Cost | None]) -> None:
    assert costs(prices, calls) == expected


def test_one_bad_price_costs_itself_and_not_the_others() -> None:
    entries = [None, {"number_type": None}, {"current_price": "1"}, *PRICES["phone_number_prices"]]
    assert costs(json_reply(200, {**PRICES, "phone_number_prices": entries}), reply(404)) == [
        Cost("USD", 1_150_000),
        Cost("USD", 2_150_000),
    ]


def test_prices_that_never_come_do_not_hold_a_search_up_for_ever() -> None:
    page, _ = search(market(Local=offers(offer()), prices=silence))
    assert [number.cost for number in page.numbers] == [None]


def test_prices_are_asked_for_side_by_side_with_the_search() -> None:
    async def when_searched(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        while not any(seen.path.endswith("/Local.json") for seen in server.seen):  # noqa: ASYNC110  a list tells no more
            await asyncio.sleep(0.01)
        await json_reply(200, PRICES)(_seen, writer)

    with scripted(market(Local=offers(offer()), prices=when_searched)) as server:
        page = use(server, lambda twilio: twilio.search(LOCAL))
    assert [number.cost for number in page.numbers] == [Cost("USD", 1_150_000)]


class Kept:
    """An HTTP client that keeps the addresses and answers with one offer."""

    def __init__(self) -> None:
        self.urls: list[str] = []

    async def send(self, request: HttpRequest) -> HttpAnswer:
        self.urls.append(request.url)
        return HttpAnswer(200, {}, b'{"available_phone_numbers": [{"phone_number": "+14155550142"}]}')


def test_requests_go_to_the_hosts_of_twilio() -> None:
    http = Kept()
    asyncio.run(Twilio(setup(""), http).search(LOCAL))
    assert sorted(url.partition("?")[0] for url in http.urls) == [
        f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/AvailablePhoneNumbers/US/Local.json",
        "https://pricing.twilio.com/v1/PhoneNumbers/Countries/US",
        "https://pricing.twilio.com/v1/Voice/Countries/US",
    ]


def asked(server: Scripted) -> list[str]:
    return [seen.path for seen in server.seen if seen.path.startswith("/v1/PhoneNumbers/")]


def test_searches_at_once_share_one_question_for_prices_and_later_ones_need_none() -> None:
    now = 0.0
    script = market(Local=offers(offer()), prices=json_reply(200, PRICES), calls=json_reply(200, CALLS))

    async def searches(twilio: Twilio) -> list[int]:
        nonlocal now
        counts = []
        for at, country in [(0, "US"), (6 * 3600 - 1, "US"), (6 * 3600, "US"), (6 * 3600, "CA"), (6 * 3600, "CA")]:
            now = float(at)
            pages = await asyncio.gather(*(twilio.search(LOCAL._replace(iso_country=country)) for _ in range(8)))
            assert {page.numbers[0].cost for page in pages} == {Cost("USD", 1_150_000, 8_500)}
            counts.append(len(asked(server)))
        return counts

    with scripted(script) as server:
        assert use(server, searches, seconds=lambda: now) == [1, 1, 2, 3, 3]
    assert sorted(set(asked(server))) == ["/v1/PhoneNumbers/Countries/CA", "/v1/PhoneNumbers/Countries/US"]


def test_prices_that_failed_are_asked_for_again_after_a_minute() -> None:
    now = 0.0
    answers = iter([reply(500), json_reply(200, PRICES)])
    script = market(Local=offers(offer()))

    async def searches(twilio: Twilio) -> list[Any]:
        nonlocal now
        found = []
        for at in (0, 59, 60, 3600):
            now = float(at)
            found.append((await twilio.search(LOCAL)).numbers[0].cost)
        return found

    with scripted(lambda seen: next(answers) if "/v1/PhoneNumbers/" in seen.path else script(seen)) as server:
        known = Cost("USD", 1_150_000)
        assert use(server, searches, seconds=lambda: now) == [None, None, known, known]


def test_a_search_that_is_given_up_leaves_the_prices_to_the_others() -> None:
    script = market(Local=silence, Mobile=offers(offer()), prices=json_reply(200, PRICES))

    async def searches(twilio: Twilio) -> Any:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(twilio.search(LOCAL), 0.3)
        return await twilio.search(LOCAL._replace(number_type="mobile"))

    with scripted(script) as server:
        assert len(use(server, searches).numbers) == 1
    assert len(asked(server)) == 1
