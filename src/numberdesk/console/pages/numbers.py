"""The account's numbers: the list, one of them, its labels, and giving it back.

Touches: nothing.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from numberdesk.console.connection_states import STATE, connection_state_of, connections_of, with_connections
from numberdesk.console.pages.shown_rows import shown_rows
from numberdesk.console.rendering import page, redirect
from numberdesk.console.screens import Deed, perform, screen, show, show_again
from numberdesk.console.tables import Column, Filter, ScreenTable, csv_answer, load
from numberdesk.console.visit import Visit
from numberdesk.core.errors import NumberdeskError

_ALL: Final = "GET /phone-numbers"
_ONE: Final = "GET /phone-numbers/{number}"
_LABEL: Final = "PATCH /phone-numbers/{number}"
_RELEASE: Final = "DELETE /phone-numbers/{number}/release"
_CONNECT: Final = "POST /phone-numbers/{number}/connection"
_DIAGNOSE: Final = "GET /phone-numbers/{number}/diagnose"
_SETTINGS: Final = "GET /phone-numbers/{number}/settings"
_SET: Final = "POST /phone-numbers/{number}/settings"
_SETTABLE: Final = ("emergency_address", "caller_name")
_LATEST: Final = 25
_BRIEFLY: Final = (
    Column("Began", "started_at"),
    Column("Direction", "direction"),
    Column("Other side", "other"),
    Column("Seconds", "seconds"),
)
_OF_LATEST: Final = (*_BRIEFLY, Column("How it ended", "disposition"))
_OF_CALLS: Final = (*_BRIEFLY, Column("Charge", "amount"), Column("Currency", "currency"), Column("State", "status"))

NUMBERS: Final = ScreenTable(
    "/console/numbers",
    "Numbers",
    _ALL,
    (
        Column("Number", "phone_number", "phone", "/console/numbers/{phone_number}"),
        Column("Label", "friendly_name"),
        Column("State", "status", "state"),
        Column("Calls go to", "connection_id", "connection"),
        Column("Place", "locality"),
        Column("Region", "region"),
        Column("Month", "price", "money", unit="currency"),
        Column("Renews", "renews_at", "time"),
        Column("Ends", "ends_at", "time"),
        Column("Tags", "tags", "list"),
    ),
    (
        Filter("Number", "phone_number", form="tel", hint="+13612738809"),
        Filter("State", "status", ("active", "past_due", "released")),
        Filter("Country", "iso_country", hint="US"),
        Filter("Region", "region", hint="TX"),
        Filter("Rows", "page_size", ("50", "100"), unchosen="25"),
    ),
    empty="No number fits.",
    new="new/number_link.html",
    chosen="chosen",
)


@screen("GET", "/numbers", _ALL)
async def numbers(visit: Visit) -> Response:
    """What is rented, and how each stands with its connection."""
    table = await load(visit, NUMBERS)
    choosing = all(map(visit.may, (_LABEL, _CONNECT, _RELEASE)))
    connections = await connections_of(visit) if table.rows else []
    table.rows = await with_connections(visit, table.rows, connections)
    return show(
        visit, "numbers.html", "/console/numbers", "Numbers", table=table, choosing=choosing, connections=connections
    )


@screen("GET", "/numbers/csv", _ALL)
async def numbers_as_csv(visit: Visit) -> Response:
    """The same as CSV, with the ids of connections."""
    return await csv_answer(visit, NUMBERS)


@screen("GET", "/numbers/{number}", _ONE)
async def number(visit: Visit) -> Response:
    """One number, with what is known of it."""
    found = (await visit.ask(_ONE, path=visit.path)).data
    charges, calls = [], []
    if visit.may("GET /transactions"):
        mine = {"phone_number": found.phone_number, "since": found.created_at, "page_size": _LATEST}
        charges = (await visit.ask("GET /transactions", query=mine)).data
    if visit.may("GET /usage/calls"):
        latest = (await visit.ask("GET /usage/calls", query={"page_size": 100})).data
        calls = [each for each in latest if each.phone_number == found.phone_number]
    return show(
        visit,
        "number.html",
        "/console/numbers",
        found.phone_number,
        number=found,
        charges=charges,
        calls=calls,
        calls_as_rows=shown_rows(visit, "calls-of-a-number", _OF_CALLS, calls),
        stands=await connection_state_of(visit, found.id),
        settings=(await visit.ask(_SETTINGS, path={"number": found.id})).data if found.is_active else None,
        connections=await connections_of(visit),
        may_manage=visit.may(_LABEL),
        form_key=visit.sent("form_key") or visit.entry_point.services.new_id("rls"),
    )


@screen("GET", "/numbers/{number}/connection", STATE)
async def connection_state(visit: Visit) -> Response:
    """The part of a number's page that says how it stands with its connection, to be asked for while that changes."""
    stands = await connection_state_of(visit, visit.path["number"])
    return page("connection_state.html", stands=stands, connections=await connections_of(visit))


