"""Tables of things that the API lists: their columns, filters and pages, and the same as CSV.

Touches: nothing.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.responses import Response, StreamingResponse

from numberdesk.console.paths import filled, value_of
from numberdesk.console.rendering import SECURITY
from numberdesk.console.visit import Visit, endpoint_named
from numberdesk.views.csv_cells import safe_cell

PAGE_SIZE: Final = 25
CSV: Final = "text/csv; charset=utf-8"
_CSV_PAGE: Final = 100
_MOST_CSV_ROWS: Final = 200_000


class Column(msgspec.Struct, frozen=True):
    """A column: its heading, the field it shows, and how.

    `form` is text, money, phone, time, state, mono, list, yes, or another that `cell` of parts.html knows; `link` is a
    path with fields in braces; `unit` names the field with the currency of a sum of money.
    """

    title: str
    name: str
    form: str = "text"
    link: str = ""
    unit: str = ""


class Filter(msgspec.Struct, frozen=True):
    """A filter above a table, which stands in the page's address: words to choose from, or text to write."""

    title: str
    name: str
    choices: tuple[str, ...] = ()
    form: str = "text"
    hint: str = ""
    unchosen: str = "Any"


@dataclass(frozen=True, slots=True)
class ScreenTable:
    """A table at `path` of what an endpoint lists. `fixed` are parameters that it is always asked with."""

    path: str
    title: str
    endpoint: str
    columns: tuple[Column, ...]
    filters: tuple[Filter, ...] = ()
    fixed: dict[str, str] = field(default_factory=dict)
    empty: str = "Nothing here yet."
    about: str = ""
    deeds: str = ""
    """A template with what may be done about each row."""

    new: str = ""
    """A template with a form that adds one."""

    chosen: str = ""
    """The id of the form on the page to which the rows belong that are ticked, by their ids."""

    def query(self, visit: Visit) -> dict[str, str]:
        """What the page's address asks of the endpoint."""
        asked = {each.name: _value(each, visit.asked(each.name)) for each in self.filters}
        return {**{name: value for name, value in asked.items() if value}, **self.fixed}


@dataclass(slots=True)
class TablePage:
    """A page of a table, and the addresses of the pages beside it."""

    listing: ScreenTable
    rows: Sequence[Any]
    here: str
    csv: str
    first: str | None
    next: str | None
    asked: dict[str, str]
    incomplete: bool = False


async def load(visit: Visit, listing: ScreenTable, path: dict[str, str] | None = None) -> TablePage:
    """Ask for a page of a table."""
    query, token = listing.query(visit), visit.asked("page_token")
    wanted = {"page_size": PAGE_SIZE, **query, "page_token": token} if _paged(listing) else query
    answer = await visit.ask(listing.endpoint, path=path, query=wanted)
    page = answer.rest.get("page", {})
    here = filled(listing.path, visit.path)
    asked = {each.name: visit.asked(each.name) for each in listing.filters}
    own = {name: value for name, value in asked.items() if value}
    follows = page.get("next")
    return TablePage(
        listing,
        answer.data,
        here,
        _address(f"{here}/csv", own),
        _address(here, own) if token else None,
        _address(here, {**own, "page_token": follows}) if follows else None,
        asked,
        bool(page.get("incomplete")),
    )


async def csv_answer(visit: Visit, listing: ScreenTable, path: dict[str, str] | None = None) -> Response:
    """The whole table, as far as its filters go, in a file that a spreadsheet opens without running any of it.

    What is refused is refused before the file begins; where a later page cannot be read the file ends unfinished.
    """
    name = re.sub(r"[^a-z]+", "-", listing.title.lower()).strip("-")
    pages = _csv(visit, listing, path)
    first = await anext(pages)

    async def whole() -> AsyncIterator[bytes]:
        yield first
        async for each in pages:
            yield each

    return StreamingResponse(whole(), media_type=CSV, headers=file_headers(name))


def rows_as_csv(name: str, columns: Sequence[Column], rows: Iterable[Any]) -> Response:
    """Rows that are there already, in a file that a spreadsheet opens without running any of it."""
    lines = [[cell(value_of(item, column.name)) for column in columns] for item in rows]
    return Response(
        csv_lines([[column.title for column in columns], *lines]), media_type=CSV, headers=file_headers(name)
    )


def file_headers(name: str) -> dict[str, str]:
    """The headers of a CSV file with this name."""
    return {**SECURITY, "Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{name}.csv"'}


async def _csv(visit: Visit, listing: ScreenTable, path: dict[str, str] | None) -> AsyncGenerator[bytes, None]:
    query, token, rows = listing.query(visit), "", 0
    lines = [[column.title for column in listing.columns]]
    while rows < _MOST_CSV_ROWS:
        wanted = {**query, "page_size": _CSV_PAGE, "page_token": token} if _paged(listing) else query
        answer = await visit.ask(listing.endpoint, path=path, query=wanted)
        lines += [[cell(value_of(item, column.name)) for column in listing.columns] for item in answer.data]
        yield csv_lines(lines)
        rows, lines = rows + len(answer.data), []
        token = answer.rest.get("page", {}).get("next") or ""
        if not token:
            return


def cell(value: Any) -> str:
    """A value as a cell: text that a spreadsheet would run as a formula begins with an apostrophe instead."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, msgspec.Struct):
        fields = msgspec.structs.asdict(value)
        return ", ".join(f"{name}={cell(fields[name])}" for name in fields if fields[name] is not None)
    text = " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return safe_cell(text)


def _paged(listing: ScreenTable) -> bool:
    query = endpoint_named(listing.endpoint).query
    return query is not None and "page_size" in query.__struct_fields__


def csv_lines(rows: Iterable[Sequence[str]]) -> bytes:
    """Rows as the text of a CSV file."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _value(one: Filter, text: str) -> str:
    """A filter's value as the endpoint takes it: times of a form have no offset, and are taken for UTC."""
    return f"{text}Z" if one.form == "datetime-local" and text and not text.endswith("Z") else text


def _address(path: str, query: dict[str, str]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
