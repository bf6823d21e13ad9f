"""Telnyx's API: searching, ordering, finding, listing and releasing, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.carrier_mock.asking import KEY, Bench, Telnyx

SUCCEEDS = "+15005550006"


def error(answer: Any) -> tuple[int, str]:
    """Status and code of an error in Telnyx's form."""
    (one,) = answer.json()["errors"]
    assert {"code", "title", "detail", "meta"} <= set(one)
    return answer.status_code, one["code"]


def some(bench: Bench, count: int) -> list[str]:
    numbers = bench.telnyx.found(limit=count)
    assert len(numbers) == count
    return numbers


def test_an_order_is_pending_and_then_a_success(bench: Bench) -> None:
    number = some(bench, 1)[0]
    answer = bench.telnyx.order(number, reference="ord_1")
    assert answer.status_code == 200
    order = answer.json()["data"]
    assert (order["status"], order["customer_reference"], order["phone_numbers_count"]) == ("pending", "ord_1", 1)
    assert [(one["phone_number"], one["status"]) for one in order["phone_numbers"]] == [(number, "pending")]
    (owned,) = bench.telnyx.owned().json()["data"]
    assert (owned["status"], owned["activated_at"]) == ("purchase-pending", None)
    bench.wait(1)
    assert bench.telnyx.ask("GET", f"/number_orders/{order['id']}").json()["data"]["status"] == "success"
    (owned,) = bench.telnyx.owned().json()["data"]
    assert (owned["phone_number"], owned["status"], owned["customer_reference"]) == (number, "active", "ord_1")
    assert owned["id"].isdigit()
    assert owned["id"] != order["phone_numbers"][0]["id"]
    assert number not in bench.telnyx.found(limit=250)
    assert number not in bench.twilio.found(PageSize=1000)


def test_the_time_that_an_order_takes_can_be_set(bench: Bench) -> None:
    bench.set(order_seconds=3600)
    order = bench.telnyx.order(*some(bench, 1)).json()["data"]
    bench.wait(3599)
    assert bench.telnyx.orders()[0]["status"] == "pending"
    bench.set(order_seconds=0)
    assert bench.telnyx.orders()[0]["status"] == "success"
    assert order["status"] == "pending"
    assert bench.telnyx.order(*some(bench, 1)).json()["data"]["status"] == "success"


def test_only_what_this_account_searched_for_of_late_can_be_ordered(bench: Bench) -> None:
    number = some(bench, 1)[0]
    other = Telnyx(bench.client, "KEY_of_another")
    assert error(other.order(number)) == (422, "85000")
    bench.wait(900.1)
    assert error(bench.telnyx.order(number)) == (422, "85000")
    assert bench.telnyx.ordered(number).status_code == 200


def test_a_number_has_one_buyer_among_both_carriers(bench: Bench) -> None:
    first, second = some(bench, 2)
    other = Telnyx(bench.client, "KEY_of_another")
    other.found(limit=250)
    assert bench.telnyx.order(first).status_code == 200
    assert error(other.order(first)) == (422, "85001")
    assert error(bench.telnyx.order(first)) == (409, "85001")
    assert bench.twilio.buy(first).status_code == 400
    assert bench.twilio.buy(second).status_code == 201
    assert error(bench.telnyx.order(second)) == (422, "85001")


def test_of_several_numbers_all_are_ordered_or_none(bench: Bench) -> None:
    first, second, third = some(bench, 3)
    bench.telnyx.order(third)
    assert error(bench.telnyx.order(first, third))[1] == "85001"
    order = bench.telnyx.order(first, second, first).json()["data"]
    assert [one["phone_number"] for one in order["phone_numbers"]] == [first, second]
    assert bench.telnyx.numbers() == [second, first, third]


def test_a_released_number_is_for_sale_again(bench: Bench) -> None:
    bench.set(order_seconds=0)
    number = some(bench, 1)[0]
    bench.telnyx.order(number)
    number_id = bench.telnyx.owned().json()["data"][0]["id"]
    answer = bench.telnyx.ask("DELETE", f"/phone_numbers/{number_id}")
    assert (answer.status_code, answer.json()["data"]["status"]) == (200, "deleted")
    assert error(bench.telnyx.ask("DELETE", f"/phone_numbers/{number_id}")) == (404, "10005")
    assert bench.telnyx.numbers() == []
    assert bench.telnyx.ordered(number).status_code == 200
    assert bench.telnyx.ask("DELETE", f"/phone_numbers/{number}").status_code == 200


