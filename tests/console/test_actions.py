"""Who did what, in the console, by the API and by commands; and operators who act for customers."""

from __future__ import annotations

import json
from typing import Any, Final

import httpx
import pytest

from numberdesk.accounts.actions import Action, as_seen_by, kept_details
from numberdesk.core.roles import Role, Via
from tests.api.conftest import Customer, Shop
from tests.console.browser import Browser
from tests.console.conftest import signed_in, signed_in_person
from tests.console.test_buying import confirmation

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the flows are tried on both


def actions(customer: Customer) -> list[tuple[str, str, str]]:
    """What was done to an account: how, what, and by whom; the oldest first."""
    rows = customer.http.get("/actions/?page_size=100").json()["data"]
    return [(row["via"], row["what"], row["actor"]) for row in reversed(rows)]


def test_changes_in_the_console_and_by_the_api_are_written_once_with_who_made_them(
    desk: Shop, customer: Customer
) -> None:
    owner = signed_in_person(desk, customer.account_id, Role.OWNER)
    (email,) = [each["email"] for each in customer.http.get("/people/").json()["data"]]
    bought = desk.number()
    page = confirmation(owner, bought)
    owner.send(page.form("/console/buy"))
    owner.send(page.form("/console/buy"))
    owner.post(f"/console/numbers/{bought}/labels", {"friendly_name": "=1+1", "tags": "a, b"})
    customer.http.post("/webhooks/", json={"url": "http://127.0.0.1:8080/secret-path"})
    customer.buy(desk.number())
    refused = owner.post("/console/people", {"email": "no email", "role": "viewer"})
    assert refused.status == 400
    assert actions(customer) == [
        ("console", "POST /phone-numbers/buy", email),  # asked for twice, and bought once
        ("console", "PATCH /phone-numbers/{number}", email),
        ("api", "POST /webhooks", "test"),
    ]
    rows = customer.http.get("/actions/").json()["data"]
    assert rows[0]["details"] == {"url": "..."}
    assert rows[1]["object_id"] == bought
    assert rows[1]["details"] == {"friendly_name": "=1+1", "tags": ["a", "b"], "agent_id": "..."}
    assert {row["account_id"] for row in rows} == {customer.account_id}
    shown = owner.get("/console/actions")
    assert (shown.status, email in shown.text, "secret-path" in shown.html) == (200, True, False)
    exported = owner.http.get(f"/console/actions/csv?actor={email}").text
    assert len(exported.splitlines()) == 3


def test_actions_are_filtered_by_who_what_and_when_and_others_see_none_of_them(
    desk: Shop, customer: Customer, operator: Browser
) -> None:
    other = desk.customer()
    made = [customer.http.post("/api-keys/", json={"name": f"key {n}"}).json()["data"]["id"] for n in range(3)]
    find = "/actions/?page_size=2&"
    assert [row["object_id"] for row in customer.http.get(find).json()["data"]] == [made[2], made[1]]
    token = customer.http.get(find).json()["page"]["next"]
    assert [row["object_id"] for row in customer.http.get(f"{find}page_token={token}").json()["data"]] == [made[0]]
    assert [row["object_id"] for row in customer.http.get(f"/actions/?object_id={made[1]}").json()["data"]] == [made[1]]
    assert customer.http.get("/actions/?actor=nobody").json()["data"] == []
    assert customer.http.get("/actions/?until=2020-01-01T00:00:00Z").json()["data"] == []
    assert len(customer.http.get("/actions/?since=2020-01-01T00:00:00Z").json()["data"]) == 3
    assert customer.http.get("/actions/?since=2100-01-01T00:00:00Z").json()["data"] == []
    assert other.http.get("/actions/").json()["data"] == []
    assert made[1] in operator.get("/console/all-actions", account_id=customer.account_id).html
    assert made[1] not in operator.get("/console/all-actions", account_id=other.account_id).html


