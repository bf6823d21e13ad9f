"""The SQL of the index of trigrams: new numbers, finding, and the filling of an index that came after its numbers.

Touches: numbers, number_trigrams, trigram_fills.

SQLite has a full-text index for it, whose matches come in the order of their ranks; PostgreSQL an inverted index over
arrays, whose matches are sorted. Nothing of what a customer sends gets into either but whole numbers below a thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import delete, func, insert, literal, literal_column, select, update

from numberdesk.catalog.trigrams import SIZE, rank_of, trigrams_of
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import array_text
from numberdesk.tables import number_trigrams, numbers, trigram_fills

_INSERT_SQLITE: Final = (
    f"INSERT INTO {number_trigrams.name} (rowid, digits) "  # noqa: S608  the table's own name
    "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)"
)
_COPY_POSTGRESQL: Final = f"COPY {number_trigrams.name} (rank, trigrams) FROM STDIN"
_FIND_SQLITE: Final = (
    f"SELECT rowid FROM {number_trigrams.name} "  # noqa: S608  the table's own name
    f"WHERE {number_trigrams.name} MATCH ? AND rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ?"
)
_FIND_POSTGRESQL: Final = (
    f"SELECT rank FROM {number_trigrams.name} "  # noqa: S608  the table's own name
    "WHERE trigrams @> CAST(%s AS SMALLINT[]) AND rank > %s AND rank <= %s ORDER BY rank LIMIT %s"
)


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
    return tx.execute(select(trigram_fills.c.filling)).first() is None


def comes_in_order(tx: Tx) -> bool:
    """Whether the first matches by number can be had without reading all of them."""
    return tx.engine_name == "sqlite"


def find_matches(tx: Tx, trigrams: Sequence[int], after: int, until: int, limit: int) -> list[int]:
    """The ranks of the first numbers that have all these trigrams, after one rank and up to another."""
    if tx.engine_name == "sqlite":
        wanted = " AND ".join(f'"{trigram:0{SIZE}}"' for trigram in trigrams)
        return [rank for (rank,) in tx.fetch(_FIND_SQLITE, [wanted, after, until, limit])]
    # Such an index can be read in this way alone, from which searches otherwise keep PostgreSQL.
    before = tx.execute(select(func.current_setting("enable_bitmapscan"))).scalar_one()
    _set_bitmaps(tx, "on")
    rows = tx.fetch(_FIND_POSTGRESQL, [array_text(trigrams), after, until, limit])
    _set_bitmaps(tx, before)
    return [rank for (rank,) in rows]


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


def _set_bitmaps(tx: Tx, value: str) -> None:
    tx.execute(select(func.set_config("enable_bitmapscan", literal(value), literal_column("true"))))
