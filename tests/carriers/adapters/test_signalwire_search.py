"""Searches at SignalWire: what is pushed down, and how its offers are read, as specified and as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from numberdesk.carriers.port import Available, AvailablePage, CarrierError, Trouble, Wanted
from testbed.scripted import Answer, Seen, json_reply, reply, scripted, silence
from tests.carriers.adapters.test_signalwire import BASIC, PATH, ask

ANYTHING: Final = Wanted(
    iso_country="US", calling_code="1", number_type=None, area_code="", region="", locality="", starts_with="",
    contains="", ends_with="", capabilities=(), limit=20,
)  # fmt: skip
LOCAL: Final = ANYTHING._replace(number_type="local")
FREE: Final = ANYTHING._replace(number_type="toll_free")
SPECIFIED: Final = {
    "number": "+14155550142", "region": "CA", "city": "San Francisco", "rate_center": "SNFC", "lata": "722",
    "capabilities": {"voice": True, "sms": True, "mms": False, "fax": None},
}  # fmt: skip
LIVE: Final = {
    "e164": "+14155550143", "national_number_formatted": "(415) 555-0143", "region": "CA", "rate_center": "SNFC",
    "capabilities": ["voice", "SMS"],
}  # fmt: skip


def offers(*items: Any) -> Answer:
    return json_reply(200, {"links": {"self": PATH, "first": PATH}, "data": list(items)})


def search(script: Callable[[Seen], Answer], wanted: Wanted = LOCAL) -> tuple[AvailablePage, list[Seen]]:
    with scripted(script) as server:
        return ask(server.url, lambda carrier: carrier.search(wanted)), server.seen


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (LOCAL, {}),
        (FREE, {"number_type": "toll-free"}),
        (LOCAL._replace(limit=500), {"max_results": "100"}),
        (LOCAL._replace(limit=0), {"max_results": "1"}),
        (LOCAL._replace(area_code="415"), {"areacode": "415"}),
        (LOCAL._replace(starts_with="415"), {"areacode": "415"}),
        (LOCAL._replace(starts_with="41"), {}),
        (LOCAL._replace(area_code="415", starts_with="41555"), {"areacode": "415"}),
        (LOCAL._replace(starts_with="415555"), {"areacode": "415", "contains": "555"}),
        (LOCAL._replace(starts_with="4155550142"), {"areacode": "415", "contains": "5550142"}),
        (LOCAL._replace(contains="0142"), {"contains": "0142"}),
        (LOCAL._replace(contains="42"), {}),
        (LOCAL._replace(contains="155550142"), {"contains": "5550142"}),
        (LOCAL._replace(ends_with="42"), {}),
        (LOCAL._replace(ends_with="0142"), {"ends_with": "0142"}),
        (LOCAL._replace(ends_with="155550142"), {"ends_with": "5550142"}),
        (LOCAL._replace(ends_with="0142", contains="555"), {"ends_with": "0142"}),
        (LOCAL._replace(starts_with="415555", ends_with="0142"), {"areacode": "415", "ends_with": "0142"}),
        (LOCAL._replace(region="CA"), {"region": "CA"}),
        (LOCAL._replace(region="CA", locality="Los Angeles"), {"region": "CA", "city": "Los Angeles"}),
        (LOCAL._replace(region="CA", locality="Los Angeles", ends_with="000"), {"region": "CA", "ends_with": "000"}),
        (LOCAL._replace(locality="Los Angeles"), {}),
        (LOCAL._replace(region="California"), {}),
        (LOCAL._replace(region="CA", area_code="415"), {"areacode": "415"}),
        (LOCAL._replace(iso_country="CA", region="ON"), {"region": "ON"}),
        (LOCAL._replace(capabilities=("sms",)), {}),
        (FREE._replace(area_code="800", ends_with="0142"),
         {"number_type": "toll-free", "areacode": "800", "ends_with": "0142"}),
    ],
)  # fmt: skip
def test_what_signalwire_understands_is_pushed_down(wanted: Wanted, expected: dict[str, str]) -> None:
    _, [seen] = search(lambda _seen: offers(), wanted)
    assert (seen.method, seen.path, seen.headers["authorization"]) == ("GET", f"{PATH}/search", BASIC)
    assert dict(seen.query) == {"number_type": "local", "max_results": "20", **expected}
    assert len(seen.query) == len(dict(seen.query))


@pytest.mark.parametrize(
    "wanted",
    [
        LOCAL._replace(iso_country="GB", calling_code="44"),
        ANYTHING._replace(number_type="mobile"),
        LOCAL._replace(area_code="415", starts_with="416"),
        FREE._replace(region="CA"),
        FREE._replace(locality="Los Angeles"),
    ],
)
def test_what_no_number_can_be_is_not_asked_for(wanted: Wanted) -> None:
    page, seen = search(lambda _seen: reply(500), wanted)
    assert (page.numbers, page.missed, seen) == ((), None, [])


def test_an_offer_is_read_as_specified_and_as_it_is() -> None:
    page, _ = search(lambda _seen: offers(SPECIFIED, LIVE))
    assert page == AvailablePage((
        Available("+14155550142", "local", "CA", "San Francisco", ("voice", "sms"), None),
        Available("+14155550143", "local", "CA", "", ("voice", "sms"), None),
    ), by_country=False)  # fmt: skip


@pytest.mark.parametrize(
    "bad",
    [
        None, 7, [], {}, {"number": 14155550142}, {"number": "14155550142"}, {"number": None}, {"e164": "+1"},
        {**SPECIFIED, "region": 5}, {**SPECIFIED, "capabilities": "voice"}, {"number": "+1" * 900},
    ],
)  # fmt: skip
def test_one_bad_offer_costs_itself_and_not_the_others(bad: Any) -> None:
    page, _ = search(lambda _seen: offers(bad, LIVE))
    assert [number.e164 for number in page.numbers] == ["+14155550143"]


@pytest.mark.parametrize("able", [None, [], {}, [None, 7, []], {"voice": "yes", "sms": 1}])
def test_what_is_not_said_is_empty(able: Any) -> None:
    page, _ = search(lambda _seen: offers({"number": "+14155550142", "city": None, "capabilities": able}))
    assert page.numbers == (Available("+14155550142", "local", "", "", (), None),)


def by_type(local: Answer, free: Answer) -> Callable[[Seen], Answer]:
    return lambda seen: free if ("number_type", "toll-free") in seen.query else local


def test_both_types_are_asked_side_by_side() -> None:
    page, seen = search(by_type(offers(SPECIFIED), offers({"number": "+18005550142"})), ANYTHING)
    assert [(number.e164, number.number_type) for number in page.numbers] == [
        ("+14155550142", "local"),
        ("+18005550142", "toll_free"),
    ]
    assert page.missed is None
    assert len(seen) == 2


@pytest.mark.parametrize("broken", [reply(500), reply(401), reply(404), reply(200, b"<html>"), silence])
def test_a_type_that_fails_leaves_the_other_and_is_missed(broken: Answer) -> None:
    page, _ = search(by_type(offers(SPECIFIED), broken), ANYTHING)
    assert len(page.numbers) == 1
    assert isinstance(page.missed, CarrierError)


@pytest.mark.parametrize(
    ("answer", "trouble", "retry_after"),
    [
        (json_reply(401, {"error": "Unauthorized"}), Trouble.CREDENTIALS, None),
        (reply(429, Retry_After="7"), Trouble.THROTTLED, 7),
        (reply(404), Trouble.REFUSED, None),
        (reply(302, Location="/"), Trouble.REFUSED, None),
        (reply(204), Trouble.REFUSED, None),
        (reply(200, b"<html>"), Trouble.UNREADABLE, None),
        (json_reply(200, {}), Trouble.UNREADABLE, None),
        (json_reply(200, {"data": {}}), Trouble.UNREADABLE, None),
        (json_reply(200, [SPECIFIED]), Trouble.UNREADABLE, None),
        (reply(503), Trouble.FAILING, None),
    ],
)
def test_a_search_that_fails_says_why(answer: Answer, trouble: Trouble, retry_after: int | None) -> None:
    with pytest.raises(CarrierError) as caught:
        search(lambda _seen: answer, ANYTHING)
    assert (caught.value.trouble, caught.value.retry_after) == (trouble, retry_after)


def test_null_for_a_list_of_offers_is_none() -> None:
    assert search(lambda _seen: json_reply(200, {"data": None}))[0] == AvailablePage((), by_country=False)


PAIR: Final = LOCAL._replace(limit=2)


@pytest.mark.parametrize(
    ("wanted", "count", "more"),
    [
        (PAIR, 1, False),
        (PAIR, 2, True),
        (PAIR._replace(contains="5550"), 1, False),
        (LOCAL._replace(limit=200), 99, False),
        (LOCAL._replace(limit=200), 100, True),
    ],
)
def test_a_search_says_when_there_may_be_more(wanted: Wanted, count: int, *, more: bool) -> None:
    found = offers(*({"number": f"+141555501{n:02}"} for n in range(count)))
    assert search(lambda _seen: found, wanted)[0].more is more
