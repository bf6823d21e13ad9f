"""Papers of all accounts, for operators: what carriers approved, registered, changed and removed.

Touches: nothing.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from numberdesk.catalog.model import NUMBER_TYPES
from numberdesk.console.pages.lists import PAPERS_COLUMNS
from numberdesk.console.rendering import redirect
from numberdesk.console.screens import Deed, deed, screen, show, show_again
from numberdesk.console.tables import Column, Filter, ScreenTable, csv_answer, load
from numberdesk.console.visit import Visit
from numberdesk.core.compliance import ProfileState
from numberdesk.core.errors import NumberdeskError

_ALL: Final = "GET /admin/compliance-profiles"
_REGISTER: Final = "POST /admin/compliance-profiles"
_ONE: Final = "/admin/compliance-profiles/{profile_id}"
_HERE: Final = "/console/all-papers"
_PAIRS: Final = (1, 2, 3)
"""The carrier's ids that the form has room for."""

ALL_PAPERS: Final = ScreenTable(
    _HERE,
    "Papers",
    _ALL,
    (
        Column("Account", "account_id", "mono", "/console/accounts/{account_id}"),
        Column("Carrier", "carrier", link="/console/carriers/{carrier}"),
        *PAPERS_COLUMNS,
        Column("What the carrier said", "said"),
        Column("At the carrier", "papers", "details"),
    ),
    (Filter("Account", "account_id", hint="acc_…"),),
    empty="No papers are registered.",
    about="What carriers approved of accounts, for numbers that are sold only with papers. The papers themselves stand "
    "with the carrier: here are its ids of them.",
    new="new/papers.html",
    deeds="deeds/papers.html",
)


@screen("GET", "/all-papers", _ALL)
async def all_papers(visit: Visit) -> Response:
    """The papers of all accounts, and a form for more."""
    return show(
        visit,
        "table.html",
        _HERE,
        ALL_PAPERS.title,
        table=await load(visit, ALL_PAPERS),
        number_types=NUMBER_TYPES,
        states=[each.value for each in ProfileState],
        pairs=_PAIRS,
        may_change=visit.may(_REGISTER),
    )


@screen("GET", "/all-papers/csv", _ALL)
async def all_papers_as_csv(visit: Visit) -> Response:
    """The same as CSV."""
    return await csv_answer(visit, ALL_PAPERS)


@screen("POST", "/all-papers", _REGISTER)
async def register(visit: Visit) -> Response:
    """Register what a carrier approved for an account."""
    body: dict[str, Any] = visit.filled("account_id", "carrier", "iso_country", "number_type")
    named = [(visit.sent(f"paper_{place}").strip(), visit.sent(f"id_{place}").strip()) for place in _PAIRS]
    body["papers"] = {name: value for name, value in named if name or value}
    if visit.filled("valid_until"):
        body["valid_until"] = f"{visit.sent('valid_until').strip()}T00:00:00Z"
    try:
        await visit.ask(_REGISTER, body=body)
    except NumberdeskError as error:
        return await show_again(visit, error, all_papers)
    return redirect(f"{_HERE}?said=created")


deed(
    Deed("/all-papers/{profile_id}/state", f"PATCH {_ONE}", "/all-papers", "saved", fields=("status", "said")),
    all_papers,
)
deed(Deed("/all-papers/{profile_id}/remove", f"DELETE {_ONE}", "/all-papers", "removed"), all_papers)
