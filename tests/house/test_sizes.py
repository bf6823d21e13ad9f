"""Functions and files stay small, and nothing has a name that says nothing.

Revisions in migrations/versions are generated once and then never change, so they are not measured.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import Final, NamedTuple

import pytest

import numberdesk

PACKAGE: Final = Path(numberdesk.__file__).parent
TESTS: Final = Path(__file__).parent.parent
FILES: Final = sorted(
    path
    for root in (PACKAGE, TESTS)
    for path in root.rglob("*.py")
    if "__pycache__" not in path.parts and "versions" not in path.parts
)

MOST_LINES_OF_A_FILE: Final = 400
MOST_LINES_OF_A_FUNCTION: Final = 60
USUAL_LINES_OF_A_FUNCTION: Final = 25
SHARE_OF_USUAL_FUNCTIONS: Final = 0.9
EMPTY_NAMES: Final = frozenset({"utils", "util", "helpers", "helper", "common", "service", "manager", "misc"})


class Function(NamedTuple):
    """A function and its lines, from `def` to its last one; decorators are not counted."""

    name: str
    lines: int


def functions(source: str) -> list[Function]:
    """Every function and method of a module, also those inside others."""
    found = (node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return [Function(node.name, (node.end_lineno or node.lineno) - node.lineno + 1) for node in found]


@functools.cache
def functions_of(path: Path) -> list[Function]:
    """Those of a file."""
    return functions(path.read_text())


def share_of_usual(found: list[Function]) -> float:
    """How many of the functions are of usual length, 0 to 1."""
    return sum(function.lines <= USUAL_LINES_OF_A_FUNCTION for function in found) / len(found)


def empty_names(name: str) -> frozenset[str]:
    """The words in the name of a module or function that say nothing."""
    return EMPTY_NAMES.intersection(name.lower().split("_"))


def _shown(path: Path) -> str:
    return str(path.relative_to(TESTS.parent))


def test_files_are_short_and_so_are_their_functions() -> None:
    lines = {_shown(path): len(path.read_text().splitlines()) for path in FILES}
    assert [name for name, count in lines.items() if count > MOST_LINES_OF_A_FILE] == []
    found = [(_shown(path), function) for path in FILES for function in functions_of(path)]
    assert [(name, function) for name, function in found if function.lines > MOST_LINES_OF_A_FUNCTION] == []


@pytest.mark.parametrize("root", [PACKAGE, TESTS], ids=["package", "tests"])
def test_nine_functions_in_ten_are_of_usual_length(root: Path) -> None:
    found = [function for path in FILES if path.is_relative_to(root) for function in functions_of(path)]
    assert share_of_usual(found) >= SHARE_OF_USUAL_FUNCTIONS


def test_no_module_has_a_name_that_says_nothing() -> None:
    parts = {path: path.relative_to(TESTS.parent).with_suffix("").parts for path in FILES}
    assert [path for path in FILES if any(map(empty_names, parts[path]))] == []


def test_a_long_function_is_seen_wherever_it_stands() -> None:
    body = "\n".join("        value = 1" for _ in range(60))
    source = f"class Thing:\n    @property\n    async def long(self):\n{body}\n\n    def short(self): ...\n"
    assert functions(source) == [Function("long", 61), Function("short", 1)]


def test_the_share_of_usual_functions_is_counted_at_the_bound() -> None:
    assert share_of_usual([Function("usual", 25)] * 9 + [Function("long", 26)]) == SHARE_OF_USUAL_FUNCTIONS


@pytest.mark.parametrize("name", ["utils", "db_utils", "common", "order_manager", "helper"])
def test_an_empty_name_is_seen(name: str) -> None:
    assert empty_names(name)


@pytest.mark.parametrize("name", ["store", "commons", "servicing", "open_orders"])
def test_other_names_are_let_be(name: str) -> None:
    assert not empty_names(name)
