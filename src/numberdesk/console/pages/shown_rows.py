"""As CSV: rows that stand on one page and can be asked for nowhere, such as what came of a deed.

Touches: nothing.

They go along with the page and are stored nowhere. Whoever sends them gets back what they sent, as a file that a
spreadsheet opens without running any of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import quote_plus

import msgspec
from starlette.responses import Response

from numberdesk.console.paths import value_of
from numberdesk.console.screens import screen
from numberdesk.console.tables import CSV, Column, cell, csv_lines, file_headers
from numberdesk.console.visit import Visit
from numberdesk.core.errors import InvalidRequest
from numberdesk.views.csv_cells import safe_cell

_FIELD: Final = "rows"
_NAME: Final = re.compile(r"[a-z-]{1,60}", re.ASCII)


class _Shown(msgspec.Struct, frozen=True):
    """A file: what it is called, its columns' headings, and its rows."""

    name: str
    heads: list[str]
    rows: list[list[str]]


def shown_rows(visit: Visit, name: str, columns: Sequence[Column], rows: Iterable[Any]) -> str:
    """Rows as a form has them, which `export` of parts.html makes; as many as a form may send."""
    limit = visit.entry_point.services.settings.body_limit_bytes // 2
    kept = _Shown(name, [column.title for column in columns], [])
    size = len(_written(kept))
    for item in rows:
        line = [cell(value_of(item, column.name)) for column in columns]
        size += len(quote_plus(msgspec.json.encode(line))) + len(quote_plus(","))
        if size > limit:
            break
        kept.rows.append(line)
    return msgspec.json.encode(kept).decode()


@screen("POST", "/shown/csv")
async def shown_as_csv(visit: Visit) -> Response:
    """The rows that a page had, as CSV."""
    try:
        sent = msgspec.json.decode(visit.sent(_FIELD), type=_Shown)
    except (msgspec.MsgspecError, RecursionError):
        raise InvalidRequest(_FIELD, "must be those of a page") from None
    if not _NAME.fullmatch(sent.name):
        raise InvalidRequest(_FIELD, "must be those of a page")
    lines = [[safe_cell(text) for text in line] for line in (sent.heads, *sent.rows)]
    return Response(csv_lines(lines), media_type=CSV, headers=file_headers(sent.name))


def _written(shown: _Shown) -> str:
    return quote_plus(msgspec.json.encode(shown))
