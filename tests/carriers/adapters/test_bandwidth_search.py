"""What Bandwidth is searched for, and what is made of its answer."""

from __future__ import annotations

import asyncio
import random
from typing import Any, Final

import pytest

from numberdesk.carriers import port
from numberdesk.carriers.adapters.bandwidth import Bandwidth
from numberdesk.carriers.adapters.bandwidth_search import BandwidthSearches, searches_for
from numberdesk.infra.http import HttpClient
from testbed.egress import LOOPBACK
from testbed.scripted import Answer, Scripted, Seen, scripted, silence
from tests.carriers.adapters.words import HTML, close

PASSWORD: Final = "b4nd-s3cret"
OURS: Final = "+19195550142"
NUMBER: Final = "9195550142"
WANTED: Final = port.Wanted("US", "1", "local", "", "", "", "", "", "", (), 20)
DETAILED: Final = ("enableTNDetail", "true")


def search(server: Scripted, wanted: port.Wanted = WANTED) -> port.AvailablePage:
    async def main() -> port.AvailablePage:
        http = HttpClient(egress=LOOPBACK)
        values = {"account_id": "99/12", "username": "api", "password": PASSWORD, "site_id": "743"}
        try:
            setup = port.Setup({**values, "base_url": server.url, "read_seconds": "1"})
            return await Bandwidth(setup, http).search(wanted)
        finally:
            await http.close()

    return asyncio.run(main())


def tag(name: str, *inside: str) -> str:
    return f"<{name}>{''.join(inside)}</{name}>"


def simple(*numbers: str) -> Answer:
    listed = tag("TelephoneNumberList", *(tag("TelephoneNumber", number) for number in numbers))
    return close(200, tag("SearchResult", tag("ResultCount", str(len(numbers))), listed).encode())


def detailed(*numbers: str, city: str = "CARY", state: str = "NC") -> Answer:
    place = tag("City", city) + tag("LATA", "426") + tag("State", state) + tag("VendorName", "Bandwidth CLEC")
    details = (tag("TelephoneNumberDetail", place, tag("FullNumber", number)) for number in numbers)
    return close(200, tag("SearchResult", tag("TelephoneNumberDetailList", *details)).encode())


def error(code: str) -> Answer:
    return close(400, tag("SearchResult", tag("Error", tag("Code", code), tag("Description", "no"))).encode())


def local(**parameters: str) -> dict[str, str]:
    return {**parameters, "enableTNDetail": "true"}


