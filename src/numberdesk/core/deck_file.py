"""Files of rate decks, as people send them: a prefix and what calls to it cost in each line.

Touches: nothing.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from numberdesk.core.rate_deck import COLUMNS, MOST_ROWS, parse_row
from numberdesk.core.rating import CallRate


class DeckFileError(ValueError):
    """The file as a whole is none; the text says why."""


class BadDeckLine(NamedTuple):
    """A line that says no rate, and why."""

    line: int
    reason: str


class DeckFile(NamedTuple):
    """The rates of a file by prefix, and the lines that say none."""

    rows: dict[str, CallRate]
    bad: list[BadDeckLine]


def read_deck(text: Iterable[str]) -> DeckFile:
    """Read the lines of a file with a line of names. Raises DeckFileError."""
    rows: dict[str, CallRate] = {}
    bad: list[BadDeckLine] = []
    for line, sent in _lines(text):
        try:
            prefix, rate = parse_row(sent)
        except ValueError as error:
            bad.append(BadDeckLine(line, str(error)))
            continue
        if prefix in rows:
            bad.append(BadDeckLine(line, f"prefix {prefix} is there already"))
        rows[prefix] = rate
    return DeckFile(rows, bad)


def _lines(text: Iterable[str]) -> Iterator[tuple[int, dict[str, str | None]]]:
    reader = csv.DictReader(text)
    try:
        names = reader.fieldnames or ()
        if any(name not in names for name in COLUMNS[:2]) or any(name not in COLUMNS for name in names):
            raise DeckFileError(f"the columns are {', '.join(COLUMNS)}, of which the first two have to be there")
        for place, row in enumerate(reader):
            if place == MOST_ROWS:
                raise DeckFileError(f"the file has more than {MOST_ROWS} prefixes")
            yield reader.line_num, {name: row[name] for name in COLUMNS if isinstance(row.get(name), str)}
    except csv.Error as error:
        raise DeckFileError(f"line {reader.line_num}: {error}") from None