def test_an_operator_acts_for_a_customer_for_all_to_see_and_is_the_one_who_is_recorded(
    desk: Shop, customer: Customer
) -> None:
    operators = desk.operator().account_id
    admin = signed_in_person(desk, operators, Role.ADMIN)
    email = admin.get("/console/me").text.partition("You are ")[2].partition(",")[0]
    account = admin.get(f"/console/accounts/{customer.account_id}")
    first = admin.send(account.form(f"/console/accounts/{customer.account_id}/act"))
    assert f"You are {email} and act for" in first.text
    bought = admin.send(confirmation(admin, desk.number()).form("/console/buy"))
    assert "The number is yours." in bought.text
    assert "and act for" in admin.get("/console/keys").text  # also where it says that this may not be
    for path in ("/console/keys", "/console/people", "/console/webhooks", "/console/accounts", "/console/actions"):
        assert admin.get(path).status == 403, path
    back = admin.send(bought.form("/console/me/act/end"))
    assert (back.url, "act for" in back.text.partition("Act for them")[0]) == (
        f"/console/accounts/{customer.account_id}",
        False,
    )
    assert admin.get("/console/money").status == 403
    rows = customer.http.get("/actions/").json()["data"]
    assert [row["what"] for row in reversed(rows)] == [
        "act for a customer",
        "POST /phone-numbers/buy",
        "act for a customer no more",
    ]
    assert {(row["actor"], row["actor_account_id"], row["account_id"], row["address"]) for row in rows} == {
        (email, operators, customer.account_id, None)
    }
    customer.http.post("/api-keys/", json={"name": "own"})
    assert customer.http.get("/actions/").json()["data"][0]["address"] == "127.0.0.1"
    seen = desk.operator().http.get("/admin/actions/", params={"account_id": customer.account_id}).json()["data"]
    assert {row["address"] for row in seen} == {"127.0.0.1", admin.address}


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.FINANCE])
def test_support_and_finance_only_look_while_they_act(desk: Shop, customer: Customer, role: Role) -> None:
    browser = signed_in_person(desk, desk.operator().account_id, role)
    assert "and act for" in browser.post(f"/console/accounts/{customer.account_id}/act").text
    assert browser.get("/console/money").status == 200
    assert browser.post("/console/buy", {"number": desk.number()}).status == 403


def test_nobody_acts_but_operators_and_for_nobody_but_customers(desk: Shop, customer: Customer) -> None:
    other = desk.customer()
    owner = signed_in_person(desk, customer.account_id, Role.OWNER)
    assert owner.post(f"/console/accounts/{other.account_id}/act").status == 403
    admin = signed_in_person(desk, desk.operator().account_id, Role.ADMIN)
    assert admin.post("/console/accounts/acc_none/act").status == 404
    assert admin.post(f"/console/accounts/{desk.operator().account_id}/act").status == 404


def test_of_what_may_be_secret_only_that_it_was_given_is_kept(engine: str) -> None:
    assert engine
    fields = {"name": "x", "secrets": {"auth_token": "s3cret"}, "password": "s3cret", "targets": [{"uri": "s3cret"}]}
    kept = kept_details({**fields, "low_balance": {"below": 5}, "status": None, "name2": "s3cret"})
    assert "s3cret" not in kept
    assert '"below": 5' in kept
    assert len(kept_details({f"field{place}": "x" * 500 for place in range(1000)})) <= 2000


def test_customers_are_told_what_operators_did_for_them_and_why(desk: Shop, customer: Customer) -> None:
    number = desk.number()
    asked = {"account_id": customer.account_id, "reason": "as agreed"}
    desk.operator().http.post(f"/admin/phone-numbers/{number}/assign/", json=asked)
    (row,) = customer.http.get("/actions/").json()["data"]
    assert (row["what"], row["details"], row["address"]) == (
        "POST /admin/phone-numbers/{number}/assign",
        asked,
        None,
    )


def test_the_name_of_a_carrier_is_the_operators_affair(engine: str) -> None:
    assert engine
    made = Action("act_1", 1, "acc_b", Via.API, "key_1", "x", details='{"carrier": "acme", "role": "owner"}')
    seen = as_seen_by("acc_b", made._replace(address="192.0.2.1", actor_account_id="acc_a"))
    assert (seen.details, seen.address) == ('{"role": "owner"}', "")
    changed = as_seen_by("acc_b", made.with_states({"carrier": "a", "price": 1}, {"carrier": "b", "price": 2}))
    assert (changed.before, changed.after) == ('{"price": 1}', '{"price": 2}')
    assert as_seen_by("acc_b", made._replace(actor_account_id="acc_b")).details == made.details


SECRET: Final = "s3cret-and-nobodys-affair"


def made(http: httpx.Client, path: str, **body: Any) -> str:
    """The id of what an endpoint makes."""
    answer = http.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"].get("id", ""))


def test_money_that_was_asked_for_is_told_as_people_write_it(desk: Shop, customer: Customer) -> None:
    operator, own = desk.operator().http, customer.http
    rule = {"carrier": "pool", "iso_country": "IS", "currency": "EUR", "price": "9.5", "connect_fee": "0.05"}
    made(
        operator, "/admin/price-rules/", **rule, period_unit="day", period_every=28, increments="30/6", rounding="down"
    )
    key = made(own, "/api-keys/", name="k")
    assert own.patch(f"/api-keys/{key}/", json={"spend_limits": {"per_day": 7}}).status_code == 200
    capped, _, priced = operator.get("/admin/actions/", params={"page_size": 3}).json()["data"]
    assert priced["details"] == {
        **rule,
        "period_unit": "day",
        "period_every": 28,
        "increments": "30/6",
        "rounding": "down",
    }
    assert capped["details"] == {"spend_limits": {"per_day": "7"}}


