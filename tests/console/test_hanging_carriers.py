"""A carrier that takes a request and never answers, while somebody has the console open."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import pytest

from carrier_mock.faults import Fault
from carrier_mock.model import Api, Operation
from testbed.carrier_mock import MockUrls, simulated
from testbed.remote import SETTINGS, MovingClock, RemoteBooks, make_remote_books, until_settled
from tests.api.conftest import Customer, Shop
from tests.console.browser import Browser, Page
from tests.console.conftest import signed_in

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # carriers are the same on both

NUMBER: Final = "+12125550307"

PATIENT: Final = {"order_seconds": "4", "read_seconds": "4"}
"""How long the carrier is waited for: long enough that a page which did not wait is told from one that did."""


class Desk(NamedTuple):
    shop: Shop
    mock: MockUrls
    books: RemoteBooks
    customer: Customer

    def hangs(self, operation: Operation) -> None:
        self.mock.control.arm(Fault.SILENCE, api=Api.TWILIO, operation=operation, times=100)

    def console(self) -> Browser:
        return signed_in(self.shop, self.customer)


@pytest.fixture
def hanging(database_url: str, another_desk: Callable[..., Shop]) -> Iterator[Desk]:
    with simulated() as mock:
        mock.control.add_numbers({"phone_number": NUMBER})
        books = make_remote_books(database_url, mock, accounts=1, numbers=(NUMBER,), options=PATIENT)
        shop = another_desk(**SETTINGS, search_deadline_seconds=0.2)
        yield Desk(shop, mock, books, shop.with_key(books.stock.account_ids[0]))


def test_a_search_shows_the_stock_and_that_a_carrier_was_silent(hanging: Desk) -> None:
    number = hanging.shop.number()
    hanging.hangs(Operation.SEARCH)
    page = hanging.console().get("/console/find", country="US", area_code="361")
    assert number in [form.fields["number"][0] for form in page.forms if form.action == "/console/buy"]
    assert "Not every carrier answered in time" in page.text


def test_a_diagnosis_says_that_the_carrier_did_not_tell(hanging: Desk) -> None:
    http = hanging.customer.http
    assert hanging.customer.buy(NUMBER).status_code == 200
    made = http.post("/connections/", json={"name": "x", "kind": "webhook", "url": "http://127.0.0.1:1025/v"})
    http.post(f"/phone-numbers/{NUMBER}/connection/", json={"connection_id": made.json()["data"]["id"]})
    asyncio.run(until_settled(hanging.shop.services, MovingClock()))
    console, path = hanging.console(), f"/console/numbers/{NUMBER}/diagnose"
    assert "At the carrier set as it should be" in console.get(path).text
    for operation in (Operation.FIND, Operation.CONNECT):
        hanging.hangs(operation)
    page = console.get(path)
    assert (page.status, "its carrier did not tell" in page.text) == (200, True), page.text
    assert "At the carrier not asked, or it did not tell" in page.text


def test_pages_of_carriers_answer_while_one_hangs_and_a_check_of_it_says_so(hanging: Desk) -> None:
    operator = signed_in(hanging.shop, hanging.shop.operator())
    hanging.hangs(Operation.CHECK)
    answers: list[Page] = []
    check = threading.Thread(target=lambda: answers.append(operator.post("/console/carriers/twilio/check")))
    check.start()
    while not hanging.mock.control.struck():
        time.sleep(0.01)
    assert operator.get("/console/carriers").status == 200
    assert not answers  # it hangs still
    for path in ("/console/carriers/twilio", "/console", "/console/findings"):
        assert operator.get(path).status == 200
    check.join()
    assert answers[0].status == 200
    assert "Twilio cannot be asked" in answers[0].text
