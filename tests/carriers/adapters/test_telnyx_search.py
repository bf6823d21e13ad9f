"""What Telnyx is searched for, what is made of its answer, and that only what it shows is ordered."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final

import phonenumbers
import pytest

from numberdesk.carriers import port
from numberdesk.carriers.adapters.telnyx import Telnyx
from numberdesk.carriers.adapters.telnyx_search import MOST_SHOWN, SHOWN_SECONDS, countries_of, digit_filters
from numberdesk.core.carrier_order import NotSent, Pending
from numberdesk.infra.http import HttpClient
from testbed.egress import LOOPBACK
from testbed.scripted import Answer, Scripted, Seen, json_reply, reply, scripted, silence
from tests.carriers.adapters.words import FORBIDDEN, HTML, OTHER, TAKEN, THROTTLED, close, kind

OURS: Final = "+14155550142"
REFERENCE: Final = "ord_1"
WANTED: Final = port.Wanted("US", "1", None, "", "", "", "", "", "", (), 20)
NDC: Final = "filter[national_destination_code]"
STARTS, ENDS, CONTAINS = (f"filter[phone_number][{name}]" for name in ("starts_with", "ends_with", "contains"))


def ask(url: str, call: Callable[[Telnyx], Awaitable[Any]], now: Callable[[], float] = lambda: 0.0) -> Any:
    async def main() -> Any:
        http = HttpClient(egress=LOOPBACK)
        values = {"api_key": "KEY0", "base_url": url, "read_seconds": "1", "order_seconds": "1"}
        try:
            return await call(Telnyx(port.Setup(values), http, seconds=now))
        finally:
            await http.close()

    return asyncio.run(main())


def page(*items: Any) -> Answer:
    return json_reply(200, {"data": items, "meta": {"total_results": len(items)}}, Connection="close")


def shown(number: Any = OURS, **more: Any) -> dict[str, Any]:
    return {"phone_number": number, **more}


def error(status: int, code: str) -> Answer:
    return json_reply(status, {"errors": [{"code": code}]}, Connection="close")


ORDERED: Final = json_reply(200, {"data": {"status": "pending", "phone_numbers": [{"phone_number": OURS}]}})


def account(*searches: Answer, orders: tuple[Answer, ...] = (ORDERED,)) -> Callable[[Seen], Answer]:
    """The answers one after the other, the last for ever."""
    shows, takes = (itertools.chain(answers, itertools.repeat(answers[-1])) for answers in (searches, orders))
    return lambda seen: next(shows if seen.path == "/available_phone_numbers" else takes)


def search(server: Scripted, wanted: port.Wanted = WANTED) -> Any:
    return ask(server.url, lambda telnyx: telnyx.search(wanted))


def searched(server: Scripted) -> list[Seen]:
    return [seen for seen in server.seen if seen.method == "GET"]


def order(telnyx: Telnyx) -> Awaitable[Any]:
    return telnyx.order(OURS, REFERENCE)


DIGITS: Final[dict[str, tuple[dict[str, Any], list[dict[str, str]]]]] = {
    "none": ({}, [{}]),
    "an area code": ({"area_code": "415"}, [{NDC: "415"}]),
    "a beginning": ({"starts_with": "41"}, [{STARTS: "41"}]),
    "a beginning that is an area code": ({"starts_with": "415"}, [{NDC: "415"}]),
    "a longer beginning": ({"starts_with": "415786"}, [{NDC: "415", STARTS: "786"}]),
    "both": ({"area_code": "415", "starts_with": "4157"}, [{NDC: "415", STARTS: "7"}]),
    "an area code that begins so": ({"area_code": "415", "starts_with": "4"}, [{NDC: "415"}]),
    "an area code that begins otherwise": ({"area_code": "415", "starts_with": "42"}, []),
    "a beginning elsewhere": ({"calling_code": "44", "starts_with": "20794"}, [{STARTS: "20794"}]),
    "an end": ({"ends_with": "7600"}, [{ENDS: "7600"}]),
    "an end and an area code": ({"area_code": "415", "ends_with": "5600"}, [{NDC: "415", ENDS: "5600"}]),
    "an end with a part of the area code": (
        {"area_code": "415", "ends_with": "57867600"},
        [{NDC: "415", ENDS: "7867600"}],
    ),
    "the same elsewhere, where area codes differ in length": (
        {"calling_code": "44", "area_code": "20", "ends_with": "079460018"},
        [{NDC: "20", ENDS: "079460018"}, {NDC: "20", STARTS: "79460018"}],
    ),
    "something inside": ({"contains": "786"}, [{CONTAINS: "786"}]),
    "something inside that may begin in the area code": (
        {"area_code": "415", "contains": "5786"},
        [{NDC: "415", CONTAINS: "5786"}, {NDC: "415", STARTS: "786"}],
    ),
    "something inside that the area code has": ({"area_code": "415", "contains": "15"}, [{NDC: "415"}]),
    "something inside that the beginning has": (
        {"starts_with": "4157867", "contains": "786"},
        [{NDC: "415", STARTS: "7867"}],
    ),
    "the longest of several": (
        {"starts_with": "4158", "ends_with": "7600", "contains": "86"},
        [{NDC: "415", ENDS: "7600"}],
    ),
    "what is found exactly before what is found loosely": ({"ends_with": "760", "contains": "999"}, [{ENDS: "760"}]),
    "a whole number": (
        {"starts_with": "4157867600", "contains": "4157867600", "ends_with": "4157867600"},
        [{NDC: "415", STARTS: "7867600"}],
    ),
}


@pytest.mark.parametrize(("wanted", "queries"), DIGITS.values(), ids=DIGITS)
def test_digits_are_asked_for_as_telnyx_reads_them(wanted: dict[str, Any], queries: list[dict[str, str]]) -> None:
    assert [dict(query) for query in digit_filters(WANTED._replace(**wanted))] == queries


def shows(query: dict[str, str], national: str, area_code: str) -> bool:
    """Whether Telnyx shows a number, as its guide says: beside an area code digits are of what comes after it."""
    rest = national[len(area_code) :] if NDC in query else national
    return (
        query.get(NDC, area_code) == area_code
        and rest.startswith(query.get(STARTS, ""))
        and rest.endswith(query.get(ENDS, ""))
        and query.get(CONTAINS, "") in rest
    )


@pytest.mark.parametrize(("calling_code", "area", "length"), [("1", 3, 10), ("44", 2, 10), ("49", 4, 9), ("65", 1, 8)])
def test_no_number_that_is_wanted_is_left_out(calling_code: str, area: int, length: int) -> None:
    chance = random.Random(calling_code)
    for _ in range(5_000):
        national = "".join(chance.choices(chance.choice(["12", "0123456789"]), k=length))
        begin, end = sorted(chance.choices(range(length + 1), k=2))
        wanted = WANTED._replace(
            calling_code=calling_code,
            area_code=chance.choice(["", national[:area]]),
            starts_with=national[: chance.choice([0, 0, 1, 3, 5, length])],
            contains=national[begin:end],
            ends_with=national[chance.choice([length, length, length - 4, length - 7, 0]) :],
        )
        queries = digit_filters(wanted)
        assert any(shows(dict(query), national, national[:area]) for query in queries), (wanted, national)
        assert len(queries) <= 1 + area


def test_a_search_asks_for_everything_that_telnyx_can_express() -> None:
    wanted = WANTED._replace(
        number_type="local", area_code="617", region="MA", locality="Boston", capabilities=("sms", "voice"), limit=7
    )
    with scripted(account(page())) as server:
        search(server, wanted)
        search(server, WANTED._replace(iso_country="GB", calling_code="44", region="Greater London", limit=10_000))
        search(server, WANTED._replace(limit=0))
    american, british, least = server.seen
    assert (american.method, american.path) == ("GET", "/available_phone_numbers")
    assert american.headers["authorization"] == "Bearer KEY0"
    assert american.query == [
        ("filter[country_code]", "US"),
        ("filter[phone_number_type]", "local"),
        ("filter[administrative_area]", "MA"),
        ("filter[locality]", "Boston"),
        ("filter[features][]", "sms"),
        ("filter[features][]", "voice"),
        ("filter[limit]", "7"),
        ("filter[national_destination_code]", "617"),
    ]
    assert british.query == [("filter[country_code]", "GB"), ("filter[limit]", "50")]
    assert dict(least.query)["filter[limit]"] == "1"


def test_a_number_is_read_with_its_place_what_it_can_do_and_its_exact_cost() -> None:
    item = {
        **shown(),
        "region_information": [
            {"region_type": "country_code", "region_name": "US"},
            {"region_type": "state", "region_name": "MA"},
            {"region_type": "location", "region_name": "Boston"},
            {"region_type": None},
        ],
        "features": [{"name": "VOICE"}, {"name": "sms"}, {"name": "emergency"}, {"name": None}],
        "cost_information": {"upfront_cost": "3.21", "monthly_cost": "1.00000", "currency": "USD"},
    }
    with scripted(account(page(item))) as server:
        (number,) = search(server, WANTED._replace(number_type="local")).numbers
    cost = port.Cost("USD", 1_000_000, setup=3_210_000)
    assert number == port.Available(OURS, "local", "MA", "Boston", ("voice", "sms"), cost)


COSTS: Final[dict[str, tuple[Any, port.Cost | None]]] = {
    "as numbers": ({"monthly_cost": 0.1, "upfront_cost": 0, "currency": "USD"}, port.Cost("USD", 100_000, setup=0)),
    "only monthly": ({"monthly_cost": "2", "currency": "EUR"}, None),
    "nobody knows what it takes at once": ({"monthly_cost": "2", "upfront_cost": None, "currency": "EUR"}, None),
    "null": ({"monthly_cost": None, "upfront_cost": "1", "currency": "USD"}, port.Cost("USD", None, setup=1_000_000)),
    "finer than a micro": ({"monthly_cost": "0.00000001", "upfront_cost": "0", "currency": "USD"}, None),
    "negative": ({"monthly_cost": "-1", "upfront_cost": "0", "currency": "USD"}, None),
    "no number": ({"monthly_cost": "NaN", "upfront_cost": "0", "currency": "USD"}, None),
    "words": ({"monthly_cost": "call us", "upfront_cost": "0", "currency": "USD"}, None),
    "no currency": ({"monthly_cost": "1", "upfront_cost": "0"}, None),
    "another currency code": ({"monthly_cost": "1", "upfront_cost": "0", "currency": "dollars"}, None),
    "a text": ("1.00 USD", None),
    "nothing": (None, None),
}


@pytest.mark.parametrize(("cost", "expected"), COSTS.values(), ids=COSTS)
def test_a_cost_is_exact_or_not_told(cost: Any, expected: port.Cost | None) -> None:
    with scripted(account(page(shown(cost_information=cost)))) as server:
        (number,) = search(server).numbers
    assert number.cost == expected


def test_a_bad_item_is_skipped_and_not_the_list() -> None:
    bad = [None, 7, {}, shown(None), shown("4155550142"), shown("+1415555****"), shown("+14155550143", features="sms")]
    with scripted(account(page(*bad, shown(), shown()))) as server:
        found = search(server)
    assert [number.e164 for number in found.numbers] == [OURS]


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (json_reply(200, {"data": None}), port.Trouble.UNREADABLE),
        (json_reply(200, []), port.Trouble.UNREADABLE),
        (reply(200, b'{"data": [{"phone_number": "+1415'), port.Trouble.UNREADABLE),
        (reply(200, b'{"data": ' + b"[" * 100_000), port.Trouble.UNREADABLE),
        (reply(200, HTML), port.Trouble.UNREADABLE),
        (reply(204), port.Trouble.REFUSED),
        (error(422, "10032"), port.Trouble.REFUSED),
        (reply(302, b"", Location="http://127.0.0.1:9/"), port.Trouble.REFUSED),
        (reply(401), port.Trouble.CREDENTIALS),
        (reply(429, b"", Retry_After="9"), port.Trouble.THROTTLED),
        (reply(500), port.Trouble.FAILING),
        (silence, port.Trouble.UNREACHABLE),
    ],
)
def test_a_search_that_is_of_no_use_says_why(answer: Answer, trouble: port.Trouble) -> None:
    with scripted(account(answer)) as server, pytest.raises(port.CarrierError) as caught:
        search(server)
    assert caught.value.trouble is trouble
    assert caught.value.retry_after == (9 if trouble is port.Trouble.THROTTLED else None)


FIFTY: Final = page(*[shown(f"+14155550{at}") for at in range(100, 150)])
PAGES: Final[dict[str, tuple[dict[str, Any], tuple[Answer, ...], tuple[bool, bool]]]] = {
    "as many as are wanted": ({"limit": 1}, (page(shown()),), (True, True)),
    "fewer": ({"limit": 2, "contains": "55"}, (page(shown()),), (True, False)),
    "a full page, and more were wanted": ({"limit": 100}, (FIFTY,), (True, True)),
    "one of two requests failed": (
        {"area_code": "415", "contains": "5550"},
        (page(shown()), close(500)),
        (False, False),
    ),
    "no number can be wanted": ({"area_code": "415", "starts_with": "2"}, (page(shown()),), (True, False)),
}


@pytest.mark.parametrize(("wanted", "answers", "expected"), PAGES.values(), ids=PAGES)
def test_a_search_says_when_there_may_be_more(wanted: Any, answers: tuple[Answer, ...], expected: Any) -> None:
    with scripted(account(*answers)) as server:
        page = search(server, WANTED._replace(**wanted))
    assert (page.missed is None, page.more) == expected


def test_a_number_is_searched_for_by_itself_before_it_is_ordered() -> None:
    with scripted(account(page(shown()))) as server:
        ask(server.url, order)
    digits = {STARTS: "4155550142", "filter[limit]": "10"}
    queries = sorted((dict(seen.query) for seen in searched(server)), key=str)
    assert queries == [{"filter[country_code]": country, **digits} for country in ("CA", "US")]


BEFORE: Final[dict[str, tuple[tuple[Answer, ...], Any]]] = {
    "it shows nothing": ((page(),), TAKEN),
    "it shows another number": ((page(shown("+14155550143")),), TAKEN),
    "one country shows it, the other is not covered": ((error(422, "10032"), page(shown())), Pending),
    "one country shows nothing, the other is not covered": ((error(422, "10032"), page()), TAKEN),
    "it is refused": ((error(422, "10032"),), OTHER),
    "one country shows nothing, the other is broken": ((page(), close(500)), NotSent),
    "one country is not covered, the other is broken": ((error(422, "10032"), close(500)), NotSent),
    "wrong credentials": ((close(401),), FORBIDDEN),
    "too many requests": ((close(429, Retry_After="3"),), THROTTLED),
    "HTML": ((close(200, HTML),), NotSent),
    "null": ((json_reply(200, {"data": None}, Connection="close"),), NotSent),
    "nothing": ((silence,), NotSent),
}


@pytest.mark.parametrize(("answers", "expected"), BEFORE.values(), ids=BEFORE)
def test_nothing_is_ordered_that_the_search_before_does_not_show(answers: tuple[Answer, ...], expected: Any) -> None:
    with scripted(account(*answers)) as server:
        word = ask(server.url, order)
    assert kind(word) == expected
    assert getattr(word, "retry_after", None) == (3 if expected == THROTTLED else None)
    assert len(server.seen) - len(searched(server)) == (expected is Pending)


def test_a_number_of_no_known_country_is_not_ordered() -> None:
    with scripted(account(page())) as server:
        assert kind(ask(server.url, lambda telnyx: telnyx.order("+999123456", REFERENCE))) == OTHER
    assert server.seen == []


@pytest.mark.parametrize(("later", "searches"), [(SHOWN_SECONDS - 1, 1), (SHOWN_SECONDS, 3)])
def test_what_was_shown_lately_is_ordered_without_another_search(later: float, searches: int) -> None:
    times = [0.0]

    async def call(telnyx: Telnyx) -> Any:
        await telnyx.search(WANTED)
        times[0] = later
        return await order(telnyx)

    with scripted(account(page(shown()))) as server:
        assert kind(ask(server.url, call, now=lambda: times[0])) == Pending
    assert len(searched(server)) == searches


@pytest.mark.parametrize(("first", "searches"), [(error(422, "85000"), 3), (ORDERED, 3), (silence, 3), (close(429), 1)])
def test_what_was_ordered_has_to_be_shown_again_unless_nothing_was_done(first: Answer, searches: int) -> None:
    async def call(telnyx: Telnyx) -> Any:
        await telnyx.search(WANTED)
        await order(telnyx)
        return await order(telnyx)

    with scripted(account(page(shown()), orders=(first, ORDERED))) as server:
        assert kind(ask(server.url, call)) == Pending
    assert len(searched(server)) == searches


@pytest.mark.parametrize(("more", "searches"), [(MOST_SHOWN - 1, 1), (MOST_SHOWN, 3)])
def test_of_too_many_that_were_shown_the_oldest_is_forgotten(more: int, searches: int) -> None:
    many = page(shown(), *[shown(f"+1212{5_550_000 + at}") for at in range(more)])

    async def call(telnyx: Telnyx) -> Any:
        await telnyx.search(WANTED)
        return await order(telnyx)

    with scripted(account(many, page(shown()))) as server:
        assert kind(ask(server.url, call)) == Pending
    assert len(searched(server)) == searches


def test_what_was_shown_again_is_not_the_oldest() -> None:
    async def call(telnyx: Telnyx) -> Any:
        for _ in range(3):
            await telnyx.search(WANTED)
        return await order(telnyx)

    others = [shown(f"+1212{5_550_000 + at}") for at in range(MOST_SHOWN)]
    with scripted(account(page(shown(), *others[1:]), page(shown()), page(others[0]))) as server:
        assert kind(ask(server.url, call)) == Pending
    assert len(searched(server)) == 3


def test_the_country_of_every_number_is_known() -> None:
    """As public numbering metadata has it: the country, or the largest of those that share a calling code."""
    for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items():
        for region in set(regions) - {"001"}:
            example = phonenumbers.example_number(region)
            assert example is not None
            e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            found, countries = countries_of(e164)
            assert found == str(code), region
            assert region in countries or (code != 1 and regions[0] in countries), region
