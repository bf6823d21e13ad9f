"""Passkeys: added, used, named and removed, and whatever one might send in place of what was asked for."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import pytest

from numberdesk.accounts.passkeys import CHALLENGE_BYTES, CHALLENGE_LIFE, PasskeyChallenge
from numberdesk.console.guards import Origin
from numberdesk.console.passkeys import relying_party
from numberdesk.console.passwords import TRIES_AT_ONCE
from numberdesk.console.signing import ATTEMPTS_AT_ONCE
from numberdesk.flows.accounts.passkeys import make_challenges
from numberdesk.flows.accounts.sign_in import token_hash
from tests.api.conftest import Customer, Shop
from tests.console.browser import Browser, Page
from tests.console.conftest import signed_in
from tests.console.software_authenticator import SoftwareAuthenticator, text
from tests.console.test_people import PASSWORD, person, sign_in

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the flows are tried on both

Opened = tuple[Shop, str, Customer]


@pytest.fixture
def opened(another_desk: Callable[..., Shop]) -> Opened:
    """A service of its own, since tries are counted by it; its address with a name; and a customer."""
    desk = another_desk()
    return desk, desk.url.replace("127.0.0.1", "localhost"), desk.customer()


def owner(opened: Opened) -> tuple[Browser, str]:
    """Somebody with a password, at the address with a name; their browser and email."""
    desk, url, customer = opened
    _, email = person(signed_in(desk, customer), "viewer")
    browser, page = sign_in(url, email)
    assert page.status == 200
    return browser, email


def asked(browser: Browser, path: str = "/console/sign-in/passkey", **fields: str) -> dict[str, Any]:
    answer = browser.http.post(path, data={"next": "", **fields}, headers={"Origin": browser.url})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def added(browser: Browser, device: SoftwareAuthenticator, name: str = "my phone") -> Page:
    options = asked(browser, "/console/me/passkeys/ask", current_password=PASSWORD)
    return browser.post("/console/me/passkeys", {"name": name, "credential": device.make(options)})


def entered(url: str, device: SoftwareAuthenticator, **headers: str) -> Page:
    browser = Browser(url, **headers)
    return browser.post("/console/sign-in", {"credential": device.sign(asked(browser))})


def test_a_passkey_is_added_signs_in_and_is_named_and_removed_by_its_person(opened: Opened) -> None:
    _, url, customer = opened
    browser, email = owner(opened)
    device = SoftwareAuthenticator(url)
    page = added(browser, device)
    assert ("The passkey was added" in page.text, "my phone" in page.text) == (True, True)
    inside = entered(url, device)
    assert (inside.status, inside.url, email in inside.text) == (200, "/console/", True)
    (named,) = [form for form in page.forms if form.action.endswith("/name")]
    assert "old <phone>" in browser.send(named, name="old <phone>").text
    gone = browser.post(named.action.replace("/name", "/remove"))
    assert ("old <phone>" in gone.text, "The passkey was removed" in gone.text) == (False, True)
    assert entered(url, device).status == 401
    done = [(row["what"], row["actor"], row["object_id"]) for row in customer.http.get("/actions/").json()["data"]]
    passkey_id = named.action.split("/")[-2]
    assert done[:3] == [(what, email, passkey_id) for what in ("remove a passkey", "name a passkey", "add a passkey")]


def test_a_passkey_is_asked_for_by_whoever_knows_the_password(opened: Opened) -> None:
    browser, _ = owner(opened)
    wrong = browser.http.post(
        "/console/me/passkeys/ask", data={"current_password": "wrong"}, headers={"Origin": browser.url}
    )
    assert (wrong.status_code, wrong.json()["error"]) == (400, "current password is not the one that you have")
    by_key = signed_in(opened[0], opened[2])
    assert by_key.post("/console/me/passkeys", {"credential": "{}"}).status == 404  # at an address without a name


def liar(url: str, browser: Browser, **lies: Any) -> SoftwareAuthenticator:
    device = SoftwareAuthenticator(url)
    assert added(browser, device).status == 200
    for name, value in lies.items():
        setattr(device, name, value)
    return device


@pytest.mark.parametrize(
    "lies",
    [
        {"origin": "https://evil.example.com"},
        {"host": "evil.example.com"},
        {"user": b"per_somebody_else"},
        {"flags": 0x01},
        {"count": -1},
    ],
    ids=["of another origin", "for another host", "of another person", "without looking who is there", "a copy"],
)
def test_what_is_not_proven_lets_nobody_in(opened: Opened, lies: dict[str, Any]) -> None:
    _, url, _ = opened
    browser, _ = owner(opened)
    device = liar(url, browser, **{**lies, **({"count": 4} if "count" in lies else {})})
    if "count" in lies:
        assert entered(url, device).status == 200
        device.count = 2  # a copy, made before: its next is 3, and 5 was seen
    page = entered(url, device)
    assert (page.status, "This passkey lets nobody in" in page.text) == (401, True)


def test_an_answer_is_good_once_and_for_the_challenge_that_was_asked(opened: Opened) -> None:
    desk, url, _ = opened
    browser, _ = owner(opened)
    device = SoftwareAuthenticator(url, count=0)  # it counts nothing, so that only the challenge tells
    assert added(browser, device).status == 200
    answer = device.sign(asked(Browser(url)))
    assert [Browser(url).post("/console/sign-in", {"credential": answer}).status for _ in range(2)] == [200, 401]
    own = {"challenge": text(bytes(CHALLENGE_BYTES))}
    assert Browser(url).post("/console/sign-in", {"credential": device.sign(own)}).status == 401
    to_add = asked(browser, "/console/me/passkeys/ask", current_password=PASSWORD)
    assert Browser(url).post("/console/sign-in", {"credential": device.sign(to_add)}).status == 401
    other, _ = owner(opened)
    theirs = SoftwareAuthenticator(url).make(to_add)
    assert other.post("/console/me/passkeys", {"credential": theirs}).status == 400
    assert browser.post("/console/me/passkeys", {"credential": theirs}).status == 200
    assert browser.post("/console/me/passkeys", {"credential": theirs}).status == 400
    late = PasskeyChallenge(token_hash(bytes(CHALLENGE_BYTES).hex()), desk.services.now() - 1)
    desk.services.writer.apply(make_challenges, late)
    assert Browser(url).post("/console/sign-in", {"credential": device.sign(own)}).status == 401


def test_a_credential_of_somebody_else_is_nobodys_to_add_name_or_remove(opened: Opened) -> None:
    _, url, _ = opened
    first, _ = owner(opened)
    second, _ = owner(opened)
    device = SoftwareAuthenticator(url)
    page = added(first, device)
    refused = added(second, device)
    assert (refused.status, "registered already" in refused.text) == (400, True)
    (named,) = [form.action for form in page.forms if form.action.endswith("/name")]
    assert second.post(named, {"name": "mine"}).status == 404
    assert second.post(named.replace("/name", "/remove")).status == 404
    device.user = b""
    assert first.get("/console/me").text.count("my phone") == 1


@pytest.mark.parametrize("sent", ["", "{}", "[1]", '"x"', "null", "[" * 5000, "x" * 20_000, '{"id": "\\u0000"}', "\0"])
def test_what_is_no_answer_of_a_browser_is_refused(opened: Opened, sent: str) -> None:
    _, url, _ = opened
    assert Browser(url).post("/console/sign-in", {"credential": sent}).status == 401


def test_whoever_is_disabled_is_let_in_by_no_passkey(opened: Opened) -> None:
    _, url, customer = opened
    browser, email = owner(opened)
    device = liar(url, browser)
    (person_id,) = [each["id"] for each in customer.http.get("/people/").json()["data"] if each["email"] == email]
    customer.http.patch(f"/people/{person_id}/", json={"status": "disabled"})
    assert entered(url, device).status == 401
    customer.http.patch(f"/people/{person_id}/", json={"status": "active"})
    assert entered(url, device).status == 200


def test_passkeys_that_fail_are_slowed_as_passwords_are(opened: Opened) -> None:
    _, url, _ = opened
    browser, email = owner(opened)
    device = liar(url, browser, origin="https://evil.example.com")
    statuses = [entered(url, device).status for _ in range(TRIES_AT_ONCE)]
    assert statuses == [401] * TRIES_AT_ONCE
    assert entered(url, device).status == 429
    assert sign_in(url, email)[1].status == 429
    left = ATTEMPTS_AT_ONCE - TRIES_AT_ONCE - 1
    http = Browser(url).http
    ask = functools.partial(http.post, "/console/sign-in/passkey", data={"next": ""}, headers={"Origin": url})
    asks = [ask() for _ in range(left + 1)]
    assert [answer.status_code for answer in asks] == [200] * left + [429]
    assert "Too many tries" in json.loads(asks[-1].text)["error"]


@pytest.mark.parametrize(
    ("origin", "public_url", "host"),
    [
        (Origin("https", "desk.example.com"), "https://desk.example.com", "desk.example.com"),
        (Origin("https", "desk.example.com:8443"), "https://desk.example.com:8443", "desk.example.com"),
        (Origin("http", "localhost:8000"), "", "localhost"),
        (Origin("https", "desk.example.com"), "", None),
        (Origin("http", "desk.example.com"), "http://desk.example.com", None),
        (Origin("http", "127.0.0.1:8000"), "", None),
        (Origin("https", "[::1]:8000"), "https://[::1]:8000", None),
    ],
)
def test_passkeys_are_for_the_host_of_the_public_address(
    engine: str, origin: Origin, public_url: str, host: str | None
) -> None:
    assert engine
    found = relying_party(origin, public_url)
    assert (None if found is None else (found.id, found.origin)) == (None if host is None else (host, origin.text))
    assert CHALLENGE_LIFE == 300_000_000
