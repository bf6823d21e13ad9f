"""The SQL of the index of trigrams: new numbers, finding, and the filling of an index that came after its numbers.

Touches: numbers, number_trigrams, trigram_fills.

SQLite has a full-text index for it, whose matches come in the order of their ranks; PostgreSQL an inverted index over
arrays, whose matches are sorted. Nothing of what a customer sends gets into either but whole numbers below a thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import delete, insert, select, update

from numberdesk.catalog.search_plan import Shapes
from numberdesk.catalog.trigrams import GRADES, LENGTHS, SIZE, e164_of, grade_of, rank_of, trigrams_of
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import array_text
from numberdesk.tables import number_trigrams, numbers, trigram_fills

_INSERT_SQLITE: Final = (
    f"INSERT INTO {number_trigrams.name} (rowid, digits) "  # noqa: S608  the table's own name
    "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)"
)
_COPY_POSTGRESQL: Final = f"COPY {number_trigrams.name} (rank, trigrams) FROM STDIN"
_SEEN_SQLITE: Final = (
    f"SELECT rowid AS rank FROM {number_trigrams.name} "  # noqa: S608  the table's own name
    f"WHERE {number_trigrams.name} MATCH ? AND rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ?"
)
_SEEN_POSTGRESQL: Final = (
    f"SELECT rank FROM {number_trigrams.name} "  # noqa: S608  the table's own name
    "WHERE ({wanted}) AND rank > %s AND rank <= %s ORDER BY rank LIMIT %s"
)
_ALLOW_BITMAPS: Final = "SELECT current_setting('enable_bitmapscan'), set_config('enable_bitmapscan', 'on', true)"
_SET_BITMAPS: Final = "SELECT set_config('enable_bitmapscan', %s, true)"
_TEXTS: Final = msgspec.json.Decoder(list[str])
_FILLS: Final = f"SELECT filling FROM {trigram_fills.name}"  # noqa: S608  the table's own name
_LETTERS: Final = "abcdefghijklmnop"
"""Of the grades: before a number's text they sort it by its grade first."""
_HAS_ALL: Final = "trigrams @> CAST(%s AS SMALLINT[])"
# Ranks are read back into numbers by the engine, which then holds them against the digits that are asked for: far
# fewer are handed over than the index finds.
_FIND: Final = """
    WITH seen AS MATERIALIZED ({seen}),
    named AS (SELECT rank, '+' || {digits} AS e164 FROM seen),
    fitting AS (SELECT {told} AS told FROM named{where}{order} LIMIT {mark})
    SELECT (SELECT {gathered} FROM fitting), (SELECT count(*) FROM seen), (SELECT max(rank) FROM seen)
"""
_SQLITE: Final = {
    "mark": "?",
    "digits": f"substr(rank / {LENGTHS * GRADES}, 1, rank / {GRADES} % {LENGTHS})",
    "graded": f"substr('{_LETTERS}', rank % {GRADES} + 1, 1) || e164",
    "gathered": "json_group_array(told)",
}
_POSTGRESQL: Final = {
    "mark": "%s",
    "digits": f"substr((rank / {LENGTHS * GRADES})::TEXT, 1, (rank / {GRADES} %% {LENGTHS})::INTEGER)",
    "graded": f"substr('{_LETTERS}', (rank %% {GRADES})::INTEGER + 1, 1) || e164",
    "gathered": "array_agg(told)",
}


class TrigramMatches(NamedTuple):
    """Numbers in order. `last` is the last that was looked at; `ended` when there are no others."""

    e164s: list[str]
    last: str
    ended: bool


class Graded(NamedTuple):
    """Numbers of one grade, in order."""

    grade: int
    e164s: list[str]


class Fill(NamedTuple):
    """How far an index has been filled: up to which number, and with how many that were there before it."""

    after_e164: str
    filled: int


def insert_trigrams(tx: Tx, scored: Iterable[tuple[str, int]]) -> None:
    """Put new numbers with their scores into the index. While it is filled, only those that the filling has passed.

    The filling cannot pass them meanwhile: on PostgreSQL it waits until this transaction has ended.
    """
    fill = _locked_fill(tx, alone=False)
    _insert(tx, [each for each in scored if fill is None or each[0] <= fill.after_e164])


def is_filled(tx: Tx) -> bool:
    """Whether the index has every number."""
    return not tx.fetch(_FILLS, [])


def comes_in_order(tx: Tx) -> bool:
    """Whether the first matches by number can be had without reading all of them."""
    return tx.engine_name == "sqlite"


