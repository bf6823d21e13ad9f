"""How much an engine does for a question, counted by itself: no clock is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numberdesk.infra.db import Tx

_READ_SO_FAR = """
    SELECT sum(pg_stat_get_xact_tuples_returned(oid) + pg_stat_get_xact_tuples_fetched(oid)) FROM pg_class
    WHERE relnamespace = 2200 AND relkind IN ('r', 'i')
"""
_PER_COUNT = 100


def work_of(tx: Tx, question: Callable[[Tx], object]) -> int:
    """What a question costs: hundreds of SQLite's instructions, or rows and entries of indexes PostgreSQL read."""
    if tx.engine_name == "postgresql":
        before = _read_so_far(tx)
        question(tx)
        return _read_so_far(tx) - before
    counted = [0]

    def count() -> int:
        counted[0] += 1
        return 0

    connection: Any = tx._connection.connection.dbapi_connection  # noqa: SLF001  the driver counts
    connection.set_progress_handler(count, _PER_COUNT)
    question(tx)
    connection.set_progress_handler(None, 0)
    return counted[0]


def _read_so_far(tx: Tx) -> int:
    return int(tx.fetch(_READ_SO_FAR, [])[0][0])
