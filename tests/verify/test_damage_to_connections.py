"""Planted damage to connections, defaults and what carriers were told is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from sqlalchemy import text

from numberdesk.connections.model import DefaultConnection
from numberdesk.connections.rental_connection_store import ask_removals
from numberdesk.connections.store import set_default
from numberdesk.core.connection import DefaultScope
from numberdesk.infra.db import Database
from numberdesk.infra.vault import Vault, new_key
from numberdesk.verify.books import verify
from tests.flows.conftest import NOW, PRICE, Shop
from tests.flows.switching import SIP, buy, connection, converge

POSTGRESQL_IN_THE_LONG_RUN = "the checks are the same statements on both"
DAMAGE: Final = {
    "connected to what was deleted": (
        "UPDATE connections SET deleted_at = 1 WHERE id = :own",
        {("I17", "rentals"), ("I17", "connection_defaults")},
        "which is deleted, or not there",
    ),
    "connected to another account's": (
        "UPDATE connections SET account_id = :other WHERE id = :own",
        {("I17", "rentals"), ("I17", "connection_defaults")},
        "s",
    ),
    "connected to what is not there": (
        "UPDATE rentals SET connection_id = 'con_nobodys' WHERE id = :pool",
        {("I17", "rentals")},
        "con_nobodys, which is deleted, or not there",
    ),
    "nobody is to tell the carrier": (
        "DELETE FROM rental_connections WHERE rental_id = :rental",
        {("I17", "rentals")},
        "nothing says that acme is to be told",
    ),
    "active with an older generation": (
        "UPDATE rentals SET connection_generation = 2 WHERE id = :rental",
        {("I17", "rental_connections")},
        "wants",
    ),
    "active with another connection": (
        "UPDATE rental_connections SET applied_connection_id = NULL",
        {("I17", "rental_connections")},
        "it is active with None of generation 1",
    ),
    "a later generation than there was": (
        "UPDATE rental_connections SET applied_generation = 3",
        {("I17", "rental_connections")},
        "of generation 3",
    ),
    "of another carrier": (
        "UPDATE rental_connections SET carrier = 'other'",
        {("I17", "rental_connections")},
        "another account, number or carrier",
    ),
    "connected to nothing, against its rental": (
        "UPDATE rental_connections SET state = 'none'",
        {("I17", "rental_connections")},
        "it is none with",
    ),
    "a default of nobody": (
        "UPDATE connection_defaults SET connection_id = 'con_nobodys'",
        {("I17", "connection_defaults")},
        "is con_nobodys, which is deleted, not there, or another's",
    ),
    "a default of a carrier that is one account's": (
        "UPDATE connection_defaults SET scope = 'carrier'",
        {("I17", "connection_defaults")},
        "the default of the carrier",
    ),
    "nothing to forget": (
        "UPDATE connection_removals SET connection_id = 'con_nobodys'",
        {("I17", "connection_removals")},
        "no connection con_nobodys",
    ),
    "nobody is to tell a trunk's server": (
        "UPDATE connections SET kind = 'livekit' WHERE id = :own",
        {("I17", "rentals")},
        "nothing says that the server is to be told",
    ),
    "a number that no rental wants in a trunk": (
        "INSERT INTO trunk_numbers VALUES ('tnm_1', :own, 'pool', '+1361', 1, 'active', NULL, 1, '', NULL, NULL, 1, 1)",
        {("I17", "trunk_numbers")},
        "+1361 rests in the trunk of con_",
    ),
    "a secret in clear": (
        "UPDATE connections SET secrets = 'hush' WHERE id = :own",
        {("I15", "connections")},
        "of 4 characters, are not sealed",
    ),
}


@pytest.fixture
def shop(database: Database) -> Iterator[Shop]:
    shop = Shop(database)
    yield shop
    shop.reader.close()


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_to_connections_is_named(shop: Shop, damage: str) -> None:
    account, other = shop.account(9 * PRICE), shop.account()
    own = connection(shop, account, SIP)
    rental, pool = buy(shop, account, connection_id=own), buy(shop, account, carrier="pool", connection_id=own)
    converge(shop)
    sealed = Vault(new_key()).seal(own, {"password": "hush"})
    with shop.database.write() as tx:
        set_default(tx, DefaultConnection(DefaultScope.ACCOUNT, account, own, NOW))
        ask_removals(tx, [("acme", own)], shop.now)
        tx.execute(text("UPDATE connections SET secrets = :sealed"), {"sealed": sealed})
    shop.verified()
    statement, named, says = DAMAGE[damage]
    values = {"own": own, "other": other, "rental": rental.id, "pool": pool.id}
    with shop.database.write() as tx:
        assert tx.execute(text(statement), {name: values[name] for name in values if f":{name}" in statement}).rowcount
    with shop.database.read() as tx:
        found = verify(tx, lambda *_: None).violations
    assert {(each.invariant, each.table) for each in found} == named
    assert any(says in each.message for each in found), found
