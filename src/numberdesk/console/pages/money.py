"""The wallet: what it holds, what limits it, and every movement of it.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from numberdesk.console.screens import screen, show
from numberdesk.console.tables import Column, Filter, ScreenTable, csv_answer, load
from numberdesk.console.visit import Visit
from numberdesk.views.formats import KINDS_OF_TRANSFERS

_ALL: Final = "GET /transactions"
MONEY: Final = ScreenTable(
    "/console/money",
    "Money",
    "GET /transactions",
    (
        Column("When", "created_at", "time"),
        Column("What", "kind", "words"),
        Column("Number", "phone_number", "phone", "/console/numbers/{phone_number}"),
        Column("Amount", "amount", "money", unit="currency"),
        Column("Balance after", "balance", "money"),
        Column("Order", "order_id", "mono", "/console/orders/{order_id}"),
        Column("Reference", "reference"),
        Column("Entry", "entry", "count"),
    ),
    (
        Filter("What", "kind", KINDS_OF_TRANSFERS),
        Filter("Number", "phone_number", form="tel", hint="+13612738809"),
        Filter("Since (UTC)", "since", form="datetime-local"),
        Filter("Until (UTC)", "until", form="datetime-local"),
    ),
    empty="Nothing that fits was paid in or spent.",
    about="Every movement of the wallet, the newest first. A line never changes.",
)


@screen("GET", "/money", _ALL, "GET /balance", "GET /account")
async def money(visit: Visit) -> Response:
    """Balance, limits and movements."""
    balance = (await visit.ask("GET /balance")).data
    account = (await visit.ask("GET /account")).data
    table = await load(visit, MONEY)
    return show(visit, "money.html", "/console/money", "Money", table=table, balance=balance, account=account)


@screen("GET", "/money/csv", _ALL)
async def money_as_csv(visit: Visit) -> Response:
    """The movements as CSV."""
    return await csv_answer(visit, MONEY)
