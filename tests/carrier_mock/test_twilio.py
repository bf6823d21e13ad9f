"""Twilio's API: searching, buying, finding, listing and releasing, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.carrier_mock.asking import OTHER_SID, SID, Bench, Twilio, pages

SUCCEEDS = "+15005550006"


def error(answer: Any) -> tuple[int, int]:
    """Status and code of an error, which has Twilio's four fields."""
    body = answer.json()
    assert set(body) == {"code", "message", "more_info", "status"}
    assert body["status"] == answer.status_code
    assert body["more_info"] == f"https://www.twilio.com/docs/errors/{body['code']}"
    return body["status"], body["code"]


def some(bench: Bench, count: int) -> list[str]:
    numbers = bench.twilio.found(PageSize=count)
    assert len(numbers) == count
    return numbers


def test_a_number_that_is_bought_is_on_the_account_and_in_no_search(bench: Bench) -> None:
    number = bench.twilio.found(AreaCode="415")[0]
    answer = bench.twilio.buy(number, "ord_1")
    assert answer.status_code == 201
    body = answer.json()
    assert (body["phone_number"], body["friendly_name"], body["account_sid"]) == (number, "ord_1", SID)
    assert (body["status"], body["type"]) == ("in-use", "local")
    assert body["sid"].startswith("PN")
    assert len(body["sid"]) == 34
    assert number not in bench.twilio.found(AreaCode="415")
    assert number not in bench.telnyx.found(national_destination_code="415")
    assert bench.twilio.numbers() == [number]
    assert bench.twilio.one(body["sid"]).json() == body


def test_capabilities_are_capitals_in_a_search_and_small_letters_on_the_account(bench: Bench) -> None:
    found = bench.twilio.search(AreaCode="500", Contains="5005550006").json()["available_phone_numbers"]
    assert found[0]["capabilities"] == {"voice": True, "SMS": True, "MMS": True, "fax": False}
    assert bench.twilio.buy(SUCCEEDS).json()["capabilities"] == {"voice": True, "sms": True, "mms": True, "fax": False}


def test_a_number_has_one_buyer(bench: Bench) -> None:
    number, other = some(bench, 1)[0], Twilio(bench.client, OTHER_SID)
    assert bench.twilio.buy(number).status_code == 201
    assert error(bench.twilio.buy(number)) == (400, 21422)
    assert error(other.buy(number)) == (400, 21422)
    assert other.numbers() == []


def test_a_released_number_is_for_sale_again(bench: Bench) -> None:
    number = some(bench, 1)[0]
    sid = bench.twilio.buy(number).json()["sid"]
    answer = bench.twilio.one(sid, "DELETE")
    assert (answer.status_code, answer.content) == (204, b"")
    assert error(bench.twilio.one(sid, "DELETE")) == (404, 20404)
    assert error(bench.twilio.one(sid)) == (404, 20404)
    assert bench.twilio.numbers() == []
    assert number in bench.twilio.found(Contains=number)
    assert Twilio(bench.client, OTHER_SID).buy(number).status_code == 201


def test_another_account_sees_and_releases_nothing(bench: Bench) -> None:
    sid = bench.twilio.buy(SUCCEEDS).json()["sid"]
    other = Twilio(bench.client, OTHER_SID)
    assert error(other.one(sid)) == (404, 20404)
    assert error(other.one(sid, "DELETE")) == (404, 20404)
    assert bench.twilio.numbers() == [SUCCEEDS]


@pytest.mark.parametrize(
    ("number", "code"),
    [("+15005550000", 21422), ("+15005550001", 21421), ("+19995550100", 21422), ("notanumber", 21421), ("", 21421)],
)
def test_what_cannot_be_bought_is_refused(bench: Bench, number: str, code: int) -> None:
    assert error(bench.twilio.buy(number)) == (400, code)


@pytest.mark.parametrize(("area_code", "code"), [("533", 21452), ("41", 21451), ("4x5", 21451), ("", 21421)])
def test_an_area_code_without_numbers_is_refused(bench: Bench, area_code: str, code: int) -> None:
    assert error(bench.twilio.buy("", AreaCode=area_code)) == (400, code)


