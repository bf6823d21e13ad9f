"""Searching all sources: one deadline, whoever is silent is named, and each number is shown once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from numberdesk.carriers.port import Available, AvailablePage, CarrierError, Cost, Trouble, Wanted
from numberdesk.catalog.search import OfferPage
from numberdesk.core.breaker import FAILURES, REST_SECONDS
from numberdesk.core.memorability import memorability
from numberdesk.core.prices import Prices
from numberdesk.flows.carriers.note_audits import AuditResult, note_audits
from numberdesk.flows.catalog.search_offers import CARRIERS_SHARE, KEPT_SECONDS, MOST_ASKED_FOR_ONE
from numberdesk.flows.catalog.set_rates import Pair, new_rate, remove_rates, set_rates
from testbed.fake_carriers import Does, FakeCarrier
from testbed.logs import logged
from testbed.offer_queries import sent_query
from testbed.samples import finding
from tests.flows.carrier_orders import DAY, SECOND
from tests.flows.conftest import NOW, PRICE, Shop
from tests.flows.markets import DEADLINE, NUMBERS, Market, opened_market

ENGINES_TAKE_TURNS = "offers are put together by core, alike on both engines"


@pytest.fixture
def market(shop: Shop) -> Iterator[Market]:
    with opened_market(shop) as market:
        yield market


def offering(market: Market, *e164s: str) -> None:
    for e164 in e164s:
        market.acme.offer(e164)


# what is shown


def all_sources(market: Market) -> dict[str, tuple[int, str]]:
    """Numbers of all three sources, some of two; which of them sells which, and for how much."""
    cheapest: dict[str, tuple[int, str]] = {}
    for place, e164 in enumerate(NUMBERS):
        offered = []
        if place % 5 == 0:
            market.shop.offer(e164, price=3_000_000 - place, locality="", memorability=memorability(e164[2:]))
            offered = [(3_000_000 - place, "pool")]
        if place % 2 == 0:
            market.acme.offer(e164, monthly=1_000_000 + 100_000 * place)
            offered.append(((1_000_000 + 100_000 * place) * 115 // 100, "acme"))
        if place % 3 == 0 or place in (1, 7):
            market.beta.offer(e164, monthly=1_900_000 - 100_000 * place)
            offered.append(((1_900_000 - 100_000 * place) * 115 // 100, "beta"))
        cheapest[e164] = next((each for each in offered if each[1] == "pool"), min(offered, default=(0, "")))
    return {e164: found for e164, found in cheapest.items() if found[1]}


ORDERS: dict[str, Callable[[str, int], tuple[int, str]]] = {
    "number": lambda e164, _: (0, e164),
    "price": lambda e164, price: (price, e164),
    "memorable": lambda e164, _: (memorability(e164[2:]), e164),
}


@pytest.mark.parametrize("page_size", ["1", "2", "3", "100"])
@pytest.mark.parametrize("sort", ORDERS)
def test_the_pages_give_each_number_of_all_sources_once_in_order_at_the_lowest_price(
    market: Market, sort: str, page_size: str
) -> None:
    cheapest = all_sources(market)
    expected = sorted(cheapest, key=lambda e164: ORDERS[sort](e164, cheapest[e164][0]), reverse=sort == "memorable")
    offers = market.walk(sort=sort, page_size=page_size)
    assert [offer.e164 for offer in offers] == expected
    assert {offer.e164: (offer.prices.monthly, offer.carrier) for offer in offers} == cheapest
    assert (len(market.acme.searches), len(market.beta.searches)) == (1, 1)


@pytest.mark.parametrize("sort", ORDERS)
def test_pages_give_no_number_twice_while_carriers_are_asked_anew_and_offer_others(market: Market, sort: str) -> None:
    offering(market, *NUMBERS[::2])

    def meanwhile() -> None:
        market.shop.now += 40 * SECOND
        market.shop.time.pass_by(KEPT_SECONDS)
        for e164 in NUMBERS[1::2]:
            market.acme.offer(e164)

    shown = [offer.e164 for offer in market.walk(meanwhile, sort=sort, page_size="2")]
    assert len(shown) == len(set(shown))
    assert set(NUMBERS[::2]) <= set(shown)


def test_a_carrier_without_a_price_rule_shows_nothing_and_one_with_a_rule_does(market: Market) -> None:
    gamma = market.shop.carriers.carriers["gamma"] = FakeCarrier(now=lambda: market.shop.now)
    gamma.offer(NUMBERS[0])
    assert market.find() == OfferPage((), None, ())
    market.rule("gamma")
    (offer,) = market.find().offers
    assert offer.prices == Prices("USD", 1_150_000, 5_750, 57_500, 0)


def test_a_carrier_says_of_which_country_its_numbers_are_and_new_area_codes_are_found(market: Market) -> None:
    new, toll_free = "+15652738809", "+18005550105"
    market.acme.offer(new)
    market.acme.offer(toll_free, number_type="toll_free")
    assert market.shown(area_code="565") == [new]
    assert market.shown(iso_country="CA", number_type="toll_free") == [toll_free]
    assert market.shown(iso_country="GB") == []


def test_what_somebody_has_or_nobody_may_sell_is_not_shown(market: Market) -> None:
    shop, account_id = market.shop, market.shop.account(100 * PRICE)
    pool, rented, claimed, resting, orphan, returning, free = NUMBERS[:7]
    shop.offer(pool)
    placement = shop.placement()
    for e164 in (rented, claimed, resting, returning):
        shop.offer(e164, carrier="acme")
        shop.acme.script(e164, *[Does.LOSES] * (e164 == claimed))
        shop.tell(shop.purchase(placement, shop.wants(account_id, e164), 0.5))
    shop.release(account_id, resting)
    shop.release(account_id, returning)
    shop.tell(shop.give_back())
    with shop.database.write() as tx:
        tx.run(f"UPDATE numbers SET state = 'withdrawn', quarantined_until = NULL WHERE e164 = '{returning}'", [])  # noqa: S608  the test's own
        tx.run(f"UPDATE carrier_releases SET confirmed_at = NULL, next_at = 1 WHERE e164 = '{returning}'", [])  # noqa: S608  the same
    found = finding(orphan, shop.now, carrier_reference="PN1")
    shop.writer.apply(note_audits, AuditResult("acme", shop.now, shop.now, shop.now + DAY, 1, (found,), "", 0))
    for e164 in NUMBERS[:7]:
        shop.acme.offer(e164)
    assert [(offer.e164, offer.carrier) for offer in market.find().offers] == [(pool, "pool"), (free, "acme")]


VARIED = {
    "+13612738801": {"locality": "Corpus Christi", "capabilities": ("voice",)},
    "+13612738802": {"locality": "Robstown", "capabilities": ("voice", "sms", "mms")},
    "+14155550103": {"region": "CA", "locality": "San Francisco", "monthly": 2_000_000},
    "+18085550104": {"region": "HI", "locality": "", "number_type": "mobile"},
    "+18005550105": {"region": "", "locality": "", "number_type": "toll_free"},
    "+442079460106": {"region": "", "locality": "London"},
    "+13615557777": {"monthly": None},
}
FILTERS: list[tuple[dict[str, str], str]] = [
    ({}, "12345"),
    ({"area_code": "361"}, "12"),
    ({"region": "tx"}, "12"),
    ({"region": "CA"}, "3"),
    ({"locality": "corpus christi"}, "1"),
    ({"number_type": "toll_free"}, "5"),
    ({"number_type": "mobile"}, "4"),
    ({"capabilities": "sms"}, "2345"),
    ({"capabilities": "mms"}, "2"),
    ({"max_price": "1.15"}, "1245"),
    ({"max_price": "1.149999"}, ""),
    ({"starts_with": "361"}, "12"),
    ({"starts_with": "+1808"}, "4"),
    ({"ends_with": "0105"}, "5"),
    ({"contains": "7388"}, "12"),
    ({"contains": "7388", "excludes": "02"}, "1"),
    ({"pattern": "^8**555"}, "45"),
    ({"match_on": "subscriber", "starts_with": "27"}, "12"),
    ({"match_on": "e164", "starts_with": "14155"}, "3"),
]


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_a_carrier_that_ignores_what_is_looked_for_shows_nothing_else_all_the_same(market: Market) -> None:
    for e164, how in VARIED.items():
        market.acme.offer(e164, **how)  # type: ignore[arg-type]  # as offer takes them
    for parameters, lasts in FILTERS:
        assert "".join(e164[-1] for e164 in sorted(market.shown(**parameters), key=lambda e164: e164[-1])) == lasts
    assert market.shown(iso_country="GB") == ["+442079460106"]


def test_whatever_a_carrier_says_of_a_number_the_search_goes_on(market: Market) -> None:
    """Hostile values: what cannot be priced or stored is not shown, and the rest is."""
    absurd = Cost("USD", 1_000_000, -5, 10**30, 0)
    for e164, number in {
        NUMBERS[1]: Available(NUMBERS[1], "local", "TX", "x" * 5000, ("voice",), absurd),
        NUMBERS[2]: Available(NUMBERS[2], "local", "TX", "", ("voice",), Cost("USD", 10**40, setup=0)),
        NUMBERS[3]: Available(NUMBERS[3], "local", "TX", "", ("voice",), Cost("USD", -1)),
        NUMBERS[4]: Available(NUMBERS[4], "local", "TX\x00", "\ud800", ("teleport",), Cost("USD", 1_000_000, setup=0)),
        NUMBERS[5]: Available(NUMBERS[5], "pager", "TX", "", (), Cost("USD", 1_000_000, setup=0)),
        "nonsense": Available("nonsense", "local", "", "", (), Cost("USD", 1_000_000, setup=0)),
        "": Available("", "local", "", "", (), None),
        "\x00": Available("+1361273880\x00", "local", "", "", (), Cost("USD", 1_000_000, setup=0)),
        "\ud800": Available("+1361273880\ud800", "local", "", "", (), Cost("USD", 1_000_000, setup=0)),
    }.items():
        market.acme.for_sale[e164] = number
    market.acme.offer(NUMBERS[0])
    shown = {offer.e164: offer for offer in market.find().offers}
    assert set(shown) == {NUMBERS[0], NUMBERS[1], NUMBERS[4]}
    assert shown[NUMBERS[1]].prices == Prices("USD", 1_150_000, None, None, 0)
    assert (shown[NUMBERS[4]].locality, shown[NUMBERS[4]].capabilities) == ("", 1)


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_a_carrier_that_answers_with_far_too_much_is_read_as_far_as_it_goes(market: Market) -> None:
    async def flood(wanted: Wanted) -> AvailablePage:  # noqa: ARG001  the port's signature
        numbers = (f"+1361{serial}" for serial in range(2_000_000, 2_040_000))
        return AvailablePage(
            tuple(Available(e164, "local", "", "", (), Cost("USD", 10**6, setup=0)) for e164 in numbers)
        )

    market.acme.search = flood  # type: ignore[method-assign]  # a carrier that was hacked
    token, shown, page = None, 0, market.find(page_size="100")
    while (shown := shown + len(page.offers)) < 40_000 and (token := page.next_token) is not None:
        page = market.find(page_size="100", page_token=token)
    assert (shown, page.incomplete) == (1_000, ("acme",))


# other currencies


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_a_cost_in_another_currency_is_shown_when_there_is_a_rate_for_it_and_rounded_up_once(market: Market) -> None:
    market.acme.offer(NUMBERS[0], currency="EUR", monthly=1_000_001)
    assert market.shown() == []
    market.shop.writer.apply(set_rates, new_rate("EUR", "USD", "1.234567891", NOW))
    # 1.000001 x 1.234567891 x 1.15 = 1.41975449448...
    (offer,) = market.find().offers
    assert offer.prices.monthly == 1_419_755
    market.rule("acme", round_to=10_000)
    assert market.find().offers[0].prices.monthly == 1_420_000
    market.shop.writer.apply(remove_rates, Pair("EUR", "USD"))
    assert market.shown() == []


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_prices_in_another_currency_than_the_accounts_are_not_shown(market: Market) -> None:
    market.rule("beta", currency="EUR")
    market.beta.offer(NUMBERS[0], currency="EUR")
    market.acme.offer(NUMBERS[1])
    assert market.shown() == [NUMBERS[1]]
    assert [offer.e164 for offer in market.find(currency="EUR").offers] == [NUMBERS[0]]


# silence


def test_a_carrier_that_hangs_is_named_and_not_waited_for(market: Market) -> None:
    offering(market, NUMBERS[0])
    market.shop.offer(NUMBERS[1])
    market.beta.search_seconds = 1e6
    began = market.shop.time.seconds()
    page = market.find()
    assert market.shop.time.seconds() - began == pytest.approx(DEADLINE * CARRIERS_SHARE)
    assert ([offer.e164 for offer in page.offers], page.incomplete) == (list(NUMBERS[:2]), ("beta",))


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_an_answer_that_comes_too_late_is_there_for_the_next_search(market: Market) -> None:
    offering(market, NUMBERS[0])
    market.acme.search_seconds = 4
    assert (market.shown(), market.find().incomplete) == ([], ())
    assert len(market.acme.searches) == 1


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_two_searches_at_once_ask_once(market: Market) -> None:
    offering(market, NUMBERS[0])
    market.acme.search_seconds = 1
    query = sent_query("US", "USD", {})

    async def both() -> tuple[OfferPage, OfferPage]:
        return await asyncio.gather(market.search.search(query, "acc_1"), market.search.search(query, "acc_2"))

    first, second = market.shop.tell(both())
    assert first == second
    assert (len(first.offers), len(market.acme.searches)) == (1, 1)


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
@pytest.mark.parametrize(
    "error",
    [
        CarrierError(Trouble.THROTTLED, "HTTP 429", 7),
        CarrierError(Trouble.CREDENTIALS, "401"),
        ZeroDivisionError(),
        TimeoutError(),
    ],
    ids=lambda error: str(error)[:11],
)
def test_a_carrier_that_fails_is_named_and_harms_no_other(market: Market, error: Exception) -> None:
    market.acme.search_fails = error
    market.beta.offer(NUMBERS[0])
    page = market.find()
    assert ([offer.carrier for offer in page.offers], page.incomplete) == (["beta"], ("acme",))


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_a_carrier_that_was_not_looked_through_is_named_and_what_it_has_is_shown(market: Market) -> None:
    offering(market, NUMBERS[0])
    market.acme.missed = CarrierError(Trouble.UNREACHABLE, "HTTP 500")
    page = market.find()
    assert ([offer.e164 for offer in page.offers], page.incomplete) == ([NUMBERS[0]], ("acme",))


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_a_search_that_failed_whole_or_in_part_is_logged_with_the_reason_and_one_that_was_answered_is_not(
    market: Market,
) -> None:
    error = CarrierError(Trouble.UNREACHABLE, "HTTP 500")
    told = {"carrier": "acme", "trouble": "unreachable", "said": "HTTP 500", "log_level": "warning"}
    with logged() as lines:
        market.find(area_code="361")
        market.acme.missed = error
        market.find(area_code="362")
        market.acme.search_fails = error
        market.find(area_code="363")
    assert lines == [
        {"event": "carrier searched in part", **told},
        {"event": "carrier not searched", **told},
    ]


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_a_carrier_that_has_more_than_was_asked_of_it_is_named_where_the_pages_end(market: Market) -> None:
    offering(market, *NUMBERS)
    market.acme.more = True
    first = market.find(page_size=str(len(NUMBERS) - 1))
    assert (first.next_token is None, first.incomplete) == (False, ())
    last = market.find(page_size=str(len(NUMBERS)))
    assert (last.next_token, last.incomplete) == (None, ("acme",))


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_searches_do_not_wait_for_a_carrier_that_failed_again_and_again(market: Market) -> None:
    market.acme.search_seconds, market.acme.search_fails = 3, CarrierError(Trouble.UNREACHABLE, "no answer")
    for place in range(FAILURES):
        market.find(area_code=f"36{place}")
        market.shop.time.pass_by(3)
    began = market.shop.time.seconds()
    assert market.find().incomplete == ("acme",)
    assert (market.shop.time.seconds(), len(market.acme.searches)) == (began, FAILURES)
    market.shop.time.pass_by(REST_SECONDS)
    market.acme.search_seconds, market.acme.search_fails = 0, None
    offering(market, NUMBERS[0])
    assert market.shown(area_code="361") == [NUMBERS[0]]


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_a_search_whose_client_hangs_up_asks_on_for_the_next(market: Market) -> None:
    offering(market, NUMBERS[0])
    market.acme.search_seconds = 2

    async def hang_up() -> None:
        story = asyncio.ensure_future(market.search.search(sent_query("US", "USD", {}), "acc_1"))
        await asyncio.sleep(1)
        story.cancel()
        with pytest.raises(asyncio.CancelledError):
            await story

    market.shop.tell(hang_up())
    assert market.shown() == [NUMBERS[0]]
    assert len(market.acme.searches) == 1


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_nothing_is_asked_any_more_once_it_is_closed(market: Market) -> None:
    market.acme.search_seconds = 1e6
    market.find()
    market.shop.tell(market.search.close())
    assert market.search._asking == {}


def test_a_disabled_carrier_is_not_asked(market: Market) -> None:
    offering(market, NUMBERS[0])
    market.shop.carriers.disabled.add("acme")
    assert market.find() == OfferPage((), None, ())
    assert market.acme.searches == []


def test_one_account_has_few_searches_under_way_at_a_carrier_and_others_are_answered_beside_them(
    market: Market,
) -> None:
    offering(market, NUMBERS[0])
    market.acme.search_seconds = 1

    async def at_once() -> tuple[list[OfferPage], OfferPage]:
        many = [
            market.search.search(sent_query("US", "USD", {"contains": str(1000 + place)}), "acc_greedy")
            for place in range(20)
        ]
        *greedy, other = await asyncio.gather(*many, market.search.search(sent_query("US", "USD", {}), "acc_other"))
        return greedy, other

    greedy, other = market.shop.tell(at_once())
    assert [offer.e164 for offer in other.offers] == [NUMBERS[0]]
    assert sum("acme" in page.incomplete for page in greedy) == 20 - MOST_ASKED_FOR_ONE
    assert len(market.acme.searches) == MOST_ASKED_FOR_ONE + 1
    market.acme.search_seconds = 0
    assert market.find(contains="2000").incomplete == ()
