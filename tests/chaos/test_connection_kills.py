"""Killed with -9 as carriers and LiveKit servers are told where calls go, or what to forget: once, and nothing left."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from carrier_mock.running import Config
from numberdesk.connections.model import Connection
from numberdesk.connections.rental_connection_store import CONNECT_LEASE
from numberdesk.connections.sealing import with_route
from numberdesk.core.connection import ConnectionKind, LiveKitRoute, Route, SipRoute, SipTarget
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.prices import Confirmation
from numberdesk.core.purchase import Buy, Order
from numberdesk.core.rental import Rental
from numberdesk.flows.connections.assign_connections import Assignment, assign_connections
from numberdesk.flows.connections.connect_numbers import RENTAL_CONNECTIONS
from numberdesk.flows.connections.fill_trunks import TRUNK_NUMBERS
from numberdesk.flows.connections.forget_connections import CONNECTION_REMOVALS
from numberdesk.flows.connections.set_up_connections import NewConnection, create_connections
from numberdesk.flows.purchase.buy_number import buy_number
from numberdesk.infra.due_work import points_of
from numberdesk.outbox.model import NUMBER_CONNECTED
from numberdesk.wiring import Services
from numberdesk.worker import due_workers
from testbed.carrier_mock import MockUrls, plain_client, simulated
from testbed.livekit import API_KEY, API_SECRET, TRUNK, LiveKitServer
from testbed.remote import ACCOUNT, SETTINGS, MovingClock, RemoteBooks, make_remote_books
from testbed.samples import PRICE
from testbed.scripted import Answer, Seen, json_reply, scripted
from testbed.service import Service

ENGINES_TAKE_TURNS = "what is due is found alike on both engines (tests/infra/test_due_work.py)"

NUMBER = "+13615550100"
IN_TRUNK_WHEN_KILLED = dict(zip(points_of(TRUNK_NUMBERS), (False, True, True), strict=True))
ROUTE = SipRoute((SipTarget("sip:pbx.example.com"),))
"""Where calls go. For it the carrier makes a trunk."""

TRUNKS_WHEN_KILLED = dict(zip(points_of(RENTAL_CONNECTIONS), (0, 1, 1), strict=True))
TRUNKS_LEFT_WHEN_KILLED = dict(zip(points_of(CONNECTION_REMOVALS), (1, 0, 0), strict=True))


@pytest.fixture
def livekit() -> Iterator[LiveKitServer]:
    """A LiveKit server, which a process of its own can ask."""
    server = LiveKitServer()

    def answer(seen: Seen) -> Answer:
        headers = {"Authorization": seen.headers.get("authorization", "")}
        return json_reply(*server.answer(seen.method, seen.path, headers, seen.body))

    with scripted(answer) as listening:
        server.url = listening.url
        yield server


@pytest.fixture(scope="module")
def carriers() -> Iterator[MockUrls]:
    with simulated(Config(order_seconds=0)) as running:
        yield running


@pytest.fixture
def books(database_url: str, carriers: MockUrls) -> RemoteBooks:
    """A number that is rented at the carrier and is to be connected, which nobody has told the carrier yet."""
    return connected_to(ROUTE, database_url, carriers)


@pytest.fixture
def trunk_books(database_url: str, carriers: MockUrls, livekit: LiveKitServer) -> RemoteBooks:
    """The same, where it is to come into the trunk of a LiveKit server."""
    route = LiveKitRoute(ROUTE.targets, livekit.url, TRUNK, API_KEY, API_SECRET)
    return connected_to(route, database_url, carriers)


def connected_to(route: Route, url: str, carriers: MockUrls) -> RemoteBooks:
    carriers.control.reset()
    books = make_remote_books(url, carriers, accounts=1, numbers=[NUMBER], options={})
    account_id = books.stock.account_ids[0]
    with books.running() as services:
        now, connection_id = services.now(), services.new_id("con")
        kept = Connection(connection_id, account_id, "office", ConnectionKind.SIP, "", "", None, 1, now, now)
        made = NewConnection(with_route(kept, route, services.vault), route)
        assert isinstance(services.writer.apply(create_connections, made), Connection)
        order_id = services.new_id("ord")
        wanted = Buy(account_id, NUMBER, Confirmation(PRICE), None, "req_1", order_id, now, connection_id)
        assert isinstance(asyncio.run(bought(services, wanted)), Order)
    return books


async def bought(services: Services, wanted: Buy) -> object:
    try:
        return await buy_number(services.writer, services.open_orders, services.placement, wanted, seconds=30)
    finally:
        await services.hang_up()


def die_at(books: RemoteBooks, point: str) -> None:
    with Service(books.url, "testbed.crashing", point, "1", **SETTINGS) as doomed:
        assert doomed.died() == -signal.SIGKILL


def work_off(books: RemoteBooks, *kinds: str, ahead: int = 0) -> None:
    """What the worker does with work that is due; `ahead`, after the leases of one that died are over."""
    moving = MovingClock()
    moving.ahead = ahead
    with books.running(moving) as services:
        asyncio.run(rounds(services, kinds))


async def rounds(services: Services, kinds: tuple[str, ...]) -> None:
    try:
        workers = {worker.work.name: worker for worker in due_workers(services)}
        for kind in kinds:
            while await workers[kind].run_once():
                pass
    finally:
        await services.hang_up()


def rows(books: RemoteBooks, query: str) -> list[tuple[Any, ...]]:
    with books.running() as services:
        return services.reader.read_now(lambda tx: tx.fetch(query, []))


def connected_events(books: RemoteBooks) -> int:
    return len(rows(books, f"SELECT id FROM events WHERE kind = '{NUMBER_CONNECTED.name}'"))  # noqa: S608  our own name


def at_carrier(books: RemoteBooks) -> tuple[list[str], list[str | None]]:
    """The trunks that the carrier has for us, and that of each number."""
    with plain_client(books.simulated.twilio_url, timeout=30) as client:
        client.auth = (ACCOUNT, "a-token")
        trunks = client.get("/v1/Trunks").json()["trunks"]
        lines = client.get(f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json").json()
    return [one["sid"] for one in trunks], [one["trunk_sid"] for one in lines["incoming_phone_numbers"]]


@pytest.mark.parametrize("point", TRUNKS_WHEN_KILLED)
def test_a_number_whose_connecting_is_killed_is_connected_once_and_its_customer_told_once(
    books: RemoteBooks, point: str
) -> None:
    die_at(books, point)
    assert len(at_carrier(books)[0]) == TRUNKS_WHEN_KILLED[point]
    work_off(books, RENTAL_CONNECTIONS, CONNECTION_REMOVALS, ahead=2 * CONNECT_LEASE)
    (trunk,), (connected,) = at_carrier(books)
    assert connected == trunk
    assert rows(books, "SELECT state FROM rental_connections") == [("active",)]
    assert connected_events(books) == 1
    books.audit()


@pytest.mark.parametrize("point", TRUNKS_LEFT_WHEN_KILLED)
def test_what_a_carrier_was_killed_forgetting_is_forgotten_by_whoever_comes_next(
    books: RemoteBooks, point: str
) -> None:
    work_off(books, RENTAL_CONNECTIONS)
    with books.running() as services:
        off = Assignment(books.stock.account_ids[0], NUMBER, None, services.now())
        assert isinstance(services.writer.apply(assign_connections, off), Rental)
    work_off(books, RENTAL_CONNECTIONS)
    die_at(books, point)
    assert len(at_carrier(books)[0]) == TRUNKS_LEFT_WHEN_KILLED[point]
    work_off(books, CONNECTION_REMOVALS, ahead=2 * CONNECT_LEASE)
    assert at_carrier(books) == ([], [None])
    assert rows(books, "SELECT id FROM connection_removals") == []
    books.audit()


def later(livekit: LiveKitServer, microseconds: int) -> None:
    """The server's clock is so far ahead, as that of whoever asks it: tokens last a minute."""
    livekit.now = lambda: time.time() + microseconds / MICROSECONDS


