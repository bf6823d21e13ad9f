"""The story of an import: all lines checked, conflicts looked for, and only then saved.

Touches: database, files.

Nothing of a file with a bad line is saved unless bad lines are to be skipped. A number that
belongs to another carrier makes its line bad, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, NamedTuple, Protocol, TypeVar

from numberdesk.catalog.model import BadLine, ImportCounts, ListingChunk
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.purchase import POOL
from numberdesk.flows.import_inventory import MOST_BAD_LISTED, StagedInventory, find_conflicts, stage_inventory
from numberdesk.infra.db import Tx

Result = TypeVar("Result")
Progress = Callable[[str, int, int], None]
"""Told the phase, how much is done, and of how much (0 when that is not known)."""


class Read(Protocol):
    """Asks a question in a read transaction."""

    def __call__(self, question: Callable[[Tx], Result]) -> Result:
        """The answer."""
        ...


class ImportReport(NamedTuple):
    """What an import found and did. `saved` is False when bad lines kept everything out."""

    saved: bool
    good: int
    bad_count: int
    bad: list[BadLine]
    counts: ImportCounts


def run_import(
    source: BinaryIO,
    *,
    carrier: str,
    skip_bad: bool,
    now: int,
    read: Read,
    save: Callable[[ListingChunk], ImportCounts],
    progress: Progress,
) -> ImportReport:
    """Import a file.

    Raises InvalidRequest for a header that is wrong, and for a carrier other than the own pool: what
    the others offer is asked of them at every search.
    """
    if carrier != POOL:
        raise InvalidRequest("carrier", f"must be {POOL}: other carriers are searched, not imported")
    with stage_inventory(source, carrier=carrier, progress=lambda size, _: progress("check", size, 0)) as staged:
        conflicts = _conflicts(staged, now, read, progress)
        bad = sorted([*staged.bad, *conflicts.listed])[:MOST_BAD_LISTED]
        bad_count = staged.bad_count + conflicts.found
        good = staged.good - conflicts.found
        if bad_count and not skip_bad:
            return ImportReport(saved=False, good=good, bad_count=bad_count, bad=bad, counts=ImportCounts())
        counts = ImportCounts()
        done = 0
        for chunk in staged.chunks(now):
            counts = counts.plus(save(chunk))
            done += len(chunk.listings)
            progress("save", done, staged.good)
        return ImportReport(saved=True, good=good, bad_count=bad_count, bad=bad, counts=counts)


class _Conflicts(NamedTuple):
    found: int
    listed: list[BadLine]


def _conflicts(staged: StagedInventory, now: int, read: Read, progress: Progress) -> _Conflicts:
    count = done = 0
    listed: list[BadLine] = []
    for chunk in staged.chunks(now):
        found = read(lambda tx, chunk=chunk: find_conflicts(tx, chunk))  # type: ignore[misc]  # binds the loop's chunk
        count += len(found)
        listed += found[: MOST_BAD_LISTED - len(listed)]
        done += len(chunk.listings)
        progress("compare", done, staged.good)
    return _Conflicts(count, listed)
