"""The mutants that docs/mutants.md explains are there, change what it says, and are all that survive.

The last is only known after a run of mutmut: `make mutate` names the list of what it left in
NUMBERDESK_MUTANTS_LEFT.
"""

from __future__ import annotations

import ast
import functools
import os
import re
from pathlib import Path
from typing import Final

import pytest

import numberdesk

ROOT: Final = Path(__file__).parents[2]
CORE: Final = Path(numberdesk.__file__).parent / "core"
TEXT: Final = (ROOT / "docs" / "mutants.md").read_text()
ROW: Final = re.compile(r"^\| `numberdesk\.core\.(\w+)\.([^`]+)` \| `([^`]+)` \| .+ \|$", re.MULTILINE)
EXPLAINED: Final = ROW.findall(TEXT)
LEFT: Final = os.environ.get("NUMBERDESK_MUTANTS_LEFT")
"""A file with a line `name: status` for each mutant that no test killed."""
ANEW: Final = "run make mutate and bring docs/mutants.md up to date"


@functools.cache
def mutants(module: str) -> dict[str, str]:
    """The source of every mutant of a module of core, by name."""
    from mutmut.mutation.file_mutation import mutate_file_contents  # noqa: PLC0415  large: for who asks, not for all

    path = CORE / f"{module}.py"
    mutated = mutate_file_contents(str(path), path.read_text())
    lines = mutated.code.splitlines()
    found = (node for node in ast.walk(ast.parse(mutated.code)) if isinstance(node, ast.FunctionDef))
    named = {node.name: "\n".join(lines[node.lineno - 1 : node.end_lineno]) for node in found}
    return {name: named[name] for name in mutated.mutant_names}


@pytest.mark.parametrize(("module", "name", "becomes"), EXPLAINED)
def test_a_mutant_that_is_explained_changes_what_the_document_says(module: str, name: str, becomes: str) -> None:
    assert becomes in mutants(module).get(name, "")
    assert becomes not in (CORE / f"{module}.py").read_text()


def test_as_many_mutants_are_explained_as_the_document_counts() -> None:
    made, killed, timed_out, survived = _counts()
    assert made == killed + timed_out + survived
    assert survived == len(EXPLAINED) == len(set(EXPLAINED))


def _counts() -> tuple[int, ...]:
    """How many mutants were made, killed, ended by the time limit, and survived."""
    counts = re.search(r"^\| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", TEXT, re.MULTILINE)
    assert counts is not None
    return tuple(map(int, counts.groups()))


@pytest.mark.skipif(LEFT is None, reason="asked by make mutate, after its run")
def test_what_no_test_killed_is_explained() -> None:
    assert _counts()[0] == sum(len(mutants(path.stem)) for path in CORE.glob("*.py")), ANEW
    left = dict(line.strip().split(": ") for line in Path(str(LEFT)).read_text().splitlines())
    survived = {name for name, status in left.items() if status == "survived"}
    assert survived == {f"numberdesk.core.{module}.{name}" for module, name, _ in EXPLAINED}, ANEW
    # By chance one may be killed by the time limit instead of a test, where the document says so.
    assert {status for name, status in left.items() if f"`{name}`" not in TEXT} == set(), ANEW
    assert set(left.values()) <= {"survived", "timeout"}
