"""Other prices for what is rented, for operators: of one rental, or of all that a price rule covers.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from numberdesk.console.pages.shown_rows import shown_rows
from numberdesk.console.pages.standing import rent
from numberdesk.console.pages.supply import prices
from numberdesk.console.screens import Deed, deed, screen, show, show_again
from numberdesk.console.tables import Column
from numberdesk.console.visit import Visit
from numberdesk.core.errors import NumberdeskError

_REPRICE: Final = "POST /admin/price-rules/{rule_id}/reprice"
_REFUSED: Final = (Column("Rental", "rental_id"), Column("Why", "reason"))
_PRICES: Final = ("price", "per_minute_price_inbound", "per_minute_price_outbound")


@screen("POST", "/prices/{rule_id}/reprice", _REPRICE)
async def reprice(visit: Visit) -> Response:
    """Announce what a rule makes of all that it covers, or the prices that were typed, and say what came of it."""
    try:
        done = (await visit.ask(_REPRICE, path=visit.path, body=visit.filled(*_PRICES))).data
    except NumberdeskError as error:
        return await show_again(visit, error, prices)
    refused = shown_rows(visit, "prices-not-announced", _REFUSED, done.refused)
    return show(visit, "repriced.html", "/console/prices", "Prices announced", done=done, refused=refused)


deed(
    Deed(
        "/rents/{rental_id}/prices",
        "POST /admin/rentals/{rental_id}/prices",
        "/rents/{rental_id}",
        "announced",
        fields=_PRICES,
    ),
    rent,
)
