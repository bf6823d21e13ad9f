"""Papers on screens: what is approved of whom, what a number asks for before it is bought, and a number's settings."""

from __future__ import annotations

import pytest

from numberdesk.catalog.model import FROM_RULE
from numberdesk.catalog.offers import RemoteOffer
from numberdesk.flows.catalog.keep_offers import Shown, keep_offers
from testbed.samples import listing_of
from testbed.stock import connected
from tests.api.conftest import Customer, Shop
from tests.console.browser import Browser

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the endpoints are tried on both

SOLD_WITH_PAPERS = "+493012345678"


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

    body = {"account_id": customer.account_id, "carrier": "acme", "iso_country": "DE", "papers": {"bundle_sid": "BU0"}}
    assert desk.operator().http.post("/admin/compliance-profiles/", json=body).status_code == 200
    assert "Of you is known: DE approved." in browser.get("/console/buy", **query).text
    own = browser.get("/console/papers")
    assert ("DE" in own.text, "BU0" in own.html, "acme" in own.html) == (True, False, False)
    assert "BU0" in operator.get("/console/all-papers", account_id=customer.account_id).text


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
