"""Signing in and out, by a key and by a link, and what a request must prove before it changes anything."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import make_url

from numberdesk.accounts.session_store import SignInLink
from numberdesk.accounts.store import find_key_by_hash
from numberdesk.console.guards import PLAIN_COOKIE, Origin, inside, origin_of
from numberdesk.console.screens import SCREENS
from numberdesk.console.signing import ATTEMPTS_AT_ONCE
from numberdesk.flows.accounts.sign_in import make_links, token_hash
from tests.api.conftest import Customer, Shop
from tests.console.browser import CONNECTIONS, Browser
from tests.console.conftest import signed_in
from tests.console.test_screens import path_of

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the flows are tried on both


def link_for(desk: Shop, customer: Customer, token: str, seconds: int = 60) -> None:
    """Make a link that signs in with a customer's key."""
    from numberdesk.accounts.model import key_hash  # noqa: PLC0415

    hashed = key_hash(customer.key)
    found = desk.services.reader.read_now(lambda tx: find_key_by_hash(tx, hashed))
    assert found
    until = desk.services.now() + seconds * 1_000_000
    desk.services.writer.apply(make_links, SignInLink(token_hash(token), found[0].id, until))


def test_whoever_is_not_signed_in_is_led_to_the_door_and_back_to_where_they_were_going(
    desk: Shop, customer: Customer
) -> None:
    browser = Browser(desk.url)
    assert browser.http.get("/", follow_redirects=False).headers["location"] == "/console/"
    door = browser.get("/console/numbers?status=active")
    assert door.url.startswith("/console/sign-in?next=")
    (by_key,) = [form for form in door.forms if "key" in form.fields]
    page = browser.send(by_key, key=customer.key)
    assert (page.status, page.url) == (200, "/console/numbers?status=active")


def test_a_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(desk: Shop, customer: Customer) -> None:
    browser = Browser(desk.url)
    answer = browser.http.post(
        "/console/sign-in", data={"key": customer.key}, headers={"Origin": desk.url}, follow_redirects=False
    )
    cookie = answer.headers["set-cookie"]
    name, _, rest = cookie.partition("=")
    token, *attributes = rest.split("; ")
    assert (answer.status_code, name) == (303, "numberdesk-console")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(attributes)
    assert "Domain" not in cookie
    assert len(token) >= 43
    assert customer.key not in cookie


def test_behind_https_the_cookie_is_bound_to_the_host_and_to_https(
    another_desk: Callable[..., Shop],
) -> None:
    desk = another_desk(public_url="https://numbers.example.com")
    key = desk.customer().key
    headers = {"Origin": "https://numbers.example.com", "Sec-Fetch-Site": "same-origin"}
    answer = httpx.post(f"{desk.url}/console/sign-in", data={"key": key}, headers=headers)
    assert answer.status_code == 303
    assert answer.headers["set-cookie"].startswith("__Host-numberdesk=")
    assert "; Secure" in answer.headers["set-cookie"]
    token = answer.headers["set-cookie"].partition("=")[2].partition(";")[0]
    for name, status in (("__Host-numberdesk", 200), ("numberdesk-console", 303)):
        seen = httpx.get(f"{desk.url}/console/", headers={"Cookie": f"{name}={token}"})
        assert seen.status_code == status


def test_over_plain_http_from_another_machine_nobody_signs_in(desk: Shop, customer: Customer) -> None:
    headers = {"Host": "numbers.example.com", "Origin": "http://numbers.example.com", "Sec-Fetch-Site": "same-origin"}
    answer = httpx.post(f"{desk.url}/console/sign-in", data={"key": customer.key}, headers=headers)
    assert answer.status_code == 403
    assert "NUMBERDESK_PUBLIC_URL" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("key", ["", "nonsense", "nd_live_" + "0" * 46, "ключ", "x" * 5_000])
def test_what_is_no_key_opens_nothing_and_is_not_shown_again(desk: Shop, key: str) -> None:
    browser = Browser(desk.url)
    page = browser.post("/console/sign-in", {"key": key})
    assert page.status == 401
    assert "not a key that works here" in page.text
    assert not key or key not in page.html
    assert browser.get("/console/").url.startswith("/console/sign-in")


