"""Keys over HTTP: what one may see, give and revoke, and what those of operators' accounts are answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from numberdesk.accounts.model import CUSTOMER_SCOPES, OPERATOR_SCOPES, SCOPES
from numberdesk.api.endpoint import ENDPOINTS
from tests.api.conftest import Customer, Shop

POSTGRESQL_IN_THE_LONG_RUN = "the flows behind the endpoints are tested on both engines"

SEARCH = "/phone-numbers/available-numbers/US/"


def _made(maker: Customer, path: str = "/api-keys/", **body: Any) -> dict[str, Any]:
    answer = maker.http.post(path, json=body)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


def _with(shop: Shop, made: dict[str, Any]) -> Customer:
    return Customer(made["account_id"], made["key"], shop.client({"X-Api-Key": made["key"]}))


def _works(shop: Shop, made: dict[str, Any]) -> bool:
    """As the books say: a running service remembers a key for half a second."""
    with shop.services.database.read() as tx:
        return tx.fetch(f"SELECT revoked_at FROM api_keys WHERE id = '{made['id']}'", []) == [(None,)]  # noqa: S608  own


def _soon() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_customers_key_neither_lists_nor_revokes_that_of_an_operator(shop: Shop) -> None:
    operator, customer = shop.operator(), shop.customer()
    (own,) = operator.http.get("/api-keys/").json()["data"]
    assert own["id"] not in customer.http.get("/api-keys/").text
    assert customer.http.delete(f"/api-keys/{own['id']}/").status_code == 404
    assert operator.http.get("/admin/accounts/").status_code == 200


def test_a_key_may_see_and_revoke_only_keys_whose_scopes_it_has(shop: Shop) -> None:
    wide = shop.customer()
    narrow = _with(shop, _made(wide, scopes=["numbers:read", "keys:manage"], name="narrow"))
    least = _made(wide, scopes=["numbers:read"])
    beyond = _made(wide, scopes=["numbers:buy"])
    listed = {one["id"] for one in narrow.http.get("/api-keys/").json()["data"]}
    assert least["id"] in listed
    assert beyond["id"] not in listed
    assert len(listed) == 2
    assert len(wide.http.get("/api-keys/").json()["data"]) == 4
    for key_id, status in ((beyond["id"], 404), (least["id"], 200)):
        assert narrow.http.get(f"/api-keys/{key_id}/").status_code == status
        assert narrow.http.delete(f"/api-keys/{key_id}/").status_code == status
    assert _works(shop, beyond)
    assert not _works(shop, least)


def test_pages_of_keys_pass_over_what_the_asking_key_may_not_see(shop: Shop) -> None:
    wide = shop.customer()
    narrow = _with(shop, _made(wide, scopes=["keys:manage"]))
    seen = [_made(wide, scopes=[("keys:manage", "numbers:buy")[place % 2]])["id"] for place in range(6)][::2]
    found: list[str] = []
    token: str | None = ""
    while token is not None:
        page = narrow.http.get("/api-keys/", params={"page_size": 2, "page_token": token}).json()
        found += [one["id"] for one in page["data"]]
        token = page["page"]["next"]
    assert found[1:] == seen


def test_who_made_a_key_is_kept_and_it_expires_no_later(shop: Shop) -> None:
    first = shop.customer()
    (own,) = first.http.get("/api-keys/").json()["data"]
    assert own["created_by"] is None
    soon = _soon()
    second = _made(first, expires_at=soon, name="second")
    assert (second["created_by"], second["expires_at"]) == (own["id"], soon)
    third = _made(_with(shop, second), name="third")
    assert (third["created_by"], third["expires_at"]) == (second["id"], soon)
    late = _with(shop, second).http.post("/api-keys/", json={"expires_at": "2090-01-01T00:00:00Z"})
    assert (late.status_code, late.json()["error"]["details"]["field"]) == (400, "expires_at")
    assert soon in late.json()["message"]
    assert first.http.get(f"/api-keys/{third['id']}/").json()["data"]["created_by"] == second["id"]


def test_a_rotated_key_does_not_take_the_new_one_along(shop: Shop) -> None:
    old = shop.customer(scopes=CUSTOMER_SCOPES)
    (own,) = old.http.get("/api-keys/").json()["data"]
    new = _made(old, name="new")
    answer = _with(shop, new).http.delete(f"/api-keys/{own['id']}/")
    assert (answer.status_code, answer.json()["message"]) == (200, "Key revoked")
    assert _works(shop, new)


@pytest.mark.parametrize("path", ["/api-keys", "/admin/keys"])
def test_descendants_go_along_when_that_is_asked_for(shop: Shop, path: str) -> None:
    first = shop.customer()
    leaked = _made(first, name="leaked")
    made = _made(_with(shop, leaked), name="made with it")
    beside = _made(first, name="beside")
    asking = shop.operator() if path == "/admin/keys" else first
    wrong = asking.http.delete(f"{path}/{leaked['id']}/", params={"with_descendants": "perhaps"})
    assert (wrong.status_code, wrong.json()["error"]["details"]["field"]) == (400, "with_descendants")
    answer = asking.http.delete(f"{path}/{leaked['id']}/", params={"with_descendants": "true"})
    assert answer.json()["message"] == "Key revoked, and 1 that were made with it"
    assert answer.json()["data"]["id"] == leaked["id"]
    assert [_works(shop, one) for one in (leaked, made, beside)] == [False, False, True]


def test_a_key_that_an_operator_makes_for_a_customer_has_its_maker_and_end(shop: Shop) -> None:
    operator, customer = shop.operator(), shop.customer()
    soon = _soon()
    passing = _with(shop, _made(operator, expires_at=soon))
    (own, _) = operator.http.get("/api-keys/").json()["data"]
    path = f"/admin/accounts/{customer.account_id}/keys/"
    lasting, ending = _made(operator, path), _made(passing, path)
    assert (lasting["created_by"], lasting["expires_at"]) == (own["id"], None)
    assert ending["expires_at"] == soon
    assert tuple(lasting["scopes"]) == CUSTOMER_SCOPES
    listed = operator.http.get(path).json()["data"]
    assert [one["id"] for one in listed][1:] == [lasting["id"], ending["id"]]


def test_admin_is_given_within_operators_accounts_only(shop: Shop) -> None:
    operator, customer = shop.operator(), shop.customer()
    path = "/admin/accounts/{}/keys/"
    assert tuple(_made(operator)["scopes"]) == OPERATOR_SCOPES
    assert tuple(_made(operator, path.format(shop.operator().account_id))["scopes"]) == OPERATOR_SCOPES
    for asking, where, scopes in (
        (operator, path.format(customer.account_id), ["admin"]),
        (operator, path.format(operator.account_id), ["numbers:buy"]),
        (operator, "/api-keys/", ["admin", "billing:read"]),
    ):
        answer = asking.http.post(where, json={"scopes": scopes})
        assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, "scopes")
    assert customer.http.post("/api-keys/", json={"scopes": ["admin"]}).status_code == 403
    helper = _with(shop, _made(operator, scopes=["keys:manage", "numbers:read"]))
    assert helper.http.post("/api-keys/", json={"scopes": ["admin"]}).status_code == 403
    assert len(helper.http.get("/api-keys/").json()["data"]) == 1


def test_operators_accounts_are_listed_when_they_are_asked_for(shop: Shop) -> None:
    operator, customer = shop.operator(), shop.customer()
    found = operator.http.get(f"/admin/accounts/{operator.account_id}/").json()["data"]
    assert (found["kind"], found["currency"], found["status"]) == ("operator", None, "active")
    ids = {
        kind: {one["id"] for one in _all(operator, "/admin/accounts/", **query)}
        for kind, query in (("plain", {}), ("customer", {"kind": "customer"}), ("operator", {"kind": "operator"}))
    }
    assert ids["plain"] == ids["customer"]
    assert customer.account_id in ids["plain"]
    assert operator.account_id in ids["operator"]
    assert not ids["plain"] & ids["operator"]


def _all(asking: Customer, path: str, **query: str) -> list[Any]:
    found: list[Any] = []
    token: str | None = ""
    while token is not None:
        page = asking.http.get(path, params={"page_size": "100", "page_token": token, **query}).json()
        found += page["data"]
        token = page["page"]["next"]
    return found


def test_an_operators_account_has_no_wallet_to_look_at_or_move_and_is_not_suspended(shop: Shop) -> None:
    operator = shop.operator()
    path = f"/admin/accounts/{operator.account_id}"
    assert operator.http.get(f"{path}/balance/").status_code == 404
    for move in ("top-ups", "adjustments"):
        assert operator.http.post(f"{path}/{move}/", json={"amount": 1}).status_code == 404
    answer = operator.http.patch(f"{path}/", json={"status": "suspended"})
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, "status")


def test_what_is_about_a_wallet_or_rented_numbers_is_refused_to_keys_of_operators_accounts(shop: Shop) -> None:
    """Whatever scopes they have, as keys that moved there at an upgrade may have all."""
    operator = shop.operator()
    with shop.services.database.write() as tx:
        tx.run(f"UPDATE api_keys SET scopes = '{' '.join(SCOPES)}' WHERE account_id = '{operator.account_id}'", [])  # noqa: S608  own
    refused = 0
    for described in ENDPOINTS:
        if described.operators_too or "available-numbers" in described.path:
            continue
        path = described.path.replace("{number:str}", "+13619999999").replace("{order_id:str}", "ord_1")
        answer = operator.http.request(described.method, path, json={} if described.body else None)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden"), path
        assert answer.json()["error"]["details"] == {"account": "operator"}
        assert "operators' account" in answer.json()["message"]
        refused += 1
    assert refused > 8


def test_operators_search_in_a_currency_that_they_name(shop: Shop) -> None:
    operator, customer = shop.operator(), shop.customer()
    number = shop.number(area_code="808")
    query = {"area_code": "808"}
    found = operator.http.get(SEARCH, params={**query, "currency": "USD"}).json()["data"]
    assert [one["phone_number"] for one in found] == [number]
    assert operator.http.get(SEARCH, params={**query, "currency": "EUR"}).json()["data"] == []
    (other,) = customer.http.get(SEARCH, params={**query, "currency": "USD"}).json()["data"]
    assert other | {"offer_expires_at": found[0]["offer_expires_at"]} == found[0]
    for asking, given in ((operator, {}), (operator, {"currency": "UDS"}), (customer, {"currency": "EUR"})):
        answer = asking.http.get(SEARCH, params={**query, **given})
        assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, "currency")
