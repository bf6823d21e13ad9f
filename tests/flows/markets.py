"""A shop that searches: two carriers beside its pool, price rules, and pages."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from numberdesk.catalog.rules import PriceRule
from numberdesk.catalog.search import Offer, OfferPage
from numberdesk.flows.catalog.search_offers import OfferSearch
from numberdesk.flows.catalog.set_price_rules import set_price_rules
from testbed.fake_carriers import FakeCarrier
from testbed.offer_queries import sent_query
from testbed.samples import price_rule
from tests.flows.conftest import NOW, QUOTE_LIFETIME, Shop

DEADLINE: Final = 2.5
MARGIN: Final = 150_000
NUMBERS: Final = tuple(f"+1361273880{last}" for last in range(10))


class Market(NamedTuple):
    """A shop that searches, with two carriers beside its pool. What costs 1.00 is sold for 1.15."""

    shop: Shop
    beta: FakeCarrier
    search: OfferSearch

    @property
    def acme(self) -> FakeCarrier:
        """The other carrier."""
        return self.shop.acme

    def find(self, iso_country: str = "US", currency: str = "USD", **parameters: str) -> OfferPage:
        """One page."""
        return self.shop.tell(self.search.search(sent_query(iso_country, currency, parameters), "acc_1"))

    def shown(self, **parameters: str) -> list[str]:
        """The numbers of one page."""
        return [offer.e164 for offer in self.find(**parameters).offers]

    def walk(self, between: Callable[[], None] = lambda: None, **parameters: str) -> list[Offer]:
        """All pages."""
        page = self.find(**parameters)
        offers = list(page.offers)
        while page.next_token is not None:
            between()
            page = self.find(**parameters, page_token=page.next_token)
            offers += page.offers
        return offers

    def rule(self, carrier: str, *, margin: int = MARGIN, currency: str = "USD", round_to: int = 1) -> None:
        """Price what a carrier offers."""
        self.shop.connect(carrier)
        rule = price_rule(
            self.shop.new_id("prl"), carrier=carrier, currency=currency, price=None, margin_percent=margin,
            round_to=round_to, created_at=NOW,
        )  # fmt: skip
        assert isinstance(self.shop.writer.apply(set_price_rules, rule), PriceRule)


@contextlib.contextmanager
def opened_market(shop: Shop) -> Iterator[Market]:
    """A market of a shop's, whose carriers are not asked any more at the end."""
    beta = shop.carriers.carriers["beta"] = FakeCarrier(now=lambda: shop.now)
    search = OfferSearch(
        shop.writer, shop.reader, shop.carriers, deadline=DEADLINE, quote_lifetime=QUOTE_LIFETIME,
        now=lambda: shop.now, seconds=shop.time.seconds,
    )  # fmt: skip
    market = Market(shop, beta, search)
    for carrier in ("acme", "beta"):
        market.rule(carrier)
    yield market
    shop.tell(search.close())
