"""Fields of answers sent back in requests are refused or ignored: what a client may set is what the document says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest

from numberdesk.api.endpoint import ENDPOINTS
from numberdesk.core.call_charging import CUSTOMERS
from numberdesk.flows.usage.set_usage_terms import AppointSource, appoint_sources
from numberdesk.infra.vault import new_key
from tests.api.conftest import Customer, Shop
from tests.api.described import DOCUMENT

POSTGRESQL_IN_THE_LONG_RUN: Final = "the rules of fields are the same on both engines"

SCHEMAS: Final[dict[str, Any]] = DOCUMENT["components"]["schemas"]
PLANTED: Final = {"string": "planted", "number": 999_999, "integer": 999_999, "boolean": True, "array": ["admin"]}
FIELDS: Final = {
    name: schema
    for view, shape in SCHEMAS.items()
    if view.endswith("View")
    for name, schema in shape["properties"].items()
}
"""Every field that any answer has."""
WRITES: Final = [
    (method.upper(), path)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    if "application/json" in operation.get("requestBody", {}).get("content", {})
    and path != "/api/v1/usage/calls"  # each record there has an outcome of its own: test_usage.py
]
REFUSED: Final = {
    "/api/v1/admin/carriers": 400,
    "/api/v1/admin/compliance-profiles": 400,
    "/api/v1/admin/compliance-profiles/{profile_id}": 404,
    "/api/v1/admin/carriers/{name}": 404,
    "/api/v1/admin/findings/keep": 404,
    "/api/v1/admin/findings/put-back": 404,
    "/api/v1/admin/findings/release": 404,
    "/api/v1/admin/accounts/{account_id}/rate-decks": 404,
    "/api/v1/admin/phone-numbers/{number}/unadopt": 400,
    "/api/v1/admin/price-rules/{rule_id}/reprice": 404,
    "/api/v1/admin/rentals/{rental_id}/prices": 404,
    "/api/v1/admin/usage/parked/rate": 404,
    "/api/v1/admin/rentals/{rental_id}/waive": 404,
    "/api/v1/webhooks": 400,
    "/api/v1/webhooks/{webhook_id}": 404,
    "/api/v1/webhooks/{webhook_id}/replay": 404,
}
"""Writes that are refused where there is no carrier, webhook, rental, adoption, rule, deck and key for secrets."""


def _planted(schema: dict[str, Any]) -> Any:
    kinds = [schema, *schema.get("anyOf", [])]
    return next((PLANTED[kind["type"]] for kind in kinds if kind.get("type") in PLANTED), "planted")


def _content(method: str, path: str) -> dict[str, Any]:
    content: dict[str, Any] = DOCUMENT["paths"][path][method.lower()]["requestBody"]["content"]["application/json"]
    return content


def _own_fields(method: str, path: str) -> set[str]:
    """The names that a write takes."""
    shape = _content(method, path)["schema"]["$ref"].rpartition("/")[2]
    others = {name for each in ENDPOINTS if _is(each.body, shape) for name in getattr(each.body, "other_names", ())}
    return set(SCHEMAS[shape]["properties"]) | others


def _is(body: type | None, shape: str) -> bool:
    return body is not None and body.__name__ == shape


class _Named(dict[str, str]):
    """Values of a path; what nobody has stays as it is."""

    def __missing__(self, name: str) -> str:
        return f"{{{name}}}"


@dataclass
class Written:
    """A write that was tried: its answer, its customer, and what that had before and after."""

    answer: httpx.Response
    customer: Customer
    before: str
    after: str


def _email(customer: Customer) -> str:
    """An address that nobody else has."""
    return f"{customer.account_id}@example.com"


def _make_ready(shop: Shop, number: str, path: str) -> None:
    """Only what was taken back can be restored."""
    if path.endswith("/restore"):
        taken = shop.operator().http.post(f"/admin/phone-numbers/{number}/take-back/", json={"reason": "mistake"})
        assert taken.status_code == 200, taken.text


def _made(shop: Shop, customer: Customer, number: str, path: str) -> dict[str, str]:
    """What a path and its body name, by the fields that do: each is the customer's own."""

    def made(where: str, what: str, body: dict[str, Any]) -> str:
        answer = customer.http.post(where, json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["data"][what])

    own = {"phone_number": number, "number": number, "account_id": customer.account_id}
    if "{number}" in path or "/usage/sessions" in path:
        assert customer.buy(number).status_code == 200
        source = f"{CUSTOMERS}{customer.account_id}"
        shop.services.writer.apply(appoint_sources, AppointSource(number, source, shop.services.now()))
    if "{key_id}" in path:
        own["key_id"] = made("/api-keys/", "id", {"name": "x"})
    if path.endswith(("/{connection_id}", "/connection")):
        own["connection_id"] = made("/connections/", "id", _content("POST", "/api/v1/connections")["example"])
    _make_ready(shop, number, path)
    if "{person_id}" in path:
        own["person_id"] = made("/people/", "id", {"email": _email(customer), "role": "viewer"})
    if path.endswith("/transfer"):
        own["account_id"] = shop.customer().account_id
    if "{session_id}" in path:
        call = {"call_id": "b2f4-1", "phone_number": number, "direction": "inbound"}
        own["session_id"] = made("/usage/sessions/", "session_id", call)
    return own


