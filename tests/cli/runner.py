"""Commands run in this process, for tests that run many."""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from numberdesk.cli import app
from testbed.egress import ALLOWED
from tests.cli.conftest import PATIENCE


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]
"""Runs a command; `sent` is its standard input, other names are variables of its environment."""


def runner(url: str, key: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs commands in a folder, on a database, with a key for credentials, and mocks of carriers in reach."""
    for name in os.environ:
        if name.startswith("NUMBERDESK_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("NUMBERDESK_DATABASE_URL", url)
    monkeypatch.setenv("NUMBERDESK_CREDENTIALS_KEY", key)
    monkeypatch.setenv("NUMBERDESK_EGRESS_ALLOW", ALLOWED)

    def command(*arguments: str, sent: str = "", **variables: str) -> Done:
        return invoked(arguments, sent, variables)

    return command


def invoked(arguments: Sequence[str], sent: str, variables: Mapping[str, str | None]) -> Done:
    """Run a command in this process. Raises what it raises."""
    with CliRunner().isolation(input=sent, env=variables) as (stdout, stderr, _):
        with pytest.raises(SystemExit) as ended:
            commands().main(args=arguments, prog_name="numberdesk")
        sys.stdout.flush()
        sys.stderr.flush()
        assert ended.value.code is None or isinstance(ended.value.code, int)
        return Done(ended.value.code or 0, stdout.getvalue().decode(), stderr.getvalue().decode())


@cache
def commands() -> Any:
    """All commands, put together once: Typer's own runner does so for each run, which takes longer than most."""
    return get_command(app)


def json_of(done: Done) -> Any:
    """What a command that has to succeed printed."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def shown_until(terminal: int, text: str | None) -> str:
    """What a terminal shows, until it shows the text, or to its end."""
    shown = ""
    give_up = time.monotonic() + PATIENCE
    while text is None or text not in shown:
        assert time.monotonic() < give_up, shown
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            piece = b""
        if not piece:
            return shown
        shown += piece.decode()
    return shown
