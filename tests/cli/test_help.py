"""Help, version and completion: what they say, and that they load no more than they need."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import typer.main

from numberdesk import __version__
from numberdesk.cli import app
from numberdesk.cli.commands import COMMANDS
from numberdesk.cli.examples import EXAMPLES
from numberdesk.cli.helps import HELPS, help_of
from testbed.helps import written_helps
from tests.cli.runner import invoked
from tests.house.test_documents import sections

HEAVY: Final = ("sqlalchemy", "starlette", "uvicorn", "rich", "structlog", "httpcore2", "cryptography")
COLUMNS: Final = 80


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name in getattr(command, "commands", {}):
        yield from _commands(command.commands[name], (*path, name))


ALL: Final = dict(_commands(typer.main.get_command(app)))
LEAVES: Final = {path: command for path, command in ALL.items() if not hasattr(command, "commands")}


def _help(path: tuple[str, ...], option: str) -> str:
    done = invoked([*path, option], "", {"COLUMNS": str(COLUMNS), "TERMINAL_WIDTH": str(COLUMNS)})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_help_ends_in_examples_and_fits_eighty_columns(path: tuple[str, ...]) -> None:
    shown = _help(path, "--help")
    assert shown == _help(path, "-h")
    assert max(map(len, shown.splitlines())) <= COLUMNS
    _, _, examples = shown.partition("Examples:\n")
    lines = [line.strip() for line in examples.splitlines() if line.strip()]
    assert lines
    assert all(line.startswith(" ".join(("numberdesk", *path))) for line in lines)


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_example_is_taken_as_it_stands(path: tuple[str, ...], tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "calls").mkdir()
    for name in ("numbers.csv", "calls.csv", "deck.csv"):
        (tmp_path / name).touch()
    for line in EXAMPLES[" ".join(("numberdesk", *path))]:
        words = shlex.split(line)[1 + len(path) :]
        LEAVES[path].make_context(path[-1], words)  # raises what a person would be told


def test_examples_are_of_commands_that_there_are_and_stand_in_their_document() -> None:
    document = sections((Path(__file__).parents[2] / "docs" / "commands.md").read_text())
    assert set(EXAMPLES) == {" ".join(("numberdesk", *path)) for path in LEAVES}
    for name, lines in EXAMPLES.items():
        assert [line for line in lines if f"    {line}\n" not in document[name]] == []


def test_the_list_of_commands_says_what_each_command_says_of_itself() -> None:
    assert {name: ALL[name,].get_short_help_str(200) for name in COMMANDS} == {
        name: place.help for name, place in COMMANDS.items()
    }


def test_version_is_told() -> None:
    assert invoked(["--version"], "", {}).stdout == f"numberdesk {__version__}\n"


def test_what_is_said_at_once_is_what_the_commands_say_of_themselves() -> None:
    assert HELPS.read_text() == written_helps(), "python -m testbed.helps"
    assert {path for path in ALL if path} == {tuple(name.split(" ")) for name in json.loads(HELPS.read_text())}
    assert help_of(["carriers", "-h"]) == _help(("carriers",), "--help")
    assert [help_of(words) for words in ([], ["--help"], ["nothing", "--help"], ["carriers", "--json", "-h"])] == [
        None
    ] * 4


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], [], ["carriers", "--help"], ["orders", "list", "-h"]], ids=" ".join
)
def test_help_loads_no_command_and_none_of_what_commands_need(words: list[str]) -> None:
    program = (
        f"import sys, json, atexit; sys.argv[1:] = {words!r}\n"
        "atexit.register(lambda: print(json.dumps(sorted(sys.modules))))\n"
        "import numberdesk.cli; numberdesk.cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert [name for name in loaded if name in HEAVY] == []
    assert [name for name in loaded if name.startswith("numberdesk.")] == [
        "numberdesk.cli",
        "numberdesk.cli.commands",
        "numberdesk.cli.examples",
        "numberdesk.cli.helps",
    ]


@pytest.mark.parametrize(
    ("typed", "word", "offered"),
    [
        ("numberdesk acc", 1, ["accounts"]),
        ("numberdesk accounts c", 2, ["create", "credit-limit", "close"]),
        ("numberdesk accounts create --cu", 3, ["--currency"]),
        ("numberdesk --vers", 1, ["--version"]),
    ],
)
def test_a_shell_is_told_how_words_go_on(typed: str, word: int, offered: list[str]) -> None:
    asked = {"_NUMBERDESK_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(word)}
    assert invoked([], "", asked).stdout.split() == offered
