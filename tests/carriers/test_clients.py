"""The connected carriers: what is stored makes the lines, changes are seen soon, and a bad account harms no other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from numberdesk.carriers.client import CarrierClient
from numberdesk.carriers.clients import LOOK_SECONDS, StoredClients
from numberdesk.carriers.port import Carrier, CarrierAccount, CarrierError, NotReleased, Setup, Wanted
from numberdesk.core.carrier_order import NotSent, Placed, Refused, Unknown
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.lifecycle import CarrierState
from numberdesk.flows.carriers.connect_carriers import CarrierSetup, set_up_carriers
from numberdesk.infra.db import Database
from numberdesk.infra.http import Http, HttpClient, HttpRequest, NotSentError
from numberdesk.infra.reader import Reader, ReadLimits
from numberdesk.infra.vault import Vault, new_key
from numberdesk.infra.writer import Writer
from testbed.fake_carriers import FakeCarrier

KEY = new_key()
E164 = "+13612738809"
TOKEN = "t0ken" * 4


class Built(FakeCarrier):
    """An adapter that remembers what it was built with."""

    def __init__(self, kind: str, setup: Setup) -> None:
        super().__init__()
        self.kind = kind
        self.values = dict(setup.values)


class Desk:
    """Accounts in a database, and the connections of one process, whose clock a test moves."""

    def __init__(self, database: Database) -> None:
        self.writer = Writer(database)
        self.reader = Reader(database, ReadLimits(threads=1))
        self.now = 0.0
        self.built: list[Built] = []
        self.broken: Exception | None = None
        self.connections = self.another()

    def another(self, keys: str = KEY) -> StoredClients:
        """The connections of another process."""
        return StoredClients(self.reader, Vault(keys), self._build, seconds=lambda: self.now)

    def _build(self, kind: str, setup: Setup, _: Http) -> Carrier:
        if self.broken is not None and setup.get("window_seconds") == "666":
            raise self.broken
        self.built.append(Built(kind, setup))
        return self.built[-1]

    def connect(self, name: str, **values: str) -> CarrierAccount:
        """Set an account up."""
        given = {"account_sid": f"AC{name.encode().hex():0<32}", "auth_token": TOKEN, **values}
        setup = CarrierSetup(name, "twilio", Setup(given), None, 1)
        stored = self.writer.apply(set_up_carriers(Vault(KEY)), setup)
        assert isinstance(stored, CarrierAccount)
        return stored

    def clients(self, connections: StoredClients | None = None, *, active_only: bool = True) -> list[CarrierClient]:
        """The lines in an event loop of their own."""

        async def asked() -> list[CarrierClient]:
            mine = connections or self.connections
            found = await mine.clients(active_only=active_only)
            await mine.close()
            return found

        return asyncio.run(asked())


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    desk = Desk(database)
    yield desk
    desk.reader.close()


def test_an_adapter_is_built_of_options_and_opened_secrets(desk: Desk) -> None:
    stored = desk.connect("acme", window_seconds="60")
    assert TOKEN not in repr(stored)
    assert [line.name for line in desk.clients()] == ["acme"]
    (built,) = desk.built
    assert (built.kind, built.values) == (
        "twilio", {"account_sid": stored.options["account_sid"], "auth_token": TOKEN, "window_seconds": "60"},
    )  # fmt: skip


def test_a_line_is_kept_until_its_account_changes_and_a_change_is_seen_within_a_second(desk: Desk) -> None:
    desk.connect("acme")

    async def seen() -> None:
        first = await desk.connections.client("acme")
        assert await desk.connections.client("acme") is first
        desk.connect("acme", at_once="3")
        assert await desk.connections.client("acme") is first
        desk.now += LOOK_SECONDS
        second = await desk.connections.client("acme")
        assert second is not None
        assert second is not first
        assert second.breaker is first.breaker if first is not None else False
        assert await desk.connections.client("acme") is second
        await desk.connections.close()

    asyncio.run(seen())
    assert [built.values.get("at_once") for built in desk.built] == [None, "3"]


def test_what_was_changed_here_is_seen_at_once(desk: Desk) -> None:
    assert desk.clients() == []
    desk.connect("acme")
    assert desk.clients() == []
    desk.connections.forget()
    assert [line.name for line in desk.clients()] == ["acme"]


def test_an_account_that_is_changed_twice_in_one_moment_is_built_anew_each_time(desk: Desk) -> None:
    for _ in range(3):
        desk.connect("acme")
        desk.connections.forget()
        desk.clients()
    assert len(desk.built) == 3


def test_disabled_accounts_are_asked_about_what_is_open_and_not_searched(desk: Desk) -> None:
    for name in ("beta", "acme"):
        desk.connect(name)
    off = CarrierSetup("acme", None, Setup({}), CarrierState.DISABLED, 2)
    assert isinstance(desk.writer.apply(set_up_carriers(Vault("")), off), CarrierAccount)
    assert [line.name for line in desk.clients()] == ["beta"]
    assert [line.name for line in desk.clients(active_only=False)] == ["acme", "beta"]


def test_who_is_not_connected_has_no_line(desk: Desk) -> None:
    assert asyncio.run(desk.connections.client("acme")) is None


BROKEN = (ValueError("no number"), KeyError("pigeon"), InvalidRequest("base_url", "is odd"), ZeroDivisionError())


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
@pytest.mark.parametrize("broken", [None, *BROKEN], ids=lambda broken: type(broken).__name__)
def test_an_account_that_cannot_be_used_refuses_before_anything_is_sent_and_harms_no_other(
    desk: Desk, broken: Exception | None
) -> None:
    """The key is another one, or the adapter cannot be built of what is stored."""
    desk.connect("acme", window_seconds="666")
    desk.broken = broken
    connections = desk.another(new_key()) if broken is None else desk.connections

    async def asked() -> None:
        desk.connect("beta")
        line = await connections.client("acme")
        assert line is not None
        refused = await line.order(E164, "ord_1")
        assert isinstance(refused, NotSent)
        assert TOKEN not in refused.message
        assert isinstance(await line.find(E164, "ord_1"), Unknown)
        assert isinstance(await line.release(E164, None), NotReleased)
        assert (await line.check()).ok is False
        with pytest.raises(CarrierError, match="credentials"):
            await line.owned(None)
        with pytest.raises(CarrierError, match="credentials"):
            await line.search(Wanted("US", "1", None, "", "", "", "", "", "", (), 10))
        assert [each.name for each in await connections.clients(active_only=True)] == ["acme", "beta"]
        await connections.close()

    asyncio.run(asked())
    assert all(built.values["auth_token"] == TOKEN for built in desk.built)


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_an_option_that_makes_no_sense_is_no_reason_to_answer_nobody(desk: Desk) -> None:
    desk.connect("acme")
    desk.connect("beta")
    with desk.writer._database.write() as tx:
        tx.run("UPDATE carriers SET options = '{\"at_once\": \"many\"}' WHERE name = 'acme'", [])
    assert [line.name for line in desk.clients()] == ["acme", "beta"]


def test_each_event_loop_has_lines_of_its_own_and_all_know_how_the_carrier_is(desk: Desk) -> None:
    """The API and the worker run in two threads, each with a loop, over one connections."""
    desk.connect("acme")
    there, done = threading.Barrier(2), threading.Barrier(2)

    def run() -> tuple[CarrierClient, HttpClient]:
        async def asked() -> tuple[CarrierClient, HttpClient]:
            line = await desk.connections.client("acme")
            assert line is not None
            there.wait(10)
            for _ in range(200):
                desk.connections.forget()
                assert await desk.connections.client("acme") is line
            word = await line.order(E164, "ord_1")
            assert isinstance(word, Placed | Refused)
            done.wait(10)
            http = desk.connections._loops[asyncio.get_running_loop()].http
            await desk.connections.close()
            return line, http

        return asyncio.run(asked())

    with ThreadPoolExecutor(2) as pool:
        (first, one), (second, other) = [each.result(30) for each in (pool.submit(run), pool.submit(run))]
    assert first is not second
    assert one is not other
    assert first.breaker is second.breaker
    assert len(desk.built) == 2


def test_closing_ends_the_connections_of_one_loop_only(desk: Desk) -> None:
    desk.connect("acme")

    async def closed() -> None:
        await desk.connections.client("acme")
        http = desk.connections._loops[asyncio.get_running_loop()].http
        await desk.connections.close()
        with pytest.raises(NotSentError):
            await http.send(HttpRequest("GET", "https://localhost:1/", {}))
        await desk.connections.close()

    asyncio.run(closed())