def test_an_order_is_deleted_when_all_its_numbers_were_given_back(bench: Bench) -> None:
    first, second, third = some(bench, 3)
    bench.telnyx.order(first, second)
    bench.wait(1)
    bench.telnyx.order(third)
    statuses = []
    for number in (first, second, third):
        assert bench.telnyx.ask("DELETE", f"/phone_numbers/{number}").status_code == 200
        statuses.append([each["status"] for each in bench.telnyx.orders()])
    bench.wait(1)
    statuses.append([each["status"] for each in bench.telnyx.orders()])
    assert statuses == [["pending", "success"], ["pending", "deleted"], ["deleted", "deleted"], ["deleted", "deleted"]]


def test_another_account_sees_and_releases_nothing(bench: Bench) -> None:
    order = bench.telnyx.order(*some(bench, 1)).json()["data"]
    number_id = bench.telnyx.owned().json()["data"][0]["id"]
    other = Telnyx(bench.client, "KEY_of_another")
    for method, path in (
        ("GET", f"/phone_numbers/{number_id}"),
        ("DELETE", f"/phone_numbers/{number_id}"),
        ("GET", f"/number_orders/{order['id']}"),
    ):
        assert error(other.ask(method, path)) == (404, "10005")
    assert (other.numbers(), other.orders()) == ([], [])
    assert other.numbers(customer_reference="") == []


def test_an_owned_number_is_found_by_digits_and_never_with_a_plus(bench: Bench) -> None:
    first, second = some(bench, 2)
    bench.telnyx.order(first, reference="ord_1")
    bench.telnyx.order(second, reference="ord_2")
    assert bench.telnyx.numbers(phone_number=first[1:]) == [first]
    assert set(bench.telnyx.numbers(phone_number="555")) == {first, second}
    for wrong in (first, first[1:] + " ", "555*", "x", f"{first[1:4]}-{first[4:]}"):
        assert bench.telnyx.numbers(phone_number=wrong) == []
    assert error(bench.telnyx.owned(phone_number="55")) == (400, "10015")
    assert bench.telnyx.numbers(customer_reference="ord_1") == [first]
    assert bench.telnyx.numbers(customer_reference="ord_") == []
    assert bench.telnyx.numbers(customer_reference="ord_1", phone_number=second[1:]) == []
    assert [each["customer_reference"] for each in bench.telnyx.orders(customer_reference="ord_2")] == ["ord_2"]
    assert bench.telnyx.orders(customer_reference="ord_3") == []


def test_lists_are_filtered(bench: Bench) -> None:
    first, second = some(bench, 2)
    bench.telnyx.order(first)
    bench.wait(5)
    bench.telnyx.order(second)
    assert bench.telnyx.numbers(status="active") == [first]
    assert bench.telnyx.numbers(status="purchase-pending") == [second]
    assert bench.telnyx.numbers(country_iso_alpha2="US", number_type__eq="local") == [second, first]
    assert bench.telnyx.numbers(number_type__eq="mobile") == []
    assert len(bench.telnyx.orders(status="pending")) == 1
    newer, older = bench.telnyx.orders()
    assert bench.telnyx.orders(created_at__gt=older["created_at"]) == [newer]
    assert bench.telnyx.orders(created_at__lt=newer["created_at"]) == [older]
    assert bench.telnyx.orders(phone_numbers_count=2) == []


def test_lists_and_look_ups_show_an_order_only_after_the_lag_but_its_id_does_at_once(bench: Bench) -> None:
    bench.set(telnyx={"lag_seconds": 10}, order_seconds=0)
    number = some(bench, 1)[0]
    order = bench.telnyx.order(number, reference="ord_1").json()["data"]
    bench.wait(9.9)
    assert bench.telnyx.ask("GET", f"/number_orders/{order['id']}").status_code == 200
    for filters in ({}, {"phone_number": number[1:]}, {"customer_reference": "ord_1"}):
        assert bench.telnyx.numbers(**filters) == []
    assert bench.telnyx.orders(customer_reference="ord_1") == bench.telnyx.orders() == []
    assert error(bench.telnyx.ask("GET", f"/phone_numbers/{number}")) == (404, "10005")
    bench.wait(0.1)
    for filters in ({}, {"phone_number": number[1:]}, {"customer_reference": "ord_1"}):
        assert bench.telnyx.numbers(**filters) == [number]
    assert len(bench.telnyx.orders(customer_reference="ord_1")) == len(bench.telnyx.orders()) == 1
    assert bench.telnyx.ask("GET", f"/phone_numbers/{number}").status_code == 200


