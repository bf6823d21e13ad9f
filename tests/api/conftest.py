"""A running service for the tests of the HTTP entry point: real server, real database, real sockets."""

from __future__ import annotations

import itertools
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, cast

import httpx
import pytest

from numberdesk.accounts.model import CUSTOMER_SCOPES, OPERATOR_SCOPES, RANDOM_BYTES, new_key
from numberdesk.api.app import build_app
from numberdesk.catalog.model import Listing, ListingChunk
from numberdesk.core.money import MICROS
from numberdesk.flows.accounts.create_accounts import create_accounts, new_account, new_operator_account
from numberdesk.flows.accounts.fund_wallets import TOP_UP, fund_wallets, funding
from numberdesk.flows.accounts.issue_keys import NewKey, issue_keys, new_key_record
from numberdesk.http_server.server import Limits, bind, make_server
from numberdesk.infra import log
from numberdesk.infra.settings import load_settings
from numberdesk.wiring import REAL, Parts, Services, build
from testbed.databases import Databases
from testbed.egress import ALLOWED
from testbed.samples import listing_of

_SERIAL = itertools.count(2_000_000)
_NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Spares each client the reading of all certificates, which takes longer than many a test."""
_FEW: Final = httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=2)

Key = dict[str, str]

EVERY_SCOPE = (*CUSTOMER_SCOPES, "usage:write", "webhooks:manage", "routing:read")
"""All that a customer may do, so that a refusal is for what a test is about."""


@dataclass
class Customer:
    """An account with a key, and an HTTP client that sends it."""

    account_id: str
    key: str
    http: httpx.Client

    def buy(self, number: str, price: Any = 1.15, headers: Key | None = None, **rates: Any) -> httpx.Response:
        body = {"phone_number": number, "price": price, **rates}
        return self.http.post("/phone-numbers/buy/", json=body, headers=headers)

    def balance(self) -> float:
        return float(self.http.get("/balance/").json()["data"]["posted"])


@dataclass
class Shop:
    """A running service, and what its operator does with it."""

    services: Services
    url: str
    port: int
    clock: list[int] = field(default_factory=list)
    _connections: httpx.HTTPTransport = field(default_factory=lambda: httpx.HTTPTransport(verify=_NO_TLS, limits=_FEW))
    """Shared by all clients: thousands of customers may come and go while a shop is open."""

    def number(self, *, price: int = 1_150_000, area_code: str = "361", **changes: Any) -> str:
        """Put a new number up for sale."""
        national = f"{area_code}{next(_SERIAL)}"
        sold = listing_of(f"+1{national}", area_code=area_code, price=price, **changes)
        self.list([sold])
        return sold.e164

    def list(self, listings: list[Listing]) -> None:
        """List numbers, or list them again at other prices."""
        chunk = ListingChunk("pool", tuple(listings), tuple(range(len(listings))))
        self.services.writer.apply(self.services.save_listings, chunk)

    def customer(self, balance: float = 100.0, scopes: tuple[str, ...] = EVERY_SCOPE, **given: Any) -> Customer:
        """Open an account with money and a key."""
        services, now = self.services, self.services.now()
        account_id = services.new_id("acc")
        account = services.writer.apply(
            create_accounts, new_account(account_id, f"Customer {account_id}", given.get("currency", "USD"), 0, now)
        )
        if balance:
            amount = round(balance * MICROS)
            paid = funding(services.new_id("trf"), TOP_UP, account.id, amount, reference=None, now=now)
            services.writer.apply(fund_wallets, paid)
        return self.with_key(account.id, scopes)

    def with_key(self, account_id: str, scopes: tuple[str, ...] = EVERY_SCOPE) -> Customer:
        """Give an account another key."""
        services = self.services
        secret = new_key(services.random_bytes(RANDOM_BYTES))
        record = new_key_record(
            services.new_id("key"),
            secret,
            account_id=account_id,
            name="test",
            scopes=scopes,
            expires_at=None,
            now=services.now(),
        )
        services.writer.apply(issue_keys, NewKey(record))
        return Customer(account_id, secret, self.client({"X-Api-Key": secret}))

    def operator(self, scopes: tuple[str, ...] = OPERATOR_SCOPES) -> Customer:
        """A key of a new operators' account."""
        services, account_id = self.services, self.services.new_id("acc")
        made = new_operator_account(account_id, f"Operators {account_id}", services.now())
        return self.with_key(services.writer.apply(create_accounts, made).id, scopes)

    def client(self, headers: Key | None = None) -> httpx.Client:
        """An HTTP client of the API, closed at the end."""
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=30, transport=self._connections)

    def close(self) -> None:
        self._connections.close()


def _run(url: str, make: Callable[[Services], Any] = build_app, parts: Parts = REAL, **settings: Any) -> Iterator[Shop]:
    log.configure("error")
    clock: list[int] = []
    services = build(load_settings(database_url=url, **settings), parts)
    services.writer.start()
    sock = bind("127.0.0.1", 0)
    port = sock.getsockname()[1]
    server = make_server(
        cast("Any", make(services)),
        new_id=lambda: services.new_id("req"),
        limits=Limits(receive_seconds=5, idle_seconds=5),
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    shop = Shop(services, f"http://127.0.0.1:{port}", port, clock)
    try:
        yield shop
    finally:
        shop.close()
        server.should_exit = True
        thread.join()
        sock.close()
        services.close()


@pytest.fixture(scope="session")
def shop(made: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One service for all tests of a process on an engine; each opens its own accounts and lists its own numbers."""
    yield from _run(made.prepared(tmp_path_factory.mktemp("shop")))


@pytest.fixture
def other_shop(database_url: str) -> Iterator[Callable[..., Shop]]:
    """A service of its own, with settings of its own."""
    running: list[Iterator[Shop]] = []

    def start(**settings: Any) -> Shop:
        running.append(_run(database_url, **{"egress_allow": ALLOWED, **settings}))
        return next(running[-1])

    yield start
    for each in running:
        next(each, None)