@screen("POST", "/numbers/{number}/connection", _CONNECT, _ONE)
async def connect(visit: Visit) -> Response:
    """Connect a number to what was chosen, or to nothing."""
    chosen = visit.sent("connection_id").strip() or None
    try:
        await visit.ask(_CONNECT, path=visit.path, body={"connection_id": chosen})
    except NumberdeskError as error:
        return await show_again(visit, error, number)
    return redirect(f"/console/numbers/{visit.path['number']}?said={'connecting' if chosen else 'disconnected'}")


@screen("GET", "/numbers/{number}/diagnose", _DIAGNOSE)
async def diagnose(visit: Visit) -> Response:
    """Why a number does not ring: its carrier is asked."""
    found = (await visit.ask(_DIAGNOSE, path=visit.path)).data
    names = {each.id: each.name for each in await connections_of(visit)}
    calls = shown_rows(visit, "latest-calls", _OF_LATEST, found.calls)
    return show(
        visit, "diagnosis.html", "/console/numbers", "Why does it not ring?", found=found, names=names, calls=calls
    )


@screen("POST", "/numbers/{number}/labels", _LABEL, _ONE)
async def label(visit: Visit) -> Response:
    """Write label, agent and tags, and whether the rental goes on."""
    body: dict[str, Any] = {
        "friendly_name": visit.sent("friendly_name").strip(),
        "agent_id": visit.sent("agent_id").strip(),
        "tags": [tag.strip() for tag in visit.sent("tags").split(",") if tag.strip()],
        "auto_renew": visit.sent("auto_renew") == "yes",
    }
    try:
        await visit.ask(_LABEL, path=visit.path, body=body)
    except NumberdeskError as error:
        return await show_again(visit, error, number)
    return redirect(f"/console/numbers/{visit.path['number']}?said=saved")


@screen("POST", "/numbers/{number}/settings", _SET, _ONE)
async def set_settings(visit: Visit) -> Response:
    """Say which emergency address and caller name a number is to have; what is empty is taken away."""
    body: dict[str, Any] = {name: visit.sent(name).strip() for name in _SETTABLE if name in visit.form}
    try:
        await visit.ask(_SET, path=visit.path, body=body)
    except NumberdeskError as error:
        return await show_again(visit, error, number)
    return redirect(f"/console/numbers/{visit.path['number']}?said=settings")


@screen("POST", "/numbers/{rental_id}/release", _RELEASE, _ONE)
async def release(visit: Visit) -> Response:
    """Give a number back, now or at the end of its month, to whoever types its last four digits."""
    visit.path["number"] = visit.path["rental_id"]
    found = (await visit.ask(_ONE, path=visit.path)).data
    visit.path["number"] = found.phone_number
    ending = visit.sent("at") == "period_end"
    try:
        done = Deed("", _RELEASE, "", "", query=("at",), keyed=not ending, digits="number", named="rental_id")
        await perform(visit, done)
    except NumberdeskError as error:
        return await show_again(visit, error, number)
    return redirect(f"/console/numbers/{found.phone_number}?said={'ending' if ending else 'released'}")
