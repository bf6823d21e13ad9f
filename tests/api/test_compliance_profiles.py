"""Compliance profiles over HTTP: registered by operators, seen by customers; what a purchase says without one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from numberdesk.catalog.model import FROM_RULE
from numberdesk.catalog.offers import RemoteOffer
from numberdesk.flows.catalog.keep_offers import Shown, keep_offers
from testbed.samples import listing_of
from testbed.stock import connected
from tests.api.conftest import Shop

POSTGRESQL_IN_THE_LONG_RUN: Final = "what the engines do differently is tested at the flows"

BUNDLE: Final = {"bundle_sid": "BU0123456789abcdef0123456789abcdef"}


def test_a_profile_is_registered_seen_changed_and_removed(other_shop: Callable[..., Shop]) -> None:
    shop = other_shop()
    http, customer, other = shop.operator().http, shop.customer(), shop.customer()
    connected(shop.services.database, "acme")
    body = {"account_id": customer.account_id, "carrier": "acme", "iso_country": "DE", "papers": BUNDLE}
    made = http.post("/admin/compliance-profiles/", json={**body, "valid_until": "2090-03-20T00:00:00Z"}).json()["data"]
    assert (made["status"], made["papers"], made["valid_until"]) == ("approved", BUNDLE, "2090-03-20T00:00:00Z")
    path = f"/admin/compliance-profiles/{made['id']}/"
    assert http.get(path).json()["data"] == made
    (seen,) = customer.http.get("/compliance-profiles/").json()["data"]
    assert seen == {name: made[name] for name in seen}
    assert seen.keys().isdisjoint({"carrier", "papers", "said"})
    assert other.http.get("/compliance-profiles/").json()["data"] == []
    changed = http.patch(path, json={"unlimited": True, "status": "rejected", "said": "too old"}).json()["data"]
    assert (changed["valid_until"], changed["status"], changed["said"]) == (None, "rejected", "too old")
    for account_id, found in ((customer.account_id, [changed]), (other.account_id, [])):
        assert http.get("/admin/compliance-profiles/", params={"account_id": account_id}).json()["data"] == found
    assert customer.http.get(path).status_code == 403
    assert http.delete(path).status_code == 200
    assert [http.get(path).status_code, http.patch(path, json={}).status_code, http.delete(path).status_code] == [
        404
    ] * 3


def test_what_is_no_profile_is_answered_with_the_field(other_shop: Callable[..., Shop]) -> None:
    shop = other_shop()
    http, account_id = shop.operator().http, shop.customer().account_id
    connected(shop.services.database, "acme")
    good = {"account_id": account_id, "carrier": "acme", "iso_country": "DE", "papers": BUNDLE}
    wrong = {
        "papers": {"bundle_sid": "a b"}, "carrier": "nobody", "iso_country": "Germany",
        "valid_until": "2090-03-20T00:00:00", "number_type": "landline", "status": "fine", "said": "x" * 301,
    }  # fmt: skip
    for field, value in wrong.items():
        answer = http.post("/admin/compliance-profiles/", json={**good, field: value})
        assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, field)


def test_a_purchase_without_papers_is_refused_and_says_which(other_shop: Callable[..., Shop]) -> None:
    shop = other_shop()
    services, customer = shop.services, shop.customer()
    connected(services.database, "acme")
    listing = listing_of("+493012345678", iso_country="DE", price_source=FROM_RULE)
    now = services.now()
    offer = RemoteOffer("acme", listing, now, now + services.quote_lifetime, ("address", "documents"))
    services.writer.apply(keep_offers, Shown((offer,)))
    answer = customer.buy("+493012345678")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "documents_required")
    details = answer.json()["error"]["details"]
    assert details == {"field": "phone_number", "requires": ["address", "documents"]}
    assert (customer.balance(), customer.http.get("/orders/").json()["data"]) == (100, [])
