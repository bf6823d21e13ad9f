"""Money in the console: what was charged, month by month and line by line, and the limits that an account has."""

from __future__ import annotations

import csv

import pytest

from numberdesk.core.statement import month_of
from tests.api.conftest import EVERY_SCOPE, Customer, Shop
from tests.console.browser import Browser
from tests.console.conftest import signed_in

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # statements are tried on both elsewhere


@pytest.fixture
def month(desk: Shop) -> str:
    return month_of(desk.services.now()).name


def test_movements_are_filtered_by_kind_and_number_and_a_number_shows_its_own(
    desk: Shop, customer: Customer, browser: Browser
) -> None:
    number, other = desk.number(), desk.number()
    customer.buy(number)
    customer.buy(other)
    filtered = browser.send(browser.get("/console/money").form("/console/money"), phone_number=number, kind="rental")
    assert f"/console/numbers/{number}" in filtered.links
    assert f"/console/numbers/{other}" not in filtered.links
    assert "top up" not in " ".join(filtered.text.partition("Entry")[2:])
    page = browser.get(f"/console/numbers/{number}")
    assert page.html.count("\N{MINUS SIGN}1.15 <small>USD") == 1
    (link,) = [link for link in page.links if link.startswith("/console/money?")]
    assert f"/console/numbers/{number}" in browser.get(link).links
    exported = browser.http.get("/console/money/csv?kind=top_up").text.splitlines()
    assert len(exported) == 2


def _without_time_of_asking(text: str) -> list[list[str]]:
    """The rows of a statement; where the account stands is told as of the request."""
    rows = list(csv.reader(text.splitlines()))
    assert [row[1] for row in rows].count("closing") > 0
    return [[*row[:2], *row[3:]] if row[1] == "closing" else row for row in rows]


def test_a_month_is_shown_printed_and_exported_as_the_api_tells_it(
    desk: Shop, customer: Customer, browser: Browser, month: str
) -> None:
    number = desk.number()
    customer.buy(number)
    assert f"/console/statements/{month}" in browser.get("/console/statements").links
    page = browser.get(f"/console/statements/{month}")
    assert "Stands at 98.85 USD" in page.text
    assert "Rental \N{MINUS SIGN}1.15 1 line" in page.text
    exported = browser.http.get(f"/console/statements/{month}/csv")
    asked = customer.http.get(f"/statements/{month}/", headers={"Accept": "text/csv"})
    assert exported.status_code == 200
    assert _without_time_of_asking(exported.text) == _without_time_of_asking(asked.text)
    assert "attachment" in exported.headers["content-disposition"]
    printed = browser.get(f"/console/statements/{month}/print")
    assert "98.85" in printed.text
    assert "default-src 'none'" in printed.headers["content-security-policy"]
    assert not [tag for tag, _ in printed.tags if tag == "script"]
    for path in ("", "/csv", "/print"):
        assert browser.get(f"/console/statements/2999-01{path}").status == 404
        assert browser.get(f"/console/statements/x{path}").status == 400


def test_operators_see_the_statements_of_any_account(
    desk: Shop, customer: Customer, operator: Browser, month: str
) -> None:
    base = f"/console/accounts/{customer.account_id}"
    assert f"{base}/statements" in operator.get(base).links
    assert f"{base}/statements/{month}" in operator.get(f"{base}/statements").links
    assert "Stands at 100.00 USD" in operator.get(f"{base}/statements/{month}").text
    assert "100" in operator.get(f"{base}/statements/{month}/print").text
    poor = signed_in(desk, desk.customer(scopes=EVERY_SCOPE))
    assert poor.get(f"{base}/statements/{month}").status == 403


def test_operators_set_the_limits_of_an_account_which_sees_them(
    customer: Customer, browser: Browser, operator: Browser
) -> None:
    base = f"/console/accounts/{customer.account_id}"
    form = operator.get(base).form(f"{base}/limits")
    page = operator.send(form, per_purchase="5", per_day="20.5", per_month="", below="10")
    assert "Saved." in page.text
    again = page.form(f"{base}/limits").fields
    assert [again[name] for name in ("per_purchase", "per_day", "per_month", "below")] == [
        ["5"],
        ["20.5"],
        [""],
        ["10"],
    ]
    shown = browser.get("/console/money").text
    assert "At most on purchases: 5.00 each, 20.50 a day." in shown
    assert "told below 10.00" in shown
    wrong = operator.send(page.form(f"{base}/limits"), per_day="much")
    assert (wrong.status, wrong.form(f"{base}/limits").fields["per_day"]) == (400, ["much"])
    cleared = operator.send(page.form(f"{base}/limits"), per_purchase="", per_day="", per_month="", below="")
    assert cleared.form(f"{base}/limits").fields["per_day"] == [""]
    assert "At most on purchases" not in browser.get("/console/money").text
