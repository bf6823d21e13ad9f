"""Import an inventory file: check every line first, then save the good ones chunk by chunk.

Touches: database, files.

    with stage_inventory(source, carrier=POOL, progress=...) as staged:     one pass, no database
        if staged.bad_count == 0 or skip_bad:
            for chunk in staged.chunks(now):
                counts = counts.plus(writer.apply(save_listings, chunk))    or await writer.submit(...)

Each chunk is one transaction. An import that is interrupted has saved its first chunks and is
finished by importing the file again: what is there already is left as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from numberdesk.catalog.inventory_file import Entry, InventoryFile
from numberdesk.catalog.listing_entry import EntryError, listing_of
from numberdesk.catalog.model import BadLine, ImportCounts, Listing, ListingChunk, conflicts_of, decide_listings
from numberdesk.catalog.offer_store import find_rates
from numberdesk.catalog.rule_store import find_rules, lock_catalog
from numberdesk.catalog.rules import RuleBook, exchange_of, parse_carrier, rule_books
from numberdesk.catalog.store import find_carriers, insert_listings, insert_superseded, lock_listings, update_listings
from numberdesk.core.errors import InvalidRequest
from numberdesk.infra.db import Tx
from numberdesk.infra.spool import Spool

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

    def __init__(self, carrier: str, spool: Spool, bad: list[BadLine], bad_count: int) -> None:
        self.carrier = carrier
        self.bad = bad
        self.bad_count = bad_count
        self._spool = spool

    @property
    def good(self) -> int:
        """How many lines can be imported."""
        return self._spool.rows

    def chunks(self, now: int) -> Iterator[ListingChunk]:
        """The good lines by number, in chunks to save. May be asked for again."""
        for rows in self._spool.chunks(MOST_PER_CHUNK):
            listings = tuple(Listing._make(row[:-1]) for row in rows)
            yield ListingChunk(self.carrier, listings, tuple(row[-1] for row in rows), now)

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
    directory: Path | None = None,
) -> StagedInventory:
    """Read and check a whole file, in memory that does not grow with it.

    `progress` is told the bytes and lines read so far, every thousand lines and at the end.
    `directory` is for temporary files, about 250 bytes a line. Raises InvalidRequest for a
    carrier's name or a header that is wrong and for a file without lines, StorageFailedError
    when there is no space for the temporary files.
    """
    parse_carrier(carrier)
    file = InventoryFile(source)
    spool = Spool(Listing._fields, directory=directory)
    try:
        bad, bad_count = _stage(file, spool, progress)
    except BaseException:
        spool.close()
        raise
    return StagedInventory(carrier, spool, bad, bad_count)


def save_listings(tx: Tx, chunks: Sequence[ListingChunk]) -> list[ImportCounts]:
    """Save chunks: new numbers become available, changed ones are written, former prices stay valid as quotes.

    A number of another carrier is left alone and counted as a conflict.
    """
    lock_catalog(tx)
    if len(chunks) > 1:  # in one sorted order over all of them, so that no purchase waits crosswise
        lock_listings(tx, {listing.e164 for chunk in chunks for listing in chunk.listings})
    books = rule_books(find_rules(tx, [chunk.carrier for chunk in chunks]), exchange_of(find_rates(tx)))
    return [_save(tx, chunk, books.get(chunk.carrier, RuleBook(()))) for chunk in chunks]


def find_conflicts(tx: Tx, chunk: ListingChunk) -> list[BadLine]:
    """The lines of a chunk whose numbers belong to another carrier: to ask before anything is saved."""
    return conflicts_of(chunk, find_carriers(tx, [listing.e164 for listing in chunk.listings]))


def _stage(file: InventoryFile, spool: Spool, progress: Callable[[int, int], None]) -> tuple[list[BadLine], int]:
    bad: list[BadLine] = []
    bad_count = 0
    for entry in file.entries():
        problem = entry if isinstance(entry, BadLine) else _spooled(entry, file.line, spool)
        if problem is not None:
            bad_count += 1
            if len(bad) < MOST_BAD_LISTED:
                bad.append(problem)
        if file.line % _LINES_PER_REPORT == 0:
            progress(file.bytes_read, file.line)
    progress(file.bytes_read, file.line)
    if not spool.rows and not bad_count:
        raise InvalidRequest("file", "has no line after its header")
    return bad, bad_count


def _spooled(entry: Entry, line: int, spool: Spool) -> BadLine | None:
    """Check a line and keep it on disk; None when it is good."""
    try:
        listing = listing_of(entry)
    except EntryError as error:
        return BadLine(line, str(error))
    first = spool.add(line, listing)
    if first is not None:
        return BadLine(line, f"phone_number {listing.e164} is there already, on line {first}")
    return None


def _save(tx: Tx, chunk: ListingChunk, book: RuleBook) -> ImportCounts:
    stored = lock_listings(tx, [listing.e164 for listing in chunk.listings])
    changes = decide_listings(chunk, stored, book.price_of)
    insert_listings(tx, chunk.carrier, changes.new, chunk.now)
    update_listings(tx, changes.changed, chunk.now)
    insert_superseded(tx, changes.superseded, chunk.now)
    return changes.counts
