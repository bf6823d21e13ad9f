"""The lines of an inventory file: read one by one in bounded memory, split into the columns that its header names.

Touches: files.

UTF-8 or UTF-16, each with a byte order mark or without; commas, semicolons, tabs or bars, whichever the header has;
LF or CRLF; quotes as in RFC 4180, except that a quoted field ends on its line, because no column
may hold a line break. So one broken quote spoils one line and not the rest of the file. A file that
is nothing but numbers, one on a line, needs no header.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import io
import re
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from numberdesk.catalog.model import BadLine
from numberdesk.core.errors import InvalidRequest

MOST_BYTES_PER_LINE: Final = 16 * 1024
"""Longest line, with its line ending."""

REJECT_REASON: Final = "reject_reason"
"""A column that is passed over: a file of rejected lines, once mended, is imported as it is."""

_SEPARATORS: Final = ",;\t|"
_UTF_16: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_AT_ONCE: Final = 64 * 1024
_BETWEEN_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[\s_-]+")
_LOOKS_LIKE_A_NUMBER: Final = re.compile(r"[+'(]*\d[\d\s().\-/]{5,}")
_ALSO_CALLED: Final = {
    "number": "phone_number",
    "phone": "phone_number",
    "e164": "phone_number",
    "did": "phone_number",
    "country": "iso_country",
    "price": "monthly_price",
    "type": "number_type",
    "state": "region",
    "city": "locality",
}


class Entry(NamedTuple):
    """One line as text without spaces around, "" where the file is silent. The fields are the columns."""

    phone_number: str
    iso_country: str
    area_code: str
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
    period_unit: str
    period_every: str
    increments: str
    connect_fee: str
    rounding: str


class _LineError(ValueError):
    """A line cannot be read; the text says why."""


class RawLine(NamedTuple):
    """A line as it stands in the file. `raw` is None for one over the bound, of which `text` has the beginning."""

    number: int
    raw: bytes | None
    text: bytes


class Layout(NamedTuple):
    """How the lines of a file are read: what its header says. `places` are those of the columns among the cells."""

    separator: str
    width: int
    places: tuple[int, ...]

    def entry(self, line: int, raw: bytes | None) -> Entry | BadLine | None:
        """One line, None for one over the bound; None when nothing is on it."""
        try:
            cells = _cells(raw, self.separator)
        except _LineError as error:
            return BadLine(line, str(error))
        if cells is None:
            return None
        if len(cells) > self.width and not any(cells[self.width :]):
            del cells[self.width :]  # empty columns that a spreadsheet has to the right
        if len(cells) != self.width:
            return BadLine(line, f"has {len(cells)} fields where the header has {self.width}")
        cells.append("")
        return Entry._make([cells[place] for place in self.places])


class InventoryFile:
    """An inventory file whose header has been read. `line` and `bytes_read` say how far reading is.

    `header` are the names of its columns, `absent` the columns that it does not have, `text` is the
    line read last. Raises InvalidRequest when the header is missing or unreadable, or names a
    column that does not exist: a misspelt one would lose its values without a word.
    """

    def __init__(self, source: BinaryIO) -> None:
        self._source = _as_utf_8(source)
        self.line = 0
        self.bytes_read = 0
        self.text = b""
        self._separator = ","
        self._first: bytes | None = None
        self._raw = self._read()
        self.header = self._read_header()
        self.absent = frozenset(Entry._fields).difference(self.header)
        width = len(self.header)
        # A column that the header has not is read from behind the last cell, where an empty one is put.
        places = (self.header.index(name) if name in self.header else width for name in Entry._fields)
        self.layout = Layout(self._separator, width, tuple(places))

    def entries(self) -> Iterator[Entry | BadLine]:
        """The lines after the header; `line` tells each one's number. Lines with nothing on them are left out."""
        for line in self.lines():
            entry = self.layout.entry(line.number, line.raw)
            if entry is not None:
                yield entry

    def lines(self) -> Iterator[RawLine]:
        """The lines after the header, as they are."""
        if self._first is not None:
            yield RawLine(self.line, self._first, self.text)
        for raw in self._raw:
            yield RawLine(self.line, raw, self.text)

    def cells(self, text: bytes | None = None) -> list[str]:
        """The fields of a line, the one read last unless it is given; what cannot be split is one field."""
        text = self.text if text is None else text
        try:
            return _cells(text, self._separator) or []
        except _LineError:
            return [text.decode(errors="replace").strip()]

    def _read(self) -> Iterator[bytes | None]:
        """Each line's bytes, None for one over the bound; its rest is read and dropped."""
        while raw := self._readline(MOST_BYTES_PER_LINE + 1):
            self.line += 1
            self.bytes_read += len(raw)
            self.text = raw
            fits = len(raw) <= MOST_BYTES_PER_LINE
            while not fits and raw and not raw.endswith(b"\n"):
                raw = self._readline(MOST_BYTES_PER_LINE)
                self.bytes_read += len(raw)
            yield raw if fits else None

    def _readline(self, most: int) -> bytes:
        try:
            return self._source.readline(most)
        except UnicodeDecodeError:
            raise InvalidRequest("file", f"is not UTF-16 after line {self.line}: save it as CSV UTF-8") from None

    def _read_header(self) -> list[str]:
        for raw in self._raw:
            line = raw.removeprefix(codecs.BOM_UTF8) if raw is not None and self.line == 1 else raw
            try:
                text = _text(line)
                if text.lower().startswith("sep="):
                    self._separator = text[len("sep=") :][:1] or ","
                    continue
                self._separator = _separator(text, self._separator)
                cells = _cells(line, self._separator)
            except _LineError as error:
                raise InvalidRequest("file", f"line {self.line}, the header, {error}") from None
            if cells is None:
                continue
            while not cells[-1]:
                cells.pop()
            if len(cells) == 1 and _LOOKS_LIKE_A_NUMBER.match(cells[0]):
                self._first = line
                return ["phone_number"]
            return _checked_header([_column(cell) for cell in cells], self.line)
        raise InvalidRequest("file", "is empty: its first line must name the columns")


