"""Charts: what an account spent and called in each month; what the service sold, and how its carriers did.

Touches: nothing.

All of it is counted from what the API lists, as far back as the pages say.
"""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from starlette.responses import Response

from numberdesk.console.charts import Chart, Series
from numberdesk.console.connection_states import walk
from numberdesk.console.rendering import words
from numberdesk.console.screens import screen, show
from numberdesk.console.tables import CSV, cell, file_headers
from numberdesk.console.visit import Visit
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.periods import iso_seconds
from numberdesk.core.statement import parse_month

_MONTHS: Final = 12
_DAYS: Final = 14
_MOST_ORDERS: Final = 1_000
_MOST_MARGINS: Final = 1_000
_MOST_CURRENCIES: Final = 3
_NOT_SPENT: Final = ("top_up", "adjustment")
_SUMMED: Final = "GET /usage/summary"
_HEADS: Final = "GET /statements"
_MONTH: Final = "GET /statements/{month}"
_ORDERS: Final = "GET /admin/orders"
_MARGIN: Final = "GET /admin/usage/margin"
_SPENDING: Final = (
    "What was spent and called in each month of UTC, at most twelve. Money paid in and corrections are left out."
)
_SALES: Final = (
    f"The latest {_MOST_ORDERS:,} orders of all accounts by day of UTC and by carrier, and what calls of this month "
    "were charged and cost."
)


@screen("GET", "/spending", _SUMMED, _HEADS, _MONTH)
async def spending(visit: Visit) -> Response:
    """Spend and minutes of an account by month."""
    found = await _spending(visit)
    return _shown(visit, "Spending", "/console/spending", _SPENDING, found)


@screen("GET", "/spending/csv", _SUMMED, _HEADS, _MONTH)
async def spending_as_csv(visit: Visit) -> Response:
    """The same as CSV."""
    return _file("spending", await _spending(visit))


@screen("GET", "/sales", _ORDERS, _MARGIN)
async def sales(visit: Visit) -> Response:
    """Sales, carriers' success, and the margin on calls."""
    found = await _sales(visit)
    return _shown(visit, "Sales", "/console/sales", _SALES, found)


@screen("GET", "/sales/csv", _ORDERS, _MARGIN)
async def sales_as_csv(visit: Visit) -> Response:
    """The same as CSV."""
    return _file("sales", await _sales(visit))


def _shown(visit: Visit, title: str, here: str, about: str, charts: Sequence[Chart]) -> Response:
    return show(visit, "charts.html", here, title, charts=charts, about=about, csv=f"{here}/csv")


async def _spending(visit: Visit) -> list[Chart]:
    currency, by_kind = visit.caller.currency or "", dict[str, dict[str, Decimal]]()
    for head in (await visit.ask(_HEADS, query={"page_size": _MONTHS})).data:
        totals = (await visit.ask(_MONTH, path={"month": head.month}, query={"page_size": 1})).data.totals or ()
        by_kind[head.month] = {each.kind: -each.amount for each in totals if each.kind not in _NOT_SPENT}
    months = sorted(by_kind)
    kinds = sorted({kind for found in by_kind.values() for kind in found})
    spent = [sum(by_kind[month].values(), Decimal(0)) for month in months]
    parts = [[by_kind[month].get(kind, Decimal(0)) for month in months] for kind in kinds]
    called = {month: summed for month in months if (summed := await called_in(visit, month)) is not None}
    minutes = [round(Decimal(billed) / 60) for _, billed in called.values()]
    return [
        Chart("spend", f"Spent, {currency}", "Month", months, [
            Series("All", spent, "money"),
            *(Series(words(kind).capitalize(), part, "money", drawn=False)
              for kind, part in zip(kinds, parts, strict=True)),
        ]),
        Chart("minutes", "Minutes of calls, as billed", "Month", list(called), [
            Series("Minutes", minutes), Series("Calls", [calls for calls, _ in called.values()], drawn=False),
        ]),
    ]  # fmt: skip


async def called_in(visit: Visit, month: str) -> tuple[int, int] | None:
    """How many calls began in a month, and their billed seconds; None where they are too many to be summed."""
    begins = parse_month(month)
    until = {} if begins is None or begins.ends_at > visit.now else {"until": iso_seconds(begins.ends_at)}
    try:
        found = (await visit.ask(_SUMMED, query={"by": "month", "since": f"{month}-01T00:00:00Z", **until})).data
    except InvalidRequest:
        return None
    return (found[0].calls, found[0].billed_seconds) if found else (0, 0)


