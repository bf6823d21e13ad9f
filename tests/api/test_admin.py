"""The operator's endpoints over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

from numberdesk.flows.catalog.reprice import Reprice
from tests.api.conftest import Shop

POSTGRESQL_IN_THE_LONG_RUN = "the flows behind the endpoints are tested on both engines"

HEADER = "phone_number,monthly_price,per_minute_price_inbound,per_minute_price_outbound,currency\n"
CSV = {"Content-Type": "text/csv"}


def test_from_nothing_to_a_sale_over_http_alone(other_shop: Callable[..., Shop]) -> None:
    shop = other_shop()
    http = shop.operator().http
    account = http.post("/admin/accounts/", json={"name": "Agency", "currency": "USD"}).json()["data"]
    assert http.get(f"/admin/accounts/{account['id']}/").json()["data"] == account
    paid = http.post(f"/admin/accounts/{account['id']}/top-ups/", json={"amount": "10.50", "reference": "inv-1"})
    assert paid.json()["data"]["balance"] == 10.5
    imported = http.post(
        "/admin/inventory/import/", content=f"{HEADER}+13612738809,1.15,0.0085,0.0945,USD\n", headers=CSV
    )
    assert imported.json()["data"]["new"] == 1
    key = http.post(f"/admin/accounts/{account['id']}/keys/", json={"name": "shop"}).json()["data"]["key"]
    client = shop.client({"X-Api-Key": key})
    bought = client.post("/phone-numbers/buy/", json={"phone_number": "+13612738809", "price": 1.15})
    assert bought.status_code == 200
    balance = http.get(f"/admin/accounts/{account['id']}/balance/").json()["data"]
    assert balance["available"] == client.get("/balance/").json()["data"]["available"] == 9.35
    (order,) = http.get("/admin/orders/").json()["data"]
    assert (order["account_id"], order["carrier"], order["status"]) == (account["id"], "pool", "completed")
    (item,) = http.get("/admin/inventory/", params={"state": "assigned"}).json()["data"]
    assert item["phone_number"] == "+13612738809"
    (listed,) = http.get(f"/admin/accounts/{account['id']}/keys/").json()["data"]
    assert http.delete(f"/admin/keys/{listed['id']}/").json()["data"]["revoked_at"]


def test_a_reference_makes_a_movement_safe_to_repeat(shop: Shop) -> None:
    operator, customer = shop.operator(), shop.customer(0)
    path = f"/admin/accounts/{customer.account_id}"
    answers = [operator.http.post(f"{path}/top-ups/", json={"amount": 5, "reference": "r1"}) for _ in range(3)]
    assert len({answer.content for answer in answers}) == 1
    assert customer.balance() == 5
    other = operator.http.post(f"{path}/top-ups/", json={"amount": 6, "reference": "r1"})
    assert (other.status_code, other.json()["error"]["details"]["field"]) == (422, "amount")
    operator.http.post(f"{path}/adjustments/", json={"amount": -2, "reference": "r1"})
    assert customer.balance() == 3
    short = operator.http.post(f"{path}/adjustments/", json={"amount": -3.5})
    assert (short.status_code, short.json()["error"]["details"]["missing"]) == (402, 0.5)


def test_a_credit_limit_lets_a_wallet_go_below_zero_by_that_much(shop: Shop) -> None:
    operator = shop.operator()
    body = {"name": "Trusted", "currency": "USD", "credit_limit": 2}
    account = operator.http.post("/admin/accounts/", json=body).json()["data"]
    customer = shop.with_key(account["id"])
    assert customer.buy(shop.number()).status_code == 200
    assert customer.buy(shop.number()).status_code == 402
    assert customer.balance() == -1.15


def test_an_account_is_renamed_given_credit_and_closed_over_http(shop: Shop) -> None:
    operator, customer, other = shop.operator(), shop.customer(1.15), shop.customer(0)
    path = f"/admin/accounts/{customer.account_id}/"
    taken = operator.http.get(f"/admin/accounts/{other.account_id}/").json()["data"]["name"]
    for body, field in (({"name": taken}, "name"), ({"credit_limit": -1}, "credit_limit"), ({"status": "x"}, "status")):
        refused = operator.http.patch(path, json=body)
        assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, field), refused.text
    new = f"Renamed {customer.account_id}"
    changed = operator.http.patch(path, json={"name": new, "credit_limit": "2.5"}).json()["data"]
    assert (changed["name"], changed["credit_limit"], changed["closed_at"]) == (new, 2.5, None)
    assert customer.http.get("/balance/").json()["data"]["credit_limit"] == 2.5
    bought = customer.buy(number := shop.number()).json()["data"]
    in_use = operator.http.patch(path, json={"status": "closed", "name": "not kept"})
    assert (in_use.status_code, in_use.json()["error"]["code"]) == (409, "account_in_use")
    assert in_use.json()["error"]["details"] == {"rentals": 1}
    assert operator.http.get(path).json()["data"] == changed
    customer.http.delete(f"/phone-numbers/{number}/release/")
    closed = operator.http.patch(path, json={"status": "closed"}).json()["data"]
    assert (closed["status"], closed["credit_limit"], closed["closed_at"] is None) == ("closed", 0, False)
    fresh = shop.client({"X-Api-Key": customer.key})
    refused_until(lambda: fresh.get("/balance/"), 401)
    for made in ("keys", "top-ups", "adjustments"):
        body = {"name": "late"} if made == "keys" else {"amount": 1}
        late = operator.http.post(f"{path}{made}/", json=body)
        assert (late.status_code, late.json()["message"]) == (403, "This account is closed."), made
    assert operator.http.patch(path, json={"status": "active"}).status_code == 400
    assert operator.http.get(f"/admin/orders/{bought['order_id']}/").json()["data"]["account_name"] == new


def test_an_account_is_given_a_time_zone_from_the_next_month_on(shop: Shop) -> None:
    operator, customer = shop.operator(), shop.customer(1)
    path = f"/admin/accounts/{customer.account_id}/"
    before = operator.http.get(path).json()["data"]
    assert (before["time_zone"], before["time_zone_from"]) == ("UTC", None)
    refused = operator.http.patch(path, json={"time_zone": "Europe/Nowhere"})
    assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, "time_zone")
    changed = operator.http.patch(path, json={"time_zone": "Europe/Berlin"}).json()["data"]
    (statement,) = customer.http.get("/statements/").json()["data"]
    assert (changed["time_zone"], statement["time_zone"]) == ("Europe/Berlin", "UTC")
    assert changed["time_zone_from"] > statement["month"]
    assert customer.http.get("/account/").json()["data"] == operator.http.get(path).json()["data"] == changed
    assert customer.http.patch(path, json={"time_zone": "UTC"}).status_code == 403
    own = operator.http.patch(f"/admin/accounts/{operator.account_id}/", json={"time_zone": "Europe/Berlin"})
    assert (own.status_code, own.json()["error"]["details"]["field"]) == (400, "time_zone")


def refused_until(ask: Callable[[], httpx.Response], status: int) -> None:
    """What a process remembers of a key it remembers for half a second."""
    for _ in range(100):
        if ask().status_code == status:
            return
        time.sleep(0.05)
    raise AssertionError(ask().text)


def test_things_of_accounts_that_are_not_there_are_404(shop: Shop) -> None:
    http = shop.operator().http
    for method, path, body in (
        ("GET", "/admin/accounts/acc_0/", None),
        ("PATCH", "/admin/accounts/acc_0/", {"status": "suspended"}),
        ("GET", "/admin/accounts/acc_0/balance/", None),
        ("POST", "/admin/accounts/acc_0/top-ups/", {"amount": 1}),
        ("POST", "/admin/accounts/acc_0/keys/", {}),
        ("DELETE", "/admin/keys/key_0/", None),
        ("DELETE", "/admin/price-rules/prl_0/", None),
        ("DELETE", "/api-keys/key_0/", None),
    ):
        assert http.request(method, path, json=body).status_code == 404, path


def test_accounts_are_listed_in_pages(shop: Shop) -> None:
    http = shop.operator().http
    made = [
        http.post("/admin/accounts/", json={"name": f"A{place}", "currency": "USD"}).json()["data"]["id"]
        for place in range(3)
    ]
    seen: list[str] = []
    token: str | None = ""
    while token is not None:
        page = http.get("/admin/accounts/", params={"page_size": 2, "page_token": token}).json()
        seen += [account["id"] for account in page["data"]]
        token = page["page"]["next"]
    assert [each for each in seen if each in made] == made
    assert len(seen) == len(set(seen))


def test_an_import_says_which_lines_are_bad_and_saves_nothing(other_shop: Callable[..., Shop]) -> None:
    http = other_shop().operator().http
    file = f"{HEADER}+13612738809,1.15,,,USD\nnonsense,1,,,USD\n+13612738810,-1,,,USD\n"
    answer = http.post("/admin/inventory/import/", content=file, headers=CSV)
    assert answer.status_code == 400
    details = answer.json()["error"]["details"]
    assert (details["field"], details["good"], details["bad"]) == ("file", 1, 2)
    assert [line["line"] for line in details["bad_lines"]] == [3, 4]
    assert http.get("/admin/inventory/").json()["data"] == []
    report = http.post("/admin/inventory/import/?skip_bad=true", content=file, headers=CSV).json()["data"]
    assert (report["imported"], report["new"]) == (True, 1)
    again = http.post("/admin/inventory/import/?skip_bad=true", content=file, headers=CSV).json()["data"]
    assert (again["new"], again["changed"], again["unchanged"]) == (0, 0, 1)


def test_a_dry_run_saves_nothing_and_new_ranges_are_taken_when_asked_for(other_shop: Callable[..., Shop]) -> None:
    http = other_shop().operator().http
    path = "/admin/inventory/import/"
    file = f"{HEADER}(565) 273-8809,1.15,,,USD\n"
    assert http.post(f"{path}?country=us", content=file, headers=CSV).status_code == 400
    tried = http.post(f"{path}?country=us&accept_unknown=true&dry_run=true", content=file, headers=CSV).json()["data"]
    assert (tried["imported"], tried["dry_run"], tried["new"]) == (False, True, 1)
    assert http.get("/admin/inventory/").json()["data"] == []
    assert (
        http.post(f"{path}?country=us&accept_unknown=true", content=file, headers=CSV).json()["data"]["imported"]
        is True
    )
    (item,) = http.get("/admin/inventory/").json()["data"]
    assert (item["phone_number"], item["area_code"]) == ("+15652738809", "565")


def test_an_import_over_its_limit_is_413(other_shop: Callable[..., Shop]) -> None:
    http = other_shop(import_limit_bytes=2_000).operator().http
    file = HEADER + "+13612738809,1.15,,,USD\n" * 200
    assert http.post("/admin/inventory/import/", content=file, headers=CSV).status_code == 413
    assert http.post("/admin/inventory/import/", json={}).status_code == 415


def test_price_rules_price_what_came_without_prices(other_shop: Callable[..., Shop]) -> None:
    shop = other_shop()
    http = shop.operator().http
    imported = http.post("/admin/inventory/import/", content="phone_number\n+13612738809\n", headers=CSV)
    assert imported.json()["data"]["unpriced"] == 1
    customer = shop.customer()
    assert customer.http.get("/phone-numbers/available-numbers/US/").json()["data"] == []
    body: dict[str, Any] = {"currency": "USD", "prefix": "1361", "price": 2.5, "per_minute_price_inbound": 0.01}
    rule = http.post("/admin/price-rules/", json=body).json()["data"]
    assert http.get("/admin/price-rules/").json()["data"] == [rule]
    shop.services.writer.apply(shop.services.reprice, Reprice())
    (offer,) = customer.http.get("/phone-numbers/available-numbers/US/").json()["data"]
    assert (offer["price"], offer["per_minute_price_inbound"]) == (2.5, 0.01)
    http.post("/admin/price-rules/", json={**body, "price": 3})
    shop.services.writer.apply(shop.services.reprice, Reprice())
    assert customer.buy("+13612738809", 2.5).status_code == 200
    assert http.delete(f"/admin/price-rules/{rule['id']}/").status_code == 200
    assert http.get("/admin/price-rules/").json()["data"] == []


def test_a_carrier_that_is_not_connected_is_refused_before_its_numbers_can_be_ordered(shop: Shop) -> None:
    http = shop.operator().http
    file = f"{HEADER}+13612738809,1.15,,,USD\n"
    answer = http.post("/admin/inventory/import/?carrier=acme", content=file, headers=CSV)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"]["field"] == "carrier"
