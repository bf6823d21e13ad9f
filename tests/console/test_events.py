"""Events in the console; new secrets of webhooks, sending again what failed; and accounts that are closed."""

from __future__ import annotations

import pytest

from numberdesk.core.roles import Role
from tests.api.conftest import Customer, Shop
from tests.console.browser import Browser
from tests.console.conftest import signed_in_person

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the endpoints are tried on both


def test_each_sees_events_of_their_own_and_operators_those_of_no_account(
    desk: Shop, customer: Customer, browser: Browser, operator: Browser
) -> None:
    customer.http.post("/webhooks/", json={"url": "http://127.0.0.1:8080/x"})
    customer.buy(desk.number())
    assert browser.get("/console/events").status == 200
    assert browser.get("/console/events", after="999999").text.count("Nothing has happened after this number.") == 1
    assert browser.http.get("/console/events/csv").text.startswith("Number,When,What,With,Event")
    assert operator.get("/console/all-events").status == 200
    assert operator.http.get("/console/all-events/csv").status_code == 200
    assert browser.get("/console/all-events").status == 403
    wrong = browser.get("/console/events", after="-1")
    assert wrong.status == 400
    menu = operator.get("/console/").links
    assert ("/console/all-events" in menu, "/console/events" in menu) == (True, False)
    support = signed_in_person(desk, desk.operator().account_id, Role.SUPPORT)
    assert "/console/all-events" not in support.get("/console/").links


def test_a_webhook_gets_a_new_secret_which_is_shown_once_and_what_failed_is_sent_again(
    customer: Customer, browser: Browser
) -> None:
    made = customer.http.post("/webhooks/", json={"url": "http://127.0.0.1:8080/y"}).json()["data"]
    base = f"/console/webhooks/{made['id']}"
    page = browser.get(base)
    shown = browser.send(page.form(f"{base}/secret"))
    assert ("whsec_" in shown.html, made["secret"] in shown.html) == (True, False)
    assert "whsec_" not in browser.get(base).html
    again = browser.send(page.form(f"{base}/replay"), since="2026-01-01T00:00")
    assert "are being sent again" in again.text
    wrong = browser.send(page.form(f"{base}/replay"), since="yesterday")
    assert (wrong.status, "since" in wrong.text) == (400, True)


def test_an_account_is_closed_once_its_name_is_typed_and_only_when_it_has_nothing(
    desk: Shop, customer: Customer, operator: Browser
) -> None:
    account = desk.operator().http.post("/admin/accounts/", json={"name": "To be closed", "currency": "USD"}).json()
    base = f"/console/accounts/{account['data']['id']}"
    form = operator.get(base).form(f"{base}/close")
    wrong = operator.send(form, name_again="another")
    assert (wrong.status, "must be To be closed" in wrong.text) == (400, True)
    closed = operator.send(form, name_again=" to be Closed")
    assert ("The account is closed." in closed.text, f"{base}/close" in [each.action for each in closed.forms]) == (
        True,
        False,
    )
    theirs = f"/console/accounts/{customer.account_id}"
    page = operator.get(theirs)
    name = desk.operator().http.get(f"/admin/accounts/{customer.account_id}/").json()["data"]["name"]
    refused = operator.send(page.form(f"{theirs}/close"), name_again=name)
    assert (refused.status, "account_in_use" in refused.text) == (409, True)
