"""The account's numbers: the list, one of them, its labels, and giving it back.

Touches: nothing.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from numberdesk.console.rendering import redirect
from numberdesk.console.screens import Deed, listed, perform, screen, show, show_again
from numberdesk.console.tables import Column, Filter, ScreenTable
from numberdesk.console.visit import Visit
from numberdesk.core.errors import NumberdeskError

_ONE: Final = "GET /phone-numbers/{number}"
_LABEL: Final = "PATCH /phone-numbers/{number}"
_RELEASE: Final = "DELETE /phone-numbers/{number}/release"

NUMBERS: Final = listed(
    ScreenTable(
        "/console/numbers",
        "Numbers",
        "GET /phone-numbers",
        (
            Column("Number", "phone_number", "phone", "/console/numbers/{phone_number}"),
            Column("Label", "friendly_name"),
            Column("State", "status", "state"),
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
        ),
        empty="No number fits. Find one to rent.",
    )
)


@screen("GET", "/numbers/{number}", _ONE)
async def number(visit: Visit) -> Response:
    """One number, with what is known of it."""
    found = (await visit.ask(_ONE, path=visit.path)).data
    charges, calls = [], []
    if visit.may("GET /transactions"):
        mine = f"trf_{found.id.partition('_')[2]}_"
        latest = (await visit.ask("GET /transactions", query={"page_size": 100})).data
        charges = [each for each in latest if each.id.startswith(mine)]
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
        may_manage=visit.may(_LABEL),
        form_key=visit.sent("form_key") or visit.entry_point.services.new_id("rls"),
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
