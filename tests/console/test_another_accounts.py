"""Another account's things, by every path of a customer's screens that names one, and by the forms that do."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final

import pytest

from numberdesk import worker
from numberdesk.accounts.passkeys import Passkey
from numberdesk.accounts.people import SCOPES_OF, Person
from numberdesk.accounts.session_store import SignInLink
from numberdesk.console.screens import SCREENS, Screen
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.roles import Role
from numberdesk.flows.accounts.invite_people import Invitation, invite_people
from numberdesk.flows.accounts.passkeys import add_passkeys
from numberdesk.flows.accounts.sign_in import token_hash
from tests.api.conftest import EVERY_SCOPE, Customer, Shop
from tests.console.browser import Browser
from tests.console.conftest import signed_in_person
from tests.console.test_screens import caller_of, may_ask

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # whose a thing is does not depend on it

OWNER: Final = caller_of(AccountKind.CUSTOMER, tuple(SCOPES_OF[Role.OWNER]), Role.OWNER)
NOT_OF_ONE_ACCOUNT: Final = {"month"}
"""Fields of paths that name nothing that another account could have alone."""

AS_A_FIELD: Final = {"/console/connections/{connection_id}/numbers": 400}
"""Whose endpoint is sent the thing in its body, where what is not there is a wrong field."""

NAMING: Final = [
    screen
    for screen in SCREENS
    if may_ask(OWNER, screen) and set(re.findall(r"\{(\w+)\}", screen.path)) - NOT_OF_ONE_ACCOUNT
]
"""The screens whose path names a thing, of all that an owner may open."""


def things_of(desk: Shop, account: Customer) -> dict[str, str]:
    """One of each thing that an account has, by the field of a path that names it."""
    http, services, number = account.http, desk.services, desk.number()
    bought = account.buy(number).json()["data"]
    hook = http.post("/webhooks/", json={"url": "http://127.0.0.1:8080/x"}).json()["data"]["id"]
    made = http.post("/connections/", json={"name": "x", "kind": "sip", "targets": [{"uri": "sip:127.0.0.1"}]})
    connection = made.json()["data"]["id"]
    http.post(f"/phone-numbers/{number}/connection/", json={"connection_id": connection})
    asyncio.run(worker.number_events(services, lambda: False))
    now = services.now()
    person = Person(services.new_id("per"), account.account_id, f"{number[1:]}@example.com", Role.VIEWER, now, "a hash")
    services.writer.apply(
        invite_people, Invitation(person, SignInLink(token_hash(person.id), person.id, now + 60_000_000))
    )
    passkey = Passkey(services.new_id("pas"), person.id, f"of{number[1:]}", "key", 0, "theirs", now)
    services.writer.apply(add_passkeys, passkey)
    return {
        "number": number,
        "rental_id": bought["id"],
        "order_id": bought["order_id"],
        "connection_id": connection,
        "webhook_id": hook,
        "delivery_id": http.get(f"/webhooks/{hook}/deliveries/").json()["data"][0]["id"],
        "key_id": http.get("/api-keys/").json()["data"][0]["id"],
        "person_id": person.id,
        "passkey_id": passkey.id,
    }


def form_of(theirs: dict[str, str], mine: dict[str, str]) -> dict[str, Any]:
    """What every form of such a screen wants, right but for whose the thing is."""
    return {
        "digits": theirs["number"][-4:],
        "at": "now",
        "status": "disabled",
        "friendly_name": "mine",
        "name": "mine",
        "auto_renew": "yes",
        "caller_name": "MINE",
        "connection_id": mine["connection_id"],
        "number": mine["number"],
        "since": "2026-01-01T00:00",
        "role": "owner",
        "email_again": "a@example.com",
        "erased_email": "a@example.com",
    }


def state_of(account: Customer, things: dict[str, str]) -> dict[str, Any]:
    """All that could be changed of an account's things."""
    paths = ("phone-numbers", "orders", "webhooks", "connections", "api-keys", "people", "balance",
             f"phone-numbers/{things['number']}/connection", f"webhooks/{things['webhook_id']}/deliveries")  # fmt: skip
    state = {path: account.http.get(f"/{path}/").json()["data"] for path in paths}
    for key in state["api-keys"]:
        key.pop("last_used_at", None)
    return state


def sent(browser: Browser, screen: Screen, things: dict[str, str], form: dict[str, Any]) -> tuple[int, str]:
    path = screen.path.format(**things)
    page = browser.get(path) if screen.method == "GET" else browser.post(path, form)
    text = re.sub(r"request req_\w+", "", page.text)
    for thing in things.values():
        text = text.replace(thing, "it")
    return page.status, text


@pytest.fixture
def other(desk: Shop) -> Customer:
    return desk.customer(scopes=EVERY_SCOPE)


def test_another_accounts_things_are_not_there_by_any_path(desk: Shop, customer: Customer, other: Customer) -> None:
    theirs, mine = things_of(desk, other), things_of(desk, customer)
    browser = signed_in_person(desk, customer.account_id, Role.OWNER)
    absent = {**{name: f"{value[:4]}{'0' * 32}" for name, value in theirs.items()}, "number": "+13614440000"}
    form, before = form_of(theirs, mine), [state_of(other, theirs), state_of(customer, mine)]
    fields = set[str]()
    for screen in NAMING:
        named = re.findall(r"\{(\w+)\}", screen.path)
        fields |= set(named)
        found = sent(browser, screen, theirs, form)
        assert found[0] == AS_A_FIELD.get(screen.path, 404), (screen.method, screen.path, found)
        assert found == sent(browser, screen, absent, {**form, "digits": "0000"}), (screen.method, screen.path)
        if len(named) > 1:  # theirs, below what is mine
            mixed = {**mine, named[-1]: theirs[named[-1]]}
            assert sent(browser, screen, mixed, form)[0] == 404, (screen.method, screen.path)
    assert fields == set(theirs)
    assert [state_of(other, theirs), state_of(customer, mine)] == before
    for thing in theirs.values():
        assert thing not in browser.get("/console/actions").html


def test_another_accounts_things_are_not_there_by_a_form(desk: Shop, customer: Customer, other: Customer) -> None:
    theirs, mine = things_of(desk, other), things_of(desk, customer)
    browser = signed_in_person(desk, customer.account_id, Role.OWNER)
    before = [state_of(other, theirs), state_of(customer, mine)]
    absent = {"connection_id": f"con_{'0' * 32}", "number": "+13614440000"}
    for path, form in (
        (f"/console/numbers/{mine['number']}/connection", {"connection_id": theirs["connection_id"]}),
        (f"/console/connections/{mine['connection_id']}/numbers", {"number": theirs["number"]}),
    ):
        (name,) = form
        theirs_said, nobodys = browser.post(path, form), browser.post(path, {name: absent[name]})
        assert theirs_said.status == nobodys.status, path
        assert theirs_said.status in (400, 404), path
    chosen = browser.get("/console/numbers/chosen", what="release", number=theirs["rental_id"])
    assert theirs["number"] not in chosen.text
    assert [state_of(other, theirs), state_of(customer, mine)] == before
