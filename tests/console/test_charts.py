"""Charts: bars without scripts, with the figures of the API in the table beneath and in the file."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import cast

import pytest

from numberdesk.console.charts import Chart, Series
from numberdesk.console.pages.charts import called_in
from numberdesk.console.visit import Visit
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.periods import from_datetime
from numberdesk.flows.usage.set_usage_terms import AppointSource, appoint_sources
from tests.api.conftest import Customer, Shop
from tests.console.browser import Browser

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # what is asked is tried on both elsewhere


def test_what_was_spent_and_called_in_a_month_is_drawn_and_told_with_the_figures_of_the_statement(
    desk: Shop, customer: Customer, browser: Browser
) -> None:
    number = desk.number(setup=500_000)
    bought = customer.buy(number).json()["data"]["purchased_at"]
    call = {"call_id": f"c-{number}", "direction": "inbound", "phone_number": number, "other": "+13615550101"}
    times = {"started_at": bought, "answered_at": bought, "ended_at": bought}
    customer.http.post("/usage/calls/", json=[{**call, **times}])
    month = bought[:7]
    statement = customer.http.get(f"/statements/{month}/").json()["data"]
    spent = -sum(Decimal(str(each["amount"])) for each in statement["totals"] if each["kind"] != "top_up")
    page = browser.get("/console/spending")
    assert f"{month} {spent:.2f}" in page.text
    assert [given["role"] for tag, given in page.tags if tag == "svg"] == ["img", "img"]
    assert next(given["width"] for tag, given in page.tags if tag == "rect") == "50.00%"
    named = [given["aria-labelledby"] for tag, given in page.tags if tag == "svg"]
    assert all(f'id="{each}"' in page.html for both in named for each in (both or "").split())
    lines = browser.http.get("/console/spending/csv").text.splitlines()
    assert lines[:1] == ['"Spent, USD"']
    assert lines[2].startswith(f"{month},1.65,")


def test_orders_are_counted_by_day_and_carrier_and_what_they_charged_by_currency(
    desk: Shop, customer: Customer, operator: Browser
) -> None:
    def completed() -> int:
        found = re.search(rf"^{day},([0-9]+),", operator.http.get("/console/sales/csv").text, re.MULTILINE)
        assert found
        return int(found[1])

    day = customer.buy(desk.number()).json()["data"]["purchased_at"][:10]
    before = completed()
    customer.buy(desk.number())
    assert completed() == before + 1
    page = operator.get("/console/sales")
    assert f"{day} {before + 1} 0 " in page.text
    assert "Charged for these orders, USD" in page.text
    lines = operator.http.get("/console/sales/csv").text.splitlines()
    assert [line for line in lines if line.startswith("pool,")]
    assert lines[1] == "Day,Completed,Failed,Pending"


def test_bars_are_as_long_as_their_values_and_none_is_longer_than_the_longest(engine: str) -> None:
    assert engine
    chart = Chart("x", "X", "Day", ["a", "b", "c"], [Series("N", [Decimal(4), Decimal(-1), Decimal(1)], "money")])
    assert [bar.width for _, _, (bar,) in chart.rows] == ["50.00", "0.00", "12.50"]
    assert chart.description == "N: at most 4.00, a. The table below has all figures."
    nothing = Chart("x", "X", "Day", ["a"], [Series("N", [0])])
    assert nothing.rows[0][2][0].width == "0.00"


def test_a_month_of_more_calls_than_are_summed_has_no_bar_rather_than_a_wrong_one(engine: str) -> None:
    assert engine
    asked: list[dict[str, str]] = []

    class Told:
        """Stands for a visit whose account called too much in March."""

        now = from_datetime(datetime(2026, 4, 20, tzinfo=UTC))

        async def ask(self, _endpoint: str, query: dict[str, str]) -> object:
            asked.append(query)
            if query["since"].startswith("2026-03"):
                raise InvalidRequest("until", "is too far")
            return SimpleNamespace(data=[SimpleNamespace(calls=2, billed_seconds=90)])

    told = cast("Visit", Told())
    assert asyncio.run(called_in(told, "2026-03")) is None
    assert asyncio.run(called_in(told, "2026-04")) == (2, 90)
    assert [query.get("until") for query in asked] == ["2026-04-01T00:00:00Z", None], "this month goes on"


def test_the_overview_tells_the_minutes_of_today(desk: Shop, customer: Customer, browser: Browser) -> None:
    assert "Minutes today UTC 0 as billed, of 0 calls" in browser.get("/console/").text
    number = desk.number()
    customer.buy(number)
    switch = desk.operator(("usage:write", "admin"))
    source = f"operator:{switch.account_id}"
    desk.services.writer.apply(appoint_sources, AppointSource(number, source, desk.services.now()))
    begun = datetime.now(UTC).isoformat()
    call = {"call_id": number, "direction": "inbound", "phone_number": number, "started_at": begun, "seconds": 61}
    assert switch.http.post("/usage/calls/", json=[call]).json()["data"][0]["amount"] > 0
    assert "Minutes today UTC 2 as billed, of 1 call;" in browser.get("/console/").text