def find_matches(
    tx: Tx, wanted: Sequence[Sequence[int]], shapes: Shapes, after: str, until: str, most: int, limit: int
) -> TrigramMatches:
    """The first `limit` numbers with these digits, after one and up to another, among `most` that the index finds.

    It finds those that have all trigrams of one of the sets `wanted`.
    """
    e164s, seen, last = _found(tx, "e164", wanted, shapes, (after, until, most, limit))
    if len(e164s) == limit:
        return TrigramMatches(e164s, e164s[-1], ended=False)
    return TrigramMatches(e164s, after if last is None else e164_of(last), ended=seen < most)


def find_graded(
    tx: Tx, wanted: Sequence[Sequence[int]], shapes: Shapes, after: str, until: str, most: int, limit: int
) -> list[Graded] | None:
    """The same by grade, the best first; None where `most` or more are found, or `limit` or more have the digits."""
    told, seen, _ = _found(tx, "graded", wanted, shapes, (after, until, most, limit))
    if seen >= most or len(told) >= limit:
        return None
    grades = groupby(sorted(told), key=lambda text: text[0])
    return [Graded(_LETTERS.index(letter), [text[1:] for text in texts]) for letter, texts in grades][::-1]


def _found(
    tx: Tx, told: str, wanted: Sequence[Sequence[int]], shapes: Shapes, bounds: tuple[str, str, int, int]
) -> tuple[list[str], int, int | None]:
    """What fits, how many the index found, and the last of these."""
    after, until, most, limit = bounds
    ranks = [rank_of(after), rank_of(until), most]
    digits = [*shapes.like, *shapes.unlike, limit]
    if tx.engine_name == "sqlite":
        sets = (" AND ".join(f'"{trigram:0{SIZE}}"' for trigram in trigrams) for trigrams in wanted)
        asked = " OR ".join(f"({each})" for each in sets)
        ((found, seen, last),) = tx.fetch(_find(_SEEN_SQLITE, _SQLITE, told, shapes), [asked, *ranks, *digits])
        return _TEXTS.decode(found), seen, last
    text = _SEEN_POSTGRESQL.format(wanted=" OR ".join([_HAS_ALL] * len(wanted)))
    # Such an index can be read in this way alone, from which searches otherwise keep PostgreSQL.
    ((before, _),) = tx.fetch(_ALLOW_BITMAPS, [])
    values = [*map(array_text, wanted), *ranks, *digits]
    ((found, seen, last),) = tx.fetch(_find(text, _POSTGRESQL, told, shapes), values)
    tx.fetch(_SET_BITMAPS, [before])
    return found or [], seen, last


def _find(seen: str, words: Mapping[str, str], told: str, shapes: Shapes) -> str:
    mark = words["mark"]
    conditions = [*[f"e164 LIKE {mark}"] * len(shapes.like), *[f"e164 NOT LIKE {mark}"] * len(shapes.unlike)]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    order = "" if told == "graded" else " ORDER BY rank"
    return _FIND.format(seen=seen, where=where, told=words.get(told, told), order=order, **words)


def fill_next(tx: Tx, limit: int) -> Fill | None:
    """Put the next numbers into an index that is being filled; None when it has all of them."""
    fill = _locked_fill(tx, alone=True)
    if fill is None:
        return None
    scored = select(numbers.c.e164, numbers.c.memorability)
    query = scored.where(numbers.c.e164 > fill.after_e164).order_by(numbers.c.e164).limit(limit)
    rows = [(row.e164, row.memorability) for row in tx.execute(query)]
    _insert(tx, rows)
    filled = Fill(rows[-1][0] if rows else fill.after_e164, fill.filled + len(rows))
    if len(rows) < limit:
        tx.execute(delete(trigram_fills))
    else:
        tx.execute(update(trigram_fills).values(filled._asdict()))
    return filled


def begin_fill(tx: Tx) -> None:
    """Note that an index without numbers is to be filled."""
    tx.execute(insert(trigram_fills).values(filling="numbers", after_e164="", filled=0))


def _locked_fill(tx: Tx, *, alone: bool) -> Fill | None:
    query = select(trigram_fills.c.after_e164, trigram_fills.c.filled).with_for_update(read=not alone)
    row = tx.execute(query).first()
    return None if row is None else Fill(row.after_e164, row.filled)


def _insert(tx: Tx, scored: Sequence[tuple[str, int]]) -> None:
    if not scored:
        return
    rows = [(rank_of(e164, grade_of(score)), e164[1:]) for e164, score in scored]
    if tx.engine_name == "sqlite":
        tx.run(_INSERT_SQLITE, [msgspec.json.encode(rows).decode()])
    else:
        tx.copy(_COPY_POSTGRESQL, [(rank, array_text(trigrams_of(digits))) for rank, digits in rows])
