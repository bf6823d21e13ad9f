"""Statements, lines and sums over HTTP: in three forms, in pages, and one's own only."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest

from numberdesk.api.accepted import accepted
from numberdesk.flows.usage.set_usage_terms import AppointSource, appoint_sources
from numberdesk.views.csv_cells import safe_cell
from numberdesk.views.statement_csv import COLUMNS
from tests.api.conftest import Customer, Shop

POSTGRESQL_IN_THE_LONG_RUN = "the flow is shown on both engines; this is about HTTP"

MONTH = f"{datetime.now(UTC):%Y-%m}"  # of a run over its end, the one before


class Caller:
    """A customer with a number, calls that an operator sent, and money paid in under what looks like a formula."""

    def __init__(self, shop: Shop) -> None:
        self.customer, self.operator = shop.customer(10), shop.operator()
        self.number = shop.number(inbound=10_000)
        assert self.customer.buy(self.number).status_code == 200
        admin = f"/admin/accounts/{self.customer.account_id}"
        body = {"amount": 1, "reference": "=1+1"}
        assert self.operator.http.post(f"{admin}/top-ups/", json=body).status_code == 200
        switch = shop.operator(("usage:write", "admin"))
        source = f"operator:{switch.account_id}"
        shop.services.writer.apply(appoint_sources, AppointSource(self.number, source, shop.services.now()))
        self.began = datetime.now(UTC).isoformat()
        call = {"call_id": "1", "direction": "inbound", "phone_number": self.number, "started_at": self.began}
        answer = switch.http.post("/usage/calls/", json=[{**call, "seconds": 61}])
        assert answer.json()["data"][0]["amount"] == 0.02

    def get(self, path: str, accept: str | None = None, asker: Customer | None = None, **query: Any) -> Any:
        headers = {} if accept is None else {"Accept": accept}
        return (asker or self.customer).http.get(path, headers=headers, params=query)


@pytest.fixture(scope="module")
def caller(shop: Shop) -> Caller:
    return Caller(shop)


def test_a_statement_has_its_lines_with_what_they_are_for(caller: Caller) -> None:
    told = caller.get(f"/statements/{MONTH}/").json()["data"]
    assert (told["opening_balance"], told["closing_balance"], told["status"]) == (0, 9.83, "open")
    assert [line["kind"] for line in told["lines"]] == ["top_up", "rental", "top_up", "usage"]
    assert sum(Decimal(str(line["amount"])) for line in told["lines"]) == Decimal("9.83")
    rent, usage = told["lines"][1], told["lines"][3]
    assert (rent["phone_number"], rent["period"]["period"]) == (caller.number, 0)
    (calls,) = usage["calls"]
    assert (calls["calls"], calls["seconds"], calls["billed_seconds"], calls["rate"]) == (1, 61, 120, 0.01)
    assert {one["kind"]: one["amount"] for one in told["totals"]} == {"rental": -1.15, "top_up": 11, "usage": -0.02}
    (listed,) = caller.get("/statements/").json()["data"]
    assert {**told, "lines": 0, "totals": 0} == {**listed, "lines": 0, "totals": 0}


def test_a_statement_is_read_page_by_page(caller: Caller) -> None:
    lines, token, pages = [], None, 0
    while pages == 0 or token is not None:
        answer = caller.get(f"/statements/{MONTH}/", page_size=1, **({} if token is None else {"page_token": token}))
        lines += answer.json()["data"]["lines"]
        assert (answer.json()["data"]["totals"] is None) is (pages > 0)
        token, pages = answer.json()["page"]["next"], pages + 1
    assert lines == caller.get(f"/statements/{MONTH}/").json()["data"]["lines"]
    assert pages == 4


def test_the_table_cannot_run_in_a_spreadsheet_and_adds_up(caller: Caller) -> None:
    answer = caller.get(f"/statements/{MONTH}/", accept="text/csv")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="statement-{MONTH}.csv"'
    assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == ("no-store", "Accept, Origin")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert "'=1+1" in {row["reference"] for row in rows}
    assert caller.number in {row["phone_number"] for row in rows}
    wallet = [row for row in rows if row["section"] == "wallet"]
    assert sum(Decimal(row["amount"]) for row in wallet if row["amount"]) == Decimal(wallet[-1]["balance"])


class _Page(HTMLParser):
    """What a browser would load or run of a page, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        if tag in {"script", "link", "img", "iframe", "object"} or names & {"src", "href", "onload", "onclick"}:
            self.loads.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_loads_and_runs_nothing(caller: Caller) -> None:
    answer = caller.get(f"/statements/{MONTH}/", accept="text/html,application/xml;q=0.9,*/*;q=0.8")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    page = _Page()
    page.feed(answer.text)
    assert page.loads == []
    assert "url(" not in answer.text
    assert caller.number in page.text
    assert "9.83 USD" in page.text
    assert "0.00 USD" in page.text  # columns of money line up


def test_operators_see_any_account_and_others_none_but_theirs(caller: Caller, shop: Shop) -> None:
    own = caller.get(f"/statements/{MONTH}/").json()["data"]
    path = f"/admin/accounts/{caller.customer.account_id}/statements"
    seen = caller.get(f"{path}/{MONTH}/", asker=caller.operator).json()["data"]
    assert {**seen, "totals": 0} == {**own, "totals": 0}
    assert caller.get(f"{path}/", asker=caller.operator).json()["data"][0]["month"] == MONTH
    assert caller.get(f"{path}/{MONTH}/", accept="text/csv", asker=caller.operator).status_code == 200
    assert caller.get(f"{path}/{MONTH}/").status_code == 403
    assert caller.get(f"/admin/accounts/acc_nobody/statements/{MONTH}/", asker=caller.operator).status_code == 404
    stranger = shop.customer(0)
    assert caller.get(f"/statements/{MONTH}/", asker=stranger).json()["data"]["lines"] == []
    poor = shop.with_key(caller.customer.account_id, ("numbers:read",))
    assert caller.get(f"/statements/{MONTH}/", asker=poor).status_code == 403


