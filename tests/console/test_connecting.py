"""Connections in the console: set up, given to numbers, tried; and said honestly how each number stands."""

from __future__ import annotations

import pytest

from numberdesk.connections.model import ConnectionPermit
from numberdesk.core.connection import ConnectionKind
from numberdesk.core.connection_presets import PRESETS
from numberdesk.flows.connections.allow_connections import Permit, permit_connections
from tests.api.conftest import Customer, Shop
from tests.console.browser import Browser, Page
from tests.console.conftest import signed_in

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # connections are tried on both elsewhere

WEBHOOK = "http://127.0.0.1:1025/voice"  # nobody listens there


def added(browser: Browser, name: str = "Front desk") -> str:
    """The id of a connection that was set up by its form."""
    form = browser.get("/console/connections/new?kind=webhook").form("/console/connections/new")
    page = browser.send(form, name=name, url=WEBHOOK)
    assert (page.status, "The connection is there." in page.text) == (200, True), page.text
    return page.url.partition("?")[0].rpartition("/")[2]


def connected(browser: Browser, number: str, connection_id: str) -> Page:
    form = browser.get(f"/console/numbers/{number}").form(f"/console/numbers/{number}/connection")
    return browser.send(form, connection_id=connection_id)


@pytest.mark.parametrize(
    ("preset", "value", "address"),
    [("livekit", "acme-4f2k", "acme-4f2k.sip.livekit.cloud"), ("sbc", "127.0.0.1", "127.0.0.1")],
)
def test_a_connection_is_set_up_with_what_its_preset_asks_for_and_says_what_remains_to_be_done(
    browser: Browser, preset: str, value: str, address: str
) -> None:
    chosen = browser.get("/console/connections/new")
    (link,) = [link for link in chosen.links if link.endswith(f"preset={preset}")]
    form = browser.get(link).form("/console/connections/new")
    (asked,) = [name for name in form.fields if name.startswith("asked.")]
    refused = browser.send(form, **{asked: "not a host"})
    assert (refused.status, "must" in refused.text) == (400, True)
    assert refused.form("/console/connections/new").fields[asked] == ["not a host"]
    page = browser.send(form, **{asked: value})
    assert f"sip:{address}" in page.text
    for step in PRESETS[preset].steps:
        assert step in page.text


def test_kinds_that_others_would_pay_for_are_offered_only_to_whom_they_are_allowed(
    desk: Shop, customer: Customer, browser: Browser
) -> None:
    before = browser.get("/console/connections/new")
    assert not [link for link in before.links if link.endswith(("kind=forward", "kind=native"))]
    assert "only where your operator allows it" in before.text
    refused = browser.post("/console/connections/new", {"name": "x", "kind": "forward", "forward_to": "+13615550100"})
    assert (refused.status, "Ask its operator to allow it" in refused.text) == (403, True)
    permit = ConnectionPermit(customer.account_id, ConnectionKind.FORWARD, "", desk.services.now())
    desk.services.writer.apply(permit_connections, Permit(permit, allow=True))
    form = browser.get("/console/connections/new?kind=forward").form("/console/connections/new")
    assert "+1 361-555-0100" in browser.send(form, name="Mobile", forward_to="+13615550100").text


def test_a_number_says_that_it_rings_nowhere_until_it_is_connected_and_again_when_it_is_not(
    desk: Shop, customer: Customer, browser: Browser
) -> None:
    number = desk.number()
    customer.buy(number)
    assert "rings nowhere" in browser.get(f"/console/numbers/{number}").text
    connection_id = added(browser)
    page = connected(browser, number, connection_id)
    assert "Calls go there." in page.text
    assert page.form(f"/console/numbers/{number}/connection").fields["connection_id"] == [connection_id]
    assert "Front desk connected" in browser.get("/console/numbers").text
    exported = browser.http.get("/console/numbers/csv").text.splitlines()
    assert connection_id in exported[1].split(",")
    shown = browser.get(f"/console/connections/{connection_id}")
    assert f"/console/numbers/{number}" in shown.links
    refused = browser.post(f"/console/connections/{connection_id}/delete")
    assert (refused.status, "connection_in_use" in refused.text) == (409, True)
    assert "rings nowhere" in connected(browser, number, "").text
    assert "Deleted." in browser.post(f"/console/connections/{connection_id}/delete").text
    assert connection_id not in browser.get("/console/connections").html


def test_a_number_is_bought_with_the_connection_that_was_chosen_at_its_confirmation(
    desk: Shop, customer: Customer, browser: Browser
) -> None:
    number, connection_id = desk.number(), added(browser)
    found = browser.get("/console/find", contains=number[-7:], connection=connection_id)
    (form,) = [form for form in found.forms if form.fields.get("number") == [number]]
    page = browser.send(form)
    confirmed = page.form("/console/buy")
    assert confirmed.fields["connection_id"] == [connection_id]
    order = browser.send(confirmed)
    assert "Calls connected" in order.text
    assert customer.http.get(f"/phone-numbers/{number}/").json()["data"]["connection_id"] == connection_id
    other = desk.number()
    later = browser.get("/console/buy", number=other, price="1.15").form("/console/buy")
    assert "It rings nowhere yet" in browser.send(later, connection_id="").text


