"""docs/abuse.md names the tests that show what it promises, and they are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
TESTS: Final = frozenset(
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
)


def promised(text: str) -> dict[str, set[str]]:
    """The tests that stand in each row of the table."""
    rows = re.findall(r"^\| (T\d+) \|(.*)$", text, re.MULTILINE)
    return {number: set(re.findall(r"`(test_\w+)`", rest)) for number, rest in rows}


def test_every_attack_has_tests_and_each_of_them_is_there() -> None:
    found = promised((ROOT / "docs" / "abuse.md").read_text())
    assert list(found) == ["T38", *(f"T{number}" for number in range(46, 71))]
    assert all(found.values())
    assert set().union(*found.values()) - TESTS == set()


def test_a_test_that_is_gone_is_seen() -> None:
    assert promised("| T46 | x | y | `test_nothing`, `test_more` |\n") == {"T46": {"test_nothing", "test_more"}}
    assert "test_nothing" not in TESTS
