"""What becomes of a connection that is deleted, and of one whose number is released, also while its carrier is told."""

from __future__ import annotations

import asyncio

import pytest

from numberdesk.connections.model import Connection
from numberdesk.core.connection import ConnectionState
from numberdesk.core.errors import ConnectionInUse, InvalidRequest, NotFound
from numberdesk.flows.connections.assign_connections import Assignment, assign_connections
from numberdesk.flows.connections.connect_numbers import connect_numbers
from numberdesk.flows.connections.set_up_connections import ConnectionChange, change_connection
from tests.flows.conftest import PRICE, Shop
from tests.flows.hands import transfer
from tests.flows.switching import SIP, VAULT, assign, buy, connection, converge, remove, standing, told

POSTGRESQL_IN_THE_LONG_RUN = "the flows are the same; the stores run on both in tests/connections"


@pytest.fixture
def account(shop: Shop) -> str:
    return shop.account(20 * PRICE)


def test_a_number_that_is_released_while_it_is_being_connected_is_cleared(shop: Shop, account: str) -> None:
    connection_id = connection(shop, account, SIP)
    rental = buy(shop, account, connection_id=connection_id)
    shop.acme.connects_unheard = 1
    converge(shop)
    assert shop.acme.switchboard.set.keys() == {rental.e164}
    assert shop.acme.switchboard.made.keys() == {connection_id}
    shop.release(account, rental.e164)
    converge(shop)
    assert (shop.acme.switchboard.set, shop.acme.switchboard.made) == ({}, {})
    assert standing(shop, rental).state is ConnectionState.NONE
    assert told(shop, "number.connected") == []


def test_a_number_that_is_moved_while_it_is_being_connected_leaves_nothing_of_its_former_account(
    shop: Shop, account: str
) -> None:
    connection_id = connection(shop, account, SIP)
    rental = buy(shop, account, connection_id=connection_id)
    shop.acme.connects_unheard = 1
    converge(shop)
    assert shop.acme.switchboard.made.keys() == {connection_id}
    moved = transfer(shop, shop.account(), rental.e164)
    converge(shop)
    assert (shop.acme.switchboard.set, shop.acme.switchboard.made) == ({}, {})
    assert standing(shop, moved).state is ConnectionState.NONE
    assert told(shop, "number.connected") == []
    shop.verified()


def test_what_was_kept_for_a_number_that_could_not_be_told_goes_as_it_is_moved(shop: Shop, account: str) -> None:
    """The last number that has it leaves while another is to have it, which its carrier does not know, and is moved."""
    connection_id = connection(shop, account, SIP)
    first = buy(shop, account, connection_id=connection_id)
    converge(shop)
    other = buy(shop, account, connection_id=connection_id)
    shop.acme.connects_fail = 1
    converge(shop)
    assign(shop, first, None)
    converge(shop)
    theirs, elsewhere = shop.account(), connection(shop, None)
    transfer(shop, theirs, other.e164, elsewhere)
    converge(shop)
    assert shop.acme.switchboard.set[other.e164].connection_id == elsewhere
    assert shop.acme.switchboard.made == {}
    shop.verified()


def test_a_connection_in_use_is_not_deleted_and_a_deleted_one_is_nobodys(shop: Shop, account: str) -> None:
    connection_id = connection(shop, account)
    rental = buy(shop, account, connection_id=connection_id)
    with pytest.raises(ConnectionInUse, match="1 number is connected"):
        remove(shop, connection_id, account)
    with pytest.raises(NotFound):
        remove(shop, connection_id, shop.account())
    assign(shop, rental, None)
    assert isinstance(remove(shop, connection_id, account), Connection)
    with pytest.raises(InvalidRequest, match="connection_id is no connection that this account has"):
        assign(shop, rental, connection_id)
    converge(shop)
    assert standing(shop, rental).state is ConnectionState.NONE


def test_a_connection_that_is_deleted_while_its_carrier_is_being_told_leaves_nothing_there(
    shop: Shop, account: str
) -> None:
    connection_id = connection(shop, account, SIP)
    rental = buy(shop, account, connection_id=connection_id)
    shop.acme.connect_seconds = 5.0

    async def story() -> None:
        work = connect_numbers(shop.writer, shop.reader, shop.carriers, VAULT, lambda: shop.now)
        running = asyncio.create_task(shop.work_off(work))
        await asyncio.sleep(1)
        await shop.writer.submit(assign_connections, Assignment(account, rental.e164, None, shop.now))
        await shop.writer.submit(change_connection, ConnectionChange(connection_id, account, shop.now, delete=True))
        await running

    shop.tell(story())
    assert shop.acme.switchboard.made.keys() == {connection_id}  # the carrier did what it was asked for before
    converge(shop)
    row = standing(shop, rental)
    assert (row.state, row.message) == (ConnectionState.NONE, "cleared")
    assert (shop.acme.switchboard.set, shop.acme.switchboard.made) == ({}, {})
    assert (told(shop, "number.connected"), told(shop, "number.connection_failed")) == ([], [])
    shop.verified()


def test_a_release_is_cleared_in_the_end_though_its_carrier_failed_before_and_after_it(
    shop: Shop, account: str
) -> None:
    """That it failed is told once: a customer who gave the number back has no use for more."""
    rental = buy(shop, account, connection_id=connection(shop, account))
    shop.acme.connects_fail = 7
    for _ in range(3):
        converge(shop, 400)
    shop.release(account, rental.e164)
    for _ in range(5):
        converge(shop, 4000)
    assert standing(shop, rental).state is ConnectionState.NONE
    assert len(told(shop, "number.connection_failed")) == 1
    shop.verified()
