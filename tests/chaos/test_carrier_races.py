"""Many who want a carrier's numbers at once: nothing is sold twice, no charge lost, nobody pays for nothing."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from carrier_mock.running import Config
from numberdesk.core.lifecycle import OrderState
from numberdesk.flows.accounts.fund_wallets import ADJUSTMENT, fund_wallets, funding
from testbed.carrier_mock import MockUrls, simulated
from testbed.remote import SETTINGS, RemoteBooks, make_remote_books, offer
from testbed.samples import PRICE
from testbed.service import Service

HOW_MANY = pytest.mark.parametrize("how_many", [20, pytest.param(200, marks=pytest.mark.long)])


@pytest.fixture(scope="module")
def carriers() -> Iterator[MockUrls]:
    with simulated(Config(numbers=1)) as running:
        yield running


@pytest.fixture
def books(database_url: str, carriers: MockUrls) -> RemoteBooks:
    carriers.control.reset()
    return make_remote_books(database_url, carriers, accounts=8, options={"order_seconds": "10"})


def on_sale(books: RemoteBooks, count: int) -> list[str]:
    """New numbers of the carrier's, offered."""
    numbers = [f"+1361{2_000_000 + place}" for place in range(count)]
    books.control.add_numbers(*({"phone_number": e164} for e164 in numbers))
    with books.running() as services:
        offer(services, numbers)
    return numbers


def buy(port: int, key: str, e164: str) -> int:
    """The status of a purchase, asked until it is decided."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"X-Api-Key": key, "Content-Type": "application/json"}
    try:
        while True:
            connection.request(
                "POST", "/api/v1/phone-numbers/buy/", json.dumps({"phone_number": e164, "price": 1.15}), headers
            )
            response = connection.getresponse()
            response.read()
            if response.status not in (202, 503):
                return response.status
    finally:
        connection.close()


@HOW_MANY
def test_of_two_tenants_who_want_a_carriers_number_one_gets_it(books: RemoteBooks, how_many: int) -> None:
    numbers = on_sale(books, how_many)
    keys = books.stock.keys[:2]
    start = threading.Barrier(2)
    with Service(books.url, **SETTINGS) as service, ThreadPoolExecutor(2) as tenants:

        def wants(place: int) -> list[int]:
            said = []
            for e164 in numbers:
                start.wait(60)
                said.append(buy(service.port, keys[place], e164))
            return said

        first, second = tenants.map(wants, range(2))
    assert Counter(tuple(sorted(pair)) for pair in zip(first, second, strict=True)) == {(200, 409): how_many}
    orders = books.audit()
    assert Counter(order.state for order in orders) == {OrderState.COMPLETED: how_many}
    assert all(books.control.number(e164).ordered == 1 for e164 in numbers)


@HOW_MANY
def test_one_tenant_who_buys_many_at_once_pays_for_each_once(books: RemoteBooks, how_many: int) -> None:
    numbers = on_sale(books, how_many)
    with Service(books.url, **SETTINGS) as service, ThreadPoolExecutor(how_many) as at_once:
        said = list(at_once.map(lambda e164: buy(service.port, books.stock.keys[0], e164), numbers))
    assert said == [200] * how_many
    assert len(books.audit()) == how_many


def test_credit_for_one_number_buys_one_whoever_of_eight_asks(books: RemoteBooks) -> None:
    """Eight programs of one account that can pay for one number want one each."""
    numbers = on_sale(books, 8)
    with books.running() as services:
        spend = -(books.stock.balance - PRICE)
        account_id = books.stock.account_ids[0]
        left = funding(services.new_id("trf"), ADJUSTMENT, account_id, spend, reference=None, now=services.now())
        services.writer.apply(fund_wallets, left)
    with Service(books.url, **SETTINGS) as service, ThreadPoolExecutor(8) as programs:
        said = list(programs.map(lambda e164: buy(service.port, books.stock.keys[0], e164), numbers))
    assert Counter(said) == {200: 1, 402: 7}
    assert len(books.control.purchases(live=True)) == 1


@pytest.mark.parametrize("how_many", [50, pytest.param(1000, marks=[pytest.mark.long, pytest.mark.timeout(600)])])
def test_many_buys_in_a_row_lose_no_charge(books: RemoteBooks, how_many: int) -> None:
    numbers = on_sale(books, how_many)
    with Service(books.url, **SETTINGS) as service:
        said = [buy(service.port, books.stock.keys[place % 8], e164) for place, e164 in enumerate(numbers)]
    assert said == [200] * how_many
    orders = books.audit()
    assert Counter(order.e164 for order in orders if order.state is OrderState.COMPLETED) == Counter(numbers)