@pytest.mark.parametrize("area_code", ["500", "415"])
def test_any_number_of_an_area_code_can_be_bought(bench: Bench, area_code: str) -> None:
    assert bench.twilio.buy("", AreaCode=area_code).json()["phone_number"].startswith(f"+1{area_code}")


def test_a_country_that_wants_an_address_refuses_without_one(bench: Bench) -> None:
    number = bench.twilio.found(country="DE")[0]
    assert bench.twilio.found(country="DE", ExcludeAllAddressRequired="true") == []
    assert bench.twilio.found(country="DE", ExcludeForeignAddressRequired="true") != []
    assert error(bench.twilio.buy(number)) == (400, 21631)
    assert bench.twilio.buy(number, AddressSid="AD" + "a" * 32).status_code == 201


def test_a_body_that_is_no_form_and_a_name_that_is_too_long_are_refused(bench: Bench) -> None:
    path = f"{bench.twilio.base}/IncomingPhoneNumbers.json"
    assert bench.twilio.ask("POST", path, json={"PhoneNumber": SUCCEEDS}).status_code == 415
    assert bench.twilio.buy(SUCCEEDS, "x" * 65).status_code == 400
    assert bench.twilio.buy(SUCCEEDS, "x" * 64).status_code == 201


def test_an_owned_number_is_found_by_a_part_and_by_its_name(bench: Bench) -> None:
    first, second = some(bench, 2)
    bench.twilio.buy(first, "ord_1")
    bench.twilio.buy(second)
    assert bench.twilio.numbers() == [second, first]
    assert bench.twilio.numbers(PhoneNumber=first) == [first]
    assert bench.twilio.numbers(PhoneNumber=first[1:]) == [first]
    assert bench.twilio.numbers(PhoneNumber=f"{first[2:5]}*{first[6:]}") == [first]
    assert set(bench.twilio.numbers(PhoneNumber="555")) == {first, second}
    assert bench.twilio.numbers(PhoneNumber="+19995550100") == []
    assert bench.twilio.numbers(FriendlyName="ord_1") == [first]
    assert bench.twilio.numbers(FriendlyName="ord_") == []
    assert bench.twilio.numbers(FriendlyName=f"({second[2:5]}) {second[5:8]}-{second[8:]}") == [second]
    assert bench.twilio.numbers(FriendlyName="ord_1", PhoneNumber=second) == []


def test_lists_and_look_ups_show_a_purchase_only_after_the_lag(bench: Bench) -> None:
    bench.set(twilio={"lag_seconds": 10})
    sid = bench.twilio.buy(SUCCEEDS, "ord_1").json()["sid"]
    bench.wait(9.9)
    for filters in ({}, {"PhoneNumber": SUCCEEDS}, {"FriendlyName": "ord_1"}):
        assert bench.twilio.numbers(**filters) == []
    assert error(bench.twilio.one(sid)) == (404, 20404)
    assert error(bench.twilio.buy(SUCCEEDS)) == (400, 21422)
    bench.wait(0.1)
    for filters in ({}, {"PhoneNumber": SUCCEEDS}, {"FriendlyName": "ord_1"}):
        assert bench.twilio.numbers(**filters) == [SUCCEEDS]
    assert bench.twilio.one(sid).status_code == 200


def test_a_shorter_lag_shows_at_once_what_was_bought_before(bench: Bench) -> None:
    bench.set(twilio={"lag_seconds": 3600})
    bench.twilio.buy(SUCCEEDS)
    bench.set(twilio={"lag_seconds": 0})
    assert bench.twilio.numbers() == [SUCCEEDS]


def test_pages_lead_from_one_to_the_next_and_lose_nothing(bench: Bench) -> None:
    bought = some(bench, 7)
    for number in bought:
        bench.twilio.buy(number)
    newest_first = bought[::-1]
    assert list(pages(bench.twilio, PageSize=3)) == [newest_first[:3], newest_first[3:6], newest_first[6:]]
    assert list(pages(bench.twilio, PageSize=7)) == [newest_first]
    assert list(pages(bench.twilio, PhoneNumber="555", PageSize=4)) == [newest_first[:4], newest_first[4:]]
    body = bench.twilio.owned(PageSize=3, Page=1).json()
    assert [each["phone_number"] for each in body["incoming_phone_numbers"]] == newest_first[3:6]
    assert (body["page"], body["page_size"], body["start"], body["end"]) == (1, 3, 3, 5)


