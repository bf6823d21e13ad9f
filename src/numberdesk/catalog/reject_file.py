"""A file of the lines that could not be imported: with their reasons, to be mended and imported as it is.

Touches: files.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from typing import TextIO

from numberdesk.catalog.inventory_file import REJECT_REASON


class RejectFile:
    """Rejected lines, each as its file had it, with the reason in a column of its own at the end.

    `written` is how a cell is written where that is not as the file has it.
    """

    def __init__(self, out: TextIO, written: Callable[[str], str] = str) -> None:
        self._lines = csv.writer(out, lineterminator="\n")
        self._written = written
        self._columns: list[str] = []

    def begin(self, header: Sequence[str]) -> None:
        """Write the header: that of the file, and the column for reasons."""
        self._columns = [name for name in header if name != REJECT_REASON]
        self._places = [place for place, name in enumerate(header) if name != REJECT_REASON]
        self._lines.writerow([*map(self._written, self._columns), REJECT_REASON])

    def add(self, cells: Sequence[str], reason: str) -> None:
        """Write a line. One that has not a cell for each column comes with those that it has."""
        row = [cells[place] if place < len(cells) else "" for place in self._places]
        self._lines.writerow([*map(self._written, row), self._written(reason)])
