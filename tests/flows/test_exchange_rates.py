"""Exchange rates: by which costs in one currency become prices in another, rounded up once."""

from __future__ import annotations

from typing import Any

import pytest

from numberdesk.catalog.offer_store import find_rates
from numberdesk.catalog.rules import ExchangeRate
from numberdesk.core.errors import InvalidRequest, NotFound
from numberdesk.flows.catalog.reprice import Reprice
from numberdesk.flows.catalog.set_price_rules import set_price_rules
from numberdesk.flows.catalog.set_rates import Pair, new_rate, remove_rates, set_rates
from testbed.samples import price_rule
from tests.flows.conftest import NOW, Shop

RULE = price_rule(price=None, margin_percent=200_000, created_at=NOW)


def priced(shop: Shop) -> list[tuple[Any, ...]]:
    """The numbers' prices, once nothing is left to price anew."""
    while shop.writer.apply(shop.reprice, Reprice()).left:
        pass
    return shop.rows("SELECT currency, price, inbound, setup FROM numbers ORDER BY e164")


def rates(shop: Shop) -> list[ExchangeRate]:
    with shop.database.read() as tx:
        return find_rates(tx)


def in_euros(shop: Shop, monthly: int = 1_000_001) -> None:
    shop.number(
        price_source="rule", currency=None, price=None, inbound=None, outbound=None,
        cost_currency="EUR", cost_monthly=monthly, cost_inbound=3, cost_setup=7,
    )  # fmt: skip


def test_the_own_pool_is_priced_anew_when_a_rate_is_set_changed_and_removed(shop: Shop) -> None:
    in_euros(shop)
    shop.writer.apply(set_price_rules, RULE)
    assert priced(shop) == [(None, None, None, 0)]
    shop.writer.apply(set_rates, new_rate("EUR", "USD", "1.1", NOW))
    # 1.000001 x 1.1 x 1.2 = 1.32000132, 0.000003 x 1.32 = 0.00000396, 0.000007 x 1.32 = 0.00000924
    assert priced(shop) == [("USD", 1_320_002, 4, 10)]
    shop.writer.apply(set_rates, new_rate("EUR", "USD", "1", NOW + 5))
    assert priced(shop) == [("USD", 1_200_002, 4, 9)]
    assert rates(shop) == [ExchangeRate("EUR", "USD", 10**9, NOW + 5)]
    shop.writer.apply(remove_rates, Pair("EUR", "USD"))
    assert priced(shop) == [(None, None, None, 0)]
    assert rates(shop) == []


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_a_rate_is_for_one_direction_and_never_a_way_round(shop: Shop) -> None:
    in_euros(shop)
    shop.writer.apply(set_price_rules, RULE)
    for base, quote in (("USD", "EUR"), ("EUR", "GBP"), ("GBP", "USD")):
        shop.writer.apply(set_rates, new_rate(base, quote, "2", NOW))
    assert priced(shop) == [(None, None, None, 0)]


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
@pytest.mark.parametrize(
    ("rate", "price"), [("0.000000001", 1), ("0.5", 600_001), ("999999.999999999", None), ("1.000000001", 1_200_002)]
)
def test_the_smallest_and_the_largest_rates_are_exact_or_give_no_price(
    shop: Shop, rate: str, price: int | None
) -> None:
    in_euros(shop)
    shop.writer.apply(set_price_rules, RULE)
    shop.writer.apply(set_rates, new_rate("EUR", "USD", rate, NOW))
    assert [row[1] for row in priced(shop)] == [price]


def test_of_several_for_one_pair_in_one_batch_the_last_one_counts(shop: Shop) -> None:
    given = [new_rate("EUR", "USD", rate, NOW) for rate in ("1.1", "1.2", "1.3")]
    with shop.database.write() as tx:
        assert set_rates(tx, given) == given
    assert rates(shop) == [given[-1]]
    with shop.database.write() as tx:
        first, second = remove_rates(tx, [Pair("EUR", "USD")] * 2)
    assert (first, second) == (given[-1], NotFound())


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (("eur", "USD", "1"), "base"),
        (("EUR", "", "1"), "quote"),
        (("EUR", "DOLLAR", "1"), "quote"),
        (("USD", "USD", "1"), "quote"),
        *(
            (("EUR", "USD", rate), "rate")
            for rate in ("", "0", "0.0000000001", "-1", "1e3", "1,5", ".5", "5.", "1000000", "NaN", "\u0661")
        ),
    ],
)
def test_what_is_no_rate_is_refused_by_the_field_that_is_wrong(given: tuple[str, str, str], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        new_rate(*given, NOW)
    assert caught.value.details["field"] == field
