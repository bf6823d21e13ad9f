"""Papers on screens: what is approved of whom, what a number asks for before it is bought, and a number's settings."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from numberdesk.catalog.model import FROM_RULE
from numberdesk.catalog.offers import RemoteOffer
from numberdesk.catalog.search import Offer, OfferPage, OfferQuery
from numberdesk.console.site import build_site
from numberdesk.core.prices import Prices
from numberdesk.flows.catalog.keep_offers import Shown, keep_offers
from numberdesk.flows.catalog.search_offers import OfferSearch
from testbed.samples import listing_of
from testbed.stock import connected
from tests.api.conftest import EVERY_SCOPE, Customer, Shop, _run
from tests.console.browser import Browser
from tests.console.conftest import signed_in

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the endpoints are tried on both

SOLD_WITH_PAPERS = "+493012345678"
_PRICES = Prices("USD", 1_150_000, None, None)


def test_an_offer_that_asks_for_papers_says_so_before_it_is_bought(
    desk: Shop, customer: Customer, browser: Browser, operator: Browser
) -> None:
    services = desk.services
    connected(services.database, "acme")
    now = services.now()
    listing = listing_of(SOLD_WITH_PAPERS, iso_country="DE", price_source=FROM_RULE)
    offer = RemoteOffer("acme", listing, now, now + services.quote_lifetime, ("address", "documents"))
    services.writer.apply(keep_offers, Shown((offer,)))
    assert "Nothing is approved of you yet." in browser.get("/console/papers").text
    query = {"number": SOLD_WITH_PAPERS, "price": "1.15", "requires": "documents"}
    page = browser.get("/console/buy", **query)
    assert "only with papers that its carrier approved for you: documents." in page.text
    assert "Nothing is approved of you yet" in page.text
    refused = browser.send(page.form("/console/buy"))
    assert (refused.status, "approved for you: an address, documents." in refused.text) == (422, True)
    assert "only with papers" not in browser.get("/console/buy", **{**query, "requires": "<b>money</b>"}).text

    form = operator.get("/console/all-papers").form("/console/all-papers")
    typed = {"account_id": customer.account_id, "carrier": "acme", "iso_country": "DE", "paper_1": "bundle_sid"}
    wrong = operator.send(form, **typed, id_1="B U")
    assert (wrong.status, wrong.form("/console/all-papers").fields["id_1"]) == (400, ["B U"])
    made = operator.send(form, **typed, id_1="BU0", valid_until="2090-03-20")
    assert ("Created." in made.text, "2090-03-20" in made.text) == (True, True)
    assert "Of you is known: DE approved." in browser.get("/console/buy", **query).text
    own = browser.get("/console/papers")
    assert ("DE" in own.text, "BU0" in own.html, "acme" in own.html) == (True, False, False)
    listed = operator.get("/console/all-papers", account_id=customer.account_id)
    assert "BU0" in listed.text
    (state,) = [form for form in listed.forms if form.action.endswith("/state")]
    assert "too old" in operator.send(state, status="rejected", said="too old").text
    assert "DE rejected" in browser.get("/console/buy", **query).text
    (remove,) = [form for form in listed.forms if form.action.endswith("/remove")]
    assert "Removed." in operator.send(remove).text
    assert "Nothing is approved of you yet." in browser.get("/console/papers").text


class _OneOffer:
    """Searches that find one number, which is sold only with papers."""

    async def search(self, wanted: OfferQuery, _account_id: str) -> OfferPage:
        offer = Offer(SOLD_WITH_PAPERS, wanted.iso_country, "", "Berlin", "local", 1, _PRICES, "acme", ("address",))
        return OfferPage((offer,), None, ())


def test_the_list_says_which_offers_ask_for_papers_and_the_confirmation_for_which(database_url: str) -> None:
    running = _run(
        database_url, lambda services: build_site(replace(services, offer_search=cast(OfferSearch, _OneOffer())))
    )
    desk = next(running)
    browser = signed_in(desk, desk.customer(scopes=EVERY_SCOPE))
    found = browser.get("/console/find", country="DE")
    assert "needs papers" in found.text
    (form,) = [form for form in found.forms if form.fields.get("number") == [SOLD_WITH_PAPERS]]
    assert "only with papers that its carrier approved for you: an address." in browser.send(form).text
    next(running, None)


def test_a_number_is_given_an_emergency_address_and_a_caller_name_with_their_state(
    desk: Shop, customer: Customer, browser: Browser
) -> None:
    number = desk.number()
    customer.buy(number)
    page = browser.get(f"/console/numbers/{number}")
    form = page.form(f"/console/numbers/{number}/settings")
    noted = browser.send(form, caller_name="VOICE AGENCY")
    assert "no carrier that could be told" in noted.text
    assert noted.form(form.action).fields["caller_name"] == ["VOICE AGENCY"]
    wrong = browser.send(form, caller_name="x" * 16)
    assert (wrong.status, wrong.form(form.action).fields["caller_name"]) == (400, ["x" * 16])
    gone = browser.send(form, caller_name="")
    assert gone.form(form.action).fields["caller_name"] == [""]
    other = desk.customer()
    bought = other.buy(desk.number()).json()["data"]
    assert browser.post(f"/console/numbers/{bought['id']}/settings", {"caller_name": "MINE"}).status == 404
