"""The command that checks the books.

Touches: nothing.
"""

from __future__ import annotations

import typer

from numberdesk.cli.output import REFUSED, note, print_object
from numberdesk.cli.session import AsJson, services
from numberdesk.verify.books import VerifyReport, verify
from numberdesk.views.verify import verify_view


def verify_books(as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Check every invariant of the books; exit status 1 when one is broken."""
    with services() as running:
        report: VerifyReport = running.reader.read_now(lambda tx: verify(tx, _progress))
    view = verify_view(report)
    if as_json:
        print_object(view, as_json=True)
    else:
        for broken in view.violations:
            note(f"{broken.invariant} {broken.table} {broken.row}: {broken.message}")
        note("the books are in order" if view.ok else f"{view.violations_total} violations")
    if not view.ok:
        raise typer.Exit(REFUSED)


def _progress(what: str, done: int, of: int) -> None:
    note(f"[{done}/{of}] {what}")
