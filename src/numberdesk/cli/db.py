"""Commands for the schema of the database.

Touches: nothing.
"""

from __future__ import annotations

import typer

from numberdesk.cli.output import note, print_object, reported
from numberdesk.cli.session import AsJson, read_settings
from numberdesk.wiring import migrate, revision_of

db = typer.Typer(help="The schema of the database.", no_args_is_help=True)


@db.command("upgrade")
def upgrade_schema() -> None:
    """Bring the database to the schema of this program."""
    with reported():
        revision, told = migrate(read_settings())
        for line in told:
            note(line)
        note(f"the database is at revision {revision}")


@db.command("current")
def current_revision(as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Print the revision of the database and that of this program."""
    with reported():
        found, wanted = revision_of(read_settings())
        print_object({"database": found, "program": wanted}, as_json=as_json)