@pytest.mark.parametrize("point", IN_TRUNK_WHEN_KILLED)
def test_a_number_comes_into_its_trunk_and_out_of_it_though_both_are_killed(
    trunk_books: RemoteBooks, livekit: LiveKitServer, point: str
) -> None:
    books, late = trunk_books, 2 * CONNECT_LEASE
    work_off(books, RENTAL_CONNECTIONS)
    die_at(books, point)
    assert livekit.trunks[TRUNK] == [NUMBER] * IN_TRUNK_WHEN_KILLED[point]
    later(livekit, late)
    work_off(books, TRUNK_NUMBERS, ahead=late)
    assert livekit.trunks[TRUNK] == [NUMBER]
    assert rows(books, "SELECT state FROM trunk_numbers") == [("active",)]
    assert connected_events(books) == 1
    with books.running() as services:
        off = Assignment(books.stock.account_ids[0], NUMBER, None, services.now())
        assert isinstance(services.writer.apply(assign_connections, off), Rental)
    later(livekit, 0)
    die_at(books, point)
    assert livekit.trunks[TRUNK] == [NUMBER] * (not IN_TRUNK_WHEN_KILLED[point])
    later(livekit, late)
    work_off(books, TRUNK_NUMBERS, ahead=late)
    assert (livekit.trunks[TRUNK], rows(books, "SELECT id FROM trunk_numbers")) == ([], [])
    books.audit()