def test_changes_of_every_kind_tell_before_and_after_and_no_secret(desk: Shop, customer: Customer) -> None:
    operator, own, number = desk.operator().http, customer.http, desk.number()
    customer.buy(number)

    hook = made(own, "/webhooks/", url=f"http://127.0.0.1:8080/{SECRET}")
    key = made(own, "/api-keys/", name="k")
    person = made(own, "/people/", email=f"{SECRET}@example.com", role="viewer")
    values = {"subdomain": SECRET[:10]}
    phone = made(own, "/connections/", name="Desk", preset="livekit", preset_values=values)
    rule = {"carrier": "pool", "iso_country": "FR", "currency": "EUR"}
    terms = {"period_unit": "day", "period_every": 28, "increments": "30/6", "connect_fee": "0.05", "rounding": "down"}
    account = f"/admin/accounts/{customer.account_id}"
    changes: list[tuple[httpx.Client, str, str, dict[str, Any] | None]] = [
        (operator, "PATCH", f"{account}/", {"credit_limit": 5}),
        (operator, "PATCH", f"{account}/", {"name": f"Renamed {number}"}),
        (operator, "PUT", f"{account}/rent-policy/", {"grace_hours": 5}),
        (operator, "POST", "/admin/price-rules/", {**rule, "price": 2}),
        (operator, "POST", "/admin/price-rules/", {**rule, "price": 3}),
        (operator, "POST", "/admin/price-rules/", {**rule, "price": 3, **terms}),
        (own, "PATCH", f"/api-keys/{key}/", {"spend_limits": {"per_day": 7}}),
        (own, "PATCH", f"/people/{person}/", {"role": "buyer"}),
        (own, "PATCH", f"/webhooks/{hook}/", {"url": f"http://127.0.0.1:8081/{SECRET}"}),
        (own, "PATCH", f"/webhooks/{hook}/", {"status": "disabled"}),
        (own, "PATCH", f"/connections/{phone}/", {"name": "Front"}),
        (own, "PATCH", f"/connections/{phone}/", {"targets": [{"uri": f"sip:{SECRET[:5]}.example.com"}]}),
        (own, "POST", f"/phone-numbers/{number}/connection/", {"connection_id": phone}),
        (own, "PATCH", f"/phone-numbers/{number}/", {"friendly_name": "Ann", "agent_id": SECRET}),
        (own, "PATCH", f"/phone-numbers/{number}/", {"auto_renew": False}),
        (operator, "POST", "/admin/exchange-rates/", {"base": "DKK", "quote": "ISK", "rate": 20.5}),
        (operator, "DELETE", "/admin/exchange-rates/DKK/ISK/", None),
    ]
    told = []
    for http, method, path, body in changes:
        answer = http.request(method, path, json=body) if body is not None else http.request(method, path)
        assert answer.status_code == 200, (path, answer.text)
        (row,) = operator.get("/admin/actions/", params={"page_size": 1}).json()["data"]
        assert SECRET not in json.dumps(row)
        told.append((row["before"], row["after"]))
    hidden, monthly = "...", {"period_unit": "month", "period_every": 1}
    assert told == [
        ({"credit_limit": "0"}, {"credit_limit": "5"}),
        ({"name": f"Customer {customer.account_id}"}, {"name": f"Renamed {number}"}),
        ({}, {"grace_hours": 5}),
        ({}, {"carrier": "pool", "currency": "EUR", "price": "2", "round_to": "0.01", "rounding": "up", **monthly}),
        ({"price": "2"}, {"price": "3"}),
        ({**monthly, "increments": None, "connect_fee": None, "rounding": "up"}, terms),
        ({"per_day": None}, {"per_day": "7"}),
        ({"role": "viewer"}, {"role": "buyer"}),
        ({"url": hidden}, {"url": hidden}),
        ({"status": "enabled"}, {"status": "disabled"}),
        ({"name": "Desk"}, {"name": "Front"}),
        ({"settings": hidden}, {"settings": hidden}),
        ({"connection_id": None}, {"connection_id": phone}),
        ({"friendly_name": "", "agent_id": hidden}, {"friendly_name": "Ann", "agent_id": hidden}),
        ({"auto_renew": True}, {"auto_renew": False}),
        ({}, {"rate": "20.5"}),
        ({"rate": "20.5"}, {}),
    ]
    shown = signed_in(desk, customer).get("/console/actions")
    assert ("auto renew: yes" in shown.text, "auto renew: no" in shown.text) == (True, True)