def test_a_list_that_changes_between_pages_skips_and_repeats_nothing(bench: Bench) -> None:
    numbers = some(bench, 7)
    for number in numbers[:6]:
        bench.twilio.buy(number)
    parts = pages(bench.twilio, PageSize=2)
    seen = next(parts)
    bench.twilio.buy(numbers[6])
    bench.twilio.one(bench.twilio.owned(PhoneNumber=numbers[4]).json()["incoming_phone_numbers"][0]["sid"], "DELETE")
    seen += [number for part in parts for number in part]
    assert seen == numbers[5::-1]


@pytest.mark.parametrize(
    ("filters", "fits"),
    [
        ({"AreaCode": "415"}, lambda one: one["phone_number"].startswith("+1415")),
        ({"Contains": "+1415"}, lambda one: one["phone_number"].startswith("+1415")),
        ({"Contains": "%42$"}, lambda one: one["phone_number"].endswith("42")),
        ({"Contains": "AUSTIN"[:2]}, lambda one: "28" in one["phone_number"]),
        ({"SmsEnabled": "true"}, lambda one: one["capabilities"]["SMS"]),
        ({"SmsEnabled": "false"}, lambda one: not one["capabilities"]["SMS"]),
        ({"MmsEnabled": "true", "VoiceEnabled": "true"}, lambda one: one["capabilities"]["MMS"]),
        ({"InRegion": "tx"}, lambda one: one["region"] == "TX"),
        ({"InLocality": "san francisco"}, lambda one: one["locality"] == "San Francisco"),
        ({"InPostalCode": "94103"}, lambda one: one["postal_code"] == "94103"),
        ({"NearLatLong": "37.8,-122.4", "Distance": "100"}, lambda one: one["region"] == "CA"),
        ({"NearLatLong": "37.8,-122.4"}, lambda one: one["locality"] == "San Francisco"),
    ],
)
def test_a_search_gives_all_that_fits_its_filters_and_nothing_else(
    bench: Bench, filters: dict[str, str], fits: Any
) -> None:
    def read(**given: Any) -> list[Any]:
        return list(bench.twilio.search(PageSize=1000, **given).json()["available_phone_numbers"])

    found = read(**filters)
    assert found
    assert all(fits(one) for one in found)
    left_out = [one for one in read() if one not in found]
    if "NearLatLong" not in filters:
        assert not any(fits(one) for one in left_out)


@pytest.mark.parametrize(
    "filters", [{"FaxEnabled": "true"}, {"InLata": "720"}, {"AreaCode": "999"}, {"Contains": "99999"}]
)
def test_a_search_for_what_nobody_has_is_empty(bench: Bench, filters: dict[str, str]) -> None:
    assert bench.twilio.found(**filters) == []


@pytest.mark.parametrize(
    "filters",
    [
        {"AreaCode": "x"}, {"Contains": "4"}, {"Contains": "415***1234"}, {"SmsEnabled": "yes"},
        {"NearLatLong": "here"}, {"NearLatLong": "1,2", "Distance": "501"},
    ],
)  # fmt: skip
def test_a_filter_that_cannot_be_is_refused(bench: Bench, filters: dict[str, str]) -> None:
    assert error(bench.twilio.search(**filters))[0] == 400


def test_near_a_number_are_those_of_its_place(bench: Bench) -> None:
    near = bench.twilio.found(AreaCode="415")[0]
    found = bench.twilio.search(NearNumber=near, PageSize=1000).json()["available_phone_numbers"]
    assert {one["locality"] for one in found} == {"San Francisco"}
    assert bench.twilio.found(NearNumber="+19995550100") == []


def test_a_search_has_as_many_results_as_its_page_size(bench: Bench) -> None:
    assert len(bench.twilio.found()) == 50
    assert len(bench.twilio.found(PageSize=3)) == 3
    assert len(bench.twilio.found(PageSize=5000)) <= 1000


