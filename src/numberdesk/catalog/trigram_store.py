"""The SQL of the index of trigrams: new numbers, finding, and the filling of an index that came after its numbers.

Touches: numbers, number_trigrams, trigram_fills.

SQLite has a full-text index for it, whose matches come in the order of their ranks; PostgreSQL an inverted index over
arrays, whose matches are sorted. Nothing of what a customer sends gets into either but whole numbers below a thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import delete, insert, select, update

from numberdesk.catalog.search_plan import Shapes
from numberdesk.catalog.trigrams import LENGTHS, SIZE, e164_of, rank_of, trigrams_of
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
_E164S: Final = msgspec.json.Decoder(list[str])
_FILLS: Final = f"SELECT filling FROM {trigram_fills.name}"  # noqa: S608  the table's own name
_HAS_ALL: Final = "trigrams @> CAST(%s AS SMALLINT[])"
# Ranks are read back into numbers by the engine, which then holds them against the digits that are asked for: far
# fewer are handed over than the index finds.
_FIND: Final = """
    WITH seen AS MATERIALIZED ({seen}),
    named AS (SELECT rank, '+' || {digits} AS e164 FROM seen),
    fitting AS (SELECT e164 FROM named{where} ORDER BY rank LIMIT {mark})
    SELECT (SELECT {gathered} FROM fitting), (SELECT count(*) FROM seen), (SELECT max(rank) FROM seen)
"""
_SQLITE: Final = {
    "mark": "?",
    "digits": f"substr(rank / {LENGTHS}, 1, rank % {LENGTHS})",
    "gathered": "json_group_array(e164)",
}
_POSTGRESQL: Final = {
    "mark": "%s",
    "digits": f"substr((rank / {LENGTHS})::TEXT, 1, (rank %% {LENGTHS})::INTEGER)",
    "gathered": "array_agg(e164)",
}


class TrigramMatches(NamedTuple):
    """Numbers in order. `last` is the last that was looked at; `ended` when there are no others."""

    e164s: list[str]
    last: str
    ended: bool


class Fill(NamedTuple):
    """How far an index has been filled: up to which number, and with how many that were there before it."""

    after_e164: str
    filled: int


def insert_trigrams(tx: Tx, e164s: Iterable[str]) -> None:
    """Put new numbers into the index. While it is filled, only those that the filling has passed.

    The filling cannot pass them meanwhile: on PostgreSQL it waits until this transaction has ended.
    """
    fill = _locked_fill(tx, alone=False)
    _insert(tx, [e164 for e164 in e164s if fill is None or e164 <= fill.after_e164])


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
    ranks = [rank_of(after), rank_of(until), most]
    digits = [*shapes.like, *shapes.unlike, limit]
    if tx.engine_name == "sqlite":
        sets = (" AND ".join(f'"{trigram:0{SIZE}}"' for trigram in trigrams) for trigrams in wanted)
        asked = " OR ".join(f"({each})" for each in sets)
        ((found, seen, last),) = tx.fetch(_find(_SEEN_SQLITE, _SQLITE, shapes), [asked, *ranks, *digits])
        e164s = _E164S.decode(found)
    else:
        text = _SEEN_POSTGRESQL.format(wanted=" OR ".join([_HAS_ALL] * len(wanted)))
        # Such an index can be read in this way alone, from which searches otherwise keep PostgreSQL.
        ((before, _),) = tx.fetch(_ALLOW_BITMAPS, [])
        values = [*map(array_text, wanted), *ranks, *digits]
        ((found, seen, last),) = tx.fetch(_find(text, _POSTGRESQL, shapes), values)
        tx.fetch(_SET_BITMAPS, [before])
        e164s = found or []
    if len(e164s) == limit:
        return TrigramMatches(e164s, e164s[-1], ended=False)
    return TrigramMatches(e164s, after if last is None else e164_of(last), ended=seen < most)


def _find(seen: str, words: Mapping[str, str], shapes: Shapes) -> str:
    mark = words["mark"]
    conditions = [*[f"e164 LIKE {mark}"] * len(shapes.like), *[f"e164 NOT LIKE {mark}"] * len(shapes.unlike)]
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return _FIND.format(seen=seen, where=where, **words)


def fill_next(tx: Tx, limit: int) -> Fill | None:
    """Put the next numbers into an index that is being filled; None when it has all of them."""
    fill = _locked_fill(tx, alone=True)
    if fill is None:
        return None
    query = select(numbers.c.e164).where(numbers.c.e164 > fill.after_e164).order_by(numbers.c.e164).limit(limit)
    e164s = list(tx.execute(query).scalars())
    _insert(tx, e164s)
    filled = Fill(e164s[-1] if e164s else fill.after_e164, fill.filled + len(e164s))
    if len(e164s) < limit:
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


def _insert(tx: Tx, e164s: Sequence[str]) -> None:
    if not e164s:
        return
    if tx.engine_name == "sqlite":
        rows = [(rank_of(e164), e164[1:]) for e164 in e164s]
        tx.run(_INSERT_SQLITE, [msgspec.json.encode(rows).decode()])
    else:
        tx.copy(_COPY_POSTGRESQL, [(rank_of(e164), array_text(trigrams_of(e164[1:]))) for e164 in e164s])
