"""One word has one meaning: no class name is defined twice, the glossary has the domain, retired words are gone."""

from __future__ import annotations

import ast
import functools
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import numberdesk
from numberdesk.tables import metadata

PACKAGE: Final = Path(numberdesk.__file__).parent
GLOSSARY: Final = Path(__file__).parents[2] / "docs" / "glossary.md"
RETIRED: Final = re.compile(
    r"purses?|lots?|chase[sd]?|giving_?back|roster|wires?|came_second|closed_again_at|standing|judge(ment)?s?"
    r"|soundness|walls?|doors?|tidy",
)
"""Words that were given up for others, as whole names."""

RETIRED_CLASSES: Final = re.compile(r"tolds?|heard|said|words?|verdicts?|answers?|chases?|giving_?back|purses?|lots?")
"""What no class is called, wherever it stands: in the mock of carriers, the simulation and the benches, too."""

ELSEWHERE: Final = ("src/carrier_mock", "simulation", "bench")
ROOT: Final = Path(__file__).parents[2]


@functools.cache
def _trees() -> list[ast.Module]:
    return [ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))]


@functools.cache
def _trees_elsewhere() -> list[ast.Module]:
    return [ast.parse(path.read_text()) for folder in ELSEWHERE for path in sorted((ROOT / folder).rglob("*.py"))]


def public_classes(trees: list[ast.Module]) -> list[ast.ClassDef]:
    """The classes at the top of modules whose names are for others."""
    return [node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef) and node.name[0] != "_"]


def twice(trees: list[ast.Module]) -> set[str]:
    """The names that more than one public class has."""
    return {name for name, times in Counter(one.name for one in public_classes(trees)).items() if times > 1}


def defined(tree: ast.Module) -> Iterator[str]:
    """The classes and functions of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


def is_retired(name: str) -> bool:
    """Whether a name in either spelling is a word that was given up."""
    return RETIRED.fullmatch(_snake(name)) is not None


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().strip("_")


def _entries() -> list[list[str]]:
    lines = [line for line in GLOSSARY.read_text().splitlines() if line.startswith("| ")][1:]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def _named() -> list[str]:
    return [name for _, code, _ in _entries() for name in re.findall(r"`(\w+)`", code)]


def _core() -> set[str]:
    trees = [ast.parse(path.read_text()) for path in (PACKAGE / "core").glob("*.py")]
    errors = (PACKAGE / "core" / "errors.py").read_text()
    return {
        one.name
        for one in public_classes(trees)
        if not one.name.endswith("Error") and f"class {one.name}(" not in errors
    }


def test_no_public_class_name_stands_for_two_things() -> None:
    assert twice(_trees()) == set()


def test_a_class_name_that_is_defined_twice_is_seen() -> None:
    assert twice([ast.parse("class Lot: ..."), ast.parse("class Lot: ...\nclass One: ...")]) == {"Lot"}


def test_every_table_and_every_record_of_core_has_its_word_in_the_glossary() -> None:
    assert _core() | set(metadata.tables) <= set(_named())


def test_the_glossary_names_nothing_twice_and_nothing_that_is_not_there() -> None:
    there = {one.name for one in public_classes(_trees())} | set(metadata.tables)
    assert sorted(_named()) == sorted(set(_named()) & there)


def test_the_glossary_is_in_order_with_one_meaning_for_each_word() -> None:
    words = [word.lower() for word, _, _ in _entries()]
    assert words == sorted(set(words))
    assert all(meaning for _, _, meaning in _entries())


def test_no_class_or_function_has_the_name_of_a_retired_word() -> None:
    assert [name for tree in _trees() for name in defined(tree) if is_retired(name)] == []


def test_no_class_has_the_name_of_a_word_that_was_given_up_wherever_it_stands() -> None:
    names = [one.name for one in public_classes([*_trees(), *_trees_elsewhere()])]
    assert len(names) > 1000
    assert [name for name in names if RETIRED_CLASSES.fullmatch(_snake(name))] == []


@pytest.mark.parametrize("name", ["Purse", "GivingBack", "came_second", "_judge", "Standing"])
def test_a_retired_word_is_seen(name: str) -> None:
    assert is_retired(name)


@pytest.mark.parametrize("name", ["SignalWire", "Wallet", "told_country", "_standing_refusal"])
def test_a_name_that_only_contains_one_is_not(name: str) -> None:
    assert not is_retired(name)
