"""Commands that take long show at a terminal how far they are."""

from __future__ import annotations

import os
import pty
from pathlib import Path
from typing import Final

import pytest

from carrier_mock.model import Api
from numberdesk.infra.vault import new_key
from testbed import nursery
from testbed.carrier_mock import simulated
from testbed.egress import ALLOWED
from tests.cli.conftest import PATIENCE, environment
from tests.cli.runner import json_of, runner, shown_until

POSTGRESQL_IN_THE_LONG_RUN: Final = "the rules of progress are the same on both engines"

KEY: Final = new_key()
ACCOUNT: Final = "AC" + "0" * 31 + "7"


def _at_a_terminal(folder: Path, url: str, *arguments: str) -> str:
    """All that a command shows on standard error, when that is a terminal."""
    ours, theirs = pty.openpty()
    given = environment(database_url=url, credentials_key=KEY, egress_allow=ALLOWED)
    with open(theirs, "wb") as terminal, Path(os.devnull).open("wb") as nothing:  # noqa: PTH123  it has no name
        running = nursery.start(
            "numberdesk", *arguments, cwd=folder, env=given | {"TERM": "xterm", "COLUMNS": "120"},
            stdout=nothing, stderr=terminal,
        )  # fmt: skip
    shown = shown_until(ours, None)
    running.wait(PATIENCE)
    os.close(ours)
    return shown


def test_an_audit_shows_what_it_has_read_and_compared(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runner(database_url, KEY, tmp_path, monkeypatch)
    with simulated() as carriers:
        options = ("--set", f"account_sid={ACCOUNT}", "--set", f"base_url={carriers.url}")
        json_of(
            run("carriers", "add", "acme", "twilio", *options, "--secret-env", "auth_token=T", "--json", T="t" * 20)
        )
        carriers.control.orphans(Api.TWILIO, account=ACCOUNT, count=3)
        shown = _at_a_terminal(tmp_path, database_url, "carriers", "audit", "acme")
    assert "acme: reading its list, numbers" in shown
    assert "3/" in shown.partition("reading its list")[2]
    assert "acme: comparing, numbers" in shown


def test_an_import_shows_what_it_has_checked_and_saved(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "numbers.csv").write_text("phone_number\n+13612738809\n+13612738810\n")
    shown = _at_a_terminal(tmp_path, database_url, "inventory", "import", "numbers.csv")
    assert "checking, bytes" in shown
    assert "saving, lines" in shown
    assert "2/2" in shown.partition("saving, lines")[2]


def test_verify_shows_how_far_it_is_and_says_its_outcome_alone_where_nobody_watches(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runner(database_url, KEY, tmp_path, monkeypatch)
    json_of(run("accounts", "create", "Acme", "--currency", "USD", "--json"))
    shown = _at_a_terminal(tmp_path, database_url, "verify")
    assert "checking, invariants" in shown
    assert "the books are in order" in shown
    assert run("verify").stderr == "the books are in order\n"
