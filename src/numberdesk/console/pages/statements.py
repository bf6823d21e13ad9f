"""Statements of months: the list, a month with its lines, and the same as a file or as a page to print.

Touches: nothing.

They are there for an account itself, and for operators of any account.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple

from starlette.responses import Response, StreamingResponse

from numberdesk.api.routes.statements import CSV, HTML
from numberdesk.console.paths import filled
from numberdesk.console.rendering import SECURITY
from numberdesk.console.screens import ROOT, listed, screen, show
from numberdesk.console.tables import Column, ScreenTable, load
from numberdesk.console.visit import Visit

_MONTHS: Final = (
    Column("State", "status"),
    Column("Opened with", "opening_balance", "money"),
    Column("Closed with", "closing_balance", "money", unit="currency"),
    Column("Owed for calls", "closing_owed", "money"),
    Column("Lines", "line_count", "count"),
    Column("Time zone", "time_zone"),
)
_LINES: Final = (
    Column("When", "posted_at", "time"),
    Column("What", "kind", "words"),
    Column("Number", "phone_number", "phone"),
    Column("Calls", "calls", "calls"),
    Column("Pays until", "period.ends_at", "time"),
    Column("Amount", "amount", "money"),
    Column("Balance after", "balance", "money"),
    Column("Reference", "reference"),
    Column("Part", "section"),
)


class _Statements(NamedTuple):
    """Whose statements: where their pages are, what they ask, and the page that leads there."""

    path: str
    endpoint: str
    menu: str

    @property
    def months(self) -> ScreenTable:
        """The list of months; the last one is not over yet."""
        return ScreenTable(
            ROOT + self.path,
            "Statements",
            self.endpoint,
            (Column("Month", "month", link=f"{ROOT}{self.path}/{{month}}"), *_MONTHS),
            empty="No month yet.",
            about="What each month opened and closed with. A month that is over never changes.",
        )

    @property
    def lines(self) -> ScreenTable:
        """The lines of a month."""
        return ScreenTable(
            f"{ROOT}{self.path}/{{month}}",
            "Lines",
            f"{self.endpoint}/{{month}}",
            _LINES,
            empty="Nothing happened in this month.",
        )


def _declare(whose: _Statements) -> None:
    lines = whose.lines
    listed(whose.months)

    @screen("GET", f"{whose.path}/{{month}}", lines.endpoint)
    async def month(visit: Visit) -> Response:
        """A month: how it opened and closed, what came of each kind, and its lines."""
        table = await load(visit, lines, visit.path)
        found: Any = table.rows
        table.rows = found.lines
        title = f"Statement of {found.month}"
        back = filled(ROOT + whose.path, visit.path)
        return show(visit, "statement.html", whose.menu, title, statement=found, table=table, back=back)

    @screen("GET", f"{whose.path}/{{month}}/csv", lines.endpoint)
    async def month_as_csv(visit: Visit) -> Response:
        """The whole month as CSV, as the API gives it."""
        return await _streamed(visit, CSV, lines.endpoint)

    @screen("GET", f"{whose.path}/{{month}}/print", lines.endpoint)
    async def month_to_print(visit: Visit) -> Response:
        """The whole month as a page to print, as the API gives it."""
        return await _streamed(visit, HTML, lines.endpoint)


async def _streamed(visit: Visit, media_type: str, endpoint: str) -> Response:
    """What the API answers in another form. It may style itself, where it says so, and runs nothing."""
    answer = await visit.ask_as(media_type, endpoint, path=visit.path)
    first = await anext(answer.pieces)

    async def whole() -> AsyncIterator[str]:
        yield first
        async for piece in answer.pieces:
            yield piece

    headers = {**SECURITY, **answer.headers, "Cache-Control": "no-store"}
    return StreamingResponse(whole(), media_type=f"{media_type}; charset=utf-8", headers=headers)


_declare(_Statements("/statements", "GET /statements", "/console/statements"))
_declare(
    _Statements("/accounts/{account_id}/statements", "GET /admin/accounts/{account_id}/statements", "/console/accounts")
)
