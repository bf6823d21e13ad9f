"""Files of call records: ours a record a line as JSON or CSV with a line of names, and those of foreign forms.

Touches: files.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from numberdesk.core.call_mapping import CallMapping, MappingError, parse_mapping
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.freeswitch_cdr import FreeswitchError, parse_cdr

SUFFIXES: Final = (".csv", ".json", ".jsonl", ".ndjson")
"""How the files of a folder end that are taken."""

_SHIPPED: Final = Path(__file__).parent / "mappings"
_LONGEST_DOCUMENT: Final = 8_388_608


def shipped_mappings() -> list[str]:
    """The names of the mappings that come with the program."""
    return sorted(file.stem for file in _SHIPPED.glob("*.toml"))


def mapping_text(named: str) -> str:
    """A mapping file, or one of those that come with the program. Raises InvalidRequest."""
    file = _SHIPPED / f"{named}.toml" if named in shipped_mappings() else Path(named)
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidRequest(
            "mapping", f"{named} cannot be read: {reason}; there are also {', '.join(shipped_mappings())}"
        ) from None


def mapping_of(named: str) -> CallMapping:
    """A mapping, read. Raises InvalidRequest."""
    try:
        return parse_mapping(mapping_text(named))
    except MappingError as error:
        raise InvalidRequest("mapping", f"{named}: {error}") from None


def files_in(path: Path) -> list[Path]:
    """A file, or those of a folder, by name."""
    if not path.is_dir():
        return [path]
    return sorted(one for one in path.iterdir() if one.suffix in SUFFIXES and one.is_file())


def cdrs_in(path: Path) -> Iterator[tuple[int, Any]]:
    """The record of a file of FreeSWITCH's error folder, which is the whole file; None where it cannot be read."""
    with path.open("rb") as file:
        raw = file.read(_LONGEST_DOCUMENT + 1)
    try:
        yield 1, parse_cdr(raw.decode("utf-8-sig")) if len(raw) <= _LONGEST_DOCUMENT else None
    except (FreeswitchError, UnicodeDecodeError):
        yield 1, None


def records_in(path: Path, columns: tuple[str, ...] = ()) -> Iterator[tuple[int, Any]]:
    """The records of a file with their lines, read one after the other; what cannot be read is None.

    `columns` are those of a CSV file without a line of names.
    """
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        if path.suffix == ".csv":
            rows = csv.DictReader(file, columns or None)
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
