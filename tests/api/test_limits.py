"""Caps and low balances over HTTP: set by whom they may be, and told when they are in the way."""

from __future__ import annotations

import pytest

from tests.api.conftest import Shop

POSTGRESQL_IN_THE_LONG_RUN = "the flow is shown on both engines; this is about HTTP"


def test_a_purchase_over_a_cap_is_refused_and_says_why(shop: Shop) -> None:
    customer, operator = shop.customer(10), shop.operator()
    path = f"/admin/accounts/{customer.account_id}/"
    limits = {"spend_limits": {"per_day": 2}, "low_balance": {"below": 9}}
    shown = operator.http.patch(path, json=limits).json()["data"]
    assert shown["spend_limits"] == {"per_purchase": None, "per_day": 2, "per_month": None}
    assert shown["low_balance"] == {"below": 9}
    assert customer.buy(shop.number()).status_code == 200
    refused = customer.buy(shop.number())
    assert refused.status_code == 403
    error = refused.json()["error"]
    assert error["code"] == "spend_limit"
    assert {name: error["details"][name] for name in ("limit", "of", "cap", "spent", "needed")} == {
        "limit": "per_day",
        "of": "account",
        "cap": 2,
        "spent": 1.15,
        "needed": 1.15,
    }
    assert operator.http.patch(path, json={"spend_limits": {}}).json()["data"]["spend_limits"]["per_day"] is None
    assert customer.buy(shop.number()).status_code == 200


def test_a_customer_limits_a_key_and_one_that_is_limited_does_not_free_itself(shop: Shop) -> None:
    customer = shop.customer(10)
    made = customer.http.post("/api-keys/", json={"name": "shop", "spend_limits": {"per_purchase": 1}}).json()["data"]
    assert made["spend_limits"] == {"per_purchase": 1, "per_day": None, "per_month": None}
    limited, path = shop.client({"X-Api-Key": made["key"]}), f"/api-keys/{made['id']}/"
    body = {"phone_number": shop.number(), "price": 1.15}
    refused = limited.post("/phone-numbers/buy/", json=body)
    assert (refused.status_code, refused.json()["error"]["details"]["of"]) == (403, "key")
    assert limited.patch(path, json={"spend_limits": {}}).json()["error"]["code"] == "forbidden"
    assert limited.post("/api-keys/", json={"name": "free"}).json()["error"]["code"] == "forbidden"
    changed = customer.http.patch(path, json={"spend_limits": {"per_day": "1.15"}}).json()["data"]
    assert changed["spend_limits"] == {"per_purchase": None, "per_day": 1.15, "per_month": None}
    assert customer.http.get(path).json()["data"]["spend_limits"] == changed["spend_limits"]
    listed = {one["id"]: one["spend_limits"] for one in customer.http.get("/api-keys/").json()["data"]}
    assert listed[made["id"]] == changed["spend_limits"]
    assert limited.post("/phone-numbers/buy/", json=body).status_code == 200


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ({"per_day": -1}, "per_day"),
        ({"per_day": "much"}, "spend_limits.per_day"),
        ({"per_hour": 1}, "spend_limits.per_hour"),
        ({"perDay": 1, "per_day": 2}, "spend_limits.per_day"),
        ([], "spend_limits"),
    ],
)
def test_a_limit_that_is_none_is_named(shop: Shop, limits: object, field: str) -> None:
    customer, operator = shop.customer(0), shop.operator()
    path = f"/admin/accounts/{customer.account_id}/"
    answer = operator.http.patch(path, json={"spend_limits": limits})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["details"]["field"] == field


def test_limits_of_others_are_not_there_and_those_of_operators_are_refused(shop: Shop) -> None:
    customer, stranger, operator = shop.customer(0), shop.customer(0), shop.operator()
    made = customer.http.post("/api-keys/", json={"name": "shop"}).json()["data"]
    body = {"spend_limits": {"per_day": 1}}
    assert stranger.http.patch(f"/api-keys/{made['id']}/", json=body).status_code == 404
    assert operator.http.patch(f"/admin/keys/{made['id']}/", json=body).json()["data"]["spend_limits"]["per_day"] == 1
    own = f"/admin/accounts/{operator.account_id}/"
    assert operator.http.patch(own, json=body).json()["error"]["details"]["field"] == "spend_limits"
    assert operator.http.patch(own, json={"low_balance": {}}).json()["error"]["details"]["field"] == "low_balance"


def test_a_credit_limit_that_is_used_is_not_lowered(shop: Shop) -> None:
    customer, operator = shop.customer(0), shop.operator()
    path = f"/admin/accounts/{customer.account_id}/"
    assert operator.http.patch(path, json={"credit_limit": 5}).status_code == 200
    assert customer.buy(shop.number()).status_code == 200
    answer = operator.http.patch(path, json={"credit_limit": 1})
    assert (answer.status_code, answer.json()["error"]["details"]["least"]) == (409, 1.15)


def test_limits_are_taken_in_either_spelling(shop: Shop) -> None:
    customer = shop.customer(0)
    body = {"spendLimits": {"perDay": 2, "per_month": 3}, "lowBalance": {"below": 1}}
    shown = shop.operator().http.patch(f"/admin/accounts/{customer.account_id}/", json=body).json()["data"]
    assert shown["spend_limits"] == {"per_purchase": None, "per_day": 2, "per_month": 3}
    assert shown["low_balance"] == {"below": 1}
