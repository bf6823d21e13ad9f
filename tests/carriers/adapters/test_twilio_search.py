"""Searches at Twilio: what is pushed down, and how its offers are read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from numberdesk.carriers.adapters.twilio import Twilio
from numberdesk.carriers.port import Available, AvailablePage, CarrierError, Trouble, Wanted
from numberdesk.infra.http import HttpClient, HttpRequest, HttpResponse
from testbed.egress import LOOPBACK
from testbed.scripted import Answer, Scripted, Seen, json_reply, reply, scripted, silence
from tests.carriers.adapters.test_twilio import ACCOUNT, BASIC, failure, setup

ANYTHING: Final = Wanted(
    iso_country="US", calling_code="1", number_type=None, area_code="", region="", locality="", starts_with="",
    contains="", ends_with="", capabilities=(), limit=20,
)  # fmt: skip
LOCAL: Final = ANYTHING._replace(number_type="local")
ABROAD: Final = LOCAL._replace(iso_country="GB", calling_code="44")
HTML: Final = b"<html></html>"


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
        http = HttpClient(egress=LOOPBACK)
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
    assert dict(seen.query) == {"PageSize": "20", **expected}
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


def test_an_address_that_a_number_asks_for_is_told_unless_the_account_has_papers_for_all() -> None:
    told = {"any": ("address",), "local": ("local_address",), "foreign": ("foreign_address",), "none": (), "new": ()}
    found = market(Local=offers(*(offer(address_requirements=one) for one in (*told, None, 7, ["any"]))))
    page, _ = search(found)
    assert [number.requires for number in page.numbers] == [*told.values(), (), (), ()]
    page, _ = search(found, papers={"address_sid": "AD1"})
    assert {number.requires for number in page.numbers} == {()}


@pytest.mark.parametrize("missing", [{"region": None, "locality": None, "capabilities": None}])
def test_what_is_not_said_is_empty(missing: dict[str, Any]) -> None:
    page, _ = search(market(Local=offers(offer(**missing), {"phone_number": "+14155550143"})))
    assert [number[2:] for number in page.numbers] == [("", "", (), None, ())] * 2


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
    assert caught.value.message == "HTTP 500"


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
        (reply(503), Trouble.FAILING, None),
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


class Kept:
    """An HTTP client that keeps the addresses and answers with one offer."""

    def __init__(self) -> None:
        self.urls: list[str] = []

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.urls.append(request.url)
        return HttpResponse(200, {}, b'{"available_phone_numbers": [{"phone_number": "+14155550142"}]}')


def test_requests_go_to_the_hosts_of_twilio() -> None:
    http = Kept()
    asyncio.run(Twilio(setup(""), http).search(LOCAL))
    assert sorted(url.partition("?")[0] for url in http.urls) == [
        f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/AvailablePhoneNumbers/US/Local.json",
        "https://pricing.twilio.com/v1/PhoneNumbers/Countries/US",
        "https://pricing.twilio.com/v1/Voice/Countries/US",
    ]
