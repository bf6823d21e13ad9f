"""Events as webhooks are told of them: those of the account, and for operators those that are about no account.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from numberdesk.console.screens import listed, screen, show
from numberdesk.console.tables import Column, Filter, ScreenTable, csv_answer, load
from numberdesk.console.visit import Visit

_EVENTS: Final = "GET /events"
_OF_OPERATORS: Final = "GET /admin/findings"
"""Asked with it, since only operators may see what is about no account."""

_COLUMNS: Final = (
    Column("Number", "number", "count"),
    Column("When", "timestamp", "time"),
    Column("What", "type"),
    Column("With", "data", "details"),
    Column("Event", "id", "mono"),
)
_FILTERS: Final = (Filter("After number", "after", form="number", hint="0"),)

EVENTS: Final = listed(
    ScreenTable(
        "/console/events",
        "Events",
        _EVENTS,
        _COLUMNS,
        _FILTERS,
        empty="Nothing has happened after this number.",
        about="What happened, the oldest first, as webhooks are told of it. None comes later below a number that is "
        "listed here.",
    )
)
ALL_EVENTS: Final = ScreenTable(
    "/console/all-events",
    "Events",
    _EVENTS,
    _COLUMNS,
    _FILTERS,
    {"stream": "operators"},
    empty="Nothing has happened after this number.",
    about="What happened that is about no account: carriers that fail, orders that are parked, findings, and books "
    "that do not add up. The oldest first, as webhooks of operators are told of it.",
)


@screen("GET", "/all-events", _EVENTS, _OF_OPERATORS)
async def all_events(visit: Visit) -> Response:
    """Events of operators."""
    return show(visit, "table.html", ALL_EVENTS.path, ALL_EVENTS.title, table=await load(visit, ALL_EVENTS))


@screen("GET", "/all-events/csv", _EVENTS, _OF_OPERATORS)
async def all_events_as_csv(visit: Visit) -> Response:
    """The same as CSV."""
    return await csv_answer(visit, ALL_EVENTS)
