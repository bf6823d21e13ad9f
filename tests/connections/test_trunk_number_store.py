"""Numbers in LiveKit trunks as they are kept: by id, by number, by trunk, and by when to look at them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from numberdesk.connections.model import Connection
from numberdesk.connections.store import insert_connections
from numberdesk.connections.trunk_number_store import (
    DUE_TRUNK_NUMBERS,
    change_trunk_numbers,
    count_in_trunk,
    end_trunk_numbers,
    find_trunk_numbers,
    find_trunks_to_look_at,
    find_wanting_rental,
    give_up_trunk,
    hold_trunk_looks,
    insert_trunk_numbers,
    lock_trunk_numbers,
    lock_trunks_of,
)
from numberdesk.core.connecting import LOOKS
from numberdesk.core.connection import ConnectionKind, ConnectionState
from numberdesk.core.purchase import Sold
from numberdesk.core.trunk_number import TrunkNumber, first_in_trunk
from numberdesk.infra.db import Database
from numberdesk.infra.due_work import TakeUp
from numberdesk.numbers.rental_store import connect_rentals, find_rentals
from tests.flows.conftest import NOW, PRICE, Shop

ONE, OTHER = "+13612738809", "+13612738810"


@pytest.fixture
def shop(database: Database) -> Iterator[Shop]:
    shop = Shop(database)
    yield shop
    shop.reader.close()


def kept(database: Database) -> list[TrunkNumber]:
    """One number in two trunks, and another in the first."""
    rows = [first_in_trunk(*place, NOW) for place in (("con_1", "acme", ONE), ("con_2", "acme", ONE))]
    rows.append(first_in_trunk("con_1", "pool", OTHER, NOW))
    with database.write() as tx:
        made = [
            Connection(one, None, one, ConnectionKind.LIVEKIT, "", "{}", None, 1, NOW, NOW)
            for one in ("con_1", "con_2")
        ]
        insert_connections(tx, made)
        insert_trunk_numbers(tx, rows)
    return rows


def by_id(*rows: TrunkNumber) -> dict[str, TrunkNumber]:
    return {row.id: row for row in rows}


def test_rows_are_found_and_locked_by_id_and_by_number_and_written_back(database: Database) -> None:
    first, second, third = kept(database)
    with database.write() as tx:
        assert find_trunk_numbers(tx, [first.id, third.id, "tnm_nobodys"]) == by_id(first, third)
        assert lock_trunk_numbers(tx, [second.id]) == by_id(second)
        assert lock_trunks_of(tx, [ONE]) == by_id(first, second)
        active = third._replace(
            carrier="acme", state=ConnectionState.ACTIVE, generation=2, settled_at=NOW, next_at=None
        )
        change_trunk_numbers(tx, [active])
    with database.write() as tx:
        assert find_trunk_numbers(tx, [third.id]) == by_id(active)
        assert count_in_trunk(tx, "con_1") == {ConnectionState.PENDING: 1, ConnectionState.ACTIVE: 1}
        end_trunk_numbers(tx, [second.id])
        assert count_in_trunk(tx, "con_2") == {}
        give_up_trunk(tx, "con_1")
        assert lock_trunks_of(tx, [ONE, OTHER]) == {}


def test_what_is_due_is_taken_up_once_by_trunk(database: Database) -> None:
    first, second, third = kept(database)
    with database.write() as tx:
        change_trunk_numbers(tx, [third._replace(next_at=NOW + 1)])
        taken = [DUE_TRUNK_NUMBERS.take_up(tx, [TakeUp(party, NOW, 9)])[0] for party in ("con_1", "con_1", "con_2")]
    assert [[row.id for row in rows] for rows in taken] == [[first.id], [], [second.id]]


def test_it_is_time_to_look_at_what_is_due_longest_and_at_what_a_clock_put_far_ahead(database: Database) -> None:
    first, second, third = kept(database)
    looks = [NOW, NOW - 1, NOW + 2 * LOOKS + 1]
    with database.write() as tx:
        rows = [row._replace(look_at=when) for row, when in zip((first, second, third), looks, strict=True)]
        change_trunk_numbers(tx, rows)
        assert find_trunks_to_look_at(tx, NOW, 9) == [rows[1], rows[0], rows[2]]
        assert find_trunks_to_look_at(tx, NOW, 1) == [rows[1]]
        hold_trunk_looks(tx, rows[:2], NOW + 5)
        assert find_trunks_to_look_at(tx, NOW, 9) == [rows[2]]
        assert {row.id for row in find_trunks_to_look_at(tx, NOW + 5, 9)} == {first.id, second.id}


def test_a_number_is_wanted_in_the_trunk_of_what_its_live_rental_is_connected_to(shop: Shop) -> None:
    kept(shop.database)
    account = shop.account(PRICE)
    sold = shop.buy(account, shop.number())
    assert isinstance(sold, Sold)
    with shop.database.write() as tx:
        (rental,) = find_rentals(tx, [sold.order.rental_id])
        connect_rentals(tx, [rental._replace(connection_id="con_1", connection_generation=1)])
    with shop.database.read() as tx:
        assert find_wanting_rental(tx, rental.e164, "con_1") == rental.id
        assert find_wanting_rental(tx, rental.e164, "con_2") is None
        assert find_wanting_rental(tx, ONE, "con_1") is None
    shop.release(account, rental.e164)
    with shop.database.read() as tx:
        assert find_wanting_rental(tx, rental.e164, "con_1") is None
