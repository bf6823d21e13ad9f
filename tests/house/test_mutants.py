"""The mutants that docs/mutants.md explains are there, and change what it says."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path
from typing import Final

import pytest
from mutmut.mutation.file_mutation import mutate_file_contents

import numberdesk

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = Path(numberdesk.__file__).parent
ROW: Final = re.compile(r"^\| `numberdesk\.core\.(\w+)\.([^`]+)` \| `([^`]+)` \| .+ \|$", re.MULTILINE)
EXPLAINED: Final = ROW.findall((ROOT / "docs" / "mutants.md").read_text())


@functools.cache
def mutants(module: str) -> dict[str, str]:
    """The source of every mutant of a module of core, by name."""
    path = PACKAGE / "core" / f"{module}.py"
    mutated = mutate_file_contents(str(path), path.read_text())
    lines = mutated.code.splitlines()
    found = (node for node in ast.walk(ast.parse(mutated.code)) if isinstance(node, ast.FunctionDef))
    named = {node.name: "\n".join(lines[node.lineno - 1 : node.end_lineno]) for node in found}
    return {name: named[name] for name in mutated.mutant_names}


@pytest.mark.parametrize(("module", "name", "becomes"), EXPLAINED)
def test_a_mutant_that_is_explained_changes_what_the_document_says(module: str, name: str, becomes: str) -> None:
    assert becomes in mutants(module).get(name, "")
    assert becomes not in (PACKAGE / "core" / f"{module}.py").read_text()


def test_as_many_mutants_are_explained_as_the_document_counts() -> None:
    text = (ROOT / "docs" / "mutants.md").read_text()
    counts = re.search(r"^\| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", text, re.MULTILINE)
    assert counts is not None
    made, killed, timed_out, survived = (int(count) for count in counts.groups())
    assert made == killed + timed_out + survived
    assert survived == len(EXPLAINED) == len(set(EXPLAINED))
