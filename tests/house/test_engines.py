"""What asks for a database runs on each engine, unless it says why not: some of it in the long run only."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent.parent
FILES: Final = sorted(path for path in TESTS.rglob("*.py") if "__pycache__" not in path.parts)

_SQLITE_ALONE: Final = re.compile(r'"engine", \["sqlite"\], indirect=True\),?(?P<reason>  # \w.*)?$')


def without_reason(source: str) -> list[str]:
    """The lines that keep tests from PostgreSQL and do not say why."""
    found = ((line, _SQLITE_ALONE.search(line)) for line in source.splitlines())
    return [line.strip() for line, match in found if match is not None and match["reason"] is None]


def test_a_test_for_sqlite_alone_says_why() -> None:
    assert [(path, line) for path in FILES for line in without_reason(path.read_text())] == []


def test_one_that_does_not_is_seen() -> None:
    mark = '@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)'
    assert without_reason(f"{mark}\n{mark}  # a file's lock\n    {mark},\n") == [mark, f"{mark},"]