EXACT: Final = {"LCA": "false"}
ENDS, INSIDE = {"endsIn": "true", **EXACT}, {"endsIn": "false", **EXACT}
SWEPT: Final = [local(state=state) for state in ("CA", "TX", "NY", "FL", "IL")]
QUERIES: Final[dict[str, tuple[dict[str, Any], list[dict[str, str]], bool]]] = {
    "nothing said": ({}, SWEPT, False),
    "nothing said of Canada": (
        {"iso_country": "CA"},
        [local(state=state) for state in ("ON", "QC", "BC", "AB")],
        False,
    ),
    "an area code": ({"area_code": "919"}, [local(areaCode="919")], True),
    "a beginning of two digits": ({"starts_with": "91"}, SWEPT, False),
    "a beginning of three": ({"starts_with": "919"}, [local(areaCode="919")], True),
    "a beginning of five": ({"starts_with": "91955"}, [local(areaCode="919")], True),
    "a beginning of six": ({"starts_with": "919555"}, [local(npaNxx="919555", **EXACT)], True),
    "a beginning of eight": ({"starts_with": "91955501"}, [local(npaNxxx="9195550", **EXACT)], True),
    "a beginning within the area code": ({"area_code": "919", "starts_with": "9"}, [local(areaCode="919")], True),
    "a beginning outside of it": ({"area_code": "919", "starts_with": "8"}, [], True),
    "a state": ({"region": "nc"}, [local(state="NC")], True),
    "a state in words": ({"region": "North Carolina", "area_code": "919"}, [local(areaCode="919")], True),
    "a city with its state": ({"region": "NC", "locality": "Cary"}, [local(state="NC", city="Cary")], True),
    "a city without": ({"area_code": "919", "locality": "Cary"}, [local(areaCode="919")], True),
    "all of them": (
        {"area_code": "919", "region": "NC", "locality": "Cary"},
        [local(areaCode="919", state="NC", city="Cary")],
        True,
    ),
    "an end of three": ({"ends_with": "142", "area_code": "919"}, [local(areaCode="919")], True),
    "an end of four": ({"ends_with": "0142"}, [local(localVanity="0142", **ENDS)], True),
    "an end of nine": ({"ends_with": "195550142"}, [local(localVanity="5550142", **ENDS)], True),
    "an end, an area code, a state and a city": (
        {"ends_with": "0142", "area_code": "919", "region": "NC", "locality": "Cary"},
        [local(localVanity="0142", areaCode="919", state="NC", **ENDS)],
        True,
    ),
    "an end and as many digits at the beginning": (
        {"ends_with": "0142", "starts_with": "9195550"},
        [local(npaNxxx="9195550", **EXACT)],
        True,
    ),
    "a whole number": (
        {"starts_with": NUMBER, "contains": NUMBER, "ends_with": NUMBER},
        [local(localVanity="5550142", areaCode="919", **ENDS)],
        True,
    ),
    "something inside": (
        {"contains": "5550"},
        [local(localVanity="5550", **INSIDE), local(areaCode="555")],
        False,
    ),
    "much inside": ({"contains": "919555014"}, [local(localVanity="555014", **INSIDE)], True),
    "something inside beside an area code": (
        {"contains": "5550", "area_code": "919"},
        [local(localVanity="5550", areaCode="919", **INSIDE)],
        True,
    ),
    "something inside that may begin in the area code": (
        {"contains": "1955", "area_code": "919"},
        [
            local(localVanity="1955", areaCode="919", **INSIDE),
            local(areaCode="919"),
        ],
        True,
    ),
    "something inside that may begin with the last of the area code": (
        {"contains": "9555", "area_code": "919"},
        [local(localVanity="9555", areaCode="919", **INSIDE), local(npaNxx="919555", **EXACT)],
        True,
    ),
    "too little inside": ({"contains": "142", "area_code": "919"}, [local(areaCode="919")], True),
    "something inside that the end has": (
        {"contains": "014", "ends_with": "0142"},
        [local(localVanity="0142", **ENDS)],
        True,
    ),
    "toll-free": ({"number_type": "toll_free"}, [{"tollFreeWildCardPattern": "8**"}], True),
    "toll-free with a code": (
        {"number_type": "toll_free", "area_code": "833"},
        [{"tollFreeWildCardPattern": "83*"}],
        True,
    ),
    "toll-free with a digit": (
        {"number_type": "toll_free", "starts_with": "8"},
        [{"tollFreeWildCardPattern": "8**"}],
        True,
    ),
    "toll-free with an end": (
        {"number_type": "toll_free", "ends_with": "35550142"},
        [{"tollFreeVanity": "5550142"}],
        True,
    ),
    "a whole toll-free number": (
        {"number_type": "toll_free", "starts_with": "8335550142"},
        [{"tollFreeVanity": "5550142"}],
        True,
    ),
    "toll-free where none are": ({"number_type": "toll_free", "area_code": "919"}, [], True),
    "toll-free of a place": ({"number_type": "toll_free", "region": "NC"}, [], True),
    "toll-free of Canada": ({"number_type": "toll_free", "iso_country": "CA"}, [], True),
    "any type": (
        {"number_type": None, "starts_with": "8"},
        [*SWEPT, {"tollFreeWildCardPattern": "8**"}],
        False,
    ),
    "any type of a place": ({"number_type": None, "region": "NC"}, [local(state="NC")], True),
    "a mobile number": ({"number_type": "mobile"}, [], True),
    "another country": ({"iso_country": "GB", "calling_code": "44"}, [], True),
}


@pytest.mark.parametrize(("wanted", "queries", "whole"), QUERIES.values(), ids=QUERIES)
def test_what_is_wanted_is_asked_for_as_far_as_it_can_be(
    wanted: Any, queries: list[dict[str, str]], whole: Any
) -> None:
    searches: BandwidthSearches = searches_for(WANTED._replace(**wanted))
    assert [dict(one.query) for one in searches.requests] == queries
    assert searches.whole is whole


def shows(query: dict[str, str], national: str) -> bool:
    """Whether Bandwidth shows a number by its digits, as the specification says."""
    if "tollFreeWildCardPattern" in query:
        return all(
            sign in ("*", digit) for sign, digit in zip(query["tollFreeWildCardPattern"], national, strict=False)
        )
    vanity = query.get("localVanity", "")
    begins = [query.get(name, "") for name in ("areaCode", "npaNxx", "npaNxxx")]
    return (
        all(map(national.startswith, begins))
        and national.endswith(query.get("tollFreeVanity", ""))
        and (national[3:].endswith(vanity) if query.get("endsIn") == "true" else vanity in national[3:])
    )


@pytest.mark.parametrize("number_type", ["local", "toll_free"])
def test_no_number_that_is_wanted_is_left_out_without_a_word(number_type: str) -> None:
    chance = random.Random(number_type)
    for _ in range(10_000):
        digits = "".join(chance.choices(chance.choice(["12", "0123456789"]), k=10))
        national = f"8{digits[0] * 2}{digits[3:]}" if number_type == "toll_free" else digits
        begin, end = sorted(chance.choices(range(11), k=2))
        wanted = WANTED._replace(
            number_type=number_type,
            area_code=chance.choice(["", national[:3]]),
            starts_with=national[: chance.choice([0, 0, 1, 3, 5, 6, 8, 10])],
            contains=national[begin:end],
            ends_with=national[chance.choice([10, 10, 7, 6, 3, 1, 0]) :],
        )
        searches = searches_for(wanted)
        shown = any(shows(dict(one.query), national) for one in searches.requests)
        assert shown or not searches.whole, (wanted, national)


