"""Other tenants' objects cannot be told from objects that are not there, wherever an id can be sent.

The operations and the places for ids are read from the OpenAPI document, so one that is added is tried too, or fails
here until it is known what kind of id it takes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import httpx
import pytest

from numberdesk.accounts.model import CUSTOMER_SCOPES
from numberdesk.api.endpoint import ENDPOINTS
from numberdesk.core.call_charging import CUSTOMERS
from numberdesk.flows.usage.set_usage_terms import AppointSource, appoint_sources
from numberdesk.flows.webhooks.create_webhooks import NewWebhook, create_webhooks
from numberdesk.flows.webhooks.sequence_events import SequenceEvents
from numberdesk.webhooks.delivery_store import list_deliveries
from numberdesk.webhooks.model import WebhookEndpoint
from tests.api.conftest import Customer, Shop
from tests.api.described import DOCUMENT

ENGINES_TAKE_TURNS: Final = "the flows ask for the account on both engines"

KINDS: Final = {
    "number": "number",
    "phone_number": "number",
    "order_id": "order",
    "key_id": "key",
    "account_id": "account",
    "rule_id": "rule",
    "webhook_id": "webhook",
    "delivery_id": "delivery",
    "rental_id": "rental",
    "connection_id": "connection",
    "session_id": "session",
    "person_id": "person",
    "profile_id": "profile",
}
"""What an id names, by the name of the field that carries it."""
NO_IDS: Final = {"iso_country", "page_token", "agent_id", "call_id", "object_id", "trunk_id"}
"""A country, a position in the caller's own list, and what askers, carriers and platforms call things."""
OTHER_ID: Final = re.compile(r"(^|_)(id|ids|token|number)$|^iso_country$")


class Place(NamedTuple):
    """Somewhere to send an id: an operation and a field of its path, query or body."""

    method: str
    path: str
    where: str
    field: str
    described: str
    """The path as the document has it."""


def _places() -> list[Place]:
    found = []
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            fields = [(each["in"], each["name"]) for each in operation["parameters"] if each["in"] != "header"]
            fields += [("body", name) for name in _body(operation)["properties"]]
            found += [Place(method.upper(), path, where, name, path) for where, name in fields if OTHER_ID.search(name)]
    return found


