"""The command that checks the books.

Touches: nothing.
"""

from __future__ import annotations

import typer

from numberdesk.cli.output import REFUSED, note, print_object
from numberdesk.cli.session import AsJson, services
from numberdesk.core.errors import Overloaded
from numberdesk.core.invariants import RunOutcome, VerifyRun
from numberdesk.infra.db import DatabaseError, StorageFailedError
from numberdesk.verify.books import VerifyReport, verify
from numberdesk.verify.run_store import keep_verify_runs
from numberdesk.views.verify import verify_view
from numberdesk.wiring import Services


def verify_books(as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Check every invariant of the books; exit status 1 when one is broken."""
    with services() as running:
        report: VerifyReport = running.reader.read_now(lambda tx: verify(tx, _progress))
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
    """Keep that the books were checked, for `doctor` and `/metrics`; the check is good without it."""
    outcome = RunOutcome.OK if report.ok else RunOutcome.BROKEN
    try:
        running.writer.apply(keep_verify_runs, VerifyRun(outcome, running.now(), report.violations_total))
    except (DatabaseError, Overloaded, StorageFailedError) as error:
        note(f"numberdesk: that the books were checked could not be kept: {error}")


def _progress(what: str, done: int, of: int) -> None:
    note(f"[{done}/{of}] {what}")
