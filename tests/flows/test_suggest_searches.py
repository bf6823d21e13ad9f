"""What is suggested where a search finds nothing: like it, bounded, and true at that moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from numberdesk.api.routes.available_numbers import OffersQuery
from numberdesk.catalog.model import NumberType
from numberdesk.catalog.search_parameters import offer_query
from numberdesk.catalog.suggestions import Sent
from numberdesk.core.memorability import memorability
from numberdesk.flows.catalog.search_numbers import search_numbers
from numberdesk.flows.catalog.suggest_searches import MOST_SUGGESTED, MOST_TRIED, Suggestion, suggest_searches
from numberdesk.infra.db import Tx
from tests.flows.conftest import PRICE, Shop

STOCK = {
    "361": ("TX", "local"),
    "512": ("TX", "local"),
    "713": ("TX", "local"),
    "415": ("CA", "local"),
    "800": ("", "toll_free"),
}


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """Two numbers of each area code: 2738809 and 78676x0, which begins with STORM."""
    for place, (code, (region, kind)) in enumerate(STOCK.items()):
        for national in (f"{code}2738809", f"{code}78676{place}0"):
            shop.offer(
                f"+1{national}", area_code=code, region=region, number_type=kind, price=PRICE + place,
                memorability=memorability(national),
            )  # fmt: skip
    return shop


def suggested(shop: Shop, currency: str = "USD", **given: Any) -> list[Suggestion]:
    """The suggestions for a search, each of which finds what it says."""
    with shop.database.read() as tx:
        found = suggest_searches(tx, "US", currency, Sent().but(**given))
        for each in found:
            assert holds(tx, currency, each)
    return list(found)


def holds(tx: Tx, currency: str, suggestion: Suggestion) -> bool:
    """Whether a suggestion finds at least as much as it says, and something."""
    query = offer_query("US", currency, suggestion.sent.but(page_size=100))
    return len(search_numbers(tx, query).offers) >= suggestion.at_least > 0


def changes(found: Sequence[Suggestion]) -> list[dict[str, Any]]:
    """What was changed, and to what."""
    return [{name: getattr(each.sent, name) for name in each.changed} for each in found]


def test_a_word_that_nobody_has_is_suggested_shorter(stocked: Shop) -> None:
    assert changes(suggested(stocked, contains=["STORMS"])) == [{"contains": ["STORM"]}, {"contains": ["STOR"]}]
    assert changes(suggested(stocked, starts_with="361786769"))[0] == {"starts_with": "36178676"}
    assert {"ends_with": "38809"} in changes(suggested(stocked, ends_with="238809"))


def test_digits_that_no_number_ends_with_are_looked_for_elsewhere(stocked: Shop) -> None:
    assert {"ends_with": None, "contains": ["STORM"]} in changes(suggested(stocked, ends_with="STORM"))


def test_the_area_codes_of_the_same_region_are_suggested_and_no_others(stocked: Shop) -> None:
    taken = suggested(stocked, area_code="361", contains=["7867610"])
    assert [each for each in changes(taken) if each.get("area_code")] == [{"area_code": "512"}]
    named = changes(suggested(stocked, area_code="999", region="Texas"))
    assert [each["area_code"] for each in named if each.get("area_code")] == ["713", "512", "361"]
    unknown = changes(suggested(stocked, area_code="999"))
    assert unknown == [{"area_code": None}]


def test_neighbours_are_known_by_numbers_that_are_sold(stocked: Shop) -> None:
    account_id = stocked.account(100 * PRICE)
    for national in ("3612738809", "3617867600"):
        stocked.buy(account_id, f"+1{national}")
    assert {"area_code": "512"} in changes(suggested(stocked, area_code="361"))


def test_another_type_is_suggested_where_it_has_what_is_looked_for(stocked: Shop) -> None:
    found = changes(suggested(stocked, number_type=NumberType.MOBILE, contains=["2738809"]))
    assert found == [{"number_type": "local"}, {"number_type": None}, {"number_type": "toll_free"}]
    only_toll_free = changes(suggested(stocked, number_type=NumberType.MOBILE, starts_with="800"))
    assert only_toll_free == [{"number_type": None}, {"number_type": "toll_free"}]


def test_a_price_that_nothing_has_is_left_out(stocked: Shop) -> None:
    (only,) = suggested(stocked, max_price=PRICE - 1, area_code="361", contains=["2738809"])
    assert (only.changed, only.at_least) == (("max_price",), 1)


def test_what_is_left_when_no_single_change_helps(stocked: Shop) -> None:
    found = suggested(stocked, max_price=1, locality="Nowhere", contains=["2738809"])
    assert changes(found) == [{"locality": None, "max_price": None}]


def test_nothing_is_suggested_where_there_is_nothing(stocked: Shop) -> None:
    assert suggested(stocked, "EUR", area_code="361") == []
    for e164, price in stocked.rows("SELECT e164, price FROM numbers"):
        account_id = stocked.account(100 * PRICE)
        stocked.buy(account_id, e164, price)
    assert suggested(stocked, contains=["STORMS"]) == []


def test_no_search_is_begun_when_time_is_over_and_few_are_ever_tried(stocked: Shop) -> None:
    everything: Mapping[str, Any] = {
        "contains": ["STORMSTORM1", "7777777777", "8888888888"], "starts_with": "9999999", "area_code": "361",
        "number_type": NumberType.MOBILE, "region": "TX", "locality": "x", "capabilities": ["fax"], "max_price": 1,
    }  # fmt: skip
    asked: list[int] = []

    def in_time() -> bool:
        asked.append(1)
        return len(asked) <= MOST_TRIED + 5

    with stocked.database.read() as tx:
        assert suggest_searches(tx, "US", "USD", Sent().but(**everything), in_time=in_time) == ()
        assert len(asked) == MOST_TRIED
        tight = Sent().but(contains=["STORMS"])
        assert suggest_searches(tx, "US", "USD", tight, in_time=lambda: False) == ()


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    given_=st.fixed_dictionaries(
        {},
        optional={
            "contains": st.lists(st.sampled_from(["STORM", "5551", "27", "88", "7*7%0"]), min_size=1, max_size=2),
            "starts_with": st.sampled_from(["361", "+1415", "80", "2"]),
            "ends_with": st.sampled_from(["809", "670", "TAXI"]),
            "pattern": st.sampled_from(["^361%9$", "67*", "+1%1"]),
            "area_code": st.sampled_from(["361", "415", "999"]),
            "number_type": st.sampled_from(NumberType),
            "region": st.sampled_from(["TX", "california", "US", "NY"]),
            "max_price": st.sampled_from([1, PRICE, 2 * PRICE]),
            "excludes": st.lists(st.sampled_from(["4", "8"]), min_size=1, max_size=1),
        },
    )
)
def test_whatever_is_sent_every_suggestion_finds_something_else(stocked: Shop, given_: dict[str, Any]) -> None:
    found = suggested(stocked, **given_)
    assert len(found) <= MOST_SUGGESTED
    assert all(each.changed for each in found)
    assert len({str(each.sent) for each in found}) == len(found)


def test_what_was_sent_is_read_from_a_request_without_its_page() -> None:
    request = OffersQuery(page_size=3, page_token="x", area_code="", contains=["55"])
    assert Sent.of(request) == Sent(3, contains=["55"])
    assert Sent.of(request).given() == {"page_size": 3, "contains": ["55"]}
