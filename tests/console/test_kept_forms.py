"""A session that ends in the middle of a form: what was sent comes back to its sender, and nothing is done alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import numberdesk.console
from numberdesk.console.filling import filled_in
from numberdesk.console.kept_forms import SECRETS
from tests.api.conftest import Customer, Shop
from tests.console.browser import Browser, Page
from tests.console.conftest import signed_in

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # what is shown does not depend on it

NASTY = '"><b>7 & 8'


def sent_too_late(browser: Browser, page: Page, action: str, **typed: str) -> Page:
    """The page to sign in, for whoever sent a form after signing out in another tab."""
    browser.post("/console/sign-out")
    browser.http.headers["Referer"] = browser.url + page.url
    door = browser.send(page.form(action), **typed)
    assert (door.status, "what you sent was not done" in door.text) == (401, True)
    return door


def entered(browser: Browser, door: Page, customer: Customer) -> Page:
    (by_key,) = [form for form in door.forms if "key" in form.fields]
    return browser.send(by_key, key=customer.key)


def test_what_was_sent_after_the_session_comes_back_filled_in_and_is_done_when_it_is_sent_again(
    desk: Shop, customer: Customer, browser: Browser
) -> None:
    number = desk.number()
    customer.buy(number)
    action = f"/console/numbers/{number}/labels"
    page = browser.get(f"/console/numbers/{number}")
    door = sent_too_late(browser, page, action, friendly_name=NASTY, tags="a, b", auto_renew=None)  # type: ignore[arg-type]
    assert NASTY not in door.html
    mistyped = browser.send([form for form in door.forms if "key" in form.fields][0], key="nonsense")  # noqa: RUF015
    back = entered(browser, mistyped, customer)
    assert (back.status, "send it again" in back.text) == (200, True)
    form = back.form(action)
    assert (form.fields["friendly_name"], form.fields["tags"], "auto_renew" in form.fields) == (
        [NASTY],
        ["a, b"],
        False,
    )
    rental = customer.http.get(f"/phone-numbers/{number}/").json()["data"]
    assert (rental["friendly_name"], rental["auto_renew"]) == ("", True)
    assert "Saved." in browser.send(form).text
    rental = customer.http.get(f"/phone-numbers/{number}/").json()["data"]
    assert (rental["friendly_name"], rental["tags"], rental["auto_renew"]) == (NASTY, ["a", "b"], False)


def test_a_purchase_that_was_sent_too_late_is_confirmed_anew_and_made_once(
    desk: Shop, customer: Customer, browser: Browser
) -> None:
    number = desk.number()
    page = browser.get("/console/buy", number=number, price="1.15")
    back = entered(browser, sent_too_late(browser, page, "/console/buy"), customer)
    form = back.form("/console/buy")
    assert (form.fields["form_key"], customer.balance()) == (page.form("/console/buy").fields["form_key"], 100)
    assert "The number is yours." in browser.send(form).text
    browser.send(page.form("/console/buy"))
    assert customer.balance() == 98.85


def test_a_form_of_an_operator_that_was_refused_before_comes_back_too(desk: Shop) -> None:
    admin = desk.operator()
    operator, account = signed_in(desk, admin), desk.customer()
    base = f"/console/accounts/{account.account_id}"
    refused = operator.send(operator.get(base).form(f"{base}/adjustments"), amount="lots", reference="x")
    assert (refused.status, refused.url) == (400, f"{base}/adjustments")
    back = entered(operator, sent_too_late(operator, refused, f"{base}/adjustments", amount="-2"), admin)
    assert back.form(f"{base}/adjustments").fields["amount"] == ["-2"]
    assert back.form(f"{base}/top-ups").fields["amount"] == [""]
    assert account.balance() == 100


def test_what_one_sent_is_not_shown_to_another_nor_done_for_them(desk: Shop, browser: Browser) -> None:
    other, action = desk.customer(), "/console/webhooks"
    page = browser.get(action)
    door = sent_too_late(browser, page, action, url="http://127.0.0.1:8080/mine", kinds="number.purchased")
    elsewhere = entered(browser, door, other)
    assert (elsewhere.url, "mine" in elsewhere.html) == ("/console/", False)
    refused = browser.send(page.form(action), url="http://127.0.0.1:8080/mine")  # an old tab, with the other signed in
    assert (refused.status, "shown to somebody else" in refused.text) == (403, True)
    assert other.http.get("/webhooks/").json()["data"] == []


def test_passwords_and_what_is_too_long_are_not_kept(browser: Browser) -> None:
    page = browser.get("/console/connections/new?kind=sip")
    (form,) = [form for form in page.forms if "password" in form.fields]
    door = sent_too_late(browser, page, form.action, name="my own switch", password="not to be kept")
    assert ("my own switch" in door.html, "not to be kept" in door.html) == (True, False)
    long = browser.send(form, name="x" * 20_000)
    assert ("x" * 100 in long.html, "Sign in and try again" in long.text) == (False, True)
    assert "Sign in and try again" in browser.post("/console/keys", {"name": "of nobody"}).text


def test_every_password_of_the_templates_is_a_secret_and_no_control_is_of_a_kind_that_is_not_filled_in(
    engine: str,
) -> None:
    assert engine
    folder = Path(numberdesk.console.__file__).parent / "templates"
    text = "\n".join(path.read_text() for path in folder.rglob("*.html"))
    tags = re.findall(r'<input[^>]*type="password"[^>]*>', text)
    macros = re.findall(r'parts\.input\("[^"]*", "(\w+)"[^\n]*?type="password"', text)
    named = {name for tag in tags for name in re.findall(r' name="(\w+)"', tag)}
    assert named | set(macros) == SECRETS
    assert "<textarea" not in text


def test_a_form_is_filled_in_where_it_is_folded_away_and_left_alone_where_it_is_another(engine: str) -> None:
    assert engine
    html = (
        '<main><form method="post" action="/a"><input name="x" value="1"></form><details><form method="post" '
        'action="/a"><input name="x" value=""><input name="y" type="checkbox" value="v"><select name="z">'
        '<option value="1" selected>1</option><option value="2">2</option></select></form></details></main>'
    )
    filled = filled_in(html, "/a", {"x": ["<"], "y": ["v"], "z": ["2"]})
    assert filled is not None
    assert filled.endswith(
        '<form method="post" action="/a"><input name="x" value="1"></form><details open><form method="post" '
        'action="/a"><input name="x" value="&lt;"><input name="y" type="checkbox" value="v" checked><select name="z">'
        '<option value="1">1</option><option value="2" selected>2</option></select></form></details></main>'
    )
    assert filled_in(html, "/b", {"x": ["<"]}) is None
