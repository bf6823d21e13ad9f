"""Numbers that stand on an account at a carrier already, for operators: adopt them from a file, and take that back.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from starlette.responses import Response

from numberdesk.console.files import send_file
from numberdesk.console.pages.held_numbers import held_number
from numberdesk.console.pages.shown_rows import shown_rows
from numberdesk.console.screens import Deed, deed, screen, show
from numberdesk.console.tables import Column
from numberdesk.console.visit import Visit
from numberdesk.core.errors import NumberdeskError

_ADOPT: Final = "POST /admin/carriers/{name}/adopt"
_MOST_BAD: Final = 100
_BAD_LINE: Final = (Column("Line", "line"), Column("Number", "phone_number"), Column("What is wrong", "reason"))
_CARRIER: Final = "GET /admin/carriers/{name}"


@screen("GET", "/carriers/{name}/adopt", _ADOPT, _CARRIER)
async def adopt_form(visit: Visit) -> Response:
    """The form for a file."""
    await visit.ask(_CARRIER, path=visit.path)
    return _page(visit, None, ())


@screen("POST", "/carriers/{name}/adopt", _ADOPT, reads_form=False)
async def adopt(visit: Visit) -> Response:
    """Check a file, or adopt what it names, and say what came of it."""
    try:
        sent = await send_file(visit, ("reason", "dry_run", "skip_bad"))
        ticked = {name: "true" if visit.sent(name) else "" for name in ("dry_run", "skip_bad")}
        query = {**ticked, "reason": visit.sent("reason").strip()}
        answer = await visit.ask(_ADOPT, path=visit.path, query=query, receive=sent.receive, headers=sent.headers)
    except NumberdeskError as error:
        visit.error = error
        lines: Any = error.details.get("bad_lines", ())
        return _page(visit, None, lines)
    done: Any = answer.data
    return _page(visit, done, done.bad[:_MOST_BAD])


def _page(visit: Visit, done: Any, bad: Sequence[Any]) -> Response:
    return show(
        visit,
        "adopted.html",
        "/console/carriers",
        "Adopt numbers",
        carrier=visit.path["name"],
        done=done,
        bad=bad,
        bad_rows=shown_rows(visit, "lines-not-adopted", _BAD_LINE, bad),
    )


deed(
    Deed(
        "/all-numbers/{number}/unadopt",
        "POST /admin/phone-numbers/{number}/unadopt",
        "/all-numbers/{number}",
        "unadopted",
        fields=("reason",),
        digits="number",
    ),
    held_number,
)
