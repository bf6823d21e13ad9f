"""An account's terms of rent, set by operators, and its call rates, as its customer sees them."""

from __future__ import annotations

import pytest

from numberdesk.core.rate_deck import DeckRow
from numberdesk.core.roles import Role
from numberdesk.flows.rates.change_decks import (
    AddDeckRows,
    ChooseDeck,
    PublishDeck,
    add_deck_rows,
    choose_decks,
    new_deck,
    publish_decks,
)
from tests.api.conftest import Customer, Shop
from tests.console.browser import Browser
from tests.console.conftest import signed_in_person

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the endpoints are tried on both


def test_terms_of_rent_are_an_accounts_own_until_they_are_emptied(
    desk: Shop, customer: Customer, operator: Browser
) -> None:
    base = f"/console/accounts/{customer.account_id}/rent"
    page = operator.get(base)
    assert "is waited for 48 hours, then the number is given back (as the settings say)" in page.text
    typed = {"grace_hours": "72", "reminder_days": "5, 2", "proration": "release", "auto_renew": "no"}
    saved = operator.send(page.form(base), **typed)
    assert saved.status == 200, saved.text
    assert "is waited for 72 hours, then the number is given back (its own)" in saved.text
    assert "what is left of the month is paid back (its own)" in saved.text
    form = saved.form(base)
    assert {name: form.fields[name][-1] for name in typed} == typed
    for field, text in (("grace_hours", "-1"), ("reminder_days", "soon"), ("notice_days", "9" * 40)):
        wrong = operator.send(form, **{field: text})
        assert (wrong.status, wrong.form(base).fields[field]) == (400, [text])
    none = operator.send(form, reminder_days="none", grace_hours="")
    assert (none.form(base).fields["reminder_days"], "48 hours" in none.text) == (["none"], True)
    support = signed_in_person(desk, desk.operator().account_id, Role.SUPPORT)
    assert [each.action for each in support.get(base).forms if each.action == base] == []


def test_a_customer_sees_its_call_rates_page_by_page_and_for_a_number(
    desk: Shop, customer: Customer, browser: Browser
) -> None:
    assert "No rate fits" in browser.get("/console/call-rates").text
    services, now = desk.services, desk.services.now()
    deck = new_deck(services.new_id("rdk"), "console", "USD", since=now, rows=30, now=now)
    rows = tuple(DeckRow(deck.id, str(prefix), 10_000 + prefix, 0, 60, 6) for prefix in range(1800, 1830))
    services.writer.apply(add_deck_rows, AddDeckRows(deck, rows))
    services.writer.apply(publish_decks, PublishDeck(deck.id, now, services.rent_terms))
    services.writer.apply(choose_decks, ChooseDeck(customer.account_id, "console", now, now, services.rent_terms))
    first = browser.get("/console/call-rates")
    (follows,) = [link for link in first.links if "page_token" in link]
    assert ("1824" in first.text, "1825" in first.text) == (True, False)
    assert "1829" in browser.get(follows).text
    found = browser.get("/console/call-rates", number="+18095550123")
    assert ("0.011809" in found.text, "1810" in found.text, "60/6" in found.text) == (True, False, True)
    assert len(browser.http.get("/console/call-rates/csv").text.splitlines()) == 31
