"""Lists at a terminal and elsewhere: what people copy out of them is whole."""

from __future__ import annotations

import os
import pty
import re
from pathlib import Path
from typing import Final

import pytest

from numberdesk.cli.output import print_list, print_object
from numberdesk.views.people import PersonKeyView
from testbed import nursery
from tests.cli.conftest import PATIENCE, environment
from tests.cli.runner import Run, json_of, runner, shown_until

POSTGRESQL_IN_THE_LONG_RUN: Final = "a terminal shows the same of both engines"

LONG = "A customer whose name is far longer than any column of eighty could be, GmbH & Co. KG"


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    return runner(database_url, "", tmp_path, monkeypatch)


def _at_a_terminal(folder: Path, url: str, columns: int, *arguments: str) -> str:
    """What a command shows on standard output, when that is a terminal so wide."""
    ours, theirs = pty.openpty()
    given = environment(database_url=url) | {"TERM": "xterm", "COLUMNS": str(columns)}
    with open(theirs, "wb") as terminal, Path(os.devnull).open("wb") as nothing:  # noqa: PTH123  it has no name
        running = nursery.start("numberdesk", *arguments, cwd=folder, env=given, stdout=terminal, stderr=nothing)
    shown = shown_until(ours, None)
    assert running.wait(PATIENCE) == 0
    os.close(ours)
    return re.sub("\x1b\\[[0-9;]*m", "", shown)


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_a_terminal_of_any_width_shows_ids_times_and_money_whole(
    run: Run, database_url: str, tmp_path: Path, columns: int
) -> None:
    account = json_of(run("accounts", "create", LONG, "--currency", "USD", "--json"))
    paid = json_of(run("wallet", "top-up", account["id"], "1234567.123456", "--json"))
    accounts = _at_a_terminal(tmp_path, database_url, columns, "accounts", "list")
    assert account["id"] in accounts
    assert account["created_at"] in accounts
    statement = _at_a_terminal(tmp_path, database_url, columns, "wallet", "statement", account["id"])
    assert paid["created_at"] in statement
    assert "1234567.123456" in statement


def test_names_are_broken_between_words_and_only_where_a_table_fits(
    run: Run, database_url: str, tmp_path: Path
) -> None:
    json_of(run("accounts", "create", LONG, "--currency", "USD", "--json"))
    table = _at_a_terminal(tmp_path, database_url, 140, "accounts", "list").splitlines()
    assert len(table) > 2
    assert max(map(len, table)) <= 140
    assert "KG" in table[-1]
    block = _at_a_terminal(tmp_path, database_url, 80, "accounts", "list")
    assert f"name        {LONG}" in block


def test_what_is_no_terminal_gets_a_line_for_each_row_however_long(run: Run) -> None:
    json_of(run("accounts", "create", "[bold]no markup[/] :smile:", "--currency", "USD", "--json"))
    for place in range(3):
        json_of(run("accounts", "create", f"{'x' * 99}{place}", "--currency", "USD", "--json"))
    header, *lines = run("accounts", "list").stdout.splitlines()
    assert header.split() == ["id", "name", "currency", "status", "created_at"]
    assert "[bold]no markup[/] :smile:" in lines[0]
    assert [line.split()[1] for line in lines[1:]] == [f"{'x' * 99}{place}" for place in range(3)]


def test_a_list_for_people_holds_nothing_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    said = {"id": "ord_1", "said": "no\x1b]0;owned\x07\x9b2J"}
    print_list([said], ("id", "said"), as_json=False)
    print_object(said, as_json=False)
    shown = capsys.readouterr().out
    assert not [sign for sign in shown if not sign.isprintable() and sign != "\n"]
    assert shown.count(r"no\x1b]0;owned\x07\x9b2J") == 2


def test_objects_in_a_list_are_told_by_the_names_of_their_fields(capsys: pytest.CaptureFixture[str]) -> None:
    keys = [PersonKeyView("key_1", "CI"), PersonKeyView("key_2", "no\x1b]0;owned\x07")]
    print_object({"id": "per_1", "keys": keys, "tags": ("a", "b")}, as_json=False)
    shown = capsys.readouterr().out.splitlines()
    assert shown == ["id    per_1", r"keys  id key_1, name CI; id key_2, name no\x1b]0;owned\x07", "tags  a b"]
