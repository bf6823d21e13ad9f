"""The command line: starts the other entry points, and the operator's commands.

Touches: environment.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from numberdesk import __version__
from numberdesk.cli.commands import PROGRAM, Program
from numberdesk.cli.helps import help_of

app = typer.Typer(
    name=PROGRAM,
    cls=Program,
    help="Numberdesk sells and rents phone numbers.",
    epilog="\b\nExamples:\n  numberdesk serve --demo\n  numberdesk doctor\n  numberdesk accounts --help",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _say_version(asked: bool) -> None:  # noqa: FBT001  what Typer calls
    if asked:
        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback()
def program(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and end", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Numberdesk sells and rents phone numbers."""


def main() -> None:
    """Run a command, or say what its help says."""
    text = help_of(sys.argv[1:])
    if text is None:
        app()
    else:
        typer.echo(text, nl=False)
