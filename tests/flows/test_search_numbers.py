"""Searching the own inventory: the pages give what a naive search gives, within bounded work.

Touches: database, files.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from numberdesk.catalog.model import FROM_FILE, Listing
from numberdesk.catalog.search import Offer, OfferPage, OfferQuery, Sort
from numberdesk.catalog.store import insert_listings
from numberdesk.core.memorability import memorability
from numberdesk.core.pattern import Subjects
from numberdesk.core.prices import Prices
from numberdesk.core.text import folded
from numberdesk.flows.catalog.search_numbers import USUAL, Bounds, search_numbers
from numberdesk.infra.db import Database, Tx
from numberdesk.tables import numbers
from testbed.databases import Databases
from testbed.offer_queries import sent_query

Search = tuple[str, str, dict[str, Any]]

CALLING_CODES = {"US": "1", "CA": "1", "GB": "44", "AR": "54"}
AREA_CODES = {"US": ("361", "415", "808"), "CA": ("416", "604"), "GB": ("20", "207", "7911", "")}
REGIONS = ("TX", "tx", "HI", "Île-de-France", "ÎLE-DE-FRANCE", "")
LOCALITIES = ("Corpus Christi", "CORPUS CHRISTI", "McAllen", "")
TYPES = ("local", "mobile", "toll_free")
DOLLAR = 1_000_000
PRICES = (DOLLAR, 1_150_000, 2 * DOLLAR)

# A search that has to go round every bend: windows and sets of a few numbers.
TIGHT = st.builds(
    Bounds,
    walked=st.integers(2, 40),
    glance=st.integers(1, 12),
    **dict.fromkeys(("read_whole", "matches", "read_at_once", "looked_up", "skimmed"), st.integers(0, 12)),
)
BOUNDS = st.one_of(st.just(USUAL), TIGHT)


class _UndoError(Exception):
    """Ends a transaction without a trace."""


@pytest.fixture(scope="module")
def database(made: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    url = made.prepared(tmp_path_factory.mktemp("search"))
    database = Database(url)
    yield database
    database.close()
    made.done(url)


@contextlib.contextmanager
def stocked(database: Database, inventory: Sequence[Listing]) -> Iterator[Tx]:
    """A transaction that sees this inventory, all of it for sale; it leaves nothing behind."""
    with contextlib.suppress(_UndoError), database.write() as tx:
        insert_listings(tx, "pool", inventory, now=1)
        yield tx
        raise _UndoError


def listing(
    national: str,
    *,
    area_code: str = "361",
    iso_country: str = "US",
    region: str = "TX",
    locality: str = "",
    number_type: str = "local",
    capabilities: int = 1,
    currency: str | None = "USD",
    price: int | None = DOLLAR,
) -> Listing:
    e164 = f"+{CALLING_CODES[iso_country]}{national}"
    offered = (currency, price, 8_500, 94_500) if currency else (None, None, None, None)
    place = (iso_country, number_type, region, locality, area_code, national)
    costs = (None, None, None, None, None)
    return Listing._make((e164, *place, capabilities, memorability(national), FROM_FILE, *offered, 0, *costs, "", ""))


def inventory_of(seed: int, size: int) -> list[Listing]:
    """Numbers so much alike that every search meets several, and every property in any combination."""
    chance = Random(seed)
    made = {}
    for _ in range(size):
        iso_country = chance.choice(["US", "US", "US", "US", "GB", "CA"])
        area_code = chance.choice(AREA_CODES[iso_country])
        item = listing(
            area_code + "".join(chance.choices("017", k=5)),
            area_code=area_code,
            iso_country=iso_country,
            region=chance.choice(REGIONS),
            locality=chance.choice(LOCALITIES),
            number_type=chance.choice(TYPES),
            capabilities=chance.choice([1, 3, 7, 11, 15]),
            currency=chance.choice(["USD", "USD", "USD", "USD", "EUR", None]),
            price=chance.choice(PRICES),
        )
        made[item.e164] = item
    return list(made.values())


INVENTORIES = st.builds(inventory_of, st.integers(0, 2**32), st.sampled_from([0, 3, 30, 100]))
EXPRESSIONS = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["", "", "", "^", "^361", "^20", "+1361", "+44"]),
    st.sampled_from(["0", "1", "7", "17", "011", "70R"]),
    st.sampled_from(["", "*", "%", "**"]),
    st.sampled_from(["0", "1", "p", "00", "s10", "7171"]),
    st.sampled_from(["", "", "$"]),
)
PARAMETERS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"page_size": st.sampled_from(["1", "2", "7", "100"])},
    optional={
        "sort": st.sampled_from(list(Sort)),
        "region": st.sampled_from(["TX", "hi", "île-de-france", "us", "ZZ"]),
        "locality": st.sampled_from(["corpus christi", "mcallen", "Atlantis"]),
        "number_type": st.sampled_from(TYPES),
        "area_code": st.sampled_from(["361", "808", "20", "207", "999"]),
        "match_on": st.sampled_from(["national", "e164", "subscriber"]),
        "starts_with": st.sampled_from(["3", "36", "3610", "41", "80", "1", "0", "+1", "+1361", "20", "7"]),
        "ends_with": st.text("017", min_size=1, max_size=4),
        "contains": st.lists(st.text("0177Qs", min_size=2, max_size=5), max_size=3),
        "pattern": EXPRESSIONS,
        "excludes": st.lists(st.text("0178", min_size=1, max_size=3), max_size=2),
        "capabilities": st.sampled_from(["voice", "sms,fax", "mms"]),
        "max_price": st.sampled_from(["1", "1.15", "0.5", "7"]),
    },
)


@st.composite
def searches(draw: st.DrawFn) -> Search:
    """A country, a currency and at most five parameters, so that often something is found."""
    parameters = draw(PARAMETERS)
    kept = draw(st.lists(st.sampled_from(sorted(parameters)), max_size=3))
    always = ("page_size", "sort", "match_on")
    chosen = {name: value for name, value in parameters.items() if name in kept or name in always}
    return (
        draw(st.sampled_from(["us", "US", "US", "GB", "CA", "DE"])),
        draw(st.sampled_from(["USD", "USD", "EUR"])),
        chosen,
    )


def read(search: Search, token: str | None = None) -> OfferQuery:
    iso_country, currency, parameters = search
    return sent_query(iso_country, currency, {**parameters, "page_token": token})


def pages(tx: Tx, search: Search, bounds: Bounds, between: Callable[[], None] = lambda: None) -> Iterator[OfferPage]:
    """Every page, one after the other; more of them than a walk number by number can need is a fault."""
    token = None
    for _ in range(400):
        page = search_numbers(tx, read(search, token), bounds)
        yield page
        token = page.next_token
        if token is None:
            return
        between()
    pytest.fail("the walk does not end")


def walked(tx: Tx, search: Search, bounds: Bounds = USUAL) -> list[str]:
    return [offer.e164 for page in pages(tx, search, bounds) for offer in page.offers]


def naive(inventory: Sequence[Listing], query: OfferQuery) -> list[str]:
    """Look at every listing, keep those that fit, sort them."""
    found = [item for item in inventory if fits(item, query)]
    if query.sort is Sort.PRICE:
        return [item.e164 for item in sorted(found, key=lambda item: (item.price, item.e164))]
    if query.sort is Sort.MEMORABLE:
        return [item.e164 for item in sorted(found, key=lambda item: (item.memorability, item.e164), reverse=True)]
    return sorted(item.e164 for item in found)


def fits(item: Listing, query: OfferQuery) -> bool:
    subjects = Subjects(item.e164[1:], item.national, item.national.removeprefix(item.area_code))
    return (
        item.iso_country == query.iso_country
        and item.currency == query.currency
        and query.number_type in (None, item.number_type)
        and query.area_code in (None, item.area_code)
        and (query.region is None or folded(query.region) == folded(item.region))
        and (query.locality is None or folded(query.locality) == folded(item.locality))
        and query.capabilities & ~item.capabilities == 0
        and (query.max_price is None or (item.price or 0) <= query.max_price)
        and query.digits.matches(subjects)
    )


@pytest.mark.parametrize("sort", Sort)
@pytest.mark.parametrize("bounds", [USUAL, Bounds(walked=4, glance=1, read_whole=0)])
def test_area_codes_and_regions_are_found_in_every_spelling(database: Database, sort: Sort, bounds: Bounds) -> None:
    fixed = listing("1123456789", area_code="11", iso_country="AR", region="")
    mobile = listing("91123456789", area_code="911", iso_country="AR", region="", number_type="mobile")
    between = listing("3511234567", area_code="351", iso_country="AR", region="")
    london = listing("2079460958", area_code="20", iso_country="GB", region="London")
    texan = [listing(f"361273880{line}", region=region) for line, region in enumerate(("TX", "Texas", "texas"))]
    elsewhere = listing("4152738809", area_code="415", region="CA")
    with stocked(database, [fixed, mobile, between, london, *texan, elsewhere]) as tx:
        for code in ("11", "011"):
            found = walked(tx, ("AR", "USD", {"area_code": code, "sort": sort}), bounds)
            assert sorted(found) == [fixed.e164, mobile.e164]
            subscriber = {"area_code": code, "match_on": "subscriber", "starts_with": "2345", "sort": sort}
            assert sorted(walked(tx, ("AR", "USD", subscriber), bounds)) == [fixed.e164, mobile.e164]
        assert walked(tx, ("GB", "USD", {"area_code": "020", "sort": sort}), bounds) == [london.e164]
        for region in ("TX", "Texas", "TEXAS"):
            found = walked(tx, ("US", "USD", {"region": region, "sort": sort}), bounds)
            assert sorted(found) == [item.e164 for item in texan]


MANY: Final = pytest.mark.parametrize("most", [40, pytest.param(200, marks=pytest.mark.long)])


def for_all(database: Database, most: int, holds: Callable[..., None], **drawn: st.SearchStrategy[Any]) -> None:
    """Try so many examples; on PostgreSQL, where each takes several times as long, a sixth of them."""
    examples = most if database.engine_name == "sqlite" else most // 6
    settings(max_examples=examples)(given(**drawn)(holds))()


@MANY
def test_the_pages_together_are_what_a_naive_search_finds_each_number_once(database: Database, most: int) -> None:
    def holds(inventory: list[Listing], search: Search, bounds: Bounds) -> None:
        with stocked(database, inventory) as tx:
            assert walked(tx, search, bounds) == naive(inventory, read(search))

    for_all(database, most, holds, inventory=INVENTORIES, search=searches(), bounds=BOUNDS)


@MANY
def test_with_the_usual_bounds_every_page_but_the_last_is_full_and_none_is_empty(database: Database, most: int) -> None:
    def holds(inventory: list[Listing], search: Search) -> None:
        query = read(search)
        with stocked(database, inventory) as tx:
            sizes = [len(page.offers) for page in pages(tx, search, USUAL)]
        full, rest = divmod(len(naive(inventory, query)), query.page_size)
        assert sizes == ([query.page_size] * full + ([rest] if rest else []) or [0])

    for_all(database, most, holds, inventory=INVENTORIES, search=searches())


@MANY
def test_while_numbers_are_sold_no_number_comes_twice_and_none_that_is_left_is_missed(
    database: Database, most: int
) -> None:
    def holds(inventory: list[Listing], search: Search, bounds: Bounds, data: st.DataObject) -> None:
        on_sale = {item.e164 for item in inventory}

        with stocked(database, inventory) as tx:

            def sell() -> None:
                sold = data.draw(st.sampled_from(sorted(on_sale))) if on_sale else None
                on_sale.discard(str(sold))
                tx.execute(update(numbers).where(numbers.c.e164 == sold).values(state="withdrawn"))

            shown = [offer.e164 for page in pages(tx, search, bounds, sell) for offer in page.offers]
        expected = naive(inventory, read(search))
        assert len(set(shown)) == len(shown)
        assert [e164 for e164 in expected if e164 in on_sale] == [e164 for e164 in shown if e164 in on_sale]
        assert set(shown) <= set(expected)

    for_all(database, most, holds, inventory=INVENTORIES, search=searches(), bounds=BOUNDS, data=st.data())


@MANY
def test_a_page_that_is_short_and_not_the_last_says_that_it_is_incomplete(database: Database, most: int) -> None:
    def holds(inventory: list[Listing], search: Search, bounds: Bounds) -> None:
        size = read(search).page_size
        with stocked(database, inventory) as tx:
            for page in pages(tx, search, bounds):
                assert len(page.offers) <= size
                assert page.incomplete == (("pool",) if len(page.offers) < size and page.next_token else ())

    for_all(database, most, holds, inventory=INVENTORIES, search=searches(), bounds=TIGHT)


def test_an_offer_has_what_a_customer_is_shown(database: Database) -> None:
    item = listing("3612738809", locality="Corpus Christi", capabilities=3, price=1_150_000)
    with stocked(database, [item]) as tx:
        page = search_numbers(tx, sent_query("US", "USD", {}))
    prices = Prices("USD", 1_150_000, 8_500, 94_500, 0)
    assert page == OfferPage(
        (Offer("+13612738809", "US", "TX", "Corpus Christi", "local", 3, prices, "pool"),), None, ()
    )


@pytest.mark.parametrize("state", ["withdrawn", "quarantined"])
def test_a_number_that_is_not_available_is_not_found(database: Database, state: str) -> None:
    values = {"state": state, "quarantined_until": 5 if state == "quarantined" else None}
    with stocked(database, [listing("3612738809"), listing("3612738810")]) as tx:
        tx.execute(update(numbers).where(numbers.c.e164 == "+13612738809").values(values))
        assert walked(tx, ("US", "USD", {})) == ["+13612738810"]


def test_a_country_without_offers_in_the_currency_of_the_account_is_an_empty_page_at_once(database: Database) -> None:
    inventory = [listing(f"361{n:07}", currency="EUR") for n in range(300)]
    with stocked(database, inventory) as tx:
        for sort in Sort:
            query = sent_query("US", "USD", {"sort": sort})
            assert search_numbers(tx, query, Bounds(walked=5, glance=5)) == OfferPage((), None, ())


def test_the_digits_of_the_area_code_are_no_part_of_the_subscriber_number(database: Database) -> None:
    inventory = [listing(f"361{last}36{n:04}") for last in "17" for n in range(10)]
    parameters = {"contains": ["36"], "starts_with": "7", "match_on": "subscriber", "page_size": "4"}
    with stocked(database, [*inventory, *(listing(f"7361000{n:03}", area_code="736") for n in range(30))]) as tx:
        found = [[offer.e164 for offer in page.offers] for page in pages(tx, ("US", "USD", parameters), USUAL)]
    assert [len(page) for page in found] == [4, 4, 2]
    assert [e164 for page in found for e164 in page] == [f"+1361736{n:04}" for n in range(10)]


@pytest.mark.parametrize("sort", list(Sort))
@pytest.mark.parametrize("name", ["starts_with", "ends_with", "pattern"])
def test_a_whole_number_finds_itself(database: Database, name: str, sort: Sort) -> None:
    inventory = [listing(f"361{n:07}") for n in range(100)]
    parameters = {name: "13610000050", "match_on": "e164", "sort": sort}
    with stocked(database, inventory) as tx:
        for bounds in (USUAL, Bounds(walked=10, glance=5, read_whole=10)):
            assert walked(tx, ("US", "USD", parameters), bounds) == ["+13610000050"]


@pytest.mark.parametrize("sort", list(Sort))
def test_places_far_from_the_beginning_are_found_without_walking_there(database: Database, sort: Sort) -> None:
    many = [listing(f"361{n:07}", region="TX") for n in range(1500)]
    few = [listing(f"{code}{n:07}", area_code=code, region="HI") for code in ("360", "808") for n in range(40)]
    parameters = {"sort": sort, "region": "hi", "page_size": "50"}
    with stocked(database, [*many, *few]) as tx:
        page = search_numbers(tx, sent_query("US", "USD", parameters), Bounds(walked=400, glance=50, read_whole=10))
    assert len(page.offers) == 50
    assert {offer.region for offer in page.offers} == {"HI"}
    assert page.incomplete == ()


def test_a_rare_ending_is_found_without_walking_there(database: Database) -> None:
    inventory = [listing(f"361{n:07}") for n in range(2000)]
    parameters = {"ends_with": "1999", "match_on": "e164"}
    with stocked(database, inventory) as tx:
        page = search_numbers(tx, sent_query("US", "USD", parameters), Bounds(walked=50, glance=10, read_whole=20))
    assert [offer.e164 for offer in page.offers] == ["+13610001999"]
    assert (page.next_token, page.incomplete) == (None, ())


def test_when_its_work_is_used_up_a_page_says_so_and_goes_on_from_there(database: Database) -> None:
    """Without three digits in a row no index helps."""
    inventory = [*(listing(f"361{n:07}") for n in range(1999)), listing("3610098799")]
    search = ("US", "USD", {"contains": ["98**9"]})
    with stocked(database, inventory) as tx:
        first, *rest = pages(tx, search, Bounds(walked=900, glance=10))
    assert (first.offers, first.incomplete) == ((), ("pool",))
    assert first.next_token is not None
    assert [offer.e164 for page in rest for offer in page.offers] == ["+13610098799"]
    assert (rest[-1].next_token, rest[-1].incomplete, len(rest)) == (None, (), 1)


@pytest.mark.parametrize("sort", list(Sort))
def test_where_nearly_all_is_sold_pages_are_whole_and_look_up_a_bounded_part_of_what_the_index_finds(
    database: Database, sort: Sort
) -> None:
    """Every number has the digits that are asked for, and one in a hundred is left: what is for sale is walked on."""
    inventory = [listing(f"3619876{n:04}") for n in range(1500)]
    left = [item.e164 for item in inventory if item.e164.endswith("50")]
    search = ("US", "USD", {"contains": ["9876"], "sort": sort, "page_size": "4"})
    with stocked(database, inventory) as tx:
        tx.execute(update(numbers).where(~numbers.c.e164.in_(left)).values(state="withdrawn"))
        found = list(pages(tx, search, Bounds(walked=100, glance=10, read_whole=10, matches=300)))
    assert sorted(offer.e164 for page in found for offer in page.offers) == left
    assert [page.incomplete for page in found] == [()] * 4


@pytest.mark.parametrize("sort", list(Sort))
@pytest.mark.parametrize("match_on", ["national", "e164", "subscriber"])
def test_rare_digits_are_found_at_once_however_far_away(database: Database, sort: Sort, match_on: str) -> None:
    inventory = [*(listing(f"361{n:07}") for n in range(1000)), listing("3619786764"), listing("9786761000")]
    parameters = {"contains": ["storm", "6764"], "sort": sort, "match_on": match_on}
    with stocked(database, inventory) as tx:
        page = search_numbers(tx, sent_query("US", "USD", parameters), Bounds(walked=5, glance=5, read_whole=0))
    assert [offer.e164 for offer in page.offers] == ["+13619786764"]
    assert (page.next_token, page.incomplete) == (None, ())


def test_a_country_with_more_places_than_are_read_says_that_it_is_incomplete(database: Database) -> None:
    inventory = [listing(f"361000{n:04}", region=f"R{n:04}") for n in range(40)]
    with stocked(database, inventory) as tx:
        page = search_numbers(tx, sent_query("US", "USD", {"region": "r0005"}), Bounds(places=20))
        assert [offer.region for offer in page.offers] == ["R0005"]
        assert page.incomplete == ("pool",)