class _Utf16(io.RawIOBase):
    """UTF-16 text as UTF-8 bytes."""

    def __init__(self, source: BinaryIO, encoding: str, first: bytes = b"") -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._ready = self._decoder.decode(first).encode()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # what BufferedReader hands in
        raw = b"-"
        while not self._ready and raw:
            raw = self._source.read(_AT_ONCE)
            self._ready = self._decoder.decode(raw, final=not raw).encode(errors="replace")
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size


class _Pushed:
    """A source whose first bytes were looked at already."""

    def __init__(self, first: bytes, source: BinaryIO) -> None:
        self._first = first
        self._source = source

    def readline(self, most: int) -> bytes:
        if not self._first:
            return self._source.readline(most)
        first, newline, rest = self._first.partition(b"\n")
        first, self._first = first + newline, rest
        return first if newline or len(first) >= most else first + self._source.readline(most - len(first))


def _as_utf_8(source: BinaryIO) -> io.BufferedReader | _Pushed:
    first = source.readline(len(codecs.BOM_UTF16_LE))
    encoding = _UTF_16.get(first)
    if encoding is not None:
        return io.BufferedReader(_Utf16(source, encoding), _AT_ONCE)
    # Without a byte order mark: every file begins with a letter, a digit or a sign of ASCII.
    if len(first) > 1 and (first[0] == 0) != (first[1] == 0):
        encoding = "utf-16-be" if first[0] == 0 else "utf-16-le"
        return io.BufferedReader(_Utf16(source, encoding, first), _AT_ONCE)
    return _Pushed(first, source)


def _column(cell: str) -> str:
    """The column that a cell of the header means; as it is written when there is none."""
    name = "_".join(word.lower() for word in _BETWEEN_WORDS.split(cell) if word)
    return _ALSO_CALLED.get(name, name)


def _separator(header: str, told: str) -> str:
    """What separates the columns: what splits the header into the most known ones."""

    def known(separator: str) -> int:
        return sum(_column(cell.strip(' "')) in Entry._fields for cell in header.split(separator))

    separators: tuple[str, ...] = (told, *_SEPARATORS)
    best = max(separators, key=known)
    if known(best):
        return best
    return next((each for each in separators if header.endswith(each)), best)  # a list with empty columns to the right


def _checked_header(names: list[str], line: int) -> list[str]:
    for place, name in enumerate(names):
        if not name:
            raise InvalidRequest("file", f"line {line}: column {place + 1} has no name")
        if name not in Entry._fields and name != REJECT_REASON:
            raise InvalidRequest("file", f"line {line}: unknown column {name[:60]!r}{_help(names, name)}")
        if name in names[:place]:
            raise InvalidRequest("file", f"line {line}: column {name} is there twice")
    if "phone_number" not in names:
        raise InvalidRequest("file", f"line {line}: the column phone_number is missing")
    return names


def _help(names: list[str], name: str) -> str:
    if any(_LOOKS_LIKE_A_NUMBER.match(each) for each in names):
        return "; the first line must name the columns, like phone_number,monthly_price,currency"
    near: list[str] = difflib.get_close_matches(name, Entry._fields, n=1)
    meant = f"; is {near[0]} meant?" if near else ""
    return f"{meant}; the columns are {', '.join(Entry._fields)}"


def _text(raw: bytes | None) -> str:
    """A line without its end. Raises _LineError."""
    if raw is None:
        raise _LineError(f"is longer than {MOST_BYTES_PER_LINE} bytes")
    if b"\0" in raw:
        raise _LineError("has a NUL byte, as UTF-16 has: save the file as CSV UTF-8")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise _LineError(f"is not UTF-8 at byte {error.start + 1}: save the file as CSV UTF-8") from None
    return text.removesuffix("\n").removesuffix("\r")


def _cells(raw: bytes | None, separator: str) -> list[str] | None:
    """The fields of a line, None when nothing is on it. Raises _LineError."""
    text = _text(raw)
    if "\r" in text:
        raise _LineError("has a carriage return inside: lines end with LF or CRLF")
    if not text or text.isspace():
        return None
    cells = [cell.strip() for cell in (_unquoted(text, separator) if '"' in text else text.split(separator))]
    return cells if any(cells) else None


def _unquoted(text: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([text], strict=True, delimiter=separator))
    except csv.Error:
        raise _LineError("has a quote that is not closed on its line, or text after a closing quote") from None
