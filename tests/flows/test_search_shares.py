"""A search is one of its account's reads: beyond the share nothing is read, and no carrier is asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from numberdesk.core.errors import RateLimited
from numberdesk.flows.catalog.search_offers import OfferSearch
from numberdesk.infra.reader import Reader, ReadLimits
from testbed.offer_queries import sent_query
from tests.flows.conftest import QUOTE_LIFETIME, Shop
from tests.flows.markets import DEADLINE, NUMBERS, Market, opened_market


@pytest.fixture
def market(shop: Shop) -> Iterator[Market]:
    with opened_market(shop) as market:
        yield market


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_an_account_whose_share_is_used_up_has_no_carrier_asked(market: Market) -> None:
    shop = market.shop
    market.acme.offer(NUMBERS[0])
    full = Reader(shop.database, ReadLimits(account_reads=0, account_waiting=0))
    search = OfferSearch(
        shop.writer, full, shop.carriers, deadline=DEADLINE, quote_lifetime=QUOTE_LIFETIME,
        now=lambda: shop.now, seconds=shop.time.seconds,
    )  # fmt: skip
    with pytest.raises(RateLimited):
        shop.tell(search.search(sent_query("US", "USD", {}), "acc_1"))
    assert market.acme.searches == []
    assert market.shown() == [NUMBERS[0]]
    assert len(market.acme.searches) == 1
    full.close()
