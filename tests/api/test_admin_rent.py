"""Rent over HTTP, for operators: rentals of all accounts, their periods, waivers and new prices."""

from __future__ import annotations

from collections.abc import Sequence

from numberdesk.core.rental import Rental
from numberdesk.infra.db import Tx
from numberdesk.numbers.rent_store import find_announced, find_rental
from numberdesk.numbers.rental_store import change_rentals
from tests.api.conftest import Shop

POSTGRESQL_IN_THE_LONG_RUN = "the flows behind the endpoints are tested on both engines"


def test_rentals_of_all_accounts_are_listed_with_their_periods(shop: Shop) -> None:
    bought = [shop.customer().buy(shop.number()).json()["data"] for _ in range(3)]
    listed, path = list[str](), "/admin/rentals/?page_size=2"
    while path:
        answer = shop.operator().http.get(path).json()
        listed += [one["id"] for one in answer["data"]]
        token = answer["page"]["next"]
        path = f"/admin/rentals/?page_size=2&page_token={token}" if token else ""
    assert [one for one in listed if one in {each["id"] for each in bought}] == [one["id"] for one in bought]
    assert listed == sorted(listed)
    periods = shop.operator().http.get(f"/admin/rentals/{bought[0]['id']}/periods").json()["data"]
    assert [(one["period"], one["status"], one["amount"]) for one in periods] == [(0, "purchased", 1.15)]
    unpaid = shop.operator().http.get("/admin/rentals/?status=past_due").json()["data"]
    assert not {one["id"] for one in unpaid} & {one["id"] for one in bought}


def test_a_month_that_is_paid_cannot_be_waived(shop: Shop) -> None:
    bought = shop.customer().buy(shop.number()).json()["data"]
    refused = shop.operator().http.post(f"/admin/rentals/{bought['id']}/waive", json={"reason": "x"})
    assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, "rental")


def test_prices_are_announced_from_a_period_after_the_notice(shop: Shop) -> None:
    bought = shop.customer().buy(shop.number()).json()["data"]
    made = shop.operator().http.post(f"/admin/rentals/{bought['id']}/prices", json={"price": 1.35}).json()["data"]
    assert (made["price"], made["per_minute_price_inbound"]) == (1.35, 0.0085)
    assert made["from_period"] in {1, 2}


def test_a_rental_that_is_not_there_is_not_found(shop: Shop) -> None:
    for answer in (
        shop.operator().http.get("/admin/rentals/rnt_none/periods"),
        shop.operator().http.post("/admin/rentals/rnt_none/waive", json={"reason": "x"}),
        shop.operator().http.post("/admin/rentals/rnt_none/run"),
        shop.operator().http.post("/admin/rentals/rnt_none/prices", json={"price": 1}),
    ):
        assert answer.status_code == 404


def _park(tx: Tx, rentals: Sequence[Rental]) -> list[None]:
    change_rentals(tx, rentals)
    return [None] * len(rentals)


def test_a_rental_that_waits_for_a_person_goes_on_and_one_that_does_not_stays_as_it_is(shop: Shop) -> None:
    customer, services, operator = shop.customer(), shop.services, shop.operator().http
    rental_id = customer.buy(shop.number()).json()["data"]["id"]
    live = services.reader.read_now(lambda tx: find_rental(tx, rental_id))
    assert live is not None
    waits = live._replace(parked_at=services.now(), next_at=None, message="too many went by", leased_until=None)
    services.writer.apply(_park, waits)
    path = f"/admin/rentals/{rental_id}/run"
    for _ in range(2):
        shown = operator.post(path).json()["data"]
        assert (shown["id"], shown["parked_at"], shown["said"]) == (rental_id, None, "")
    after = services.reader.read_now(lambda tx: find_rental(tx, rental_id))
    assert after is not None
    assert after.next_at is not None
    assert after.next_at <= services.now()
    assert customer.http.post(path).status_code == 403


def test_terms_of_rent_are_written_whole_and_release_gives_back_by_them(shop: Shop) -> None:
    customer = shop.customer()
    path = f"/admin/accounts/{customer.account_id}/rent-policy"
    body = {"graceHours": 72, "reminder_days": [1, 7], "proration": "release"}
    written = shop.operator().http.put(path, json=body).json()["data"]
    assert written == shop.operator().http.get(path).json()["data"]
    assert (written["grace_hours"], written["notice_days"], written["reminder_days"]) == (72, 30, [7, 1])
    assert written["own"] == ["grace_hours", "reminder_days", "proration"]
    number = shop.number()
    customer.buy(number)
    before = customer.balance()
    customer.http.delete(f"/phone-numbers/{number}/release")
    assert 1.14 < customer.balance() - before <= 1.15
    (line,) = customer.http.get("/transactions/?kind=rental_refund").json()["data"]
    assert (line["phone_number"], line["period"]["period"]) == (number, 0)
    assert shop.operator().http.put(path, json={}).json()["data"]["own"] == []


def test_terms_of_rent_of_nobody_or_out_of_bounds_are_refused(shop: Shop) -> None:
    path = f"/admin/accounts/{shop.customer().account_id}/rent-policy"
    refused = shop.operator().http.put(path, json={"reminder_days": [8]})
    assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, "reminder_days")
    assert shop.operator().http.put(path, json={"grace_hours": 9000}).status_code == 400
    assert shop.operator().http.get("/admin/accounts/acc_none/rent-policy").status_code == 404
    assert shop.operator().http.put("/admin/accounts/acc_none/rent-policy", json={}).status_code == 404


def test_other_prices_of_all_rentals_of_an_account_are_announced_once_and_to_nobody_else(shop: Shop) -> None:
    http, customer, other = shop.operator().http, shop.customer(10), shop.customer(10)
    rented = [customer.buy(shop.number()).json()["data"]["id"] for _ in range(3)]
    left_alone = other.buy(shop.number()).json()["data"]["id"]
    path = f"/admin/accounts/{customer.account_id}/reprice"
    done = {"looked": 3, "announced": 3, "refused_count": 0, "refused": []}
    assert http.post(path, json={"price": 1.5, "per_minute_price_inbound": 0.02}).json()["data"] == done
    whose = {(customer.account_id, one) for one in rented} | {(other.account_id, left_alone)}
    announced = shop.services.reader.read_now(lambda tx: find_announced(tx, whose))
    prices = {one: [(each.price, each.inbound) for each in found] for one, found in announced.items()}
    assert prices == {one: [(1_500_000, 20_000)] for one in rented}
    again = http.post(path, json={"price": 1.5, "per_minute_price_inbound": 0.02})
    assert again.json()["data"] == {**done, "announced": 0}
    refused = http.post(path, json={"price": 1.75}).json()["data"]
    assert (refused["refused_count"], {one["rental_id"] for one in refused["refused"]}) == (3, set(rented))
    for answer, status in (
        (http.post("/admin/accounts/acc_none/reprice", json={"price": 1.5}), 404),
        (http.post(path, json={}), 400),
        (http.post(path, json={"price": 0}), 400),
        (customer.http.post(path, json={"price": 0.01}), 403),
    ):
        assert answer.status_code == status, answer.text
