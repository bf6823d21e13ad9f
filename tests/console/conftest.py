"""A running service with its console, and people at it. The engines are tried at the flows: here it is SQLite."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from numberdesk.accounts.model import OPERATOR_SCOPES
from numberdesk.accounts.people import Person
from numberdesk.accounts.session_store import SignInLink
from numberdesk.cli.demo_rehearsal import DemoStage
from numberdesk.console.guards import PLAIN_COOKIE
from numberdesk.console.site import build_site
from numberdesk.core.roles import Role
from numberdesk.flows.accounts.invite_people import Invitation, invite_people
from numberdesk.flows.accounts.sign_in import SignIn, sign_in, token_hash
from numberdesk.infra.vault import new_key
from numberdesk.wiring import Parts, Services
from testbed.databases import Databases
from testbed.egress import ALLOWED
from tests.api.conftest import EVERY_SCOPE, Customer, Shop, _run
from tests.console.browser import CONNECTIONS, Browser


@pytest.fixture(scope="session")
def desk(made: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One service for all tests; each opens its own accounts and lists its own numbers."""
    url = made.prepared(tmp_path_factory.mktemp("console"))
    yield from _run(url, build_site, egress_allow=ALLOWED, credentials_key=new_key(), trusted_proxies="127.0.0.1")
    CONNECTIONS.close()


@pytest.fixture
def another_desk(database_url: str) -> Iterator[Callable[..., Shop]]:
    """A service of its own, with settings of its own."""
    running: list[Iterator[Shop]] = []

    def start(site: Callable[[Services], object] = build_site, **settings: Any) -> Shop:
        running.append(_run(database_url, site, **{"egress_allow": ALLOWED, **settings}))
        return next(running[-1])

    yield start
    for each in running:
        next(each, None)


HURRIED: Final = {"order_seconds": "1", "read_seconds": "1", "window_seconds": "8"}
"""How long a stage waits for its carriers, so that tests need not."""


@contextmanager
def staged(url: str, parts: Parts) -> Iterator[Shop]:
    """A service with the demo's stage, its carriers not begun yet."""
    stages: list[DemoStage] = []

    def site(services: Services) -> object:
        stages.append(DemoStage(services, HURRIED))
        return build_site(services, stages[0])

    yield from _run(url, site, parts, egress_allow=ALLOWED, credentials_key=new_key(), answer_timeout_seconds=8)
    stages[0].close()


def signed_in(desk: Shop, customer: Customer) -> Browser:
    """A browser in which somebody is signed in."""
    browser = Browser(desk.url)
    page = browser.sign_in(customer.key)
    assert (page.status, page.url) == (200, "/console/"), page.text
    return browser


_SERIAL: Final = itertools.count()


def signed_in_person(desk: Shop, account_id: str, role: Role) -> Browser:
    """A browser in which a person of a role is signed in, without the tenth of a second that a password takes."""
    number, now, writer = next(_SERIAL), desk.services.now(), desk.services.writer
    person = Person(desk.services.new_id("per"), account_id, f"{role}-{number}@example.com", role, now)
    link = SignInLink(token_hash(f"link-{number}"), person.id, now + 60_000_000)
    writer.apply(invite_people, Invitation(person, link))
    token = f"token-{number}"
    writer.apply(sign_in, SignIn(token_hash(token), now, link_hash=link.hash, password="a hash"))
    browser = Browser(desk.url)
    browser.http.cookies.set(PLAIN_COOKIE, token)
    assert browser.get("/console/me").status == 200
    return browser


@pytest.fixture
def customer(desk: Shop) -> Customer:
    return desk.customer(scopes=EVERY_SCOPE)


@pytest.fixture
def browser(desk: Shop, customer: Customer) -> Browser:
    return signed_in(desk, customer)


@pytest.fixture(scope="session")
def operator(desk: Shop) -> Browser:
    return signed_in(desk, desk.operator((*OPERATOR_SCOPES, "webhooks:manage")))