def test_a_session_dies_with_its_key_and_with_signing_out(desk: Shop, customer: Customer) -> None:
    browser, other = signed_in(desk, customer), signed_in(desk, customer)
    assert browser.post("/console/sign-out").url == "/console/sign-in?out=1"
    assert browser.get("/console/numbers").url.startswith("/console/sign-in")
    assert other.get("/console/numbers").status == 200
    keys = customer.http.get("/api-keys/").json()["data"]
    customer.http.delete(f"/api-keys/{keys[0]['id']}/")
    assert other.get("/console/numbers").url.startswith("/console/sign-in")


def test_a_sign_in_gives_a_new_token_whatever_the_browser_had(desk: Shop, customer: Customer) -> None:
    browser = Browser(desk.url)
    browser.http.cookies.set("numberdesk-console", "chosen-by-somebody-else")
    browser.sign_in(customer.key)
    assert browser.http.cookies.jar is not None
    chosen = httpx.get(f"{desk.url}/console/", headers={"Cookie": "numberdesk-console=chosen-by-somebody-else"})
    assert chosen.status_code == 303


def test_cookies_of_others_on_the_same_host_do_no_harm(desk: Shop, customer: Customer) -> None:
    browser = signed_in(desk, customer)
    ((name, value),) = browser.http.cookies.items()
    for others in ('a={"b": [1, 2]}; ', "=; ;;a b=c; ", f"x{name}=1; {name}=; "):
        seen = httpx.get(f"{desk.url}/console/numbers", headers={"Cookie": f"{others}{name}={value}"})
        assert seen.status_code == 200, others


def test_a_part_of_a_page_that_is_asked_for_after_the_session_makes_the_page_load_anew(desk: Shop) -> None:
    answer = httpx.get(f"{desk.url}/console/orders/ord_1/state", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-refresh"], answer.text) == (200, "true", "")


def test_what_somebody_sends_ends_in_no_header(desk: Shop, customer: Customer, browser: Browser) -> None:
    number = desk.number()
    customer.buy(number)
    for path in (f"/console/numbers/{number}%0d%0aX-Made: up/labels", f"/console/numbers/%20{number}%20/labels"):
        answer = browser.http.post(
            path, data={"auto_renew": "yes"}, headers={"Origin": desk.url}, follow_redirects=False
        )
        assert "x-made" not in answer.headers
        assert "\n" not in answer.headers.get("location", "")


def test_a_link_signs_in_once_and_looking_at_it_does_not_use_it_up(desk: Shop, customer: Customer) -> None:
    link_for(desk, customer, "a-token-of-a-link")
    browser = Browser(desk.url)
    browser.get("/console/link", token="a-token-of-a-link")
    door = browser.get("/console/link", token="a-token-of-a-link")
    assert browser.send(door.form("/console/link")).url == "/console/"
    late = Browser(desk.url)
    refused = late.send(late.get("/console/link", token="a-token-of-a-link").form("/console/link"))
    assert (refused.status, "used already" in refused.text) == (404, True)


def test_a_link_that_is_too_old_signs_nobody_in(desk: Shop, customer: Customer) -> None:
    link_for(desk, customer, "an-old-token", seconds=0)
    browser = Browser(desk.url)
    assert browser.post("/console/link", {"token": "an-old-token"}).status == 404


def test_failed_sign_ins_are_slowed_and_successful_ones_are_not(another_desk: Callable[..., Shop]) -> None:
    desk = another_desk()
    customer = desk.customer()
    for _ in range(ATTEMPTS_AT_ONCE + 2):
        signed_in(desk, customer)
    browser = Browser(desk.url)
    wrong = [browser.post("/console/sign-in", {"key": "nonsense"}).status for _ in range(ATTEMPTS_AT_ONCE + 1)]
    assert wrong == [401] * ATTEMPTS_AT_ONCE + [429]
    assert browser.sign_in(customer.key).status == 429
    assert browser.post("/console/link", {"token": "x"}).status == 429


def test_all_addresses_of_one_network_have_their_tries_together(another_desk: Callable[..., Shop]) -> None:
    desk = another_desk(trusted_proxies="127.0.0.1")
    tries = [
        Browser(desk.url, **{"X-Forwarded-For": f"2001:db8::{place:x}"}).sign_in("nonsense").status
        for place in range(ATTEMPTS_AT_ONCE + 1)
    ]
    assert tries == [401] * ATTEMPTS_AT_ONCE + [429]


def test_signing_in_counts_as_a_request_of_its_key(another_desk: Callable[..., Shop]) -> None:
    desk = another_desk(rate_limit=0.001)
    sent: dict[str, Any] = {
        "data": {"key": desk.customer().key},
        "headers": {"Origin": desk.url},
        "follow_redirects": False,
    }
    statuses = [Browser(desk.url).http.post("/console/sign-in", **sent).status_code for _ in range(2)]
    assert statuses == [303, 429]


def test_whoever_is_nobody_makes_nothing_be_written(another_desk: Callable[..., Shop], database_url: str) -> None:
    desk = another_desk()
    nobody = Browser(desk.url)
    nobody.http.cookies.set(PLAIN_COOKIE, "made up")
    held = sqlite3.connect(make_url(database_url).database or "", isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    try:
        assert nobody.post("/console/sign-out").status == 200
    finally:
        held.close()


FORGED = {
    "another site": {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    "another site, by origin alone": {"Origin": "https://evil.example"},
    "a sibling": {"Sec-Fetch-Site": "same-site", "Origin": "http://other.example.com"},
    "nowhere": {},
    "a page without an origin": {"Origin": "null"},
    "another port": {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:1"},
    "one that says both": {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
}


@pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED)
def test_a_forged_request_changes_nothing(
    desk: Shop, customer: Customer, operator: Browser, headers: dict[str, str]
) -> None:
    """It is refused as what it is, also where whoever is signed in could not do it, or nobody is."""
    browser = signed_in(desk, customer)
    for path in ("/console/sign-in", "/console/sign-in/passkey", "/console/link", "/console/sign-out"):
        is_refused_as_forged(browser, path, headers)
    for screen in SCREENS:
        if screen.method != "GET" and not screen.only_demo:
            is_refused_as_forged(browser, path_of(screen), headers)
            is_refused_as_forged(operator, path_of(screen), headers)
    assert [key["name"] for key in customer.http.get("/api-keys/").json()["data"]] == ["test"]
    assert browser.get("/console/").url == "/console/"


def is_refused_as_forged(browser: Browser, path: str, headers: dict[str, str]) -> None:
    cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.http.cookies.items())}
    asked = httpx.Request("POST", f"{browser.url}{path}", data={"name": "forged"}, headers={**headers, **cookie})
    answer = CONNECTIONS.handle_request(asked)
    text = answer.read().decode()
    assert (answer.status_code, "nothing was changed" in text) == (403, True), (path, answer.status_code, text)


def test_the_console_takes_no_keys_and_the_api_no_cookies(desk: Shop, customer: Customer) -> None:
    browser = signed_in(desk, customer)
    for sent in ({"X-Api-Key": customer.key}, {"Authorization": f"Bearer {customer.key}"}):
        assert httpx.get(f"{desk.url}/console/numbers", headers=sent).status_code == 303
    cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.http.cookies.items())}
    assert httpx.get(f"{desk.url}/console/numbers", headers=cookie).status_code == 200
    assert httpx.get(f"{desk.url}/api/v1/balance/", headers=cookie).status_code == 401


