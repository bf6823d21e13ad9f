"""The story of an import: all lines checked, conflicts looked for, and only then saved.

Touches: database, files.

Nothing of a file with a bad line is saved unless bad lines are to be skipped. A number that
belongs to another carrier makes its line bad, too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple, Protocol, TypeVar

from numberdesk.catalog.inventory_file import InventoryFile
from numberdesk.catalog.listing_entry import AS_GIVEN, EntryTerms
from numberdesk.catalog.model import BadLine, ImportCounts, ListingChunk, SavedChunk
from numberdesk.catalog.reject_file import RejectFile
from numberdesk.catalog.store import find_known
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.purchase import POOL
from numberdesk.flows.catalog.import_inventory import (
    MOST_BAD_LISTED,
    MOST_PER_CHUNK,
    StagedInventory,
    preview_listings,
    stage_inventory,
)
from numberdesk.flows.part_way import Taken, part_way
from numberdesk.infra.db import Tx
from numberdesk.infra.numbering import is_country
from numberdesk.infra.spool import Spool

Result = TypeVar("Result")
Progress = Callable[[str, int, int], None]
"""Told the phase, how much is done, and of how much (0 when that is not known)."""


class Read(Protocol):
    """Asks a question in a read transaction."""

    def __call__(self, question: Callable[[Tx], Result]) -> Result:
        """The answer."""
        ...


class ImportReport(NamedTuple):
    """What an import found and did. `saved` is False when bad lines kept everything out, and for a dry run.

    The `counts` of a dry run are what an import would come to as things stand.
    """

    saved: bool
    good: int
    bad_count: int
    bad: list[BadLine]
    counts: ImportCounts
    dry_run: bool = False


def run_import(
    source: BinaryIO,
    *,
    carrier: str,
    skip_bad: bool,
    dry_run: bool = False,
    terms: EntryTerms = AS_GIVEN,
    rejects: RejectFile | None = None,
    read: Read,
    save: Callable[[ListingChunk], SavedChunk],
    progress: Progress,
    processes: int = 1,
    most_per_chunk: int | Callable[[], int] = MOST_PER_CHUNK,
) -> ImportReport:
    """Import a file. `most_per_chunk` lines are saved at once; where that changes, it is asked before each chunk.

    Raises InvalidRequest for a header that is wrong, and for a carrier other than the own pool: what
    the others offer is asked of them at every search. With `rejects` the source has to be one that can be read twice.
    """
    if carrier != POOL:
        raise InvalidRequest("carrier", f"must be {POOL}: other carriers are searched, not imported")
    if terms.country and not is_country(terms.country):
        raise InvalidRequest("country", "must be the two-letter code of a country, like US")
    if rejects is not None and not source.seekable():
        raise InvalidRequest("file", "must be one that can be read twice, for a file of rejected lines: not a pipe")
    start = source.tell() if rejects is not None else 0
    with stage_inventory(
        source,
        carrier=carrier,
        terms=terms,
        rejects=rejects,
        progress=lambda size, _: progress("check", size, 0),
        processes=processes,
    ) as staged:
        if rejects is None:
            conflicts = _conflicts(staged, read, None, progress, counted=dry_run)
        else:
            with contextlib.closing(Spool(("at", "reason"))) as reasons:
                conflicts = _conflicts(staged, read, reasons, progress, counted=dry_run)
                source.seek(start)
                _reject(rejects, source, reasons)
        bad = sorted([*staged.bad, *conflicts.listed])[:MOST_BAD_LISTED]
        bad_count = staged.bad_count + conflicts.found
        good = staged.good - conflicts.found
        if dry_run:
            return ImportReport(False, good, bad_count, bad, conflicts.counts, dry_run=True)  # noqa: FBT003  saved
        if bad_count and not skip_bad:
            return ImportReport(saved=False, good=good, bad_count=bad_count, bad=bad, counts=ImportCounts())
        counts = ImportCounts()
        with part_way(Taken("lines", "lines that are there already change nothing", staged.good)) as taken:
            for chunk in staged.chunks(most_per_chunk):
                counts = counts.plus(save(chunk).counts)
                taken.count += len(chunk.listings)
                progress("save", taken.count, staged.good)
        return ImportReport(saved=True, good=good, bad_count=bad_count, bad=bad, counts=counts)


class _Conflicts(NamedTuple):
    """Good lines of numbers that are somebody's: how many, and some of them."""

    found: int
    listed: list[BadLine]
    counts: ImportCounts


def _conflicts(
    staged: StagedInventory, read: Read, reasons: Spool | None, progress: Progress, *, counted: bool
) -> _Conflicts:
    """`reasons` takes all of them by line, however many there are. Without `counted` new numbers are passed over."""
    count = done = 0
    counts = ImportCounts()
    listed: list[BadLine] = []
    for size, chunk in _comparable(staged, read, counted=counted):
        found = []
        if chunk.listings:
            preview = read(lambda tx, chunk=chunk: preview_listings(tx, chunk))  # type: ignore[misc]  # the loop's chunk
            found, counts = preview.conflicts, counts.plus(preview.counts)
        count += len(found)
        listed += found[: MOST_BAD_LISTED - len(listed)]
        if reasons is not None:
            for bad in found:
                reasons.add(bad.line, (bad.line, bad.reason))
        done += size
        progress("compare", done, staged.good)
    return _Conflicts(count, listed, counts)


def _comparable(staged: StagedInventory, read: Read, *, counted: bool) -> Iterator[tuple[int, ListingChunk]]:
    """What is to be compared with what is there, and how many lines that settles: new numbers only to count them."""
    if counted:
        yield from ((len(chunk.listings), chunk) for chunk in staged.chunks())
        return
    for e164s in staged.numbers():
        known = read(lambda tx, e164s=e164s: find_known(tx, e164s))  # type: ignore[misc]  # binds the loop's numbers
        yield len(e164s), staged.chunk_of(known)


def _reject(rejects: RejectFile, source: BinaryIO, reasons: Spool) -> None:
    """Write lines as the file has them: only what a line says itself can be imported later without a loss."""
    rows = (row for rows in reasons.chunks(MOST_PER_CHUNK) for row in rows)
    following = next(rows, None)
    if following is None:
        return
    file = InventoryFile(source)
    for entry in file.entries():
        if not isinstance(entry, BadLine) and file.line == following[0]:
            rejects.add(file.cells(), following[1])
            following = next(rows, None)
            if following is None:
                return
