"""The command that checks the books.

Touches: nothing.
"""

from __future__ import annotations

import typer

from numberdesk.cli.bars import bars
from numberdesk.cli.output import REFUSED, note, print_object
from numberdesk.cli.session import AsJson, services
from numberdesk.core.errors import Overloaded
from numberdesk.flows.tell_operators import VerifyResult, note_verify
from numberdesk.infra.db import DatabaseError, StorageFailedError
from numberdesk.verify.books import VerifyReport, verify
from numberdesk.views.verify import verify_view
from numberdesk.wiring import Services


def verify_books(as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Check every invariant of the books; exit status 1 when one is broken."""
    with services() as running:
        with bars() as bar:
            report: VerifyReport = running.reader.read_now(
                lambda tx: verify(tx, lambda _, done, of: bar("checking, invariants", done, of))
            )
        _kept(running, report)
    view = verify_view(report)
    if as_json:
        print_object(view, as_json=True)
    else:
        for broken in view.violations:
            note(f"{broken.invariant} {broken.table} {broken.row}: {broken.message}")
        note("the books are in order" if view.ok else f"{view.violations_total} violations")
    if not view.ok:
        raise typer.Exit(REFUSED)


def _kept(running: Services, report: VerifyReport) -> None:
    """Keep that the books were checked, for `doctor` and `/metrics`, and tell operators what is broken.

    The check is good without it.
    """
    try:
        running.writer.apply(note_verify, VerifyResult(report, running.now()))
    except (DatabaseError, Overloaded, StorageFailedError) as error:
        note(f"numberdesk: that the books were checked could not be kept: {error}")
