"""How the service does, for operators: what is amiss or late, what calls earn, and how call records come in.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from numberdesk.console.pages.lists import PARKED_CALLS
from numberdesk.console.rendering import redirect
from numberdesk.console.screens import listed, screen, show, show_again
from numberdesk.console.tables import Column, Filter, ScreenTable, load
from numberdesk.console.visit import Visit
from numberdesk.core.errors import NumberdeskError

_HEALTH: Final = "GET /admin/health"
_RATE: Final = "POST /admin/usage/parked/rate"


_SCREENS: Final = {
    "numberdesk accounts": ("Accounts", "/console/accounts"),
    "numberdesk wallet": ("Accounts", "/console/accounts"),
    "numberdesk carriers audit": ("Carriers", "/console/carriers"),
    "numberdesk carriers check": ("Carriers", "/console/carriers"),
    "numberdesk carriers enable": ("Carriers", "/console/carriers"),
    "numberdesk carriers findings": ("Findings", "/console/findings"),
    "numberdesk inventory import": ("Inventory", "/console/inventory"),
    "numberdesk carriers add": ("Carriers", "/console/carriers"),
    "numberdesk orders": ("All orders", "/console/all-orders"),
    "numberdesk prices": ("Prices", "/console/prices"),
    "numberdesk usage parked": ("Parked calls", "/console/parked-calls"),
}
"""Where in the console is done what advice says with a command, by how the command begins."""


def screen_of(action: str) -> tuple[str, str] | None:
    """The screen on which advice is followed; None where it is followed at a terminal alone."""
    return next((screen for begins, screen in _SCREENS.items() if begins in action), None)


@screen("GET", "/health", _HEALTH)
async def health(visit: Visit) -> Response:
    """What the doctor says, what is late, and when the books were checked."""
    found = (await visit.ask(_HEALTH)).data
    return show(visit, "health.html", "/console/health", "Health", health=found, screen_of=screen_of)


@screen("POST", "/parked-calls/rate", _RATE, PARKED_CALLS.endpoint)
async def rate_parked(visit: Visit) -> Response:
    """Set what a number lacked, and charge what can be charged of all that waits."""
    asked = visit.filled("phone_number", "source", "direction", "rate")
    try:
        done = (await visit.ask(_RATE, body=asked)).data
    except NumberdeskError as error:
        return await show_again(visit, error, parked_calls)
    return redirect(f"{PARKED_CALLS.path}?said={'rated' if done.rated else 'none-rated'}")


async def parked_calls(visit: Visit) -> Response:
    """The calls that wait, with the form that was refused."""
    return show(visit, "table.html", PARKED_CALLS.path, PARKED_CALLS.title, table=await load(visit, PARKED_CALLS))


MARGIN: Final = listed(
    ScreenTable(
        "/console/margin",
        "Margin",
        "GET /admin/usage/margin",
        (
            Column("Number", "phone_number", "phone"),
            Column("Carrier", "carrier"),
            Column("Calls", "calls", "count"),
            Column("Seconds", "seconds", "count"),
            Column("Charged", "charged", "money", unit="currency"),
            Column("Cost", "cost", "money"),
            Column("Margin", "margin", "money"),
            Column("Calls without a cost", "calls_without_cost", "count"),
            Column("Month", "month"),
        ),
        (
            Filter("Month", "month", form="month", hint="2026-03"),
            Filter("Carrier", "carrier", hint="pool"),
            Filter("Account", "account_id", hint="acc_…"),
        ),
        empty="No calls were charged in this month.",
        about="What the calls of each number were charged beside what its carrier told that they cost, in a month of "
        "UTC. There is none while a cost is missing; numbers of the own pool cost nothing here. Rent is not in it.",
    )
)

SOURCES: Final = listed(
    ScreenTable(
        "/console/sources",
        "Sources compared",
        "GET /admin/usage/reconcile",
        (
            Column("Day", "day"),
            Column("Number", "phone_number", "phone"),
            Column("Source", "source"),
            Column("State", "status"),
            Column("Calls", "calls", "count"),
            Column("Seconds", "seconds", "count"),
            Column("Minutes", "minutes"),
            Column("Charged", "amount", "money"),
        ),
        (
            Filter("Number", "phone_number", hint="+13615550142"),
            Filter("Days, with today", "days", hint="7"),
        ),
        empty="No source told of calls in these days.",
        about="What each source told of the calls of a number on a day of UTC. One source charges for a number; where "
        "others tell of more or fewer minutes than it does, calls are missing somewhere.",
    )
)

PULLS: Final = listed(
    ScreenTable(
        "/console/pulls",
        "Days read from carriers",
        "GET /admin/usage/pulls",
        (
            Column("Carrier", "carrier", link="/console/carriers/{carrier}"),
            Column("Day", "day"),
            Column("Calls listed", "listed", "count"),
            Column("Read", "read_at", "time"),
            Column("Next", "next_at", "time"),
            Column("Done", "done_at", "time"),
            Column("What went wrong", "message"),
        ),
        (Filter("Days that are done", "done", ("true",)),),
        empty="Nothing is being read. Carriers that list their calls are read a day at a time.",
        about="The calls of each day are read from carriers that list them, again and again until the day is complete.",
    )
)

FEEDS: Final = listed(
    ScreenTable(
        "/console/feeds",
        "Feeds",
        "GET /admin/usage/feeds",
        (
            Column("Name", "name"),
            Column("Form", "form"),
            Column("Account", "account_id", "mono", "/console/accounts/{account_id}"),
            Column("Signed", "signed", "yes"),
            Column("Address", "url"),
            Column("Made", "created_at", "time"),
        ),
        empty="No feed has settings of its own. numberdesk usage feeds set makes one.",
        about="How switches and platforms send call records on their own. Feeds are set at a terminal, where their "
        "secrets are typed.",
    )
)
