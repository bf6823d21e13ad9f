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

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, NamedTuple, Self

import msgspec

from numberdesk.catalog.import_changes import conflicts_of, decide_listings
from numberdesk.catalog.inventory_file import Entry, InventoryFile, Layout, RawLine
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
from numberdesk.infra.side_processes import in_order
from numberdesk.infra.spool import Spool
from numberdesk.numbers.carrier_release_store import find_on_their_way

MOST_BAD_LISTED: Final = 1000
"""Bad lines that are kept with their reasons; all are counted."""

MOST_PER_CHUNK: Final = 1000
"""Listings saved in one transaction: bounds how long a purchase waits behind an import."""

MOST_PER_CHUNK_ALONE: Final = 20_000
"""The same while nobody sells from the database: every transaction writes its pages of all indexes anew, so fewer of
them write a fifth. A server that is started meanwhile waits for one of them, half a second or so."""

_LINES_PER_BATCH: Final = 1000
_BYTES_PER_BATCH: Final = 256 * 1024


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

    def chunks(self, most: int | Callable[[], int] = MOST_PER_CHUNK) -> Iterator[ListingChunk]:
        """The good lines by number, in chunks to save, of at most so many lines. May be asked for again."""
        for rows in self._spool.chunks(most):
            yield self._chunk(rows)

    def numbers(self, most: int = MOST_PER_CHUNK) -> Iterator[list[str]]:
        """The numbers of the good lines, in order, as many at a time."""
        return self._spool.keys(most)

    def chunk_of(self, e164s: Sequence[str]) -> ListingChunk:
        """The good lines of these numbers."""
        return self._chunk(self._spool.rows_of(e164s))

    def _chunk(self, rows: list[tuple[Any, ...]]) -> ListingChunk:
        listings = tuple(Listing._make(row[:-1]) for row in rows)
        return ListingChunk(self.carrier, listings, tuple(row[-1] for row in rows), self.absent)

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
    processes: int = 1,
) -> StagedInventory:
    """Read and check a whole file, in memory that does not grow with it.

    `progress` is told the bytes and lines read so far, every thousand lines and at the end. With more than one
    of `processes` lines are checked in others, which the caller's main module must allow to be started.
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
        bad, bad_count = _stage(file, spool, terms, rejects, progress, processes)
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


class Lines(NamedTuple):
    """Lines of a file one behind the other, from number `first` on: their bytes, None for one over the bound.

    Of those `heads` has the beginnings.
    """

    first: int
    raw: list[bytes | None]
    heads: dict[int, bytes]

    def text(self, number: int) -> bytes:
        """What stands on a line, or its beginning."""
        return self.raw[number - self.first] or self.heads.get(number, b"")


class CheckedLines(NamedTuple):
    """What lines hold: rows for the spool, packed, and reasons why a line has none. Lines with nothing are neither."""

    rows: bytes
    bad: list[BadLine]


def check_lines(layout: Layout, terms: EntryTerms, lines: Lines) -> CheckedLines:
    """Check lines with nothing but the arguments: in another process, say, which hands over all in one piece."""
    checked = [_checked(layout.entry(number, raw), number, terms) for number, raw in enumerate(lines.raw, lines.first)]
    rows = [(*each, number) for number, each in enumerate(checked, lines.first) if isinstance(each, Listing)]
    return CheckedLines(msgspec.msgpack.encode(rows), [each for each in checked if isinstance(each, BadLine)])


def _checked(entry: Entry | BadLine | None, line: int, terms: EntryTerms) -> Listing | BadLine | None:
    if not isinstance(entry, Entry):
        return entry
    try:
        return listing_of(entry, terms)
    except EntryError as error:
        return BadLine(line, str(error))


def _stage(
    file: InventoryFile,
    spool: Spool,
    terms: EntryTerms,
    rejects: RejectFile | None,
    progress: Callable[[int, int], None],
    processes: int,
) -> tuple[list[BadLine], int]:
    bad: list[BadLine] = []
    bad_count = told = 0
    check = partial(check_lines, file.layout, terms)
    with contextlib.closing(in_order(check, _batches(file.lines()), processes=processes)) as checked:
        for lines, found in checked:
            for problem in _spooled(spool, found):
                bad_count += 1
                if rejects is not None:
                    rejects.add(file.cells(lines.text(problem.line)), problem.reason)
                if len(bad) < MOST_BAD_LISTED:
                    bad.append(problem)
            progress(file.bytes_read, file.line)
            told = file.line
    if told != file.line:
        progress(file.bytes_read, file.line)
    if not spool.rows and not bad_count:
        raise InvalidRequest("file", "has no line after its header")
    return bad, bad_count


def _batches(lines: Iterator[RawLine]) -> Iterator[Lines]:
    """Lines to be checked together: a thousand, or fewer that are long."""
    batch: Lines | None = None
    size = 0
    for number, raw, text in lines:
        if batch is None:
            batch = Lines(number, [], {})
        batch.raw.append(raw)
        if raw is None:
            batch.heads[number] = text
        size += len(text)
        if number % _LINES_PER_BATCH == 0 or size >= _BYTES_PER_BATCH:
            yield batch
            batch, size = None, 0
    if batch is not None:
        yield batch


def _spooled(spool: Spool, found: CheckedLines) -> list[BadLine]:
    """Keep the good lines of a batch on disk; those that are not good, in their order."""
    rows = msgspec.msgpack.decode(found.rows)
    bad = list(found.bad)
    for row, first in zip(rows, spool.add_all(rows), strict=True):
        if first is not None:
            bad.append(BadLine(row[-1], f"phone_number {row[0]} is there already, on line {first}"))
    return sorted(bad, key=lambda each: each.line)


def _save(tx: Tx, chunk: ListingChunk, book: RuleBook, now: Callable[[], int]) -> SavedChunk:
    stored = lock_listings(tx, [listing.e164 for listing in chunk.listings])
    changes = decide_listings(chunk, stored, book.price_of, _going_back(tx, chunk, stored))
    saved_at = now()
    insert_listings(tx, chunk.carrier, changes.new, saved_at)
    take_over_listings(tx, chunk.carrier, changes.taken_over, saved_at)
    update_listings(tx, changes.changed, saved_at)
    insert_superseded(tx, changes.superseded, saved_at)
    return SavedChunk(changes.counts, saved_at)
