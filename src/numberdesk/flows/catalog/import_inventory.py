"""Import an inventory file: check every line first, then save the good ones chunk by chunk.

Touches: database, files.

    with stage_inventory(source, carrier=POOL, progress=...) as staged:     one pass, no database
        if staged.bad_count == 0 or skip_bad:
            for chunk in staged.chunks():
                counts = counts.plus(writer.apply(save, chunk).counts)      save is save_listings(now)

Each chunk is one transaction. An import that is interrupted has saved its first chunks and is
finished by importing the file again: what is there already is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, NamedTuple, Self

from numberdesk.catalog.import_changes import conflicts_of, decide_listings
from numberdesk.catalog.inventory_file import Entry, InventoryFile
from numberdesk.catalog.listing_entry import AS_GIVEN, EntryError, EntryTerms, listing_of
from numberdesk.catalog.model import BadLine, ImportCounts, Listing, ListingChunk, SavedChunk, Stored
from numberdesk.catalog.offer_store import find_rates
from numberdesk.catalog.reject_file import RejectFile
from numberdesk.catalog.rule_store import find_rules, lock_catalog
from numberdesk.catalog.rules import RuleBook, exchange_of, parse_carrier, rule_books
from numberdesk.catalog.store import (
    find_listings,
    insert_listings,
    insert_superseded,
    lock_listings,
    take_over_listings,
    update_listings,
)
from numberdesk.core.errors import InvalidRequest
from numberdesk.infra.db import Tx
from numberdesk.infra.spool import Spool
from numberdesk.numbers.carrier_release_store import find_on_their_way

MOST_BAD_LISTED: Final = 1000
"""Bad lines that are kept with their reasons; all are counted."""

MOST_PER_CHUNK: Final = 1000
"""Listings saved in one transaction: bounds how long a purchase waits behind an import."""

_LINES_PER_REPORT: Final = 1000


class StagedInventory:
    """A checked file: its good lines on disk, its bad ones listed. Close it, or use it in a `with`.

    `bad` are the first MOST_BAD_LISTED bad lines and `bad_count` counts all, `good` the lines
    that can be imported.
    """

    def __init__(
        self, carrier: str, spool: Spool, bad: list[BadLine], bad_count: int, absent: frozenset[str] = frozenset()
    ) -> None:
        self.carrier = carrier
        self.absent = absent
        self.bad = bad
        self.bad_count = bad_count
        self._spool = spool

    @property
    def good(self) -> int:
        """How many lines can be imported."""
        return self._spool.rows

    def chunks(self) -> Iterator[ListingChunk]:
        """The good lines by number, in chunks to save. May be asked for again."""
        for rows in self._spool.chunks(MOST_PER_CHUNK):
            listings = tuple(Listing._make(row[:-1]) for row in rows)
            yield ListingChunk(self.carrier, listings, tuple(row[-1] for row in rows), self.absent)

    def close(self) -> None:
        """Delete what is on disk. May be called twice."""
        self._spool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def stage_inventory(
    source: BinaryIO,
    *,
    carrier: str,
    progress: Callable[[int, int], None],
    terms: EntryTerms = AS_GIVEN,
    rejects: RejectFile | None = None,
    directory: Path | None = None,
) -> StagedInventory:
    """Read and check a whole file, in memory that does not grow with it.

    `progress` is told the bytes and lines read so far, every thousand lines and at the end.
    `rejects` takes the bad lines, all of them. `directory` is for temporary files, about 250 bytes
    a line. Raises InvalidRequest for a carrier's name or a header that is wrong and for a file
    without lines, StorageFailedError when there is no space for the temporary files.
    """
    parse_carrier(carrier)
    file = InventoryFile(source)
    spool = Spool(Listing._fields, directory=directory)
    if rejects is not None:
        rejects.begin(file.header)
    try:
        bad, bad_count = _stage(file, spool, terms, rejects, progress)
    except BaseException:
        spool.close()
        raise
    return StagedInventory(carrier, spool, bad, bad_count, file.absent)


def save_listings(now: Callable[[], int]) -> Callable[[Tx, Sequence[ListingChunk]], list[SavedChunk]]:
    """The write flow; `now` gives microseconds, and is asked in the transaction that changes prices.

    New numbers become available, changed ones are written, former prices stay valid as quotes. A number of
    another carrier is left alone and counted as a conflict, unless that one has it back.
    """

    def apply(tx: Tx, chunks: Sequence[ListingChunk]) -> list[SavedChunk]:
        lock_catalog(tx)
        if len(chunks) > 1:  # in one sorted order over all of them, so that no purchase waits crosswise
            lock_listings(tx, {listing.e164 for chunk in chunks for listing in chunk.listings})
        books = rule_books(find_rules(tx, [chunk.carrier for chunk in chunks]), exchange_of(find_rates(tx)))
        return [_save(tx, chunk, books.get(chunk.carrier, RuleBook(())), now) for chunk in chunks]

    return apply


def find_conflicts(tx: Tx, chunk: ListingChunk) -> list[BadLine]:
    """The lines of a chunk that what is there already keeps out: to ask before anything is saved."""
    return preview_listings(tx, chunk).conflicts


class Preview(NamedTuple):
    """What saving a chunk would come to as things stand."""

    conflicts: list[BadLine]
    counts: ImportCounts


def preview_listings(tx: Tx, chunk: ListingChunk) -> Preview:
    """Look what saving a chunk would do, without doing it."""
    stored = find_listings(tx, [listing.e164 for listing in chunk.listings])
    going_back = _going_back(tx, chunk, stored)
    books = rule_books(find_rules(tx, [chunk.carrier]), exchange_of(find_rates(tx)))
    changes = decide_listings(chunk, stored, books.get(chunk.carrier, RuleBook(())).price_of, going_back)
    return Preview(conflicts_of(chunk, stored, going_back) if changes.counts.conflicts else [], changes.counts)


def _going_back(tx: Tx, chunk: ListingChunk, stored: Mapping[str, Stored]) -> set[str]:
    """Which numbers of other carriers these have not confirmed to have back."""
    others = [e164 for e164, known in stored.items() if known.carrier != chunk.carrier]
    return {e164 for _, e164 in find_on_their_way(tx, others)} if others else set()


def _stage(
    file: InventoryFile,
    spool: Spool,
    terms: EntryTerms,
    rejects: RejectFile | None,
    progress: Callable[[int, int], None],
) -> tuple[list[BadLine], int]:
    bad: list[BadLine] = []
    bad_count = 0
    for entry in file.entries():
        problem = entry if isinstance(entry, BadLine) else _spooled(entry, file.line, spool, terms)
        if problem is not None:
            bad_count += 1
            if rejects is not None:
                rejects.add(file.cells(), problem.reason)
            if len(bad) < MOST_BAD_LISTED:
                bad.append(problem)
        if file.line % _LINES_PER_REPORT == 0:
            progress(file.bytes_read, file.line)
    progress(file.bytes_read, file.line)
    if not spool.rows and not bad_count:
        raise InvalidRequest("file", "has no line after its header")
    return bad, bad_count


def _spooled(entry: Entry, line: int, spool: Spool, terms: EntryTerms) -> BadLine | None:
    """Check a line and keep it on disk; None when it is good."""
    try:
        listing = listing_of(entry, terms)
    except EntryError as error:
        return BadLine(line, str(error))
    first = spool.add(line, listing)
    if first is not None:
        return BadLine(line, f"phone_number {listing.e164} is there already, on line {first}")
    return None


def _save(tx: Tx, chunk: ListingChunk, book: RuleBook, now: Callable[[], int]) -> SavedChunk:
    stored = lock_listings(tx, [listing.e164 for listing in chunk.listings])
    changes = decide_listings(chunk, stored, book.price_of, _going_back(tx, chunk, stored))
    saved_at = now()
    insert_listings(tx, chunk.carrier, changes.new, saved_at)
    take_over_listings(tx, chunk.carrier, changes.taken_over, saved_at)
    update_listings(tx, changes.changed, saved_at)
    insert_superseded(tx, changes.superseded, saved_at)
    return SavedChunk(changes.counts, saved_at)
