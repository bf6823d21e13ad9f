"""Orders as operators see them, and what they decide about those that their carrier never answered for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx
import pytest

from carrier_mock.faults import Fault
from carrier_mock.model import Api, Operation
from numberdesk.core.carrier_order import DELAYS, LONGEST_DELAY, Inquiry, OutcomeReport, Unknown
from numberdesk.flows.purchase.settle_orders import settle_orders
from numberdesk.infra.due_work import TakeUp
from numberdesk.orders.carrier_order_store import DUE_ORDERS
from numberdesk.verify.books import verify
from numberdesk.wiring import Services
from testbed.carrier_mock import MockUrls, simulated
from testbed.remote import SETTINGS, RemoteBooks, make_remote_books, offer
from tests.api.conftest import Shop

POSTGRESQL_IN_THE_LONG_RUN: Final = "the flows behind the endpoints are tested on both engines"

NUMBERS: Final = ("+12125550307", "+12125550308", "+12125550309")


@pytest.fixture(scope="module")
def mock() -> Iterator[MockUrls]:
    with simulated() as running:
        yield running


@pytest.fixture
def books(database_url: str, mock: MockUrls) -> RemoteBooks:
    """A customer who may buy three numbers of the carrier `twilio`."""
    mock.control.reset()
    mock.control.add_numbers(*({"phone_number": number} for number in NUMBERS))
    return make_remote_books(database_url, mock, accounts=1, numbers=NUMBERS)


@pytest.fixture
def shop(books: RemoteBooks, other_shop: Callable[..., Shop]) -> Shop:
    """A service over these books that does not wait long for carriers."""
    assert books.stock.keys
    return other_shop(**SETTINGS, answer_timeout_seconds=0.7)


def buy(shop: Shop, books: RemoteBooks, number: str, fault: Fault) -> str:
    """Buy a number of which the carrier does not say whether it sold it; the order."""
    books.control.arm(fault, api=Api.TWILIO, operation=Operation.ORDER, phone_number=number)
    with shop.client({"X-Api-Key": books.stock.keys[0]}) as http:
        answer = http.post("/phone-numbers/buy/", json={"phone_number": number, "price": 1.15})
    assert answer.status_code == 202, answer.text
    order_id: str = answer.json()["data"]["order_id"]
    return order_id


def park(services: Services, order_id: str) -> None:
    """Let the carrier be asked in vain until nobody asks any more."""
    now = services.now()
    for place in range(len(DELAYS) + 1):
        services.writer.apply(
            settle_orders,
            OutcomeReport(order_id, 1, Unknown("no answer"), 0, 0, now + place * LONGEST_DELAY, Inquiry("prc", 0, 0)),
        )


def held(http: httpx.Client, books: RemoteBooks) -> Any:
    return http.get(f"/admin/accounts/{books.stock.account_ids[0]}/balance/").json()["data"]["held"]


def in_order(shop: Shop) -> bool:
    violations = shop.services.reader.read_now(lambda tx: verify(tx, lambda *_: None)).violations
    return not violations


def test_an_open_order_shows_how_it_stands_and_is_parked_when_its_carrier_never_answers(
    shop: Shop, books: RemoteBooks
) -> None:
    http = shop.operator().http
    order_id = buy(shop, books, NUMBERS[0], Fault.RESET)
    (order,) = http.get("/admin/orders/", params={"status": "open"}).json()["data"]
    assert (order["id"], order["status"], order["carrier"]) == (order_id, "pending", "twilio")
    at = order["at_carrier"]
    assert (at["attempt"], at["looks"], at["absences"], at["parked_at"]) == (1, 1, 0, None)
    assert at["next_look_at"] is not None
    assert at["said"]
    assert http.get("/admin/orders/", params={"status": "parked"}).json()["data"] == []
    park(shop.services, order_id)
    (parked,) = http.get("/admin/orders/", params={"status": "parked"}).json()["data"]
    assert parked == http.get(f"/admin/orders/{order_id}/").json()["data"]
    assert (parked["at_carrier"]["next_look_at"], parked["at_carrier"]["said"]) == (None, "no answer")
    assert "the connection was cut" in parked["at_carrier"]["answer"]  # its first words stay beside the last
    assert parked["at_carrier"]["parked_at"] is not None
    seen = http.get("/admin/carriers/twilio/").json()["data"]
    assert (seen["open_orders"], seen["parked_orders"]) == (1, 1)
    assert held(http, books) == 1.15
    assert in_order(shop)


def test_a_purchase_that_waits_for_its_carrier_shows_its_setup_price_which_is_held_and_not_charged(
    shop: Shop, books: RemoteBooks
) -> None:
    offer(shop.services, [NUMBERS[1]], setup=500_000)
    customer = shop.with_key(books.stock.account_ids[0])
    books.control.arm(Fault.RESET, api=Api.TWILIO, operation=Operation.ORDER)
    answer = customer.buy(NUMBERS[1], setup_price=0.5)
    waiting = answer.json()["data"]
    assert (answer.status_code, waiting["status"]) == (202, "pending")
    assert (waiting["price"], waiting["setup_price"], waiting["charged"]) == (1.15, 0.5, 0)
    assert held(shop.operator().http, books) == 1.65


def test_an_order_has_one_name_for_its_state_in_the_purchase_in_lists_and_in_filters(
    shop: Shop, books: RemoteBooks
) -> None:
    http, (account_id, *_) = shop.operator().http, books.stock.account_ids
    customer = shop.with_key(account_id)
    books.control.arm(Fault.RESET, api=Api.TWILIO, operation=Operation.ORDER)
    waiting = customer.buy(NUMBERS[0]).json()["data"]
    order_id = waiting["order_id"]
    one = customer.http.get(f"/orders/{order_id}/").json()["data"]
    assert waiting["status"] == one["status"] == "pending"

    def listed(client: httpx.Client, path: str) -> dict[str, list[str]]:
        named = ("pending", "open", "completed", "failed")
        found = {name: client.get(path, params={"status": name}).json()["data"] for name in named}
        return {name: [order["id"] for order in orders if order["id"] == order_id] for name, orders in found.items()}

    yes: list[str] = [order_id]
    open_ones = {"pending": yes, "open": yes, "completed": [], "failed": []}
    assert listed(customer.http, "/orders/") == listed(http, "/admin/orders/") == open_ones
    http.post(f"/admin/orders/{order_id}/void/")
    failed_ones = {"pending": [], "open": [], "completed": [], "failed": yes}
    assert listed(customer.http, "/orders/") == listed(http, "/admin/orders/") == failed_ones
    (failed,) = customer.http.get("/orders/?status=failed").json()["data"]
    assert (failed["status"], failed["error"]["code"]) == ("failed", "carrier_unavailable")
    assert failed["error"]["message"]
    seen = http.get(f"/admin/orders/{order_id}/").json()["data"]
    name = http.get(f"/admin/accounts/{account_id}/").json()["data"]["name"]
    assert (seen["account_id"], seen["account_name"], seen["error"]) == (account_id, name, failed["error"])
    refused = customer.http.get("/orders/?status=ordering").json()["error"]
    assert refused["details"]["reason"].count("pending") == 1


def test_troubles_of_the_operators_account_are_told_to_the_operator_and_not_to_customers(
    shop: Shop, books: RemoteBooks
) -> None:
    http, customer = shop.operator().http, shop.with_key(books.stock.account_ids[0])
    books.control.arm(Fault.UNAUTHORIZED, api=Api.TWILIO, operation=Operation.ORDER)
    refused = customer.buy(NUMBERS[0])
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "carrier_unavailable")
    assert (refused.headers["Retry-After"], refused.json()["error"]["details"]) == ("300", {"retry_after": 300})
    for word in ("twilio", "401", "authenti", "credential"):
        assert word not in refused.text.lower()
    seen = http.get("/admin/carriers/twilio/").json()["data"]
    assert (seen["orders_refused"], "401" in seen["orders_refused_said"]) == (1, True)
    assert seen["orders_refused_since"] is not None
    assert customer.buy(NUMBERS[0]).json()["data"]["status"] == "active"
    after = http.get("/admin/carriers/twilio/").json()["data"]
    assert (after["orders_refused"], after["orders_refused_since"], after["orders_refused_said"]) == (0, None, None)


def test_parked_orders_are_paged_oldest_first(shop: Shop, books: RemoteBooks) -> None:
    http = shop.operator().http
    made = [buy(shop, books, number, Fault.RESET) for number in NUMBERS]
    for order_id in made:
        park(shop.services, order_id)
    seen: list[str] = []
    token: str | None = ""
    while token is not None:
        page = http.get("/admin/orders/", params={"status": "parked", "page_size": 2, "page_token": token}).json()
        seen += [order["id"] for order in page["data"]]
        token = page["page"]["next"]
    assert seen == made
    newest_first = http.get("/admin/orders/", params={"status": "open"}).json()["data"]
    assert [order["id"] for order in newest_first] == made[::-1]


def test_a_parked_order_whose_number_is_there_is_adopted_and_charged_once(shop: Shop, books: RemoteBooks) -> None:
    http = shop.operator().http
    order_id = buy(shop, books, NUMBERS[0], Fault.RESET)
    park(shop.services, order_id)
    adopted = http.post(f"/admin/orders/{order_id}/adopt/")
    assert adopted.status_code == 200, adopted.text
    order = adopted.json()["data"]
    assert (order["status"], order["attempts"], order["at_carrier"]["parked_at"]) == ("completed", 1, None)
    (bought,) = books.control.purchases(phone_number=NUMBERS[0])
    assert order["carrier_reference"] == bought.number_id
    assert held(http, books) == 0
    for verb in ("adopt", "void", "retry"):
        again = http.post(f"/admin/orders/{order_id}/{verb}/")
        assert (again.status_code, again.json()["error"]["code"]) == (409, "order_ended"), verb
        assert again.json()["error"]["details"]["order_id"] == order_id
    assert len(books.audit()) == 1


def test_what_the_carrier_does_not_have_cannot_be_adopted_and_is_given_up(shop: Shop, books: RemoteBooks) -> None:
    http = shop.operator().http
    order_id = buy(shop, books, NUMBERS[0], Fault.LOST_RESET)
    park(shop.services, order_id)
    refused = http.post(f"/admin/orders/{order_id}/adopt/")
    assert (refused.status_code, refused.json()["error"]["code"]) == (502, "carrier_refused")
    assert refused.json()["error"]["details"] == {"order_id": order_id, "said": "absent"}
    assert http.get(f"/admin/orders/{order_id}/").json()["data"]["status"] == "pending"
    voided = http.post(f"/admin/orders/{order_id}/void/").json()["data"]
    assert (voided["status"], voided["error"]["code"]) == ("failed", "carrier_unavailable")
    assert held(http, books) == 0
    assert len(books.audit()) == 1


def test_a_carrier_that_cannot_be_asked_adopts_nothing(shop: Shop, books: RemoteBooks) -> None:
    http = shop.operator().http
    order_id = buy(shop, books, NUMBERS[0], Fault.RESET)
    books.control.arm(Fault.UNAUTHORIZED, api=Api.TWILIO, operation=Operation.FIND, times=2)
    refused = http.post(f"/admin/orders/{order_id}/adopt/")
    assert refused.status_code == 502
    assert "401" in refused.json()["error"]["details"]["said"]
    assert http.get(f"/admin/orders/{order_id}/").json()["data"]["status"] == "pending"


def test_an_order_that_is_to_be_looked_up_anew_is_due_at_once(shop: Shop, books: RemoteBooks) -> None:
    http = shop.operator().http
    order_id = buy(shop, books, NUMBERS[0], Fault.RESET)
    park(shop.services, order_id)
    services = shop.services
    assert services.writer.apply(DUE_ORDERS.take_up, TakeUp("twilio", services.now(), 1)) == []
    again = http.post(f"/admin/orders/{order_id}/retry/").json()["data"]
    assert (again["status"], again["at_carrier"]["looks"]) == ("pending", 0)
    assert again["at_carrier"]["parked_at"] is None
    (due,) = services.writer.apply(DUE_ORDERS.take_up, TakeUp("twilio", services.now(), 1))
    assert due.order_id == order_id
    assert http.get("/admin/orders/", params={"status": "parked"}).json()["data"] == []
    assert in_order(shop)


def test_only_orders_at_carriers_can_be_decided_about_and_only_by_operators(shop: Shop) -> None:
    http, customer = shop.operator().http, shop.customer()
    of_pool = customer.buy(shop.number()).json()["data"]["order_id"]
    assert http.get(f"/admin/orders/{of_pool}/").json()["data"]["at_carrier"] is None
    assert http.get("/admin/orders/ord_0/").status_code == 404
    for order_id in (of_pool, "ord_0", "%00"):
        for verb in ("adopt", "void", "retry"):
            assert http.post(f"/admin/orders/{order_id}/{verb}/").status_code == 404
            assert customer.http.post(f"/admin/orders/{order_id}/{verb}/").status_code == 403
    assert http.get("/admin/orders/", params={"status": "lost"}).json()["error"]["details"]["field"] == "status"
