"""What waits for an operator: orders that are parked, and rents that are not paid.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from numberdesk.console.screens import Deed, deed, screen, show
from numberdesk.console.tables import Column, ScreenTable, csv_answer, load
from numberdesk.console.visit import Visit

_ORDER: Final = "/admin/orders/{order_id}"
_PERIODS: Final = "GET /admin/rentals/{rental_id}/periods"
PERIODS: Final = ScreenTable(
    "/console/rents/{rental_id}",
    "Periods",
    _PERIODS,
    (
        Column("Period", "period", "count"),
        Column("Begins", "begins_at", "time"),
        Column("State", "status", "state"),
        Column("Amount", "amount", "money", unit="currency"),
        Column("Transfer", "transfer_id", "mono"),
        Column("Waived by", "waived_by", "mono"),
        Column("Reason", "reason"),
    ),
    empty="Its first period was paid with the purchase; none has followed yet.",
)


@screen("GET", "/all-orders/{order_id}", f"GET {_ORDER}")
async def any_order(visit: Visit) -> Response:
    """One order of any account: what is known of it, and what can be decided."""
    found = (await visit.ask(f"GET {_ORDER}", path=visit.path)).data
    return show(visit, "any_order.html", "/console/all-orders", "Order", order=found)


@screen("GET", "/rents/{rental_id}", _PERIODS)
async def rent(visit: Visit) -> Response:
    """What became of the periods of a rental, and waiving the one that is not paid."""
    table = await load(visit, PERIODS, visit.path)
    return show(visit, "rent.html", "/console/rents", "Rent", table=table, rental_id=visit.path["rental_id"])


@screen("GET", "/rents/{rental_id}/csv", _PERIODS)
async def rent_as_csv(visit: Visit) -> Response:
    """The periods as CSV."""
    return await csv_answer(visit, PERIODS, visit.path)


for _verb, _said in (("adopt", "adopted"), ("void", "voided"), ("retry", "retried")):
    deed(
        Deed(f"/all-orders/{{order_id}}/{_verb}", f"POST {_ORDER}/{_verb}", "/all-orders/{order_id}", _said),
        any_order,
    )
deed(Deed("/rents/{rental_id}/run", "POST /admin/rentals/{rental_id}/run", "/rents/{rental_id}", "saved"), rent)
deed(
    Deed(
        "/rents/{rental_id}/waive",
        "POST /admin/rentals/{rental_id}/waive",
        "/rents/{rental_id}",
        "waived",
        fields=("reason",),
    ),
    rent,
)