def test_a_test_shows_what_came_back_and_a_diagnosis_its_sentence_and_facts(
    desk: Shop, customer: Customer, browser: Browser
) -> None:
    number = desk.number()
    customer.buy(number)
    silent = browser.get(f"/console/numbers/{number}/diagnose")
    assert "The number is connected to nothing: give it a connection." in silent.text
    assert "rings nowhere" in silent.text
    connection_id = added(browser)
    more = browser.get(f"/console/connections/{connection_id}").form(f"/console/connections/{connection_id}/numbers")
    assert "Noted." in browser.send(more, number=number).text
    tried = browser.post(f"/console/connections/{connection_id}/test")
    assert "Nothing that was tried answers." in tried.text
    assert WEBHOOK in tried.text
    assert "Front desk" in browser.get(f"/console/numbers/{number}/diagnose").text


def test_a_connection_is_changed_and_its_password_is_never_shown(browser: Browser) -> None:
    form = browser.get("/console/connections/new?kind=sip").form("/console/connections/new")
    fields = {"targets[0].uri": "sip:127.0.0.1", "username": "ann", "password": "hidden-7"}
    page = browser.send(form, name="Desk", **fields)
    assert "ann" in page.text
    base = page.url.partition("?")[0]
    changed = browser.send(
        page.form(f"{base}/change"),
        name="Desk <b>two</b>",
        number_format="plain",
        **{"targets[1].uri": "sip:127.0.0.1:5070"},
    )
    assert ("Saved." in changed.text, "sip:127.0.0.1:5070" in changed.text) == (True, True)
    assert "Desk <b>two</b>" in changed.text
    wrong = browser.send(changed.form(f"{base}/change"), **{"targets[0].uri": "sip:@@"})
    assert (wrong.status, "the address" in wrong.text) == (400, True)
    for each in (page, changed, wrong, browser.get("/console/connections")):
        assert "hidden-7" not in each.html
        assert "<b>two" not in each.html


def test_anothers_connection_is_not_there_and_one_for_everybody_cannot_be_changed(
    desk: Shop, customer: Customer, browser: Browser
) -> None:
    other = signed_in(desk, desk.customer())
    connection_id = added(browser)
    base = f"/console/connections/{connection_id}"
    assert other.get(base).status == 404
    for path in ("test", "change", "delete"):
        assert other.post(f"{base}/{path}", {"name": "mine"}).status == 404
    number = desk.number()
    customer.buy(number)
    theirs = other.post(f"{base}/numbers", {"number": number})
    assert theirs.status == 404
    assert "rings nowhere" in browser.get(f"/console/numbers/{number}").text


@pytest.mark.parametrize("whose", ["another account's", "one that is gone", "no id"])
def test_a_connection_that_the_account_does_not_have_is_told_of_before_anything_is_bought(
    desk: Shop, customer: Customer, browser: Browser, whose: str
) -> None:
    number, other = desk.number(), added(browser)
    if whose == "another account's":
        chosen = added(signed_in(desk, desk.customer()))
    else:
        chosen = added(browser, "Gone")
        customer.http.delete(f"/connections/{chosen}/")
    form = browser.get("/console/buy", number=number, price="1.15").form("/console/buy")
    refused = browser.send(form, connection_id="x\r\n" if whose == "no id" else chosen)
    assert (refused.status, "bought nothing" in refused.text) == (400, True)
    assert customer.balance() == 100
    bought = browser.send(refused.form("/console/buy"), connection_id=other)
    assert "The number is yours." in bought.text
    assert customer.balance() == 98.85
    assert customer.http.get(f"/phone-numbers/{number}/").json()["data"]["connection_id"] == other
    again = browser.send(form, connection_id=chosen)  # the first confirmation once more
    assert (again.url, customer.balance()) == (f"/console/numbers/{number}?said=yours", 98.85)


def test_a_connection_that_went_while_the_number_was_bought_is_told_of_at_the_order(
    desk: Shop, customer: Customer, browser: Browser
) -> None:
    number, connection = desk.number(), added(browser)
    form = browser.get("/console/buy", number=number, price="1.15").form("/console/buy")
    kept = browser.send(form, connection_id=connection)
    assert kept.url.endswith(f"?connection={connection}")
    assert "not connected as you chose" not in kept.text
    gone = f"con_{'0' * 32}"
    lost = customer.buy(desk.number(), connection_id=gone).json()["data"]["order_id"]
    for path in (f"/console/orders/{lost}", f"/console/orders/{lost}/state"):
        assert "It is not connected as you chose." in browser.get(path, connection=gone).text
        assert "It is not connected as you chose." not in browser.get(path).text
