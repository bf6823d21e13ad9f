"""Secrets of carriers at a terminal and without one: asked for unseen, and only where they can be kept."""

from __future__ import annotations

import base64
import os
import pty
import subprocess
from pathlib import Path
from typing import Final

import pytest

from numberdesk.infra.vault import new_key
from testbed.egress import ALLOWED
from testbed.scripted import Answer, Seen, json_reply, scripted
from tests.cli.conftest import COMMAND, PATIENCE, environment
from tests.cli.runner import Run, runner, shown_until

KEY: Final = new_key()
SECRET: Final = "s3cret-t0ken-of-ours-4711"
ACCOUNT: Final = "AC" + "0" * 31 + "7"


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on a database of the test's own, with a key for credentials."""
    return runner(database_url, KEY, tmp_path, monkeypatch)


def _balance(_seen: Seen) -> Answer:
    return json_reply(200, {"balance": "1", "currency": "USD"})


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
@pytest.mark.parametrize(
    ("kind", "field"), [("twilio", "auth_token"), ("telnyx", "api_key")], ids=["its own rule", "required"]
)
def test_a_secret_that_is_missing_is_asked_for_with_the_ways_to_give_it(run: Run, kind: str, field: str) -> None:
    options = ("--set", f"account_sid={ACCOUNT}") if kind == "twilio" else ()
    done = run("carriers", "add", "acme", kind, *options)
    assert done.returncode == 2
    assert done.stderr.startswith(f"numberdesk: {field} is required")
    for way in ("--secrets FILE", f"--secret-env {field}=VARIABLE"):
        assert way in done.stderr


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
@pytest.mark.parametrize(
    ("name", "key", "status", "said"),
    [("Acme", KEY, 2, "NAME must be"), ("pool", KEY, 2, "NAME must not be"), ("acme", "", 1, "carriers new-key")],
    ids=["a bad name", "the pool's name", "no key"],
)
def test_at_a_terminal_nobody_types_secrets_that_cannot_be_kept(
    database_url: str, tmp_path: Path, name: str, key: str, status: int, said: str
) -> None:
    ours, theirs = pty.openpty()
    asked = subprocess.Popen(
        [*COMMAND, "carriers", "add", name, "telnyx"],
        cwd=tmp_path, env=environment(database_url=database_url, credentials_key=key, egress_allow=ALLOWED),
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    shown = shown_until(ours, said)
    assert asked.wait(PATIENCE) == status, shown
    os.close(ours)
    assert "api_key" not in shown


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_at_a_terminal_secrets_are_asked_for_without_an_echo(run: Run, database_url: str, tmp_path: Path) -> None:
    with scripted(_balance) as carrier:
        ours, theirs = pty.openpty()
        asked = subprocess.Popen(
            [*COMMAND, "carriers", "add", "vonage", "vonage", "--set", "api_key=abcd1234",
             "--set", f"base_url={carrier.url}"],
            cwd=tmp_path, env=environment(database_url=database_url, credentials_key=KEY, egress_allow=ALLOWED),
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        shown = shown_until(ours, "same page: ")
        os.write(ours, f"{SECRET}\n".encode())
        shown += shown_until(ours, None)
        assert asked.wait(PATIENCE) == 0, shown
        os.close(ours)
        assert SECRET not in shown
        assert "secrets api_secret" in " ".join(shown.split())
        run("carriers", "check")
        header = carrier.seen[0].headers["authorization"]
    assert base64.b64decode(header.removeprefix("Basic ")) == f"abcd1234:{SECRET}".encode()