def test_pages_are_counted_from_one(bench: Bench) -> None:
    bought = some(bench, 7)
    for number in bought:
        bench.telnyx.order(number)
    body = bench.telnyx.owned(page_number=2, page_size=3).json()
    assert [each["phone_number"] for each in body["data"]] == bought[::-1][3:6]
    assert body["meta"] == {"page_number": 2, "page_size": 3, "total_pages": 3, "total_results": 7}
    assert bench.telnyx.numbers(page_number=4, page_size=3) == []
    assert bench.telnyx.numbers(phone_number="555", page_number=3, page_size=3) == bought[:1]
    for wrong in ({"page_size": 251}, {"page_size": 0}, {"page_number": 0}, {"page_number": "x"}):
        assert error(bench.telnyx.owned(**wrong)) == (422, "10033")


def test_a_number_that_was_just_bought_has_its_type_in_the_old_words(bench: Bench) -> None:
    bench.set(order_seconds=0)
    number = some(bench, 1)[0]
    bench.telnyx.order(number)
    kinds = []
    for _ in range(2):
        kinds.append(bench.telnyx.ask("GET", f"/phone_numbers/{number}").json()["data"]["phone_number_type"])
        bench.wait(10)
    assert kinds == ["longcode", "local"]


def test_an_order_that_lacks_papers_stays_pending(bench: Bench) -> None:
    first, second = bench.telnyx.found("DE", limit=2)
    order = bench.telnyx.order(first).json()["data"]
    line = order["phone_numbers"][0]
    assert (order["requirements_met"], line["requirements_status"]) == (False, "requirement-info-pending")
    bench.telnyx.order(second, requirement_group_id="group")
    bench.wait(3600)
    assert [each["status"] for each in bench.telnyx.orders()] == ["success", "pending"]


@pytest.mark.parametrize(
    ("filters", "fits"),
    [
        ({"national_destination_code": "415"}, lambda one: one.startswith("+1415")),
        ({"phone_number__starts_with": "4155"}, lambda one: one.startswith("+14155")),
        ({"phone_number__ends_with": "42"}, lambda one: one.endswith("42")),
        ({"phone_number__contains": "5013"}, lambda one: "5013" in one[2:]),
        ({"phone_number__starts_with": "555", "national_destination_code": "415"}, lambda one: one.startswith("+1415")),
        ({"phone_number__starts_with": "415", "national_destination_code": "415"}, lambda _: False),
        ({"phone_number__starts_with": "1415"}, lambda _: False),
        ({"phone_number__starts_with": "+1415"}, lambda _: False),
        ({"phone_number__ends_with": "*"}, lambda _: False),
        ({"phone_number__contains": "%"}, lambda _: False),
        ({"phone_number_type": "shared_cost"}, lambda _: False),
        ({"phone_number_type": "toll_free"}, lambda one: one[2:5] in ("833", "844", "855", "866", "877", "888")),
        ({"locality": "san francisco"}, lambda one: one.startswith("+1415")),
        ({"only_reserved_numbers": "true"}, lambda _: False),
    ],
)
def test_a_search_gives_all_that_fits_its_filters_and_nothing_else(
    bench: Bench, filters: dict[str, str], fits: Any
) -> None:
    everything = bench.inside.carriers.holdings.books.inventory.for_sale()
    expected = {found.e164 for found in everything if found.place.country == "US" and fits(found.e164)}
    assert len(expected) < 250
    assert set(bench.telnyx.found(limit=250, **filters)) == expected


