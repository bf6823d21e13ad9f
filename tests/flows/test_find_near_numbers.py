"""Numbers like a given one: for sale, that fit, the closest first, in bounded work."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from numberdesk.catalog.nearness import closeness
from numberdesk.catalog.search import Offer, QueryError
from numberdesk.flows.catalog.find_near_numbers import find_near_numbers
from testbed.offer_queries import sent_query
from tests.flows.conftest import PRICE, Shop

LIKE = "+13612738809"


def near(shop: Shop, like: str = LIKE, currency: str = "USD", country: str = "US", **parameters: Any) -> list[str]:
    """The numbers of a page, in order."""
    with shop.database.read() as tx:
        offers: tuple[Offer, ...] = find_near_numbers(tx, sent_query(country, currency, parameters), like)
    return [offer.e164 for offer in offers]


def stock(shop: Shop, *e164s: str, **changes: Any) -> None:
    """Put numbers up for sale."""
    for e164 in e164s:
        shop.offer(e164, area_code=e164[2:5], **changes)


def test_numbers_come_by_how_many_digits_differ_and_the_number_itself_first(shop: Shop) -> None:
    ordered = [LIKE, "+13612738889", "+13612738800", "+13612778809", "+14152738809", "+13612730000", "+13619990000"]
    ordered.sort(key=lambda e164: closeness(LIKE[1:], e164[1:]))
    stock(shop, *reversed(ordered))
    shown = near(shop)
    assert shown[0] == LIKE
    assert shown == ordered[: len(shown)]
    assert set(ordered) - set(shown) <= {"+13619990000"}


def test_what_is_sold_or_does_not_fit_is_left_out(shop: Shop) -> None:
    account_id = shop.account(100 * PRICE)
    stock(shop, LIKE, "+13612738800")
    stock(shop, "+13612738801", price=2 * PRICE)
    stock(shop, "+13612738802", currency="EUR")
    stock(shop, "+14152738809", region="CA")
    shop.buy(account_id, LIKE)
    assert near(shop) == ["+13612738800", "+13612738801", "+14152738809"]
    assert near(shop, max_price="1.15") == ["+13612738800", "+14152738809"]
    assert near(shop, region="California") == ["+14152738809"]
    assert near(shop, currency="EUR") == ["+13612738802"]
    assert near(shop, excludes="415", area_code="361", page_size="1") == ["+13612738800"]
    assert near(shop, country="CA") == []


def test_a_number_of_another_country_is_refused(shop: Shop) -> None:
    for like in ("+442079460000", "+33123456789"):
        with pytest.raises(QueryError, match="like must begin with \\+1"):
            near(shop, like)


@pytest.mark.parametrize("seed", range(3))
def test_what_differs_in_two_of_the_last_seven_digits_is_found_as_by_looking_at_all(shop: Shop, seed: int) -> None:
    random = Random(seed)
    numbers = set()
    for _ in range(150):
        digits = list(LIKE)
        for place in random.sample(range(5, 12), random.choice([1, 2, 2, 3])):
            digits[place] = str(random.randrange(10))
        numbers.add("".join(digits))
    stock(shop, *numbers)
    expected = sorted(numbers, key=lambda e164: closeness(LIKE[1:], e164[1:]))
    close = [e164 for e164 in expected if closeness(LIKE[1:], e164[1:]).differing <= 2]
    assert near(shop, page_size="100")[: len(close)] == close[:100]
