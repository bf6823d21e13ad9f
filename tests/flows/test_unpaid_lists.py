"""The lists of all accounts' rentals that are past due or parked read those alone, however many others there are."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from numberdesk.numbers.rent_store import count_past_due, list_live_rentals
from tests.flows.conftest import Shop


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # whose plans can be read; PostgreSQL's follow statistics
@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({"past_due": True, "parked": False}, "ix_rentals_unpaid"),
        ({"past_due": True, "parked": False, "after_id": "rnt_1"}, "ix_rentals_unpaid"),
        ({"past_due": False, "parked": True}, "ix_rentals_parked"),
        ({"past_due": False, "parked": True, "after_id": "rnt_1"}, "ix_rentals_parked"),
    ],
)
def test_what_is_past_due_or_parked_is_read_from_an_index_of_its_own(
    shop: Shop, asked: dict[str, Any], index: str
) -> None:
    assert index in plan_of(shop, lambda tx: list_live_rentals(tx, limit=26, **asked))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the same
def test_what_is_past_due_is_counted_from_an_index(shop: Shop) -> None:
    assert "USING" in plan_of(shop, lambda tx: count_past_due(tx, 100))


def plan_of(shop: Shop, read: Any) -> str:
    """How the first query of a read is answered, with what it was given."""
    asked: list[tuple[str, Any]] = []
    with shop.database.read() as tx:
        connection = tx._connection

        def note(_c: object, _k: object, statement: str, parameters: Any, *_more: object) -> None:
            asked.append((statement, parameters))

        event.listen(connection, "before_cursor_execute", note)
        read(tx)
        event.remove(connection, "before_cursor_execute", note)
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[0][0]}", asked[0][1])
        return "\n".join(row[3] for row in rows)
