"""The lines of an inventory file: read one by one in bounded memory, split into the columns that its header names.

Touches: files.

UTF-8, with or without a byte order mark; commas; LF or CRLF; quotes as in RFC 4180, except that
a quoted field ends on its line, because no column may hold a line break. So one broken quote
spoils one line and not the rest of the file.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from numberdesk.catalog.model import BadLine
from numberdesk.core.errors import InvalidRequest

MOST_BYTES_PER_LINE: Final = 16 * 1024
"""Longest line, with its line ending."""


class Entry(NamedTuple):
    """One line as text without spaces around, "" where the file is silent. The fields are the columns."""

    phone_number: str
    number_type: str
    region: str
    locality: str
    capabilities: str
    monthly_price: str
    per_minute_price_inbound: str
    per_minute_price_outbound: str
    setup_price: str
    currency: str
    cost_monthly: str
    cost_inbound: str
    cost_outbound: str
    cost_setup: str
    cost_currency: str


class _LineError(ValueError):
    """A line cannot be read; the text says why."""


class InventoryFile:
    """An inventory file whose header has been read. `line` and `bytes_read` say how far reading is.

    Raises InvalidRequest when the header is missing or unreadable, or names a column that does
    not exist: a misspelt one would lose its values without a word.
    """

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.line = 0
        self.bytes_read = 0
        self._raw = self._read()
        header = self._header()
        self._width = len(header)
        # A column that the header has not is read from behind the last cell, where an empty one is put.
        self._places = [header.index(name) if name in header else self._width for name in Entry._fields]

    def entries(self) -> Iterator[Entry | BadLine]:
        """The lines after the header; `line` tells each one's number. Lines with nothing on them are left out."""
        for raw in self._raw:
            try:
                cells = _cells(raw)
            except _LineError as error:
                yield BadLine(self.line, str(error))
                continue
            if cells is None:
                continue
            if len(cells) != self._width:
                yield BadLine(self.line, f"has {len(cells)} fields where the header has {self._width}")
                continue
            cells.append("")
            yield Entry._make([cells[place] for place in self._places])

    def _read(self) -> Iterator[bytes | None]:
        """Each line's bytes, None for one over the bound; its rest is read and dropped."""
        while raw := self._source.readline(MOST_BYTES_PER_LINE + 1):
            self.line += 1
            self.bytes_read += len(raw)
            fits = len(raw) <= MOST_BYTES_PER_LINE
            while not fits and raw and not raw.endswith(b"\n"):
                raw = self._source.readline(MOST_BYTES_PER_LINE)
                self.bytes_read += len(raw)
            yield raw if fits else None

    def _header(self) -> list[str]:
        for raw in self._raw:
            try:
                cells = _cells(raw.removeprefix(codecs.BOM_UTF8) if raw is not None and self.line == 1 else raw)
            except _LineError as error:
                raise InvalidRequest("file", f"line {self.line}, the header, {error}") from None
            if cells is not None:
                return _checked_header([cell.lower() for cell in cells], self.line)
        raise InvalidRequest("file", "is empty: its first line must name the columns")


def _checked_header(names: list[str], line: int) -> list[str]:
    for place, name in enumerate(names):
        if not name:
            raise InvalidRequest("file", f"line {line}: column {place + 1} has no name")
        if name not in Entry._fields:
            known = ", ".join(Entry._fields)
            raise InvalidRequest("file", f"line {line}: unknown column {name[:60]!r}; the columns are {known}")
        if name in names[:place]:
            raise InvalidRequest("file", f"line {line}: column {name} is there twice")
    if "phone_number" not in names:
        raise InvalidRequest("file", f"line {line}: the column phone_number is missing")
    return names


def _cells(raw: bytes | None) -> list[str] | None:
    """The fields of a line, None when nothing is on it. Raises _LineError."""
    if raw is None:
        raise _LineError(f"is longer than {MOST_BYTES_PER_LINE} bytes")
    if b"\0" in raw:
        raise _LineError("has a NUL byte")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise _LineError(f"is not UTF-8 at byte {error.start + 1}") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if "\r" in text:
        raise _LineError("has a carriage return inside: lines end with LF or CRLF")
    if not text or text.isspace():
        return None
    return [cell.strip() for cell in (_unquoted(text) if '"' in text else text.split(","))]


def _unquoted(text: str) -> list[str]:
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error:
        raise _LineError("has a quote that is not closed on its line, or text after a closing quote") from None