def test_no_other_sites_page_may_read_the_console_or_frame_it(desk: Shop, customer: Customer, browser: Browser) -> None:
    answer = browser.http.get("/console/", headers={"Origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["cache-control"] == "no-store"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    (month,) = [item["month"] for item in customer.http.get("/statements/").json()["data"]]
    printed = browser.http.get(f"/console/statements/{month}/print", headers={"Origin": "https://evil.example"})
    assert printed.status_code == 200
    assert "frame-ancestors 'none'" in printed.headers["content-security-policy"]
    preflight = httpx.options(f"{desk.url}/console/keys", headers={"Origin": "https://evil.example"})
    assert preflight.status_code == 405


@pytest.mark.parametrize(
    ("path", "goes"),
    [
        ("/console/numbers?status=active", "/console/numbers?status=active"),
        ("/console", "/console"),
        ("//evil.example", "/console/"),
        ("https://evil.example/console/", "/console/"),
        ("/console/\\evil.example", "/console/\\evil.example".replace("\\evil.example", "")),
        ("/consoles", "/console/"),
        ("/console/\r\nSet-Cookie: a=b", "/console/"),
        (None, "/console/"),
    ],
)
def test_after_signing_in_one_stays_within_the_console(path: str | None, goes: str, engine: str) -> None:
    assert engine
    assert inside(path) == goes


def test_the_origin_is_the_settings_or_else_the_requests(engine: str) -> None:
    assert engine
    assert origin_of("https://a.example", {b"host": b"10.0.0.1"}, "http") == Origin("https", "a.example")
    assert origin_of("", {b"host": b"localhost:8000"}, "http").on_this_machine
    assert not origin_of("", {b"host": b"127.0.0.1.evil.example"}, "http").on_this_machine
