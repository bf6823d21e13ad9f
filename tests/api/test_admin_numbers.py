"""The operator's hands on rented numbers over HTTP."""

from __future__ import annotations

from typing import Any

from tests.api.conftest import Shop

POSTGRESQL_IN_THE_LONG_RUN = "the flows behind the endpoints are tested on both engines"


def post(shop: Shop, number: str, verb: str, **body: Any) -> Any:
    return shop.operator().http.post(f"/admin/phone-numbers/{number}/{verb}/", json={"reason": "as agreed", **body})


def test_a_number_is_given_moved_taken_back_and_restored_and_it_is_known_who_did_so(shop: Shop) -> None:
    first, second, number = shop.customer(), shop.customer(), shop.number()
    given = post(shop, number, "assign", account_id=first.account_id, price=2.5, charge=True).json()["data"]
    assert (given["account_id"], given["price"], given["period"]) == (first.account_id, 2.5, 0)
    assert post(shop, number, "assign", account_id=first.account_id).json()["data"] == given
    (order,) = first.http.get("/orders/").json()["data"]
    assert (order["origin"], order["charged"], order["price"]) == ("assignment", 0, 2.5)
    assert first.http.get("/transactions/").json()["data"][0]["amount"] == -2.5
    moved = post(shop, number, "transfer", account_id=second.account_id).json()["data"]
    assert (moved["account_id"], moved["renews_at"]) == (second.account_id, given["renews_at"])
    assert first.http.get(f"/phone-numbers/{number}/").json()["data"]["status"] == "released"
    ended = post(shop, number, "take-back").json()["data"]
    assert (ended["id"], ended["status"]) == (moved["id"], "released")
    again = post(shop, number, "restore").json()["data"]
    assert (again["account_id"], again["status"]) == (second.account_id, "active")
    seen = shop.operator().http.get(f"/admin/phone-numbers/{number}/").json()["data"]
    assert (seen["status"], seen["rental"]["id"], len(seen["rentals"])) == ("assigned", again["id"], 2)
    for rental in seen["rentals"]:
        assert shop.operator().http.get(f"/admin/phone-numbers/{rental['id']}/").json()["data"] == seen
    assert shop.operator().http.get("/admin/phone-numbers/rnt_nobody/").status_code == 404
    done = shop.operator().http.get("/admin/interventions/", params={"phone_number": number}).json()["data"]
    assert [one["action"] for one in done] == ["restore", "take_back", "transfer", "assign"]
    assert {one["made_by"].partition("_")[0] for one in done} == {"key"}
    held = shop.operator().http.get("/admin/phone-numbers/", params={"account_id": second.account_id}).json()["data"]
    assert [one["id"] for one in held] == [again["id"]]


def test_what_cannot_be_done_is_said_with_its_reason(shop: Shop) -> None:
    first, number = shop.customer(), shop.number()
    assert post(shop, number, "restore").status_code == 404
    assert post(shop, number, "take-back").status_code == 404
    assert shop.operator().http.get("/admin/phone-numbers/+13619999999/").status_code == 404
    first.buy(number)
    taken = post(shop, number, "restore")
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "rental_conflict")
    assert taken.json()["error"]["details"] == {"reason": "had_by_others"}
    itself = post(shop, number, "transfer", account_id=first.account_id)
    assert (itself.status_code, itself.json()["error"]["details"]["field"]) == (400, "account_id")
    for body in ({"reason": ""}, {"reason": "x" * 201}, {"reason": "a\nb"}):
        refused = post(shop, number, "take-back", **body)
        assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, "reason")
    dear = post(shop, shop.number(), "assign", account_id=first.account_id, price=0)
    assert (dear.status_code, dear.json()["error"]["details"]["field"]) == (400, "price")


def test_what_is_sent_again_with_its_key_is_done_once_and_says_so_where_it_differs(shop: Shop) -> None:
    first, second, number = shop.customer(), shop.customer(), shop.number()
    post(shop, number, "assign", account_id=first.account_id)
    operator = shop.operator().http
    path, key = f"/admin/phone-numbers/{number}/transfer/", {"Idempotency-Key": "move-1"}
    body = {"account_id": second.account_id, "reason": "as agreed"}
    moved = operator.post(path, json=body, headers=key).json()["data"]
    post(shop, number, "transfer", account_id=first.account_id)
    late = operator.post(path, json=body, headers=key)
    assert (late.status_code, late.json()["data"]["id"], late.json()["data"]["status"]) == (
        200,
        moved["id"],
        "released",
    )
    other = operator.post(path, json={**body, "reason": "else"}, headers=key)
    assert (other.status_code, other.json()["error"]["details"]) == (422, {"field": "reason"})
    named = post(shop, number, "take-back", rental_id=moved["id"])
    assert (named.status_code, named.json()["error"]["details"]) == (409, {"reason": "moved"})