def _write(shop: Shop, method: str, path: str, extra: dict[str, Any]) -> Written:
    """Make the write of the document's example on things of a customer's own, with more fields than it has, if any.

    With none it is what others are compared with afterwards: nobody asks what was before.
    """
    example = _content(method, path)["example"]
    customer, operator, number = shop.customer(), shop.operator(), shop.number()
    own = _made(shop, customer, number, path)
    body = {**example, **{name: own[name] for name in example if name in own}, **extra}
    if path.endswith("/accounts"):
        body["name"] = customer.account_id  # there may be one of each name
    if "email" in body and "{person_id}" not in path:
        body["email"] = _email(customer)
    filled = path.removeprefix("/api/v1").format_map(_Named(own))
    before = _state(customer, operator) if extra else ""
    asking = operator if "/admin/" in path else customer
    answer = asking.http.request(method, filled, content=json.dumps(body), headers={"Content-Type": "application/json"})
    return Written(answer, customer, before, _state(customer, operator))


def _normal(value: Any) -> str:
    """An answer without what differs from one request to the next: ids, keys, numbers and instants."""
    text = json.dumps(value, sort_keys=True)
    text = re.sub(r"([a-z]{3})_[0-9a-f]{32}", r"\1_", text)
    text = re.sub(r"nd_live_\w+", "nd_live_", text)
    return re.sub(r"\+\d{11}|\d{4}-\d\d-\d\dT[\d:]+Z", "", text)


def _state(customer: Customer, operator: Customer) -> str:
    """All that the customer has afterwards."""
    paths = ("/balance/", "/orders/", "/phone-numbers/", "/transactions/", "/api-keys/", "/connections/")
    account = operator.http.get(f"/admin/accounts/{customer.account_id}/")
    assert account.status_code == 200, account.text
    return _normal([account.json()["data"], *(customer.http.get(path).json()["data"] for path in paths)])


def _assert_not_applied(asked: Written, plain: Written, fields: Iterable[str]) -> None:
    """Either the fields are refused and nothing is changed, or all is as without them."""
    if asked.answer.status_code == 400 and plain.answer.status_code == 200:
        details = asked.answer.json()["error"]["details"]
        assert details["field"] in fields
        assert "of this request" in details["reason"]
        assert asked.after == asked.before
    else:
        assert _normal(asked.answer.json()) == _normal(plain.answer.json())
        assert asked.after == plain.after


@pytest.mark.parametrize(("method", "path"), WRITES, ids=str)
def test_a_field_that_only_answers_have_is_ignored_or_refused_in_a_request_and_never_applied(
    shop: Shop, method: str, path: str
) -> None:
    own = _own_fields(method, path)
    extra = {name: _planted(schema) for name, schema in FIELDS.items() if name not in own}
    assert len(extra) > 20
    plain = _write(shop, method, path, {})
    assert plain.answer.status_code == REFUSED.get(path, 200), plain.answer.text
    parts = len(extra) // 100 + 1  # a purchase ignores a hundred and no more
    for names in (sorted(extra)[place::parts] for place in range(parts)):
        asked = _write(shop, method, path, {name: extra[name] for name in names})
        if plain.answer.status_code == 200:
            _assert_not_applied(asked, plain, names)
        else:
            assert asked.answer.status_code == 400
            assert asked.after == asked.before
        assert "planted" not in asked.answer.text + asked.after


def test_a_field_that_only_answers_have_is_refused_when_a_carrier_is_set_up(other_shop: Callable[..., Shop]) -> None:
    http = other_shop(credentials_key=new_key()).operator().http
    extra = {
        "open_findings": 7,
        "failures": 9,
        "problem": "x",
        "created_at": "2020-01-01T00:00:00Z",
        "credentials": "x",
    }
    setup = {"kind": "telnyx", "options": {"base_url": "http://127.0.0.1:1029"}, "secrets": {"api_key": "a-key"}}
    plain = http.post("/admin/carriers/", json={"name": "first", **setup}).json()["data"]
    for name, value in extra.items():
        changed = http.patch("/admin/carriers/first/", json={"status": "disabled", name: value})
        other = http.post("/admin/carriers/", json={"name": "second", **setup, name: value})
        assert {answer.status_code for answer in (changed, other)} == {400}
        assert {answer.json()["error"]["details"]["field"] for answer in (changed, other)} == {name}
    assert http.get("/admin/carriers/").json()["data"] == [plain]


MEANT_ELSEWHERE: Final = ("__proto__", "__class__", "constructor", "$where", "account.id", "data", "success")
TRIED: Final = [write for write in WRITES if write[1] not in REFUSED]


@pytest.mark.parametrize(
    ("field", "writes"),
    [
        *((field, TRIED[place :: len(MEANT_ELSEWHERE)]) for place, field in enumerate(MEANT_ELSEWHERE)),
        *(pytest.param(field, TRIED, marks=pytest.mark.long) for field in MEANT_ELSEWHERE),
    ],
)
def test_a_field_with_a_meaning_elsewhere_has_none_here(shop: Shop, field: str, writes: list[tuple[str, str]]) -> None:
    for method, path in writes:
        plain = _write(shop, method, path, {})
        _assert_not_applied(_write(shop, method, path, {field: {"scopes": ["admin"], "balance": 1}}), plain, [field])


def test_a_key_is_made_with_no_more_than_its_maker_has_and_no_field_changes_that(shop: Shop) -> None:
    maker = shop.customer(0, ("keys:manage", "numbers:read"))
    extra = {"scope": "admin", "admin": True, "account_id": shop.customer().account_id, "key": "nd_live_mine"}
    for name, value in extra.items():
        assert maker.http.post("/api-keys/", json={"name": "x", name: value}).status_code == 400
    made = maker.http.post("/api-keys/", json={"name": "x"}).json()["data"]
    assert (made["scopes"], made["account_id"]) == (["numbers:read", "keys:manage"], maker.account_id)
    assert len(maker.http.get("/api-keys/").json()["data"]) == 2


def test_there_are_writes_to_try() -> None:
    assert len(WRITES) >= 8
    assert {"balance", "status", "scopes", "account_id", "renews_at", "credit_limit"} <= set(FIELDS)
