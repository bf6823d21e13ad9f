"""As CSV: lists that stand on pages of another kind, where a table of its own would have it by itself.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from numberdesk.console.connection_states import of_account
from numberdesk.console.screens import screen
from numberdesk.console.tables import Column, rows_as_csv
from numberdesk.console.visit import Visit

_CARRIERS: Final = "GET /admin/carriers"
_RATES: Final = "GET /admin/exchange-rates"
_HEALTH: Final = "GET /admin/health"
_INVENTORY: Final = "GET /admin/inventory"
_HELD: Final = "GET /admin/phone-numbers/{number}"
_CONNECTION: Final = "GET /connections/{connection_id}"
_NUMBERS: Final = "GET /phone-numbers"

_OF_CARRIERS: Final = (
    Column("Carrier", "name"),
    Column("Kind", "kind"),
    Column("State", "status"),
    Column("Cannot be used", "problem"),
    Column("Orders refused since", "orders_refused_since"),
    Column("What it said", "orders_refused_said"),
    Column("Asked again in seconds", "paused_seconds"),
    Column("Failures in a row", "failures"),
    Column("Silent since", "failures_since"),
    Column("Searches silent since", "search_failures_since"),
    Column("Open orders", "open_orders"),
    Column("Parked", "parked_orders"),
    Column("Unconfirmed releases", "unconfirmed_releases"),
    Column("Findings", "open_findings"),
    Column("Last audit", "last_audit.ended_at"),
)
_OF_RATES: Final = (
    Column("From", "base"),
    Column("To", "quote"),
    Column("Rate", "rate"),
    Column("Set", "updated_at"),
)
_OF_IMPORTS: Final = (
    Column("Began", "began_at"),
    Column("File", "file_name"),
    Column("Only checked", "dry_run"),
    Column("Runs", "is_running"),
    Column("Good lines", "report.good"),
    Column("Bad lines", "report.bad"),
    Column("Refused", "error.message"),
    Column("Import", "id"),
)
_OF_ADVICE: Final = (
    Column("How bad", "level"),
    Column("About", "subject"),
    Column("What was found", "message"),
    Column("What to do", "action"),
)
_OF_WORK: Final = (
    Column("Kind", "work"),
    Column("Due now", "due"),
    Column("The first for seconds", "late_seconds"),
    Column("Most tries", "tries"),
)
_OF_RENTALS: Final = (
    Column("Account", "account_id"),
    Column("State", "status"),
    Column("Since", "created_at"),
    Column("Until", "released_at"),
    Column("Price", "price"),
    Column("Currency", "currency"),
    Column("Every", "period_every"),
    Column("Unit", "period_unit"),
    Column("Periods", "period"),
    Column("Rental", "id"),
)
_OF_NUMBERS: Final = (
    Column("Number", "phone_number"),
    Column("Label", "friendly_name"),
    Column("State", "status"),
    Column("Place", "locality"),
    Column("Region", "region"),
    Column("Tags", "tags"),
)


@screen("GET", "/all-numbers/{number}/csv", _HELD)
async def rentals_as_csv(visit: Visit) -> Response:
    """Who rents a number and who did, the latest fifty."""
    found = (await visit.ask(_HELD, path=visit.path)).data
    rentals = [found.rental, *found.rentals] if found.rental else found.rentals
    return rows_as_csv("rentals-of-a-number", _OF_RENTALS, rentals)


@screen("GET", "/carriers/csv", _CARRIERS)
async def carriers_as_csv(visit: Visit) -> Response:
    """How it goes with each carrier."""
    return rows_as_csv("carriers", _OF_CARRIERS, (await visit.ask(_CARRIERS)).data)


@screen("GET", "/inventory/imports/csv", _INVENTORY)
async def imports_as_csv(visit: Visit) -> Response:
    """The imports by upload that this process remembers, the latest first."""
    return rows_as_csv("imports", _OF_IMPORTS, visit.imports.latest())


@screen("GET", "/rates/csv", _RATES)
async def rates_as_csv(visit: Visit) -> Response:
    """Exchange rates."""
    return rows_as_csv("exchange-rates", _OF_RATES, (await visit.ask(_RATES)).data)


@screen("GET", "/health/csv", _HEALTH)
async def advice_as_csv(visit: Visit) -> Response:
    """What was found, and what to do."""
    return rows_as_csv("what-to-do", _OF_ADVICE, (await visit.ask(_HEALTH)).data.advice)


@screen("GET", "/health/work/csv", _HEALTH)
async def work_as_csv(visit: Visit) -> Response:
    """What is due, by kind of work."""
    return rows_as_csv("due-work", _OF_WORK, (await visit.ask(_HEALTH)).data.work)


@screen("GET", "/connections/{connection_id}/numbers/csv", _CONNECTION, _NUMBERS)
async def connected_as_csv(visit: Visit) -> Response:
    """The numbers of a connection, among as many as are looked through."""
    found = (await visit.ask(_CONNECTION, path=visit.path)).data
    mine = [item async for item in of_account(visit) if item.connection_id == found.id]
    return rows_as_csv("numbers-of-a-connection", _OF_NUMBERS, mine)
