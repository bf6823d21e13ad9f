"""The command that copies the books and proves the copy.

Touches: database, files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from numberdesk.cli.output import REFUSED, fail, note, print_object
from numberdesk.cli.session import AsJson, services
from numberdesk.infra.db import Database
from numberdesk.infra.sqlite_backup import copy_sqlite
from numberdesk.verify.books import verify
from numberdesk.views.verify import verify_view


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file, which must not be there yet")],
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Copy the books of an SQLite file beside a running server, and verify the copy; exit status 1 if it is broken."""
    with services() as running:
        source = running.database.file
        if source is None:
            fail("PostgreSQL is backed up by its own tools: pg_dump, or a base backup with its log; docs/postgresql.md")
        copy_sqlite(source, file)
        copied = Database(f"sqlite:///{file.resolve()}", makes_file=False)
        try:
            with copied.read() as tx:
                report = verify(tx, lambda what, done, of: note(f"[{done}/{of}] {what}"))
        finally:
            copied.close()
    view = verify_view(report)
    print_object(
        {"file": str(file), "bytes": file.stat().st_size, "ok": view.ok, "violations_total": view.violations_total},
        as_json=as_json,
    )
    if not view.ok:
        note(f"the copy is as broken as the books: NUMBERDESK_DATABASE_URL=sqlite:///{file} numberdesk verify says how")
        raise typer.Exit(REFUSED)
