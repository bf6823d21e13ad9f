"""People at the console: invited, signed in by a password, with the rights of their roles, and signed out."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from numberdesk.accounts.people import SCOPES_OF
from numberdesk.console.passwords import TRIES_AT_ONCE
from numberdesk.core.roles import Role
from tests.api.conftest import Customer, Shop
from tests.console.browser import Browser, Page
from tests.console.conftest import signed_in, signed_in_person
from tests.console.test_buying import confirmation

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the flows are tried on both

PASSWORD: Final = "correct horse  battery"
SERIAL: Final = itertools.count()


def token_of(page: Page) -> str:
    """The token of the link that a page shows once."""
    address = next(word for word in page.text.split() if "/console/link?token=" in word)
    return parse_qs(urlsplit(address).query)["token"][0]


def person(inviter: Browser, role: str, path: str = "/console/people") -> tuple[Browser, str]:
    """Invite somebody, who chooses a password; their browser and email."""
    email = f"person{next(SERIAL)}@example.com"
    token = token_of(inviter.post(path, {"email": email, "role": role}))
    browser = Browser(inviter.url)
    door = browser.get("/console/link", token=token)
    assert email in door.text
    page = browser.send(door.form("/console/link"), password=PASSWORD)
    assert (page.status, page.url) == (200, "/console/"), page.text
    return browser, email


def sign_in(url: str, email: str, password: str = PASSWORD, **headers: str) -> tuple[Browser, Page]:
    browser = Browser(url, **headers)
    door = browser.get("/console/sign-in")
    form = next(form for form in door.forms if "email" in form.fields)
    return browser, browser.send(form, email=email, password=password)


def test_somebody_who_is_invited_chooses_a_password_and_signs_in_with_it(desk: Shop, browser: Browser) -> None:
    first, email = person(browser, "owner")
    assert email in first.get("/console/numbers").text
    second, page = sign_in(desk.url, f" {email.upper()} ")
    assert (page.status, page.url) == (200, "/console/")
    _, wrong = sign_in(desk.url, email, "correct horse battery")
    assert (wrong.status, "do not fit together" in wrong.text, PASSWORD in wrong.html) == (401, True, False)
    assert second.get("/console/people").status == 200


def test_a_link_that_was_used_or_a_password_that_is_too_short_lets_nobody_in(another_desk: Callable[..., Shop]) -> None:
    desk = another_desk()
    browser = signed_in(desk, desk.customer())
    token = token_of(browser.post("/console/people", {"email": "short@example.com", "role": "viewer"}))
    late = Browser(browser.url)
    refused = late.post("/console/link", {"token": token, "password": "short"})
    assert (refused.status, "12 to 200 characters" in refused.text) == (400, True)
    assert late.post("/console/link", {"token": token, "password": PASSWORD}).url == "/console/"
    again = Browser(browser.url).post("/console/link", {"token": token, "password": PASSWORD})
    assert (again.status, "used already" in again.text) == (404, True)


def test_nothing_tells_whether_there_is_somebody_with_an_email(another_desk: Callable[..., Shop]) -> None:
    desk = another_desk()
    customer = desk.customer()
    browser = signed_in(desk, customer)
    _, there = person(browser, "viewer")
    browser.post("/console/people", {"email": "waits@example.com", "role": "viewer"})
    disabled, gone = person(browser, "viewer")
    people = {each["email"]: each["id"] for each in customer.http.get("/people/").json()["data"]}
    browser.post(f"/console/people/{people[gone]}/change", {"status": "disabled"})
    assert disabled.get("/console/").url.startswith("/console/sign-in")
    answers = set()
    for email in (there, "nobody@example.com", "waits@example.com", gone, "no email"):
        _, page = sign_in(desk.url, email, "not the password")
        answers.add((page.status, page.text))
    assert len(answers) == 1
    _, right = sign_in(desk.url, gone)
    assert (right.status, right.text) == answers.pop()


@pytest.mark.parametrize("whose", ["somebody's", "nobody's"])
def test_wrong_passwords_for_one_email_are_slowed_whether_or_not_somebody_has_it(
    another_desk: Callable[..., Shop], whose: str
) -> None:
    desk = another_desk()
    _, theirs = person(signed_in(desk, desk.customer()), "viewer")
    email = theirs if whose == "somebody's" else "nobody@example.com"
    statuses = [sign_in(desk.url, email, "wrong")[1].status for _ in range(TRIES_AT_ONCE)]
    assert statuses == [401] * TRIES_AT_ONCE
    _, slowed = sign_in(desk.url, email)
    assert (slowed.status, "Too many tries for this email" in slowed.text) == (429, True)


def test_wrong_passwords_from_elsewhere_lock_nobody_out(another_desk: Callable[..., Shop]) -> None:
    desk = another_desk(trusted_proxies="127.0.0.1")
    _, email = person(signed_in(desk, desk.customer()), "viewer")
    theirs, other_of_theirs = ({"X-Forwarded-For": f"2001:db8::{end}"} for end in (1, 2))
    wrong = [sign_in(desk.url, email, "wrong", **theirs)[1].status for _ in range(TRIES_AT_ONCE)]
    assert wrong == [401] * TRIES_AT_ONCE
    assert sign_in(desk.url, email, **other_of_theirs)[1].status == 429
    assert sign_in(desk.url, email, **{"X-Forwarded-For": "2001:db8:0:1::1"})[1].status == 200


def test_a_role_opens_what_it_may_and_nothing_else(desk: Shop, customer: Customer) -> None:
    account = desk.customer()
    viewer, buyer = (signed_in_person(desk, customer.account_id, role) for role in (Role.VIEWER, Role.BUYER))
    assert viewer.get("/console/money").status == 200
    assert viewer.post("/console/buy", {"number": desk.number()}).status == 403
    assert viewer.post("/console/people", {"email": "x@example.com", "role": "viewer"}).status == 403
    assert buyer.get("/console/keys").status == 403
    assert confirmation(buyer, desk.number()).status == 200
    own = desk.operator().account_id
    top_up = f"/console/accounts/{account.account_id}/top-ups"
    for role, paid, decided, priced in (
        (Role.SUPPORT, 403, 404, 403),
        (Role.FINANCE, 200, 403, 403),
        (Role.ADMIN, 200, 404, 400),
    ):
        browser = signed_in_person(desk, own, role)
        assert browser.get(f"/console/accounts/{account.account_id}").status == 200
        refused = browser.post(top_up, {"amount": "1", "form_key": f"k-{role}"})
        assert refused.status == paid
        assert paid == 200 or "Your role, support, may look here" in refused.text
        assert browser.post("/console/all-orders/ord_none/void", {}).status == decided
        assert browser.post("/console/prices", {"currency": "nonsense"}).status == priced
    assert account.balance() == 102


def test_sessions_are_listed_and_ended_and_a_new_password_ends_the_others(another_desk: Callable[..., Shop]) -> None:
    desk = another_desk()
    first, email = person(signed_in(desk, desk.customer()), "viewer")
    second, _ = sign_in(desk.url, email)
    third, _ = sign_in(desk.url, email)
    page = first.get("/console/me")
    ends = [form for form in page.forms if form.action == "/console/me/sessions/end"]
    assert len(ends) == 3
    assert "python-httpx" in page.text
    assert "session was ended" in first.send(ends[0]).text
    assert sorted(each.get("/console/me").url.startswith("/console/sign-in") for each in (second, third)) == [
        False,
        True,
    ]
    wrong = first.post("/console/me/password", {"current_password": "wrong", "password": "another long one"})
    assert (wrong.status, "not the one that you have" in wrong.text) == (400, True)
    changed = first.post("/console/me/password", {"current_password": PASSWORD, "password": "another long one"})
    assert "Your password was changed" in changed.text
    assert all(each.get("/console/me").url.startswith("/console/sign-in") for each in (second, third))
    assert sign_in(desk.url, email)[1].status == 401
    fourth, page = sign_in(desk.url, email, "another long one")
    assert page.status == 200
    first.post("/console/me/sessions/end", {"session": "others"})
    assert fourth.get("/console/me").url.startswith("/console/sign-in")


def test_a_person_buys_and_a_key_that_they_make_is_the_accounts(desk: Shop, customer: Customer) -> None:
    owner = signed_in_person(desk, customer.account_id, Role.OWNER)
    assert owner.post("/console/keys", {"name": "made by a person"}).status == 200
    made = [key for key in customer.http.get("/api-keys/").json()["data"] if key["name"] == "made by a person"]
    assert [key["created_by"] for key in made] == [None]
    bought = owner.send(confirmation(owner, desk.number()).form("/console/buy"))
    assert "The number is yours." in bought.text


def test_the_keys_that_somebody_made_are_named_where_they_are_disabled_and_revoked_if_that_is_ticked(
    desk: Shop, customer: Customer, browser: Browser
) -> None:
    disabled = {}
    for revoked in (False, True):
        owner = signed_in_person(desk, customer.account_id, Role.OWNER)
        owner.post("/console/keys", {"name": f"made {revoked}"})
        page = browser.get("/console/people")
        (person_id,) = [
            each["id"] for each in customer.http.get("/people/").json()["data"]
            if [one["name"] for one in each["keys"]] == [f"made {revoked}"]
        ]  # fmt: skip
        assert f"They made keys that go on: made {revoked}." in page.text
        form = {"status": "disabled", **({"revoke_keys": "yes"} if revoked else {})}
        assert "Saved." in browser.post(f"/console/people/{person_id}/change", form).text
        keys = {each["name"]: each["revoked_at"] for each in customer.http.get("/api-keys/").json()["data"]}
        disabled[revoked] = keys[f"made {revoked}"] is not None
    assert disabled == {False: False, True: True}
    (goes_on, *_) = [each for each in customer.http.get("/people/").json()["data"] if each["keys"]]
    assert (goes_on["status"], goes_on["keys"][0]["name"]) == ("disabled", "made False")
    alone = customer.http.patch(f"/people/{goes_on['id']}/", json={"revoke_keys": True})
    assert (alone.status_code, alone.json()["error"]["details"]["field"]) == (400, "revoke_keys")


@pytest.mark.parametrize("by", ["its owner", "an operator"])
def test_a_person_is_erased_once_their_email_is_typed_and_the_keys_that_go_on_are_told(
    desk: Shop, customer: Customer, browser: Browser, operator: Browser, by: str
) -> None:
    who, path = (browser, "/console/people")
    if by == "an operator":
        who, path = operator, f"/console/accounts/{customer.account_id}/people"
    for revoked in (False, True):
        theirs, email = person(browser, "owner")
        theirs.post("/console/keys", {"name": f"{by} {revoked}"})
        (found,) = [
            each for each in customer.http.get("/people/?page_size=100").json()["data"] if each["email"] == email
        ]
        page = who.get(path)
        assert f"They made keys that go on: {by} {revoked}." in page.text
        form = page.form(f"{path}/{found['id']}/erase")
        wrong = who.send(form, email_again="somebody@example.com")
        assert (wrong.status, email in wrong.text) == (400, True)
        said = who.send(form, email_again=email.upper(), **({"revoke_keys": "yes"} if revoked else {}))
        assert (said.status, "Keys that they made go on" in said.text) == (200, not revoked), said.text
        assert email not in said.text
        assert theirs.get("/console/").url.startswith("/console/sign-in")
        assert sign_in(desk.url, email)[1].status == 401
        done = customer.http.get("/actions/?page_size=100").json()["data"]
        assert email not in repr(done)
        assert [each["actor"] for each in done if each["actor_id"] == found["id"]] == [found["id"]]
        keys = {each["name"]: each["revoked_at"] for each in customer.http.get("/api-keys/").json()["data"]}
        assert (keys[f"{by} {revoked}"] is not None) is revoked
        assert who.post(path, {"email": email, "role": "viewer"}).status == 200


def test_nobody_erases_themselves_nor_whoever_may_more_nor_anothers_people(desk: Shop, customer: Customer) -> None:
    owner = signed_in_person(desk, customer.account_id, Role.OWNER)
    (own,) = customer.http.get("/people/").json()["data"]
    form = {"erased_email": own["email"], "email_again": own["email"]}
    assert owner.post(f"/console/people/{own['id']}/erase", form).status == 403
    other = desk.customer()
    assert other.http.post(f"/people/{own['id']}/erase/", json={}).status_code == 404
    narrow = customer.http.post("/api-keys/", json={"name": "n", "scopes": ["keys:manage", "numbers:read"]}).json()
    refused = httpx.post(
        f"{desk.url}/api/v1/people/{own['id']}/erase/", json={}, headers={"X-Api-Key": narrow["data"]["key"]}
    )
    assert refused.status_code == 403
    support = signed_in_person(desk, desk.operator().account_id, Role.SUPPORT)
    path = f"/console/accounts/{customer.account_id}/people/{own['id']}/erase"
    assert support.post(path, form).status == 403
    assert own == customer.http.get("/people/").json()["data"][0]


def test_of_roles_that_operators_have_customers_are_told_nothing(customer: Customer, desk: Shop) -> None:
    wrong = customer.http.post("/people/", json={"email": "x@example.com", "role": "boss"})
    assert wrong.json()["error"]["details"] == {"field": "role", "reason": "must be one of owner, buyer, viewer"}
    theirs = customer.http.patch("/people/per_none/", json={"role": "admin"})
    assert theirs.json()["error"]["details"]["reason"] == "must be one of owner, buyer, viewer"
    path = f"/admin/accounts/{customer.account_id}/people/"
    told = desk.operator().http.post(path, json={"email": "x@example.com", "role": "boss"}).json()
    assert "admin, support, finance" in told["message"]


def test_another_accounts_people_are_not_there(desk: Shop, browser: Browser) -> None:
    theirs = desk.customer()
    viewer = signed_in_person(desk, theirs.account_id, Role.VIEWER)
    (found,) = theirs.http.get("/people/").json()["data"]
    for path, fields in (("change", {"status": "disabled"}), ("link", {})):
        assert browser.post(f"/console/people/{found['id']}/{path}", fields).status == 404
    assert found["email"] not in browser.get("/console/people").text
    assert viewer.get("/console/numbers").status == 200


def test_roles_come_to_scopes_that_their_kind_of_account_may_have(engine: str) -> None:
    assert engine
    assert "admin" not in SCOPES_OF[Role.OWNER] | SCOPES_OF[Role.BUYER] | SCOPES_OF[Role.VIEWER]
    assert SCOPES_OF[Role.VIEWER] < SCOPES_OF[Role.BUYER] < SCOPES_OF[Role.OWNER]
    assert "keys:manage" not in SCOPES_OF[Role.SUPPORT] | SCOPES_OF[Role.FINANCE] | SCOPES_OF[Role.BUYER]


def test_what_a_key_may_spend_is_limited_in_the_console_and_never_that_of_others(
    desk: Shop, customer: Customer, browser: Browser, operator: Browser
) -> None:
    made = customer.http.post("/api-keys/", json={"name": "capped"}).json()["data"]
    page = browser.send(browser.get("/console/keys").form(f"/console/keys/{made['id']}/limits"), per_day="20.5")
    assert ("Saved." in page.text, "20.50 a day" in page.text) == (True, True)
    wrong = browser.post(f"/console/keys/{made['id']}/limits", {"per_day": "-1"})
    assert (wrong.status, "per day" in wrong.text) == (400, True)
    path = f"/console/accounts/{customer.account_id}/keys/{made['id']}/limits"
    assert "Saved." in operator.post(path, {"per_month": "7"}).text
    limits = customer.http.get(f"/api-keys/{made['id']}/").json()["data"]["spend_limits"]
    assert (limits["per_day"], limits["per_month"]) == (None, 7)
    other = signed_in_person(desk, desk.customer().account_id, Role.OWNER)
    assert other.post(f"/console/keys/{made['id']}/limits", {}).status == 404