@pytest.mark.parametrize(
    ("kind", "country"),
    [("Mobile", "US"), ("Local", "FR"), ("Voip", "US"), ("MachineToMachine", "US"), ("Nothing", "US")],
)
def test_a_type_that_a_country_does_not_have_is_not_found(bench: Bench, kind: str, country: str) -> None:
    assert error(bench.twilio.search(kind, country)) == (404, 20404)


@pytest.mark.parametrize(
    ("kind", "country"), [("TollFree", "US"), ("National", "GB"), ("Mobile", "AU"), ("Local", "CA")]
)
def test_the_types_of_the_inventory_are_searched_by_their_paths(bench: Bench, kind: str, country: str) -> None:
    assert bench.twilio.found(kind, country)


def test_prices_are_by_country_and_type_as_texts(bench: Bench) -> None:
    body = bench.twilio.ask("GET", "/v1/PhoneNumbers/Countries/US").json()
    prices = {one["number_type"]: (one["base_price"], one["current_price"]) for one in body["phone_number_prices"]}
    assert prices == {"local": ("1.15", "1.15"), "toll free": ("2.15", "2.15")}
    assert body["price_unit"] == "USD"
    voice = bench.twilio.ask("GET", "/v1/Voice/Countries/US").json()
    assert [one["current_price"] for one in voice["inbound_call_prices"]] == ["0.0085", "0.022"]
    assert [one["prefixes"] for one in voice["outbound_prefix_prices"]] == [["1"], ["1907"]]
    assert error(bench.twilio.ask("GET", "/v1/PhoneNumbers/Countries/FR")) == (404, 20404)


def test_what_is_bought_is_charged(bench: Bench) -> None:
    def balance() -> str:
        return str(bench.twilio.ask("GET", f"{bench.twilio.base}/Balance.json").json()["balance"])

    assert balance() == "100000.00"
    bench.twilio.buy(SUCCEEDS)
    assert balance() == "99998.85"


def test_an_account_is_shown_without_its_token(bench: Bench) -> None:
    body = bench.twilio.ask("GET", f"{bench.twilio.base}.json").json()
    assert (body["sid"], body["status"], body["auth_token"]) == (SID, "active", None)


@pytest.mark.parametrize(("sid", "password"), [(SID, "wrong"), (SID, ""), ("AC123", "secret"), ("", "")])
def test_wrong_credentials_are_refused(bench: Bench, sid: str, password: str) -> None:
    path = f"/2010-04-01/Accounts/{SID}/IncomingPhoneNumbers.json"
    answer = bench.client.post(path, auth=(sid, password), data={"PhoneNumber": SUCCEEDS})
    assert error(answer) == (401, 20003)
    assert "basic" in answer.headers["www-authenticate"].lower()
    assert bench.control("GET", "/attempts") == []


def test_credentials_of_another_account_are_refused_and_a_key_is_accepted(bench: Bench) -> None:
    path = f"/2010-04-01/Accounts/{SID}/Balance.json"
    assert bench.client.get(path).status_code == 401
    assert bench.client.get(path, headers={"Authorization": "Basic !!!"}).status_code == 401
    assert bench.client.get(path, auth=(OTHER_SID, "secret")).status_code == 401
    assert bench.client.get(path, auth=("SK" + "a" * 32, "secret")).status_code == 200


def test_other_paths_and_methods_are_refused(bench: Bench) -> None:
    base = bench.twilio.base
    assert error(bench.twilio.ask("GET", f"{base}/Messages.json")) == (404, 20404)
    assert error(bench.twilio.ask("GET", "/2010-04-01/Accounts/AC123/Balance.json")) == (404, 20404)
    assert error(bench.twilio.ask("GET", "/v1/Other/Countries/US")) == (404, 20404)
    assert error(bench.twilio.ask("PUT", f"{base}/IncomingPhoneNumbers.json")) == (405, 20004)
    assert error(bench.twilio.ask("POST", "/v1/Voice/Countries/US")) == (405, 20004)
