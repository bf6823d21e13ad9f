"""Writes what `--help` says of each command into the file that the command line answers from: python -m testbed.helps.

Touches: files, environment.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any, Final

from typer.main import get_command
from typer.testing import CliRunner

from numberdesk.cli import app
from numberdesk.cli.commands import PROGRAM
from numberdesk.cli.helps import HELPS

COLUMNS: Final = "80"


def _paths(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if path:
        yield path
    for name in getattr(command, "commands", {}):
        yield from _paths(command.commands[name], (*path, name))


def written_helps() -> str:
    """The content of the file, made anew from the commands."""
    program: Any = get_command(app)
    env = {"COLUMNS": COLUMNS, "TERMINAL_WIDTH": COLUMNS}
    helps = {}
    for path in _paths(program):
        done = CliRunner().invoke(app, [*path, "--help"], env=env, prog_name=PROGRAM)
        assert done.exit_code == os.EX_OK, done.output
        helps[" ".join(path)] = done.stdout
    return json.dumps(helps, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    HELPS.write_text(written_helps(), encoding="utf-8")
