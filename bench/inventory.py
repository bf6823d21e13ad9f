"""An inventory of any size, made from places: what a search must find is known without asking a database.

Touches: database, clock, environment.

It is put in as an import puts it in, by the same statements and in the order of the numbers; only the indexes are made
afterwards, which saves most of the time at ten million.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from heapq import nsmallest
from typing import Final, NamedTuple

from numberdesk.catalog.model import FROM_FILE, Listing
from numberdesk.catalog.search import OfferQuery, Sort
from numberdesk.catalog.store import insert_listings
from numberdesk.catalog.trigram_store import begin_fill
from numberdesk.core.memorability import memorability
from numberdesk.core.pattern import MatchOn, Subjects
from numberdesk.infra.db import Database
from numberdesk.infra.side_processes import in_order
from numberdesk.tables import numbers, trigram_fills
from testbed.offer_queries import sent_query
from testbed.samples import INBOUND, OUTBOUND, PRICE

PRICES: Final = 9
"""How many prices there are: that of a number is its place, counted in these."""

_BLOCK: Final = 100
_BLOCKS: Final = 700 * 80_000
_STEP: Final = 38_196_601
"""Prime to the number of blocks, so that every place has a block of its own."""

_BLOCKS_AT_ONCE: Final = 100
_WORTH_PROCESSES: Final = 200_000
_SQLITE_INDEXES: Final = (
    f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = '{numbers.name}'"
)
_POSTGRESQL_INDEXES: Final = (
    "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
    f"WHERE indrelid = '{numbers.name}'::regclass AND NOT indisprimary"
)

Parameters = Mapping[str, str]
Key = tuple[int, int]
"""A price or a score, and the number as a whole number, both negative where the highest comes first."""


def national_of(place: int) -> str:
    """Blocks of a hundred that lie somewhere, so that all digits but the last two are as good as by chance."""
    block, last = divmod(place, _BLOCK)
    return f"{_begins(block)}{last:02}"


def put_in(database: Database, size: int) -> float:
    """Put the numbers in as they are after the upgrade that made the index of trigrams: that is empty. Seconds."""
    began = time.perf_counter()
    with database.write() as tx:
        begin_fill(tx)
        indexes = tx.fetch(_SQLITE_INDEXES if tx.engine_name == "sqlite" else _POSTGRESQL_INDEXES, [])
        for name, _ in indexes:
            tx.run(f"DROP INDEX {name}", [])
    for _, listings in in_order(_listings_of, _stretches(size), processes=_processes(size)):
        with database.write() as tx:
            insert_listings(tx, "pool", [Listing._make(one) for one in listings], now=1)
    for _, made_by in indexes:
        with database.write() as tx:
            tx.run(made_by, [])
    with database.write() as tx:
        tx.execute(trigram_fills.delete())
    return time.perf_counter() - began


def first_pages(asked: Sequence[Parameters], size: int, sold: frozenset[str], page: int) -> list[list[str]]:
    """The first page of each search, from looking at every number once."""
    found: list[list[Key]] = [[] for _ in asked]
    look = partial(_fitting, tuple(asked), sold, page)
    for _, some in in_order(look, _stretches(size), processes=_processes(size)):
        found = [nsmallest(page, [*before, *more]) for before, more in zip(found, some, strict=True)]
    return [[f"+{abs(number)}" for _, number in best] for best in found]


class _Stretch(NamedTuple):
    """Blocks by number, of which the last may be cut short by the end of the inventory."""

    blocks: tuple[int, ...]
    size: int

    def places(self) -> Iterator[tuple[int, str]]:
        """Each place with its national number."""
        for block in self.blocks:
            begins, first = _begins(block), block * _BLOCK
            for last in range(min(_BLOCK, self.size - first)):
                yield first + last, f"{begins}{last:02}"


def _begins(block: int) -> str:
    somewhere = block * _STEP % _BLOCKS
    return f"{200 + somewhere // 80_000}{20_000 + somewhere % 80_000}"


def _stretches(size: int) -> Iterator[_Stretch]:
    blocks = sorted(range(-(-size // _BLOCK)), key=lambda block: block * _STEP % _BLOCKS)
    for start in range(0, len(blocks), _BLOCKS_AT_ONCE):
        yield _Stretch(tuple(blocks[start : start + _BLOCKS_AT_ONCE]), size)


def _processes(size: int) -> int:
    """Each takes a second or two for itself."""
    return (os.cpu_count() or 1) if size >= _WORTH_PROCESSES else 1


def _price(place: int) -> int:
    return PRICE + place % PRICES * 10_000


def _listings_of(stretch: _Stretch) -> list[tuple[str | int | None, ...]]:
    """Their listings as plain tuples, which are handed over from process to process in half the time."""
    return [
        (
            *(f"+1{national}", "US", "local", "TX", "Corpus Christi", national[:3], national, 3),
            *(memorability(national), FROM_FILE, "USD", _price(place), INBOUND, OUTBOUND, 0),
            *(None, None, None, None, None, "", ""),
        )
        for place, national in stretch.places()
    ]


def _fitting(asked: Sequence[Parameters], sold: frozenset[str], page: int, stretch: _Stretch) -> list[list[Key]]:
    """The best `page` of a stretch, for each search."""
    tests = [_test_of(sent_query("US", "USD", parameters), sold) for parameters in asked]
    found: list[list[Key]] = [[] for _ in asked]
    for place, national in stretch.places():
        for test, keys in zip(tests, found, strict=True):
            key = test(place, national)
            if key is not None:
                keys.append(key)
    return [nsmallest(page, keys) for keys in found]


def _test_of(query: OfferQuery, sold: frozenset[str]) -> Callable[[int, str], Key | None]:
    """What tells whether a number fits, and where it stands in the order that is asked for."""
    literal = max((part.longest_literal for part in query.digits.all_of), key=len, default="")
    begins = query.area_code or ""
    dearest = PRICE * 2 if query.max_price is None else query.max_price
    assert all(part.match_on is MatchOn.NATIONAL for part in query.digits.all_of)

    def test(place: int, national: str) -> Key | None:
        if literal not in national or not national.startswith(begins) or _price(place) > dearest:
            return None
        digits = f"1{national}"
        if not query.digits.matches(Subjects(digits, national, national[3:])) or f"+{digits}" in sold:
            return None
        if query.sort is Sort.MEMORABLE:
            return -memorability(national), -int(digits)
        return (_price(place) if query.sort is Sort.PRICE else 0), int(digits)

    return test