def test_a_search_is_by_region_and_features(bench: Bench) -> None:
    body = bench.telnyx.search(administrative_area="ca", features="sms,mms", limit=250).json()
    assert body["data"]
    for one in body["data"]:
        assert {"region_type": "state", "region_name": "CA"} in one["region_information"]
        assert {"sms", "mms"} <= {feature["name"] for feature in one["features"]}
    params = [("filter[country_code]", "US"), ("filter[features][]", "sms"), ("filter[features][]", "fax")]
    answer = bench.telnyx.ask("GET", "/available_phone_numbers", params=params)
    assert answer.json()["data"] == []


def test_a_search_tells_what_a_number_costs(bench: Bench) -> None:
    (one,) = bench.telnyx.search(limit=1).json()["data"]
    assert one["cost_information"] == {"upfront_cost": "1.00", "monthly_cost": "1.00", "currency": "USD"}
    bench.telnyx.order(one["phone_number"])
    balance = bench.telnyx.ask("GET", "/balance").json()["data"]
    assert (balance["balance"], balance["available_credit"]) == ("99998.00", "99998.00")


def test_a_search_at_best_effort_adds_what_fits_but_for_the_digits_and_says_so(bench: Bench) -> None:
    body = bench.telnyx.search(national_destination_code="415", phone_number__ends_with="9999", limit=5).json()
    assert body["data"] == []
    body = bench.telnyx.search(
        national_destination_code="415", phone_number__ends_with="9999", best_effort="true", limit=2
    ).json()
    assert [one["best_effort"] for one in body["data"]] == [True, True]
    assert body["meta"] == {"total_results": 2, "best_effort_results": 2}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"country_code": None}, (422, "10004")),
        ({"country_code": "FR"}, (400, "10015")),
        ({"phone_number_type": "tollfree"}, (422, "10032")),
        ({"features": "telepathy"}, (422, "10032")),
        ({"limit": "0"}, (422, "10033")),
        ({"limit": "many"}, (422, "10033")),
        ({"starts_with": "415"}, (400, "10031")),
        ({"phone_number__like": "415"}, (400, "10031")),
    ],
)
def test_a_filter_that_cannot_be_is_refused(bench: Bench, filters: dict[str, Any], expected: tuple[int, str]) -> None:
    answer = bench.telnyx.search(filters.pop("country_code", "US"), **filters)
    assert error(answer) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"{", (400, "10023")),
        (b"\xff", (400, "10023")),
        (b"[]", (422, "10027")),
        (b"{}", (422, "10027")),
        (b'{"phone_numbers": ["+15005550006"]}', (422, "10027")),
        (b'{"phone_numbers": []}', (422, "10004")),
        (b'{"phone_numbers": [{"phone_number": "15005550006"}]}', (422, "10016")),
        (b'{"phone_numbers": [{"phone_number": "+1500"}], "customer_reference": "%s"}' % (b"x" * 256), (422, "10025")),
    ],
)
def test_a_body_that_is_no_order_is_refused(bench: Bench, content: bytes, expected: tuple[int, str]) -> None:
    assert error(bench.telnyx.ask("POST", "/number_orders", content=content)) == expected


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"}])
def test_wrong_credentials_are_refused(bench: Bench, headers: dict[str, str]) -> None:
    answer = bench.client.get("/v2/phone_numbers", headers=headers)
    assert error(answer) == (401, "10009")


def test_other_paths_and_methods_are_refused(bench: Bench) -> None:
    assert error(bench.telnyx.ask("GET", "/calls")) == (404, "10005")
    assert error(bench.telnyx.ask("PUT", "/number_orders")) == (405, "10030")


def test_paths_may_be_without_the_version(bench: Bench) -> None:
    number = some(bench, 1)[0]
    bench.telnyx.order(number)
    headers = {"Authorization": f"Bearer {KEY}"}
    for path in ("/phone_numbers", "/number_orders", "/balance", "/available_phone_numbers?filter[country_code]=US"):
        assert bench.client.get(path, headers=headers).json() == bench.telnyx.ask("GET", path).json()
    assert bench.client.get(f"/phone_numbers/{number}", headers=headers).status_code == 200


def test_both_carriers_have_prices_of_their_own(bench: Bench) -> None:
    here = bench.telnyx.search(limit=1).json()["data"][0]["cost_information"]
    there = bench.twilio.ask("GET", "/v1/PhoneNumbers/Countries/US").json()["phone_number_prices"][0]
    assert (here["upfront_cost"], here["monthly_cost"]) == ("1.00", "1.00")
    assert there["current_price"] == "1.15"