def test_a_search_is_sent_with_a_quantity_and_as_xml() -> None:
    with scripted(lambda _seen: simple()) as server:
        search(server, WANTED._replace(area_code="919", limit=7))
        search(server, WANTED._replace(number_type="toll_free", limit=10_000))
        search(server, WANTED._replace(area_code="919", limit=0))
    area, toll_free, least = server.seen
    assert (area.method, area.path) == ("GET", "/accounts/99%2F12/availableNumbers")
    assert area.query == [("areaCode", "919"), DETAILED, ("quantity", "7")]
    assert area.headers["accept"] == "application/xml"
    assert area.headers["authorization"].startswith("Basic ")
    assert toll_free.query == [("tollFreeWildCardPattern", "8**"), ("quantity", "5000")]
    assert least.query[-1] == ("quantity", "1")


def test_a_number_is_read_with_its_place_and_without_a_cost() -> None:
    with scripted(lambda _seen: detailed(NUMBER)) as server:
        page = search(server)
    assert page.numbers == (port.Available(OURS, "local", "NC", "Cary", (), None),)


def test_a_list_without_details_is_read_too() -> None:
    with scripted(lambda _seen: simple("8005550142", "8335550142")) as server:
        page = search(server, WANTED._replace(number_type="toll_free"))
    assert page.numbers == tuple(
        port.Available(e164, "toll_free", "", "", (), None) for e164 in ("+18005550142", "+18335550142")
    )


def test_what_is_no_number_is_skipped_and_the_rest_kept() -> None:
    bad = ("", "919555014", "91955501422", "null", "٩١٩٥٥٥٠١٤٢")
    with scripted(lambda _seen: detailed(*bad, NUMBER, NUMBER, city="St. Pauls")) as server:
        numbers = search(server).numbers
    assert [(number.e164, number.locality) for number in numbers] == [(OURS, "St. Pauls")]


@pytest.mark.parametrize("answer", [close(200, b"<SearchResult/>"), error("4000"), error("4023")])
def test_that_there_is_nothing_is_no_error(answer: Answer) -> None:
    with scripted(lambda _seen: answer) as server:
        assert search(server, WANTED._replace(area_code="919")) == port.AvailablePage((), by_country=False)


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (error("4010"), port.Trouble.REFUSED),
        (close(400, b"<SearchResult/>"), port.Trouble.REFUSED),
        (close(400, HTML), port.Trouble.UNREADABLE),
        (close(200, HTML), port.Trouble.UNREADABLE),
        (close(200, b"<SearchResult><TelephoneNumberList>"), port.Trouble.UNREADABLE),
        (close(200, b'{"numbers": []}'), port.Trouble.UNREADABLE),
        (close(200, b'<!DOCTYPE a [<!ENTITY b "c">]><SearchResult>&b;</SearchResult>'), port.Trouble.UNREADABLE),
        (close(204), port.Trouble.REFUSED),
        (close(302, Location="http://127.0.0.1:9/"), port.Trouble.REFUSED),
        (close(401), port.Trouble.CREDENTIALS),
        (close(429), port.Trouble.THROTTLED),
        (close(500), port.Trouble.FAILING),
        (silence, port.Trouble.UNREACHABLE),
    ],
)
def test_a_search_that_is_of_no_use_says_why(answer: Answer, trouble: port.Trouble) -> None:
    with scripted(lambda _seen: answer) as server, pytest.raises(port.CarrierError) as caught:
        search(server)
    assert caught.value.trouble is trouble
    assert PASSWORD not in str(caught.value)


def test_both_types_are_searched_side_by_side_and_one_that_fails_leaves_the_other() -> None:
    def answer(seen: Seen) -> Answer:
        return close(500) if "areaCode" in dict(seen.query) else simple("8335550142")

    with scripted(answer) as server:
        page = search(server, WANTED._replace(number_type=None, area_code="833"))
    assert [(number.e164, number.number_type) for number in page.numbers] == [("+18335550142", "toll_free")]
    assert isinstance(page.missed, port.CarrierError)


PAGES: Final[dict[str, tuple[dict[str, Any], bool]]] = {
    "fewer than are wanted": ({"area_code": "919", "limit": 2}, False),
    "as many as are wanted": ({"area_code": "919", "limit": 1}, True),
    "what was swept": ({"limit": 20}, True),
    "what cannot be there": ({"number_type": "mobile"}, False),
}


@pytest.mark.parametrize(("wanted", "more"), PAGES.values(), ids=PAGES)
def test_a_search_says_when_there_may_be_more(wanted: dict[str, Any], more: Any) -> None:
    with scripted(lambda _seen: detailed(NUMBER)) as server:
        assert search(server, WANTED._replace(**wanted)).more is more
