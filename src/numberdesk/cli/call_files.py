"""Files of call records: a record a line as JSON, or CSV with a line of names.

Touches: files.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

SUFFIXES: Final = (".csv", ".json", ".jsonl", ".ndjson")
"""How the files of a folder end that are taken."""


def files_in(path: Path) -> list[Path]:
    """A file, or those of a folder, by name."""
    if not path.is_dir():
        return [path]
    return sorted(one for one in path.iterdir() if one.suffix in SUFFIXES and one.is_file())


def records_in(path: Path) -> Iterator[tuple[int, Any]]:
    """The records of a file with their lines, read one after the other; what cannot be read is None."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        if path.suffix == ".csv":
            rows = csv.DictReader(file)
            for row in rows:
                yield rows.line_num, {name or "record": value for name, value in row.items() if value != ""}
            return
        for place, line in enumerate(file, 1):
            if line.strip():
                yield place, _parsed(line)


def _parsed(line: str) -> Any:
    try:
        return json.loads(line, parse_float=Decimal, parse_constant=Decimal)
    except (ValueError, RecursionError, ArithmeticError):
        return None
