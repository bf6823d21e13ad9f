"""The words of an enum are written once: where a type says which may be sent, it is the enum's."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numberdesk

PACKAGE: Final = Path(numberdesk.__file__).parent


def _trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield str(path.relative_to(PACKAGE)), ast.parse(path.read_text())


def words_of_enums(tree: ast.Module) -> Iterator[tuple[str, frozenset[str]]]:
    """The enums of texts, and their words."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(
            isinstance(base, ast.Name) and base.id == "StrEnum" for base in node.bases
        ):
            yield node.name, frozenset(_texts(each.value for each in node.body if isinstance(each, ast.Assign)))


def words_of_literals(tree: ast.Module) -> Iterator[frozenset[str]]:
    """The words of each Literal."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "Literal":
            yield frozenset(_texts(node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]))


def _texts(nodes: Iterator[ast.expr] | list[ast.expr]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_no_literal_repeats_the_words_of_an_enum() -> None:
    enums = {words: name for _, tree in _trees() for name, words in words_of_enums(tree) if words}
    repeated = [(file, enums[words]) for file, tree in _trees() for words in words_of_literals(tree) if words in enums]
    assert repeated == []


def test_a_literal_that_does_is_seen() -> None:
    tree = ast.parse('class Rule(StrEnum):\n    ONE = "one"\n    TWO = "two"\nasked: Literal["two", "one"] = "one"')
    assert dict(words_of_enums(tree)) == {"Rule": frozenset({"one", "two"})}
    assert list(words_of_literals(tree)) == [frozenset({"one", "two"})]