@pytest.mark.parametrize(
    ("path", "query", "status", "field"),
    [
        ("/statements/2026-13/", {}, 400, "month"),
        ("/statements/march/", {}, 400, "month"),
        ("/statements/2999-01/", {}, 404, None),
        (f"/statements/{MONTH}/", {"page_token": "eHl6"}, 400, "page_token"),
        ("/statements/", {"page_token": "eHl6"}, 400, "page_token"),
        ("/usage/summary/", {"since": "yesterday"}, 400, "since"),
        ("/usage/summary/", {"since": "2020-01-01T00:00:00Z"}, 400, "since"),
        ("/usage/summary/", {"since": "2020-01-01T00:00:00Z", "until": "2024-01-01T00:00:00Z"}, 400, "until"),
        ("/usage/summary/", {"since": "9999-12-31T23:59:59Z"}, 400, "since"),
        ("/usage/summary/", {"since": "0001-01-01T00:00:00+23:59", "until": "0001-01-02T00:00:00Z"}, 400, "since"),
        ("/usage/summary/", {"since": "9998-12-30T00:00:00Z", "until": "9999-12-31T00:00:00Z"}, 400, "until"),
        ("/usage/summary/", {"by": "hour"}, 400, "by"),
        ("/usage/summary/", {"page_token": "eHl6"}, 400, "page_token"),
        ("/transactions/", {"kind": "gift"}, 400, "kind"),
        ("/transactions/", {"from": "2026-03-20"}, 400, "since"),
        ("/transactions/", {"phone_number": "123"}, 400, "phone_number"),
    ],
)
def test_what_is_wrong_is_named(
    caller: Caller, path: str, query: dict[str, Any], status: int, field: str | None
) -> None:
    answer = caller.get(path, **query)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["details"].get("field") == field


def test_lines_are_listed_by_kind_time_and_number(caller: Caller) -> None:
    def kinds(**query: Any) -> list[str]:
        return [line["kind"] for line in caller.get("/transactions/", **query).json()["data"]]

    assert kinds(kind="top_up") == ["top_up", "top_up"]
    assert kinds(phone_number=caller.number) == ["usage", "rental"]
    assert kinds(**{"from": caller.began, "to": "2999-01-01T00:00:00Z"}) == ["usage"]
    (rent,) = caller.get("/transactions/", kind="rental").json()["data"]
    assert (rent["phone_number"], rent["period"]["period"]) == (caller.number, 0)


def test_calls_are_added_up(caller: Caller) -> None:
    (by_number,) = caller.get("/usage/summary/").json()["data"]
    assert by_number == {
        "phone_number": caller.number,
        "day": None,
        "month": None,
        "calls": 1,
        "seconds": 61,
        "billed_seconds": 120,
        "charged": 0.02,
        "owed": 0,
        "currency": "USD",
    }
    (by_day,) = caller.get("/usage/summary/", by="day").json()["data"]
    assert (by_day["day"], by_day["month"]) == (caller.began[:10], None)
    (by_month,) = caller.get("/usage/summary/", by="number_and_month", phone_number=caller.number).json()["data"]
    assert (by_month["day"], by_month["month"]) == (None, caller.began[:7])
    assert caller.get("/usage/summary/", phone_number="+13615550000").json()["data"] == []


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+13612738809", "+13612738809"),
        ("-1.15", "-1.15"),
        ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
        ("-2-3", "'-2-3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\r=1", "'\r=1"),
        ("invoice-17", "invoice-17"),
        ("+१", "'+१"),  # digits of another script are no number here
        ("", ""),
    ],
)
def test_a_cell_shows_what_it_says(text: str, cell: str) -> None:
    assert safe_cell(text) == cell


@pytest.mark.parametrize(
    ("header", "form"),
    [
        (None, "application/json"),
        (b"*/*", "application/json"),
        (b"text/csv", "text/csv"),
        (b"TEXT/HTML", "text/html"),
        (b"text/html;q=0.5, text/csv;q=0.6", "text/csv"),
        (b"text/*;q=0.9, application/json;q=0.1", "text/html"),
        (b"*/*, application/json;q=0", "text/html"),
        (b"image/png", "application/json"),
        (b"text/csv;q=much", "application/json"),
        (b"", "application/json"),
    ],
)
def test_the_form_is_the_one_that_a_client_would_rather_have(header: bytes | None, form: str) -> None:
    assert accepted(header, ("application/json", "text/html", "text/csv")) == form


def test_a_statement_says_how_long_a_period_is_that_is_no_month(shop: Shop) -> None:
    customer = shop.customer(10)
    customer.buy(shop.number(term="12 month"))
    customer.buy(shop.number())
    path = f"/statements/{MONTH}/"
    lines = customer.http.get(path).json()["data"]["lines"]
    assert [line["period"]["length"] for line in lines if line["period"]] == ["12 months", "month"]
    rows = list(csv.DictReader(io.StringIO(customer.http.get(path, headers={"Accept": "text/csv"}).text)))
    assert [row["period_length"] for row in rows if row["kind"] == "rental"] == ["12 months", "month"]
    shown = customer.http.get(path, headers={"Accept": "text/html"}).text
    assert (shown.count("(12 months)"), shown.count("(month)")) == (1, 0)
