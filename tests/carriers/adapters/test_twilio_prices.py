"""What numbers cost at Twilio: asked for beside a search, kept for a while, and missed where it cannot be read."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import pytest

from numberdesk.carriers.adapters.twilio import Twilio
from numberdesk.carriers.port import AvailablePage, CarrierError, Cost, Trouble
from testbed.scripted import Answer, Scripted, Seen, json_reply, reply, scripted, silence
from tests.carriers.adapters.test_twilio import failure
from tests.carriers.adapters.test_twilio_search import (
    ANYTHING,
    HTML,
    LOCAL,
    NOTHING,
    market,
    offer,
    offers,
    search,
    use,
)

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
         [Cost("USD", 1_150_000, 8_500, setup=0), Cost("USD", 2_150_000, 22_000, setup=0)]),
        (json_reply(200, PRICES), reply(404), [Cost("USD", 1_150_000, setup=0), Cost("USD", 2_150_000, setup=0)]),
        (json_reply(200, PRICES), reply(500), [None, None]),
        (json_reply(200, PRICES), json_reply(200, {**CALLS, "price_unit": "EUR"}),
         [Cost("USD", 1_150_000, setup=0), Cost("USD", 2_150_000, setup=0)]),
        (json_reply(200, PRICES), json_reply(200, {"price_unit": None, "inbound_call_prices": None}),
         [Cost("USD", 1_150_000, setup=0), Cost("USD", 2_150_000, setup=0)]),
        (reply(404), json_reply(200, CALLS), [None, None]),
        (reply(500), json_reply(200, CALLS), [None, None]),
        (failure(401, 20003), json_reply(200, CALLS), [None, None]),
        (reply(200, HTML), json_reply(200, CALLS), [None, None]),
        (json_reply(200, {**PRICES, "price_unit": "dollars"}), reply(404), [None, None]),
        (json_reply(200, {**PRICES, "price_unit": None}), reply(404), [None, None]),
        (json_reply(200, {**PRICES, "phone_number_prices": None}), reply(404), [None, None]),
        (priced(1.15), reply(404), [Cost("USD", 1_150_000, setup=0), None]),
        (priced(3), reply(404), [Cost("USD", 3_000_000, setup=0), None]),
        (priced(None), reply(404), [Cost("USD", 9_990_000, setup=0), None]),
        (priced("0"), reply(404), [Cost("USD", 0, setup=0), None]),
        (priced("0.000001"), reply(404), [Cost("USD", 1, setup=0), None]),
        *((priced(bad), reply(404), [None, None]) for bad in NO_PRICES),
    ],
)  # fmt: skip
def test_costs_are_exact_or_missing(prices: Answer, calls: Answer, expected: list[Cost | None]) -> None:
    assert costs(prices, calls) == expected


def test_one_bad_price_costs_itself_and_not_the_others() -> None:
    entries = [None, {"number_type": None}, {"current_price": "1"}, *PRICES["phone_number_prices"]]
    assert costs(json_reply(200, {**PRICES, "phone_number_prices": entries}), reply(404)) == [
        Cost("USD", 1_150_000, setup=0),
        Cost("USD", 2_150_000, setup=0),
    ]


def test_prices_that_never_come_do_not_hold_a_search_up_for_ever() -> None:
    page, _ = search(market(Local=offers(offer()), prices=silence))
    assert [number.cost for number in page.numbers] == [None]
    assert isinstance(page.missed, CarrierError)


@pytest.mark.parametrize(
    ("answers", "trouble", "said"),
    [
        ({"prices": failure(401, 20003)}, Trouble.CREDENTIALS, "prices: HTTP 401: {"),
        ({"prices": failure(429, 20429)}, Trouble.THROTTLED, "prices: HTTP 429"),
        ({"prices": reply(204)}, Trouble.REFUSED, "prices: HTTP 204"),
        ({"prices": reply(200, HTML)}, Trouble.UNREADABLE, "prices: HTTP 200 with a body"),
        ({"prices": priced("1.15", price_unit="dollars")}, Trouble.UNREADABLE, "prices: none of them can be read"),
        ({"prices": json_reply(200, PRICES), "calls": reply(500)}, Trouble.FAILING, "prices: HTTP 500"),
    ],
)
def test_numbers_whose_prices_cannot_be_read_are_shown_and_the_prices_are_missed_each_time(
    answers: dict[str, Answer], trouble: Trouble, said: str
) -> None:
    async def twice(twilio: Twilio) -> list[AvailablePage]:
        return [await twilio.search(LOCAL), await twilio.search(LOCAL)]

    with scripted(market(Local=offers(offer()), **answers)) as server:
        pages = use(server, twice)
    for page in pages:
        assert len(page.numbers) == 1
        assert page.missed is not None
        assert page.missed.trouble is trouble
        assert page.missed.message.startswith(said)


def test_a_country_without_prices_misses_none_and_neither_does_a_search_without_numbers() -> None:
    assert search(market(Local=offers(offer()), prices=reply(404), calls=reply(404)))[0].missed is None
    assert search(market(Local=NOTHING, prices=reply(500)))[0] == AvailablePage(())


def test_prices_are_asked_for_side_by_side_with_the_search() -> None:
    async def when_searched(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        while not any(seen.path.endswith("/Local.json") for seen in server.seen):  # noqa: ASYNC110  a list tells no more
            await asyncio.sleep(0.01)
        await json_reply(200, PRICES)(_seen, writer)

    with scripted(market(Local=offers(offer()), prices=when_searched)) as server:
        page = use(server, lambda twilio: twilio.search(LOCAL))
    assert [number.cost for number in page.numbers] == [Cost("USD", 1_150_000, setup=0)]


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
            assert {page.numbers[0].cost for page in pages} == {Cost("USD", 1_150_000, 8_500, setup=0)}
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
        known = Cost("USD", 1_150_000, setup=0)
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