async def _sales(visit: Visit) -> list[Chart]:
    orders = [order async for order in walk(visit, _ORDERS, {}, _MOST_ORDERS)]
    today = datetime.fromtimestamp(visit.now / 1e6, UTC).date()
    days = [(today - timedelta(days=ago)).isoformat() for ago in reversed(range(_DAYS))]
    if len(orders) >= _MOST_ORDERS:  # of the day on which they begin not all are there
        days = [day for day in days if day > orders[-1].created_at[:10]] or days[-1:]
    ended = {state: Counter(order.created_at[:10] for order in orders if order.status == state)
             for state in ("completed", "failed", "pending")}  # fmt: skip
    charts = [
        Chart("orders", f"Orders of the latest {_DAYS} days", "Day", days, [
            Series("Completed", [ended["completed"][day] for day in days]),
            Series("Failed", [ended["failed"][day] for day in days]),
            Series("Pending", [ended["pending"][day] for day in days], drawn=False),
        ])
    ]  # fmt: skip
    for currency, _ in Counter(order.currency for order in orders).most_common(_MOST_CURRENCIES):
        sold = defaultdict[str, Decimal](Decimal)
        for order in orders:
            if order.currency == currency:
                sold[order.created_at[:10]] += order.charged
        title = f"Charged for these orders, {currency}"
        charts.append(
            Chart(f"sold-{currency}", title, "Day", days, [Series("Charged", [sold[day] for day in days], "money")])
        )
    return [*charts, _success(orders), *await _margins(visit)]


def _success(orders: Sequence[Any]) -> Chart:
    """Of the orders that ended, how many each carrier completed."""
    counts = defaultdict[str, Counter[str]](Counter)
    for order in orders:
        counts[order.carrier][order.status] += 1
    carriers = sorted(counts)
    ended = [counts[name]["completed"] + counts[name]["failed"] for name in carriers]
    share = [100 * counts[name]["completed"] // max(1, all_) for name, all_ in zip(carriers, ended, strict=True)]
    shown = [name for name, all_ in zip(carriers, ended, strict=True) if all_]
    told = [place for place, all_ in enumerate(ended) if all_]
    return Chart(
        "success",
        "Orders that carriers completed, of those that ended",
        "Carrier",
        shown,
        [
            Series("Completed, share", [share[place] for place in told], "percent"),
            *(
                Series(state.capitalize(), [counts[name][state] for name in shown], drawn=False)
                for state in ("completed", "failed", "pending")
            ),
        ],
    )


async def _margins(visit: Visit) -> list[Chart]:
    """What calls of this month were charged and cost, by carrier; a chart for each currency."""
    found = [each async for each in walk(visit, _MARGIN, {}, _MOST_MARGINS)]
    about = "Rent is not in it, nor what calls cost of which the carrier has told no cost yet."
    if len(found) >= _MOST_MARGINS:
        about = f"Of the first {_MOST_MARGINS:,} numbers. {about}"
    charts = []
    for currency in sorted({each.currency for each in found})[:_MOST_CURRENCIES]:
        mine = [each for each in found if each.currency == currency]
        carriers = sorted({each.carrier for each in mine})
        of = [[each for each in mine if each.carrier == name] for name in carriers]
        charged = [sum((each.charged for each in rows), Decimal(0)) for rows in of]
        cost = [sum((each.cost for each in rows), Decimal(0)) for rows in of]
        series = [
            Series("Charged", charged, "money"),
            Series("Cost", cost, "money"),
            Series("Difference", [one - other for one, other in zip(charged, cost, strict=True)], "money", drawn=False),
            Series("Calls without a cost", [sum(each.calls_without_cost for each in rows) for rows in of], drawn=False),
        ]
        title = f"Calls of this month, {currency}"
        charts.append(Chart(f"margin-{currency}", title, "Carrier", carriers, series, about))
    return charts


def _file(name: str, charts: Sequence[Chart]) -> Response:
    """The tables one after the other, each behind its title."""
    text = io.StringIO()
    lines = csv.writer(text)
    for each in charts:
        lines.writerow([cell(each.title)])
        lines.writerow([each.first, *(one.name for one in each.series)])
        for place, label in enumerate(each.labels):
            lines.writerow([cell(label), *(cell(one.values[place]) for one in each.series)])
        lines.writerow([])
    return Response(text.getvalue(), media_type=CSV, headers=file_headers(name))
