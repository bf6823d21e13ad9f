"""An Idempotency-Key is heeded or refused, whatever the request; and nobody fills the disk with them."""

from __future__ import annotations

from typing import Any

import pytest

from numberdesk.api.endpoint import ENDPOINTS, Endpoint
from numberdesk.core.prices import Confirmation
from numberdesk.core.purchase import Buy
from numberdesk.flows.accounts.issue_keys import MOST_LIVE_KEYS
from numberdesk.flows.cleanup import Cleanup, clean_up
from numberdesk.flows.purchase import open_orders
from tests.api.conftest import Shop

ENGINES_TAKE_TURNS = "the rules of requests are the same on both engines"

KEY = {"Idempotency-Key": "once"}
CHANGING = [one for one in ENDPOINTS if one.method != "GET"]


@pytest.mark.parametrize("kind", ["top-ups", "adjustments"])
def test_money_is_moved_once_under_a_key(shop: Shop, kind: str) -> None:
    operator, customer = shop.operator(), shop.customer()
    path = f"/admin/accounts/{customer.account_id}/{kind}/"
    first, again = (operator.http.post(path, json={"amount": 5}, headers=KEY) for _ in range(2))
    assert first.status_code == 200
    assert again.content == first.content
    assert customer.balance() == 105
    other = operator.http.post(path, json={"amount": 6}, headers=KEY)
    assert (other.status_code, other.json()["error"]["details"]) == (422, {"field": "amount"})
    elsewhere = operator.http.post(f"/admin/accounts/{operator.account_id}/{kind}/", json={"amount": 5}, headers=KEY)
    assert (elsewhere.status_code, elsewhere.json()["error"]["details"]) == (422, {"field": "account"})
    assert shop.operator().http.post(path, json={"amount": 5}, headers=KEY).status_code == 200
    assert customer.balance() == 110


@pytest.mark.parametrize("described", CHANGING, ids=lambda one: f"{one.method} {one.path}")
def test_a_key_is_heeded_or_refused_by_every_request_that_changes_something(shop: Shop, described: Endpoint) -> None:
    path = described.path.replace("{number:str}", "+13612738809")
    while "{" in path:
        path = path[: path.index("{")] + "x" + path[path.index("}") + 1 :]
    asking = shop.operator() if described.scope == "admin" else shop.customer(0)
    answer = asking.http.request(described.method, f"{path}/", headers={"Idempotency-Key": "two words"})
    if described.takes_key:
        assert answer.json()["error"]["code"] in ("unsupported_media_type", "invalid_request")
    else:
        assert answer.status_code == 400
        assert answer.json()["error"]["details"] == {"field": "Idempotency-Key", "reason": described.key_refusal}


def test_what_moves_money_or_gives_a_number_back_takes_a_key() -> None:
    taking = {one.path.rpartition("/")[2] for one in CHANGING if one.takes_key}
    assert taking == {"buy", "release", "top-ups", "adjustments", "assign", "transfer", "take-back", "restore"}


def test_reading_ignores_a_key(shop: Shop) -> None:
    assert shop.customer().http.get("/balance/", headers={"Idempotency-Key": "two words"}).status_code == 200


def test_a_late_duplicate_of_a_release_ends_no_rental_that_began_after_it(other_shop: Any) -> None:
    shop = other_shop(quarantine_days=0)
    customer = shop.customer()

    def bought(number: str) -> str:
        answer = customer.buy(number)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["data"]["id"])

    def rests() -> None:
        shop.services.writer.apply(clean_up, Cleanup(shop.services.now(), 10**15))

    by_id, by_key = shop.number(), shop.number()
    first = customer.http.delete(f"/phone-numbers/{bought(by_id)}/release/")
    rests()
    second_id = bought(by_id)
    late = customer.http.delete(f"/phone-numbers/{first.json()['data']['id']}/release/")
    assert late.content == first.content
    assert customer.http.get(f"/phone-numbers/{second_id}/").json()["data"]["is_active"] is True

    bought(by_key)
    first = customer.http.delete(f"/phone-numbers/{by_key}/release/", headers=KEY)
    rests()
    second_id = bought(by_key)
    assert customer.http.delete(f"/phone-numbers/{by_key}/release/", headers=KEY).content == first.content
    assert customer.http.get(f"/phone-numbers/{by_key}/").json()["data"]["id"] == second_id
    assert customer.http.get(f"/phone-numbers/{by_key}/").json()["data"]["is_active"] is True
    other = customer.http.delete(f"/phone-numbers/{by_id}/release/", headers=KEY)
    assert (other.status_code, other.json()["error"]["details"]) == (422, {"field": "phone_number"})

    bare = shop.number()
    bought(bare)
    customer.http.delete(f"/phone-numbers/{bare}/release/")
    rests()
    assert customer.buy(bare).status_code == 404


def test_a_rental_of_somebody_else_is_as_if_it_were_not_there(shop: Shop) -> None:
    rental_id = shop.customer().buy(shop.number()).json()["data"]["id"]
    other = shop.customer()
    assert other.http.delete(f"/phone-numbers/{rental_id}/release/").status_code == 404
    assert other.http.get(f"/phone-numbers/{rental_id}/").status_code == 404


def test_of_refusals_only_the_newest_are_kept_and_orders_beside_them_are(other_shop: Any) -> None:
    shop = other_shop()
    customer, number = shop.customer(1.15), shop.number()
    bought = customer.buy(number, headers={"Idempotency-Key": "bought"})
    most = open_orders.MOST_REFUSALS
    commands = [
        Buy(customer.account_id, f"+1999555{place:04}", Confirmation(1), f"k{place:05}", "r", f"o{place}", place)
        for place in range(most + 20)
    ]
    with shop.services.database.write() as tx:
        for start in range(0, len(commands), 500):
            shop.services.open_orders(tx, commands[start : start + 500])
    with shop.services.database.read() as tx:
        kept = {key for (key,) in tx.fetch("SELECT key FROM idempotency_records WHERE order_id IS NULL", [])}
    assert len(kept) == most
    assert min(kept) == "k00020"
    assert customer.buy(number, headers={"Idempotency-Key": "bought"}).content == bought.content


def test_an_account_has_so_many_live_keys_and_no_more(other_shop: Any) -> None:
    shop = other_shop()
    customer = shop.customer(scopes=("keys:manage", "numbers:read"))
    made = [customer.http.post("/api-keys/", json={}) for _ in range(MOST_LIVE_KEYS)]
    assert [answer.status_code for answer in made] == [200] * (MOST_LIVE_KEYS - 1) + [403]
    refused = made[-1].json()
    assert refused["error"]["details"] == {"limit": MOST_LIVE_KEYS}
    customer.http.delete(f"/api-keys/{made[0].json()['data']['id']}/")
    assert customer.http.post("/api-keys/", json={}).status_code == 200


def test_reading_ignores_a_key_whichever_way_it_is_asked_for(shop: Shop) -> None:
    customer = shop.customer()
    path = f"/phone-numbers/{shop.number()}/"
    for headers in (KEY, {"Idempotency-Key": "x" * 300}):
        for url, status in (("/balance/", 200), ("/orders/", 200), (path, 404)):
            head, get = customer.http.head(url, headers=headers), customer.http.get(url, headers=headers)
            assert (head.status_code, get.status_code, head.content) == (status, status, b"")
            assert head.headers["content-length"] == str(len(get.content))
