"""What a price rule says now is announced to all rentals that it prices, and to no others."""

from __future__ import annotations

from typing import Any

import pytest

from numberdesk.catalog.rules import PriceRule
from numberdesk.core.errors import NotFound
from numberdesk.core.periods import add_months
from numberdesk.core.rent import RentTerms
from numberdesk.flows.catalog.set_price_rules import set_price_rules
from numberdesk.flows.rentals.announce_by_rule import AnnounceByRule, AnnouncedByRule, announce_by_rule
from testbed.samples import price_rule
from tests.flows.conftest import NOW, PRICE, Shop
from tests.flows.test_renew_rentals import charges, renew, told

BEFORE = price_rule(price=PRICE, created_at=NOW)
RULE = BEFORE._replace(price=2 * PRICE, inbound=9_000)


def rented(shop: Shop, account_id: str, **changes: Any) -> str:
    e164 = shop.number(**{"price_source": "rule", **changes})
    shop.buy(account_id, e164)
    return e164


def announce(shop: Shop, rule: PriceRule = RULE, *, price: int | None = None) -> list[str]:
    """The numbers whose prices were announced, stretch by stretch."""
    after: str | None = ""
    made: list[str] = []
    while after is not None:
        asked = AnnounceByRule(rule.id, after, price, None, None, shop.now, RentTerms(), limit=2)
        stretch = shop.writer.apply(announce_by_rule, asked)
        assert isinstance(stretch, AnnouncedByRule)
        assert stretch.refused == ()
        made += [one.e164 for one in stretch.made]
        after = stretch.last
    return made


def test_all_rentals_that_the_rule_prices_are_told_and_charged_so_after_the_notice(shop: Shop) -> None:
    shop.writer.apply(set_price_rules, BEFORE)
    account_id = shop.account(20 * PRICE)
    mine = [rented(shop, account_id) for _ in range(3)]
    rented(shop, account_id, price_source="file")
    ended = rented(shop, account_id)
    shop.release(account_id, ended)
    shop.writer.apply(set_price_rules, RULE)
    assert announce(shop) == sorted(mine)
    assert announce(shop) == []
    assert [one["price"] for one in told(shop, "rental.price_changing")] == ["2.3"] * 3
    for months in (1, 2):
        renew(shop, add_months(NOW, months))
    assert [charge for charge in charges(shop) if charge[0] == 2].count((2, "charged", 2 * PRICE)) == 3
    shop.verified()


def test_a_more_specific_rule_keeps_its_rentals_and_a_price_that_is_said_goes_before_the_rules(shop: Shop) -> None:
    shop.writer.apply(set_price_rules, BEFORE)
    account_id = shop.account(20 * PRICE)
    first, second = (rented(shop, account_id) for _ in range(2))
    shop.writer.apply(set_price_rules, RULE)
    narrow = RULE._replace(id="prl_narrow", prefix=first.removeprefix("+"), price=3 * PRICE)
    shop.writer.apply(set_price_rules, narrow)
    assert announce(shop) == [second]
    assert announce(shop, narrow, price=4 * PRICE) == [first]
    assert sorted(one["price"] for one in told(shop, "rental.price_changing")) == ["2.3", "4.6"]


def test_a_rule_that_is_not_there_announces_nothing(shop: Shop) -> None:
    with pytest.raises(NotFound):
        announce(shop)
