"""Commands for the operator's own numbers.

Touches: files.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

from numberdesk.catalog.listing_entry import EntryTerms
from numberdesk.catalog.reject_file import RejectFile
from numberdesk.catalog.store import list_inventory
from numberdesk.cli.bars import bars
from numberdesk.cli.output import REFUSED, note, print_list, print_object
from numberdesk.cli.session import AsJson, Limit, check_carrier, services
from numberdesk.core.lifecycle import NumberState
from numberdesk.core.purchase import POOL
from numberdesk.flows.catalog.import_inventory import MOST_PER_CHUNK, MOST_PER_CHUNK_ALONE
from numberdesk.flows.catalog.run_import import ImportReport, run_import
from numberdesk.infra.serve_lock import is_served
from numberdesk.views.inventory import import_view, inventory_view

inventory = typer.Typer(help="The operator's own numbers.", no_args_is_help=True)


_MOST_SHOWN = 50

_WORTH_PROCESSES: Final = 2_000_000
"""Bytes of a file from which on it pays to start processes that check lines: each takes a second or two for itself."""


_PHASES = {"check": "checking, bytes", "compare": "comparing, lines", "save": "saving, lines"}

_OPTIONS: Final = {"file": "FILE.csv", "carrier": "--carrier", "country": "--country"}


@inventory.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", exists=True, dir_okay=False, readable=True)],
    carrier: Annotated[str, typer.Option(help="Whose numbers these are")] = POOL,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Import the good lines of a file with bad ones")] = False,  # noqa: FBT002
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and compare, import nothing")] = False,  # noqa: FBT002
    rejects: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", dir_okay=False, help="Write the bad lines here, with reasons")
    ] = None,
    country: Annotated[str, typer.Option(help="Whose numbers those without country code are, like US")] = "",
    accept_unknown: Annotated[  # noqa: FBT002
        bool, typer.Option("--accept-unknown", help="Take numbers of ranges newer than the numbering data")
    ] = False,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Import numbers from a CSV file: all of it, or nothing when a line is bad."""
    with services(_OPTIONS) as running, file.open("rb") as source, _reject_file(rejects) as rejected, bars() as bar:
        size = file.stat().st_size
        if not is_served(running.database):
            running.database.fold_rarely()
        report = run_import(
            source,
            carrier=carrier,
            skip_bad=skip_bad,
            dry_run=dry_run,
            terms=EntryTerms(country.upper(), accept_unknown),
            rejects=rejected,
            read=running.reader.read_now,
            save=lambda chunk: running.writer.apply(running.save_listings, chunk),
            progress=lambda phase, done, of: bar(_PHASES[phase], done, of or size),
            processes=(os.cpu_count() or 1) if size >= _WORTH_PROCESSES else 1,
            most_per_chunk=lambda: MOST_PER_CHUNK if is_served(running.database) else MOST_PER_CHUNK_ALONE,
        )
    if as_json:
        print_object(import_view(report), as_json=True)
    else:
        _say(report)
    if report.bad_count and not skip_bad:
        raise typer.Exit(REFUSED)


@contextlib.contextmanager
def _reject_file(path: Path | None) -> Iterator[RejectFile | None]:
    """The file for bad lines; None when none is wanted."""
    if path is None:
        yield None
        return
    with path.open("w", encoding="utf-8", newline="") as out:
        yield RejectFile(out)


@inventory.command("list")
def list_numbers(
    carrier: Annotated[str | None, typer.Option(help="Only this carrier's")] = None,
    state: Annotated[NumberState | None, typer.Option(help="Only in this state")] = None,
    after: Annotated[str | None, typer.Option(help="Go on after this number")] = None,
    limit: Limit = 1000,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """List numbers with their state and price, by number."""
    with services(_OPTIONS) as running:
        check_carrier(running, carrier)
        found = running.reader.read_now(lambda tx: list_inventory(tx, carrier, state, after, limit))
        columns = ("phone_number", "state", "carrier", "iso_country", "region", "number_type", "price", "currency")
        print_list([inventory_view(item) for item in found], columns, as_json=as_json)
        if len(found) == limit:
            note(f"there may be more: --after {found[-1].listing.e164}")


def _say(report: ImportReport) -> None:
    for line in report.bad[:_MOST_SHOWN]:
        note(f"line {line.line}: {line.reason}")
    if report.bad_count > _MOST_SHOWN:
        note(f"... {report.bad_count} bad lines in all; --json lists up to {len(report.bad)}")
    counts = report.counts
    if report.dry_run:
        note(
            f"nothing imported, as asked: {counts.new} would be new, {counts.changed} changed, "
            f"{counts.unchanged} unchanged; {report.bad_count} bad lines"
        )
        return
    if not report.saved:
        note(f"nothing imported: {report.bad_count} bad lines, {report.good} good ones; --skip-bad imports the good")
        return
    note(
        f"{counts.new} new, {counts.changed} changed, {counts.unchanged} unchanged, "
        f"{report.bad_count} bad lines skipped, {counts.unpriced} without a price and not offered"
    )
