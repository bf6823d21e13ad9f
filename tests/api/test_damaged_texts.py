"""What a service still answers beside texts in the database that somebody or something damaged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

from numberdesk import worker
from numberdesk.accounts.action_store import insert_actions
from numberdesk.accounts.actions import Action
from numberdesk.core.roles import Via
from numberdesk.tables import carriers as accounts_at_carriers
from testbed.carrier_mock import MockUrls, simulated
from tests.api.conftest import Shop
from tests.api.test_admin_carriers import ACCOUNT, KEY, OTHER, setup_of


@pytest.fixture(scope="module")
def carriers() -> Iterator[MockUrls]:
    with simulated() as urls:
        yield urls


def test_a_carrier_whose_options_cannot_be_read_is_left_out_and_all_else_goes_on(
    other_shop: Callable[..., Shop], carriers: MockUrls
) -> None:
    shop = other_shop(credentials_key=KEY)
    http = shop.operator().http
    for name, account in (("odd", OTHER), ("twilio", ACCOUNT)):
        http.post("/admin/carriers/", json=setup_of(carriers.url, account, name=name))
    with shop.services.database.write() as tx:
        tx.run("UPDATE carriers SET options = 'x', updated_at = updated_at + 1 WHERE name = 'odd'", [])
    shop.services.carriers.forget()
    odd, twilio = http.get("/admin/carriers/").json()["data"]
    assert "cannot be read" in odd["problem"]
    assert twilio["problem"] is None
    assert "cannot be read" in http.post("/admin/carriers/odd/check/").json()["data"]["said"]
    assert http.post("/admin/carriers/twilio/check/").json()["data"]["ok"] is True
    assert http.patch("/admin/carriers/odd/", json={"status": "disabled"}).status_code == 200
    with shop.services.database.read() as tx:
        kept = tx.execute(
            select(accounts_at_carriers.c.options).where(accounts_at_carriers.c.name == "odd")
        ).scalar_one()
    assert kept == "x"  # what is left of it may help a person
    moved = {"options": {"base_url": carriers.url + "/elsewhere"}}
    assert http.patch("/admin/carriers/odd/", json=moved).status_code >= 400
    anew = {
        name: value for name, value in setup_of(carriers.url, OTHER, name="odd").items() if name not in ("name", "kind")
    }
    assert http.patch("/admin/carriers/odd/", json=anew).json()["data"]["problem"] is None


def test_lists_show_rows_with_damaged_texts_without_their_details(other_shop: Callable[..., Shop]) -> None:
    shop = other_shop()
    customer, operator = shop.customer(), shop.operator()
    assert customer.buy(shop.number()).status_code == 200
    asyncio.run(worker.number_events(shop.services, lambda: False))
    with shop.services.database.write() as tx:
        insert_actions(tx, [Action("act_1", 1, customer.account_id, Via.API, "k", "w", details="x")])
        tx.run("UPDATE actions SET before = '[', after = '[1]'", [])
        tx.run("UPDATE events SET payload = 'x'", [])
    for http, path in ((customer.http, "/actions/"), (operator.http, "/admin/actions/")):
        (found,) = (each for each in http.get(path).json()["data"] if each["id"] == "act_1")
        assert found["details"] == found["before"] == found["after"] == {}
    events = customer.http.get("/events/").json()["data"]
    assert events
    assert all(each["data"] == {} for each in events)
