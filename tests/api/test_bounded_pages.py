"""What one page of an account's list may cost: it stops after so many rentals, says so, and goes on from there."""

from __future__ import annotations

import itertools
from typing import Any, Final

import pytest

from numberdesk.accounts import store as accounts_store
from numberdesk.accounts.model import CUSTOMER_SCOPES, ApiKey
from numberdesk.numbers.store import MOST_WALKED
from testbed.history import e164_of, record_purchases
from tests.api.conftest import Customer, Shop

POSTGRESQL_IN_THE_LONG_RUN: Final = "the stores' bounds are tested on both engines"

_SERIALS: Final = itertools.count(8_000_000_000, 1_000_000)


def long_standing(shop: Shop, rentals: int, *, ended_every: int = 0) -> tuple[Customer, int]:
    """A customer with so many rentals, and the serial of the first."""
    customer, first = shop.customer(10**6), next(_SERIALS)
    with shop.services.database.write() as tx:
        now = shop.services.now()
        record_purchases(tx, customer.account_id, first, rentals, now=now, ended_every=ended_every)
    return customer, first


def pages(customer: Customer, **filters: Any) -> list[dict[str, Any]]:
    """All pages of a list, as they were answered."""
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        answer = customer.http.get("/phone-numbers/", params={**filters, "page_size": 100, "page_token": token})
        assert answer.status_code == 200
        found.append(answer.json())
        token = found[-1]["page"]["next"]
        if token is None:
            return found


@pytest.mark.parametrize(
    "filters", [{"region": "CA"}, {"iso_country": "FR"}, {"status": "past_due"}, {"status": "released", "region": "CA"}]
)
def test_a_filter_that_finds_nothing_stops_after_a_bounded_number_of_rentals_says_so_and_goes_on(
    shop: Shop, filters: dict[str, str]
) -> None:
    every = 1 if "released" in filters.values() else 0
    customer, _ = long_standing(shop, 2 * MOST_WALKED + 1, ended_every=every)
    first, second, last = pages(customer, **filters)
    for each in (first, second):
        assert each["data"] == []
        assert each["page"]["incomplete"] is True
        assert each["page"]["next"]
    assert last["data"] == []
    assert last["page"] == {"next": None}


def test_what_fits_is_found_page_by_page_wherever_it_lies(shop: Shop) -> None:
    customer, first = long_standing(shop, MOST_WALKED)
    wanted = {shop.number(region="CA") for _ in range(3)}
    for number in wanted:
        customer.buy(number)
    with shop.services.database.write() as tx:
        record_purchases(tx, customer.account_id, first + MOST_WALKED, MOST_WALKED, now=shop.services.now())
    found = pages(customer, region="CA")
    assert {item["phone_number"] for page in found for item in page["data"]} == wanted
    assert len([item for page in found for item in page["data"]]) == len(wanted)


def test_a_list_without_such_a_filter_is_never_incomplete(shop: Shop) -> None:
    customer, first = long_standing(shop, MOST_WALKED + 300)
    found = pages(customer)
    assert [len(page["data"]) for page in found] == [100] * 13
    assert not any("incomplete" in page["page"] for page in found)
    (only,) = pages(customer, phone_number=e164_of(first))
    assert [item["phone_number"] for item in only["data"]] == [e164_of(first)]


@pytest.mark.parametrize(
    ("is_active", "status", "shown"),
    [
        (None, None, "live"),
        (None, "active", "live"),
        (None, "released", "ended"),
        (None, "past_due", "none"),
        ("true", None, "live"),
        ("true", "active", "live"),
        ("true", "released", "none"),
        ("false", None, "ended"),
        ("false", "released", "ended"),
        ("false", "active", "none"),
    ],
)
def test_whether_it_goes_on_and_its_state_are_asked_together(
    shop: Shop, is_active: str | None, status: str | None, shown: str
) -> None:
    customer, first = long_standing(shop, 2, ended_every=2)
    asked = {"is_active": is_active, "status": status}
    (page,) = pages(customer, **{name: value for name, value in asked.items() if value is not None})
    of = {"live": [e164_of(first)], "ended": [e164_of(first + 1)], "none": []}
    assert [item["phone_number"] for item in page["data"]] == of[shown]


def test_keys_are_looked_at_in_bounded_steps_by_one_that_may_not_see_all(shop: Shop) -> None:
    wide, most = shop.customer(), accounts_store.MOST_WALKED
    made = [wide.http.post("/api-keys/", json={"scopes": ["keys:manage"]}).json()["data"] for _ in range(2)]
    narrow = shop.client({"X-Api-Key": made[0]["key"]})
    with shop.services.database.write() as tx:
        accounts_store.insert_keys(tx, [_revoked_key(wide.account_id, place) for place in range(most)])
    first = narrow.get("/api-keys/", params={"page_size": 100}).json()
    assert [key["id"] for key in first["data"]] == [key["id"] for key in made]
    assert first["page"]["incomplete"] is True
    rest = narrow.get("/api-keys/", params={"page_size": 100, "page_token": first["page"]["next"]}).json()
    assert (rest["data"], rest["page"]) == ([], {"next": None})
    whole = wide.http.get("/api-keys/", params={"page_size": 100}).json()
    assert len(whole["data"]) == 100
    assert "incomplete" not in whole["page"]


def _revoked_key(account_id: str, place: int) -> ApiKey:
    """One of a long past, which may more than keys:manage; it comes after all that were made by asking."""
    key_id = f"key_f{account_id[-20:]}{place:06}"
    return ApiKey(key_id, account_id, "", "nd_live_", key_id, CUSTOMER_SCOPES, 1, None, 2)
