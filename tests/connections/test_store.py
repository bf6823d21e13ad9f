"""Connections as they are kept: sealed secrets, whose they are, and where calls to a number go."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from numberdesk.connections.model import Connection, DefaultConnection
from numberdesk.connections.sealing import route_of, sealed_anew, wanted_of, with_route
from numberdesk.connections.store import (
    change_connections,
    clear_default,
    count_connected,
    count_connections,
    find_connected_rental,
    find_connections,
    find_defaults,
    insert_connections,
    list_connected_rentals,
    list_connections,
    list_defaults,
    set_default,
)
from numberdesk.core.connection import (
    ConnectionKind,
    DefaultScope,
    ForwardRoute,
    NativeRoute,
    NumberFormat,
    Route,
    SipRoute,
    SipTarget,
    SipTransport,
    Srtp,
    WebhookDialect,
    WebhookRoute,
)
from numberdesk.core.connection_settings import route_from
from numberdesk.core.purchase import Sold
from numberdesk.core.rental import Rental
from numberdesk.infra.db import Database
from numberdesk.infra.vault import Vault, VaultError, new_key
from numberdesk.numbers.rental_store import connect_rentals, find_rentals
from tests.flows.conftest import NOW, PRICE, Shop

SIP = SipRoute(
    (SipTarget("sip:pbx.example.com", 5, 20, SipTransport.TLS, Srtp.REQUIRE, 15), SipTarget("sip:198.51.100.7:5080")),
    NumberFormat.PLAIN,
    "desk",
    "hush-hush",
)
ROUTES: tuple[Route, ...] = (
    SIP,
    WebhookRoute("https://example.com/voice", "GET", "https://example.com/else", WebhookDialect.NCCO),
    NativeRoute("trunk", "TK123"),
    ForwardRoute("+13612738809"),
)


def plain(connection_id: str, account_id: str | None, name: str = "office") -> Connection:
    return Connection(connection_id, account_id, name, ConnectionKind.SIP, "", "{}", None, 1, NOW, NOW)


@pytest.fixture
def vault() -> Vault:
    return Vault(new_key())


@pytest.fixture
def shop(database: Database) -> Iterator[Shop]:
    shop = Shop(database)
    yield shop
    shop.reader.close()


def rented(shop: Shop, account_id: str, connection_id: str | None = None) -> Rental:
    sold = shop.buy(account_id, shop.number())
    assert isinstance(sold, Sold)
    with shop.database.write() as tx:
        rental = find_rentals(tx, [sold.order.rental_id])[0]
        if connection_id is not None:
            rental = rental._replace(connection_id=connection_id, connection_generation=3)
            connect_rentals(tx, [rental])
    return rental


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: type(route).__name__)
def test_every_route_is_the_same_after_it_was_kept(route: Route, vault: Vault) -> None:
    kept = with_route(plain("con_1", None), route, vault)
    assert route_of(kept, vault) == route
    assert wanted_of(kept, vault).connection_id == "con_1"
    json.loads(kept.settings)


def test_a_password_is_sealed_under_its_connection_and_can_be_sealed_anew(vault: Vault) -> None:
    kept = with_route(plain("con_1", None), SIP, vault)
    assert "hush" not in kept.settings
    assert "hush" not in str(kept.secrets)
    with pytest.raises(VaultError, match="another"):
        route_of(kept._replace(id="con_2"), vault)
    with pytest.raises(VaultError, match="no key"):
        with_route(plain("con_1", None), SIP, Vault(""))
    anew = sealed_anew(kept, vault)
    assert anew.secrets != kept.secrets
    assert route_of(anew, vault) == SIP


def test_a_route_without_secrets_needs_no_key() -> None:
    without = with_route(plain("con_1", None), SIP._replace(password=""), Vault(""))
    assert without.secrets is None
    assert route_of(without, Vault("")) == SIP._replace(password="")


@pytest.mark.parametrize("damaged", ["{}", "[]", "null", '{"targets": [{}]}', '{"targets": 5}', "no JSON"])
def test_settings_that_are_damaged_are_told_as_such(damaged: str) -> None:
    with pytest.raises(ValueError, match=r"settings of a sip|Expecting"):
        route_from(ConnectionKind.SIP, damaged, {})


def test_an_account_sees_its_own_connections_and_the_shared_ones_in_the_order_of_their_making(shop: Shop) -> None:
    mine, other = shop.account(), shop.account()
    ids = [f"con_{number}" for number in range(1, 7)]
    owners = [mine, None, other, mine, None, mine]
    with shop.database.write() as tx:
        insert_connections(tx, [plain(each, owner) for each, owner in zip(ids, owners, strict=True)])
        gone = find_connections(tx, ["con_4"], lock=True)["con_4"]
        change_connections(tx, [gone._replace(deleted_at=NOW)])
    with shop.database.read() as tx:
        assert [one.id for one in list_connections(tx, mine, after_id=None, limit=9)] == [
            "con_1",
            "con_2",
            "con_5",
            "con_6",
        ]
        assert [one.id for one in list_connections(tx, mine, after_id="con_1", limit=2)] == ["con_2", "con_5"]
        assert [one.id for one in list_connections(tx, other, after_id="con_2", limit=9)] == ["con_3", "con_5"]
        assert [one.id for one in list_connections(tx, None, after_id=None, limit=3)] == ["con_1", "con_2", "con_3"]
        assert count_connections(tx, [mine, other]) == {mine: 2, other: 1}
        found = find_connections(tx, ids)
    assert [found[each].is_for(mine) for each in ids] == [True, True, False, False, True, True]


def test_where_calls_to_a_number_go_is_told_by_its_live_rental(shop: Shop) -> None:
    account = shop.account(5 * PRICE)
    with shop.database.write() as tx:
        insert_connections(tx, [plain("con_1", account)])
    connected, free, over = rented(shop, account, "con_1"), rented(shop, account), rented(shop, account, "con_1")
    shop.release(account, over.e164)
    with shop.database.read() as tx:
        found = find_connected_rental(tx, connected.e164)
        assert found is not None
        assert (found.rental_id, found.account_id, found.carrier) == (connected.id, account, "pool")
        assert (found.connection, found.generation) == (plain("con_1", account), 3)
        without = find_connected_rental(tx, free.e164)
        assert without is not None
        assert (without.connection, without.generation) == (None, 0)
        assert find_connected_rental(tx, over.e164) is None
        assert find_connected_rental(tx, "+13612738800") is None
        assert count_connected(tx, ["con_1", "con_2"]) == {"con_1": 1}
        each = sorted([connected.e164, free.e164])
        assert [one.e164 for one in list_connected_rentals(tx, limit=9)] == each
        assert [one.e164 for one in list_connected_rentals(tx, after_e164=each[0], limit=9)] == each[1:]
    shop.verified()


def test_a_default_is_written_over_and_cleared(database: Database) -> None:
    with database.write() as tx:
        insert_connections(tx, [plain("con_1", None), plain("con_2", None)])
        for connection_id in ("con_1", "con_2"):
            set_default(tx, DefaultConnection(DefaultScope.CARRIER, "acme", connection_id, NOW))
        set_default(tx, DefaultConnection(DefaultScope.ACCOUNT, "acc_1", "con_1", NOW))
        asked = [(DefaultScope.CARRIER, "acme"), (DefaultScope.ACCOUNT, "acc_1"), (DefaultScope.ACCOUNT, "acme")]
        assert find_defaults(tx, asked) == {
            (DefaultScope.CARRIER, "acme"): "con_2",
            (DefaultScope.ACCOUNT, "acc_1"): "con_1",
        }
        assert find_defaults(tx, []) == {}
        assert [one.name for one in list_defaults(tx, "con_2")] == ["acme"]
        clear_default(tx, DefaultScope.CARRIER, "acme")
        assert [one.name for one in list_defaults(tx)] == ["acc_1"]
