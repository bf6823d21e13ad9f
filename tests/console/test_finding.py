"""A search that could not look through everything: what the page says, and the way on from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Final

import pytest

from carrier_mock.faults import Fault
from carrier_mock.model import Api, Operation
from numberdesk.catalog.model import capability_bits
from numberdesk.catalog.search import OfferPage, OfferQuery
from numberdesk.console.site import build_site
from numberdesk.flows.catalog.search_numbers import Bounds, search_numbers
from numberdesk.flows.catalog.search_offers import OfferSearch
from numberdesk.flows.catalog.suggest_searches import Suggestion
from numberdesk.infra.reader import Reader
from numberdesk.wiring import Services
from testbed.carrier_mock import simulated
from testbed.remote import SETTINGS, make_remote_books
from testbed.samples import listing_of
from tests.api.conftest import Shop
from tests.console.browser import Browser
from tests.console.conftest import signed_in

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the search is tried on both at its flow

FEW: Final = Bounds(walked=40, glance=20, read_whole=1, read_at_once=1)


class HurriedSearch(OfferSearch):
    """Looks at 40 numbers at a time, as the real one does at 100,000."""

    def __init__(self, reader: Reader) -> None:
        self._stock = reader

    async def close(self) -> None:
        """It asks nobody."""

    async def suggest(self, *asked: object) -> tuple[Suggestion, ...]:
        """Nothing: what is asked for is what the page is about."""
        assert asked
        return ()

    async def search(self, query: OfferQuery, account_id: str) -> OfferPage:
        return await self._stock.read(lambda tx: search_numbers(tx, query, FEW), for_account=account_id)


def hurried(services: Services) -> object:
    return build_site(dataclasses.replace(services, offer_search=HurriedSearch(services.reader)))


def test_where_nothing_was_found_so_far_the_page_says_so_and_leads_on_to_what_fits(
    another_desk: Callable[..., Shop],
) -> None:
    desk = another_desk(hurried)
    voice, fax = capability_bits(["voice"]), capability_bits(["voice", "fax"])
    desk.list([listing_of(f"+1361200{n:04}", area_code="361", capabilities=voice) for n in range(100)])
    desk.list([listing_of("+13612000100", area_code="361", capabilities=fax)])
    browser = signed_in(desk, desk.customer())
    page = browser.get("/console/find", country="US", capabilities="fax")
    seen = 0
    while "No number that fits was found so far" in page.text:
        assert "No number fits." not in page.text
        assert "carrier" not in page.text.lower()
        (follows,) = [link for link in page.links if "page_token" in link]
        page, seen = browser.get(follows), seen + 1
        assert "/console/find?country=US&capabilities=fax" in page.links  # the first page
    assert page.status == 200
    assert seen
    assert [form.fields["number"] for form in page.forms if form.action == "/console/buy"] == [["+13612000100"]]
    none = browser.get("/console/find", country="CA")
    assert "No number fits." in none.text
    assert "looked through" not in none.text


def test_where_a_carrier_is_silent_the_page_says_that_and_not_that_the_stock_is_not_looked_through(
    database_url: str, another_desk: Callable[..., Shop]
) -> None:
    with simulated() as mock:
        books = make_remote_books(database_url, mock, accounts=1)
        desk = another_desk(**SETTINGS, search_deadline_seconds=0.2)
        browser = Browser(desk.url)
        browser.sign_in(books.stock.keys[0])
        mock.control.arm(Fault.SILENCE, api=Api.TWILIO, operation=Operation.SEARCH)
        page = browser.get("/console/find", country="US", area_code="307")
    assert "Not every carrier answered in time and in full" in page.text
    assert "Nothing that was looked through fits." in page.text
    assert "the next page goes on" not in page.text
    assert "No number fits." not in page.text
