"""Buying a number over HTTP: what clients send, what they get, and that it happens once."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from numberdesk.infra.metrics import Metrics
from tests.api.conftest import Shop

ENGINES_TAKE_TURNS = "the rules of fields are the same on both engines"


def test_the_documented_request_is_answered_as_documented(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    answer = customer.buy(number, per_minute_price_inbound=0.0085, per_minute_price_outbound=0.0945)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert re.fullmatch(r"req_[0-9a-f]{32}", answer.headers["x-request-id"])
    body = answer.json()
    assert body["success"] is True
    assert body["message"] == "Phone number purchased successfully"
    data = body["data"]
    assert list(data)[:4] == ["phone_number", "price", "status", "purchased_at"]
    assert (data["phone_number"], data["price"], data["status"]) == (number, 1.15, "active")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", data["purchased_at"])
    assert data["currency"] == "USD"
    assert data["per_minute_price_inbound"] == 0.0085
    assert data["per_minute_price_outbound"] == 0.0945
    assert (data["setup_price"], data["charged"]) == (0, 1.15)
    assert data["renews_at"] > data["purchased_at"]
    assert data["released_at"] is None
    assert data["id"].startswith("rnt_")
    assert data["order_id"].startswith("ord_")
    assert customer.balance() == 98.85


@pytest.mark.parametrize("path", ["/phone-numbers/buy/", "/phone-numbers/buy"])
def test_both_forms_of_the_path_answer_without_a_redirect(shop: Shop, path: str) -> None:
    customer = shop.customer()
    answer = customer.http.post(path, json={"phone_number": shop.number(), "price": 1.15})
    assert answer.status_code == 200
    assert not answer.history


@pytest.mark.parametrize("price", [1.15, "1.15", "1.150", "115e-2"])
def test_a_price_is_a_number_or_a_numeric_string(shop: Shop, price: Any) -> None:
    assert shop.customer().buy(shop.number(), price).status_code == 200


@pytest.mark.parametrize("text", ["295", "295.0", '"295"', '"295.0"', "2.95e2"])
def test_a_whole_price_is_an_integer_or_a_decimal(shop: Shop, text: str) -> None:
    customer, number = shop.customer(300), shop.number(price=295_000_000)
    body = f'{{"phone_number": "{number}", "price": {text}}}'
    answer = customer.http.post("/phone-numbers/buy/", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200
    assert answer.json()["data"]["price"] == 295
    assert customer.balance() == 5


def test_rates_sent_as_zero_equal_rates_the_offer_has_not(shop: Shop) -> None:
    number = shop.number(inbound=None, outbound=None)
    answer = shop.customer().buy(number, per_minute_price_inbound=0, per_minute_price_outbound=0.0)
    assert answer.status_code == 200
    assert answer.json()["data"]["per_minute_price_inbound"] is None
    assert answer.json()["data"]["per_minute_price_outbound"] is None


def test_rates_left_out_or_null_mean_those_of_the_offer(shop: Shop) -> None:
    answer = shop.customer().buy(shop.number(), per_minute_price_inbound=None)
    assert answer.status_code == 200
    assert answer.json()["data"]["per_minute_price_inbound"] == 0.0085


def test_unknown_keys_are_ignored(shop: Shop) -> None:
    answer = shop.customer().buy(shop.number(), agent="x", status="released", account_id="acc_0", currency="EUR")
    assert answer.status_code == 200
    assert answer.json()["data"]["currency"] == "USD"


def test_the_key_header_may_be_written_in_any_case(shop: Shop) -> None:
    customer = shop.customer()
    for name in ("x-api-key", "X-API-KEY", "X-Api-Key"):
        assert shop.client().get("/balance/", headers={name: customer.key}).status_code == 200


def test_an_unedited_playground_template_is_a_clean_400(shop: Shop) -> None:
    customer = shop.customer()
    template = {
        "phone_number": "",
        "price": 0,
        "per_minute_price_inbound": 0,
        "per_minute_price_outbound": 0,
    }
    answer = customer.http.post("/phone-numbers/buy/", json=template)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"]["field"] == "phone_number"
    assert customer.balance() == 100


def test_the_same_buy_again_is_the_same_purchase_and_the_balance_moves_once(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    first, second = customer.buy(number), customer.buy(number)
    assert first.content == second.content
    assert second.status_code == 200
    assert customer.balance() == 98.85
    assert len(customer.http.get("/transactions/").json()["data"]) == 2


def test_a_retry_without_a_key_returns_the_original_whatever_it_confirms(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    first = customer.buy(number)
    assert customer.buy(number, 99).content == first.content
    assert customer.balance() == 98.85


def test_a_replay_by_key_is_the_same_byte_for_byte(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    key = {"Idempotency-Key": "order-1"}
    answers = [customer.buy(number, headers=key) for _ in range(3)]
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].status_code == 200
    assert customer.balance() == 98.85


def test_a_replay_by_key_outlives_the_rental(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    key = {"Idempotency-Key": "order-1"}
    first = customer.buy(number, headers=key)
    assert customer.http.delete(f"/phone-numbers/{number}/release/").status_code == 200
    again = customer.buy(number, headers=key).json()["data"]
    assert again["released_at"].endswith("Z")
    assert again == {**first.json()["data"], "status": "released", "released_at": again["released_at"]}
    assert customer.buy(number).status_code == 404
    assert customer.balance() == 98.85


def test_a_replayed_refusal_is_the_same_byte_for_byte_even_after_a_top_up(shop: Shop) -> None:
    customer, number = shop.customer(1), shop.number()
    key = {"Idempotency-Key": "order-1"}
    first = customer.buy(number, headers=key)
    assert first.status_code == 402
    operator = shop.operator()
    operator.http.post(f"/admin/accounts/{customer.account_id}/top-ups/", json={"amount": 5})
    again = customer.buy(number, headers=key)
    assert again.content == first.content
    assert again.status_code == 402
    assert customer.buy(number, headers={"Idempotency-Key": "order-2"}).status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("phone_number", "+13612999999"),
        ("price", 1.16),
        ("per_minute_price_inbound", 0.0086),
        ("per_minute_price_inbound", None),
        ("per_minute_price_outbound", 0.1),
        ("per_minute_price_outbound", None),
        ("setup_price", 0.5),
        ("setup_price", None),
    ],
)
def test_the_same_key_with_another_body_is_422_naming_the_field(shop: Shop, field: str, value: Any) -> None:
    customer, number = shop.customer(), shop.number()
    body = {
        "phone_number": number,
        "price": 1.15,
        "per_minute_price_inbound": 0.0085,
        "per_minute_price_outbound": 0.0945,
        "setup_price": 0,
    }
    key = {"Idempotency-Key": "order-1"}
    first = customer.http.post("/phone-numbers/buy/", json=body, headers=key)
    other = customer.http.post("/phone-numbers/buy/", json={**body, field: value}, headers=key)
    assert other.status_code == 422
    assert other.json()["error"] == {"code": "idempotency_conflict", "details": {"field": field}}
    assert customer.http.post("/phone-numbers/buy/", json=body, headers=key).content == first.content
    assert customer.balance() == 98.85


def test_the_same_meaning_in_other_words_is_the_same_body(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    headers = {"Idempotency-Key": "order-1", "Content-Type": "application/json"}
    forms = [
        f'{{"phone_number": "{number}", "price": 1.15}}',
        f' {{"price":"1.150" ,"phone_number":"{number}","per_minute_price_inbound":null, "note": 1}}\n',
        f'{{"price":115e-2,"phone_number":"\\u002b{number[1:]}"}}',
    ]
    answers = [customer.http.post("/phone-numbers/buy", content=form, headers=headers) for form in forms]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1


def test_the_same_key_of_another_account_is_another_key(shop: Shop) -> None:
    key = {"Idempotency-Key": "order-1"}
    one, two = shop.customer(), shop.customer()
    assert one.buy(shop.number(), headers=key).status_code == 200
    assert two.buy(shop.number(), headers=key).status_code == 200


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "tab\there", "schl\u00fcssel"])
def test_a_malformed_idempotency_key_is_400_and_nothing_is_bought(shop: Shop, key: str) -> None:
    customer, number = shop.customer(), shop.number()
    answer = customer.http.post(
        "/phone-numbers/buy/",
        json={"phone_number": number, "price": 1.15},
        headers=[(b"Idempotency-Key", key.encode("latin-1"))],
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["details"]["field"] == "Idempotency-Key"
    assert customer.balance() == 100


@pytest.mark.parametrize("key", ["x", "~" * 255, "!#$%&'*+;DROP"])
def test_an_idempotency_key_is_1_to_255_visible_characters(shop: Shop, key: str) -> None:
    assert shop.customer().buy(shop.number(), headers={"Idempotency-Key": key}).status_code == 200


def test_somebody_elses_number_is_409_and_an_unknown_one_404(shop: Shop) -> None:
    number = shop.number()
    assert shop.customer().buy(number).status_code == 200
    taken = shop.customer().buy(number)
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "number_taken")
    unknown = shop.customer().buy("+13619999999")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "number_not_offered")


def test_a_changed_price_is_409_with_the_current_prices(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    answer = customer.buy(number, 1.14)
    assert answer.status_code == 409
    error = answer.json()["error"]
    assert error["code"] == "price_changed"
    assert error["details"] == {
        "price": 1.15,
        "per_minute_price_inbound": 0.0085,
        "per_minute_price_outbound": 0.0945,
        "setup_price": 0,
        "currency": "USD",
        "period_unit": "month",
        "period_every": 1,
        "increments": "60/60",
        "connect_fee": 0,
        "rounding": "up",
    }
    confirmed = {name: value for name, value in error["details"].items() if name != "currency"}
    assert customer.buy(number, **confirmed).status_code == 200


def test_a_short_balance_is_402_with_what_is_missing(shop: Shop) -> None:
    customer = shop.customer(1)
    answer = customer.buy(shop.number())
    assert answer.status_code == 402
    details = answer.json()["error"]["details"]
    assert details == {"needed": 1.15, "available": 1, "missing": 0.15, "currency": "USD"}


def test_the_setup_price_is_charged_with_the_first_month(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number(setup=500_000)
    assert customer.buy(number).status_code == 200
    assert customer.balance() == 98.35
    kinds = [line["kind"] for line in customer.http.get("/transactions/").json()["data"]]
    assert kinds == ["setup", "rental", "top_up"]


def test_an_account_in_another_currency_is_not_offered_the_number(shop: Shop) -> None:
    assert shop.customer(currency="EUR").buy(shop.number()).status_code == 404


def test_a_suspended_account_cannot_buy_and_is_not_logged_out(shop: Shop) -> None:
    customer, operator = shop.customer(), shop.operator()
    operator.http.patch(f"/admin/accounts/{customer.account_id}/", json={"status": "suspended"})
    answer = customer.buy(shop.number())
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
    assert customer.http.get("/balance/").status_code == 200
    operator.http.patch(f"/admin/accounts/{customer.account_id}/", json={"status": "active"})
    assert customer.buy(shop.number()).status_code == 200


def test_a_quote_is_honoured_after_the_price_changed(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    shop.list([_relisted(shop, number, 2_000_000)])
    answer = customer.buy(number, 1.15)
    assert answer.status_code == 200
    assert answer.json()["data"]["price"] == 1.15
    assert customer.balance() == 98.85


def test_a_quote_older_than_its_lifetime_is_not_honoured(other_shop: Any) -> None:
    shop = other_shop(quote_lifetime_seconds=0)
    customer, number = shop.customer(), shop.number()
    shop.list([_relisted(shop, number, 2_000_000)])
    answer = customer.buy(number, 1.15)
    assert (answer.status_code, answer.json()["error"]["details"]["price"]) == (409, 2)
    assert customer.buy(number, 2).status_code == 200


def test_of_fifty_who_want_one_number_one_gets_it(shop: Shop) -> None:
    number = shop.number()
    customers = [shop.customer(5) for _ in range(50)]
    answers = _all_at_once(lambda customer: customer.buy(number), customers)
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 49
    assert sorted(customer.balance() for customer in customers) == [3.85] + [5] * 49


def test_a_balance_for_three_numbers_buys_three_however_many_requests_come(shop: Shop) -> None:
    customer = shop.customer(3 * 1.15)
    numbers = [shop.number() for _ in range(40)]
    answers = _all_at_once(customer.buy, numbers)
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [402] * 37
    assert customer.balance() == 0


def test_fifty_copies_of_one_request_are_one_purchase(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    answers = _all_at_once(lambda _: customer.buy(number, headers={"Idempotency-Key": "k"}), range(50))
    assert len({answer.content for answer in answers}) == 1
    assert customer.balance() == 98.85


def test_many_purchases_leave_the_books_in_order(shop: Shop) -> None:
    customer = shop.customer(1000)
    numbers = [shop.number() for _ in range(100)]
    _all_at_once(customer.buy, numbers * 2)
    assert customer.balance() == 885
    lines: list[dict[str, Any]] = []
    token = None
    while True:
        page = customer.http.get("/transactions/", params={"page_size": 30, **({"page_token": token} if token else {})})
        lines += page.json()["data"]
        token = page.json()["page"]["next"]
        if token is None:
            break
    assert [line["entry"] for line in lines] == list(range(101, 0, -1))
    for after, before in itertools.pairwise(lines):
        assert round(before["balance"] + after["amount"], 6) == after["balance"]


def _relisted(shop: Shop, number: str, price: int) -> Any:
    from numberdesk.catalog.store import lock_listings  # noqa: PLC0415  only this test reads a listing back

    with shop.services.database.write() as tx:
        return lock_listings(tx, [number])[number].listing._replace(price=price)


def _all_at_once(ask: Any, inputs: Any) -> list[httpx.Response]:
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(ask, inputs))


def test_amounts_in_json_have_the_digits_they_need(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number(price=1_000_001, inbound=1, outbound=10_000_000)
    text = customer.buy(number, "1.000001").text
    assert '"price":1.000001,' in text
    assert '"per_minute_price_inbound":0.000001,' in text
    assert '"per_minute_price_outbound":10,' in text
    assert json.loads(text)["success"] is True


def test_customers_share_nothing(shop: Shop) -> None:
    one, two = shop.customer(), shop.customer()
    number = shop.number()
    bought = one.buy(number).json()["data"]
    assert two.http.get(f"/phone-numbers/{number}/").status_code == 404
    assert (
        two.http.get(f"/orders/{bought['order_id']}").json()["error"]
        == (two.http.get("/orders/ord_nothing").json()["error"])
    )
    assert two.http.delete(f"/phone-numbers/{number}/release/").status_code == 404
    assert two.http.patch(f"/phone-numbers/{number}/", json={"friendly_name": "mine"}).status_code == 404
    assert two.http.get("/phone-numbers/").json()["data"] == []


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_purchases_are_measured_by_their_results_and_money_when_it_is_committed(
    other_shop: Callable[..., Shop],
) -> None:
    shop = other_shop(metrics_port=1)
    customer, number = shop.customer(), shop.number()
    assert customer.buy(number).status_code == 200
    assert customer.buy(number, price=9).status_code == 200, "the order that was made"
    assert customer.buy("+13612730000").status_code == 404
    assert isinstance(shop.services.observer, Metrics)
    told = shop.services.observer.text().decode()
    assert 'numberdesk_purchase_duration_seconds_count{result="completed"} 2.0' in told
    assert 'numberdesk_purchase_duration_seconds_count{result="number_not_offered"} 1.0' in told
    assert 'numberdesk_money_moved_total{currency="USD",kind="rental"} 1.15' in told
    assert 'numberdesk_orders_total{state="completed"} 1.0' in told