def _body(operation: dict[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if (
        content is None or "$ref" not in content["schema"]
    ):  # call records are an array; no field of theirs is an id of ours
        return {"properties": {}}
    shape: dict[str, Any] = DOCUMENT["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
    return shape


BOUGHT_WITH: Final = ("/api/v1/phone-numbers/buy", "connection_id")
"""Never makes a purchase fail: test_a_number_bought_..."""

PLACES: Final = [place for place in _places() if place.field in KINDS and (place.path, place.field) != BOUGHT_WITH]


@dataclass
class Targets:
    """By kind: ids that belong to others or to nobody any more, and one that never was."""

    others: dict[str, dict[str, str]]
    absent: dict[str, str]


def _after(id_: str) -> str:
    """The next id."""
    prefix, _, digits = id_.partition("_")
    if not digits:
        return f"+{int(id_[1:]) + 1}"
    return f"{prefix}_{int(digits, 16) + 1:032x}"


@pytest.fixture(scope="module")
def targets(shop: Shop) -> Targets:
    other = shop.customer()
    webhook_id = _webhook_of(shop, other.account_id)
    rented, released = shop.number(), shop.number()
    bought = [other.buy(number).json()["data"] for number in (rented, released)]
    orders, rentals = [one["order_id"] for one in bought], [one["id"] for one in bought]
    assert other.http.delete(f"/phone-numbers/{released}/release/").status_code == 200
    live, revoked = (other.http.post("/api-keys/", json={"name": "x"}).json()["data"]["id"] for _ in range(2))
    assert other.http.delete(f"/api-keys/{revoked}/").status_code == 200
    rule = {"currency": "USD", "prefix": "1999", "price": 1}
    rule_id = shop.operator().http.post("/admin/price-rules/", json=rule).json()["data"]["id"]
    delivery_id = _delivery_to(shop, webhook_id)
    connection_ids = [_connection_of(other) for _ in range(2)]
    assert other.http.delete(f"/connections/{connection_ids[1]}/").status_code == 200
    session_id = _session_of(shop, other, rented)
    person_id = _person_of(other)
    shop.number()  # for sale, beside the others
    told_of = shop.number()  # by nobody but its carrier
    assert other.buy(told_of).status_code == 200
    others = {
        "number": {
            "rented": rented,
            "rented, told of by its carrier": told_of,
            "released": released,
            "for sale": shop.number(),
            "next": "+13619999998",
        },
        "order": {"theirs": orders[0], "of the released": orders[1], "next": _after(orders[1])},
        "key": {"live": live, "revoked": revoked, "next": _after(revoked)},
        "account": {"theirs": other.account_id, "next": _after(other.account_id)},
        "webhook": {"theirs": webhook_id, "next": _after(webhook_id)},
        "delivery": {"theirs": delivery_id, "next": _after(delivery_id)},
        "rule": {"theirs": rule_id, "next": _after(rule_id)},
        "rental": {"theirs": rentals[0], "of the released": rentals[1], "next": _after(rentals[1])},
        "connection": {"live": connection_ids[0], "deleted": connection_ids[1], "next": _after(connection_ids[1])},
        "session": {"theirs": session_id, "next": _after(session_id)},
        "person": {"theirs": person_id, "next": _after(person_id)},
        "profile": {"next": shop.services.new_id("cmp")},  # asked for by operators alone
    }
    absent = {kind: shop.services.new_id(given["next"].partition("_")[0]) for kind, given in others.items()}
    return Targets(others, {**absent, "number": "+13619999999"})


def _webhook_of(shop: Shop, account_id: str) -> str:
    webhook_id = shop.services.new_id("whk")
    made = WebhookEndpoint(webhook_id, account_id, 0, "https://example.com/", "", "", "sealed", 1, 1)
    shop.services.writer.apply(create_webhooks, NewWebhook(made))
    return webhook_id


def _delivery_to(shop: Shop, webhook_id: str) -> str:
    while shop.services.writer.apply(shop.services.sequence_events, SequenceEvents(shop.services.now())).left:
        pass
    found = shop.services.reader.read_now(lambda tx: list_deliveries(tx, webhook_id, None, before_id=None, limit=1))
    return found[0].id


def _connection_of(customer: Customer) -> str:
    body = {"name": "x", "kind": "sip", "targets": [{"uri": "sip:203.0.114.7"}]}
    made = customer.http.post("/connections/", json=body)
    assert made.status_code == 200, made.text
    return str(made.json()["data"]["id"])


def _person_of(customer: Customer) -> str:
    made = customer.http.post("/people/", json={"email": f"{customer.account_id}@example.com", "role": "viewer"})
    assert made.status_code == 200, made.text
    return str(made.json()["data"]["id"])


def _session_of(shop: Shop, customer: Customer, number: str) -> str:
    source = f"{CUSTOMERS}{customer.account_id}"
    shop.services.writer.apply(appoint_sources, AppointSource(number, source, shop.services.now()))
    body = {"call_id": "c", "phone_number": number, "direction": "inbound"}
    made = customer.http.post("/usage/sessions/", json=body)
    assert made.json()["data"]["allowed"], made.text
    return str(made.json()["data"]["session_id"])


def _ask(customer: Customer, place: Place, value: str) -> httpx.Response:
    operation = DOCUMENT["paths"][place.described][place.method.lower()]
    content = next(iter(operation.get("requestBody", {}).get("content", {}).items()), None)
    given: dict[str, Any] = {"headers": {}}
    if content is not None:
        body = content[1]["example"]
        body = {**body, place.field: value} if place.where == "body" else body
        given = {"content": json.dumps(body), "headers": {"Content-Type": content[0]}}
    if place.where == "query":
        given["params"] = {place.field: value}
    path = place.path.removeprefix("/api/v1").replace("{" + place.field + "}", value)
    return customer.http.request(place.method, path, **given)


def _seen(answer: httpx.Response) -> tuple[int, dict[str, str], Any]:
    """All that a client sees, but for what names the request."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "x-request-id")}
    body = answer.json()
    body.pop("request_id", None)
    return answer.status_code, headers, body


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place.method} {place.path} {place.where} {place.field}")
def test_what_belongs_to_others_looks_as_if_it_were_not_there(shop: Shop, targets: Targets, place: Place) -> None:
    customer, kind = shop.customer(), KINDS[place.field]
    if place.where == "body" and "{number}" in place.path:
        number = shop.number()
        assert customer.buy(number).status_code == 200
        place = place._replace(path=place.path.replace("{number}", number))
    absent = _seen(_ask(customer, place, targets.absent[kind]))
    others = dict(targets.others[kind])
    if place.path.endswith("/buy"):
        # What is for sale may be bought, and of what is rented anybody may know that it is; not by whom.
        del others["for sale"], others["rented"], others["rented, told of by its carrier"]
    assert {name: _seen(_ask(customer, place, value)) for name, value in others.items()} == dict.fromkeys(
        others, absent
    )
    assert absent[0] == _status(place)


def _status(place: Place) -> int:
    """What is answered of nothing: a list is empty, a call is denied in words, and a connection is a wrong value."""
    if "/admin/" in place.path:
        return 403
    if place.where == "query" or (place.path.endswith("/sessions") and place.where == "body"):
        return 200
    return 400 if (place.where, place.field) == ("body", "connection_id") else 404


def test_of_a_number_that_is_taken_nobody_learns_by_whom(shop: Shop) -> None:
    numbers = [shop.number(), shop.number()]
    for number in numbers:
        assert shop.customer().buy(number).status_code == 200
    answers = [_seen(shop.customer().buy(number)) for number in numbers]
    assert answers[0] == answers[1]
    assert answers[0][0] == 409


def test_a_number_bought_with_a_connection_of_others_is_connected_to_it_as_little_as_to_none(
    shop: Shop, targets: Targets
) -> None:
    shown = []
    for connection_id in (targets.absent["connection"], *targets.others["connection"].values()):
        customer, number = shop.customer(), shop.number()
        bought = customer.buy(number, connection_id=connection_id)
        stands = customer.http.get(f"/phone-numbers/{number}/connection/")
        lists = [customer.http.get(path).json()["data"] for path in ("/connections/", "/phone-numbers/")]
        told = json.dumps([bought.json()["data"], stands.json()["data"], lists]).replace(connection_id, "the id sent")
        shown.append(re.sub(r"([a-z]{3})_[0-9a-f]{32}|\+\d{11}|\d{4}-\d\d-\d\dT[\d:]+Z", "", told))
        assert bought.status_code == 200
    assert shown == [shown[0]] * len(shown)


def test_a_page_token_of_another_tenant_opens_nothing_of_theirs(shop: Shop) -> None:
    mine, theirs = shop.customer(), shop.customer()
    for customer in (mine, theirs, mine, theirs):
        customer.buy(shop.number())
        customer.http.post("/api-keys/", json={"name": customer.account_id})
    for path in ("/orders/", "/phone-numbers/", "/transactions/", "/api-keys/"):
        own = mine.http.get(path, params={"page_size": 100}).json()["data"]
        token = theirs.http.get(path, params={"page_size": 1}).json()["page"]["next"]
        with_theirs = mine.http.get(path, params={"page_size": 100, "page_token": token}).json()["data"]
        assert all(item in own for item in with_theirs), path


def test_an_account_that_is_named_in_a_customers_request_is_not_looked_at(shop: Shop) -> None:
    mine, theirs = shop.customer(), shop.customer()
    theirs.buy(shop.number())
    for described in ENDPOINTS:
        if described.method != "GET" or described.scope not in CUSTOMER_SCOPES or "{" in described.path:
            continue
        plain = mine.http.get(described.path)
        asked = mine.http.get(described.path, headers={"X-Account-Id": theirs.account_id})
        assert _seen(asked) == _seen(plain), described.path
        for name in ("account_id", "account", "owner"):
            asked = mine.http.get(described.path, params={name: theirs.account_id})
            assert (asked.status_code, asked.json()["error"]["details"]["field"]) == (400, name), described.path


def test_every_place_for_an_id_is_tried() -> None:
    assert {place.field for place in _places()} <= set(KINDS) | NO_IDS
    assert len(PLACES) >= 18
    assert {place.where for place in PLACES} == {"path", "query", "body"}
