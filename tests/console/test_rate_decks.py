"""Rate decks in the console: brought in from a file, looked at, and used by accounts; prices that a rule announces."""

from __future__ import annotations

import pytest

from numberdesk.catalog.model import FROM_RULE
from tests.api.conftest import Customer, Shop
from tests.api.test_admin_rate_decks import DECK
from tests.console.browser import Browser, Page
from tests.console.conftest import signed_in

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the endpoints are tried on both

DECKS = "/console/rate-decks"


def bring_in(operator: Browser, name: str, content: str = DECK, **typed: str) -> Page:
    fields = {"deck": name, "currency": "USD", **typed}
    return operator.post(DECKS, fields, files={"file": ("deck.csv", content.encode(), "text/csv")})


def test_a_deck_is_brought_in_by_upload_looked_at_and_used_by_an_account_from_then_on(
    desk: Shop, customer: Customer, operator: Browser
) -> None:
    made = bring_in(operator, "console")
    assert (made.status, "The deck is there." in made.text, "1809" in made.text) == (200, True, True), made.text
    exported = operator.http.get(f"{DECKS}/console/csv").text.splitlines()
    assert exported == ["Begins with,Rate / min,Each call,Billed in seconds", "1,0.01,0,60/60", "1809,0.2,0.15,30/6"]
    assert "console,20" in operator.http.get(f"{DECKS}/csv").text
    path = f"/console/accounts/{customer.account_id}/rate-decks"
    chosen = operator.send(operator.get(path).form(path), name="console")
    assert "Chosen. The customer was told." in chosen.text
    rates = customer.http.get("/usage/rates/?number=%2B18095550123").json()["data"]
    assert {each["prefix"]: each["rate"] for each in rates} == {"1": 0.01, "1809": 0.2}
    assert "1809" in signed_in(desk, customer).get("/console/call-rates").text
    none = operator.send(chosen.form(path), name="none")
    assert none.status == 200
    assert "from" not in operator.http.get(f"{path}/csv").text.lower().splitlines()[1]


def test_a_deck_that_holds_later_is_found_from_the_list(operator: Browser) -> None:
    late = bring_in(operator, "later", effective_from="2999-06-01T00:00")
    assert (late.status, "1809" in late.text) == (200, True), late.text
    (link,) = [link for link in operator.get(DECKS).links if link.startswith(f"{DECKS}/later?at=2999-06-01T00")]
    assert "1809" in operator.get(link).text
    assert operator.get(f"{DECKS}/later").status == 404


def test_of_a_bad_deck_nothing_is_brought_in_and_its_lines_are_told(operator: Browser) -> None:
    bad = bring_in(operator, "bad", DECK + "x<b>,1,,\n")
    assert (bad.status, "Line 4" in bad.text) == (400, True), bad.text
    assert bad.form(DECKS).fields["deck"] == ["bad"]
    assert bring_in(operator, "no name!").status == 400
    assert operator.post(DECKS, {"deck": "x", "currency": "USD"}).status in (400, 415)
    assert operator.get(f"{DECKS}/bad").status == 404


def test_what_a_rule_covers_is_repriced_and_each_customer_keeps_its_prices_until_the_notice_is_over(
    desk: Shop, customer: Customer, operator: Browser
) -> None:
    operator.post("/console/prices", {"carrier": "pool", "currency": "USD", "price": "1.15", "prefix": "1364"})
    (rule,) = [
        each
        for each in desk.operator().http.get("/admin/price-rules/?page_size=100").json()["data"]
        if each["prefix"] == "1364"
    ]
    rule, number = rule["id"], desk.number(area_code="364", price_source=FROM_RULE)
    customer.buy(number)
    done = operator.send(operator.get("/console/prices").form(f"/console/prices/{rule}/reprice"), price="1.35")
    assert (done.status, "Will cost else 1" in done.text) == (200, True), done.text
    assert customer.http.get(f"/phone-numbers/{number}/").json()["data"]["price"] == 1.15
    wrong = operator.post(f"/console/prices/{rule}/reprice", {"price": "-1"})
    assert (wrong.status, "price" in wrong.text) == (400, True)
    rental = customer.buy(desk.number()).json()["data"]["id"]
    form = operator.get(f"/console/rents/{rental}").form(f"/console/rents/{rental}/prices")
    assert "Announced. The customer was told" in operator.send(form, price="1.50").text
    assert operator.send(form, price="much").status == 400
