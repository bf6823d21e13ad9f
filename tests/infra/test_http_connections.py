"""The HTTP client's connections: when nothing was sent, what is used again, what is left open, what does not count."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from numberdesk.infra.db import Database
from numberdesk.infra.http import HttpClient, HttpRequest, NoAnswerError, NotSentError
from testbed.egress import LOOPBACK
from testbed.scripted import Scripted, dripping, raw, reply, scripted, silence
from tests.infra.test_http import GOOD, answered, send

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def served(script: Script, use: Callable[[int], Awaitable[None]]) -> None:
    """Run a server that works on bare connections, for as long as `use` takes with its port."""
    working = []

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        working.append(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await script(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async with await asyncio.start_server(accepted, "127.0.0.1", 0) as server:
        await use(int(server.sockets[0].getsockname()[1]))
        await asyncio.gather(*(task for task in working if task is not None))


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


@pytest.mark.parametrize("once", [True, False])
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/{secret}",
        "https://127.0.0.1:{port}/{secret}",
        "http://nowhere.invalid/{secret}",
        "http://{secret}.127.0.0.1:{port}/",
        "http://127.0.0.1:99999/{secret}",
        "http://[::1/{secret}",
        "http:///{secret}",
        "ftp://127.0.0.1/{secret}",
        "/{secret}",
        "",
    ],
)
def test_where_there_is_nobody_nothing_was_sent(closed_port: int, url: str, *, once: bool) -> None:
    with pytest.raises(NotSentError) as caught:
        send(url.format(port=closed_port, secret="c2VjcmV0"), once=once, connect_seconds=5.0)
    assert "c2VjcmV0" not in str(caught.value)


async def closes(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def closes_when_greeted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.close()


async def cuts_when_greeted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.transport.abort()


async def speaks_plainly(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    writer.close()


async def waits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)
    writer.close()


@pytest.mark.parametrize(("once", "connect", "seconds"), [(True, 0.3, 60.0), (True, 60.0, 0.3), (False, 0.3, 60.0)])
@pytest.mark.parametrize("script", [closes, closes_when_greeted, cuts_when_greeted, speaks_plainly, waits])
def test_where_there_is_no_encryption_nothing_was_sent(
    script: Script, connect: float, seconds: float, *, once: bool
) -> None:
    connections = []

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await script(reader, writer)

    async def use(port: int) -> None:
        client = HttpClient(egress=LOOPBACK, connect_seconds=connect)
        with pytest.raises(NotSentError):
            await client.send(HttpRequest("POST", f"https://127.0.0.1:{port}/", {}, b"x", seconds, once))
        await client.close()

    asyncio.run(served(counted, use))
    assert len(connections) == 1


def test_a_connection_is_closed_when_its_request_is_given_up_before_it_is_encrypted() -> None:
    async def use(port: int) -> None:
        client = HttpClient(egress=LOOPBACK)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.send(HttpRequest("GET", f"https://127.0.0.1:{port}/", {})), 0.2)
        await client.close()

    asyncio.run(served(waits, use))  # ends when the server saw the end


def test_the_limit_for_connecting_does_not_cut_an_answer_that_comes_later() -> None:
    assert answered(dripping(GOOD, seconds=0.01), connect_seconds=0.1, seconds=30.0).body == b"ok"


class KeepsOpen:
    """A server that answers so many requests on a connection, and counts requests and connections."""

    def __init__(self, answers: int = 1000) -> None:
        self.connections = self.requests = 0
        self._answers = answers

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        for _ in range(self._answers):
            await reader.readuntil(b"\r\n\r\n")
            self.requests += 1
            writer.write(GOOD)
        await reader.readuntil(b"\r\n\r\n")
        self.requests += 1


def test_reads_use_a_connection_again_and_orders_have_one_each() -> None:
    server = KeepsOpen()
    counted = []

    async def use(port: int) -> None:
        client = HttpClient(egress=LOOPBACK)
        read = HttpRequest("GET", f"http://127.0.0.1:{port}/", {})
        for request in (read, read, read._replace(once=True), read._replace(once=True), read):
            await client.send(request)
            counted.append(server.connections)
        await client.close()

    asyncio.run(served(server, use))
    assert counted == [1, 1, 2, 3, 3]


def test_a_read_that_meets_a_kept_connection_closed_at_the_other_end_is_sent_anew() -> None:
    server = KeepsOpen(answers=1)
    counted = []

    async def use(port: int) -> None:
        client = HttpClient(egress=LOOPBACK)
        for _ in range(3):
            assert (await client.send(HttpRequest("GET", f"http://127.0.0.1:{port}/", {}))).body == b"ok"
            counted.append((server.connections, server.requests))
        await client.close()

    asyncio.run(served(server, use))
    assert counted == [(1, 1), (2, 3), (3, 4)]


@pytest.mark.parametrize("once", [True, False])
def test_on_a_new_connection_nothing_is_sent_twice(*, once: bool) -> None:
    server = KeepsOpen(answers=0)

    async def use(port: int) -> None:
        client = HttpClient(egress=LOOPBACK)
        with pytest.raises(NoAnswerError):
            await client.send(HttpRequest("GET", f"http://127.0.0.1:{port}/", {}, once=once))
        await client.close()

    asyncio.run(served(server, use))
    assert (server.connections, server.requests) == (1, 1)


def test_many_requests_run_side_by_side() -> None:
    server = KeepsOpen()

    async def use(port: int) -> None:
        client = HttpClient(egress=LOOPBACK)
        requests = [HttpRequest("GET", f"http://127.0.0.1:{port}/", {}, once=bool(n % 2)) for n in range(60)]
        answers = await asyncio.gather(*(client.send(request) for request in requests))
        assert {answer.body for answer in answers} == {b"ok"}
        await client.close()

    asyncio.run(served(server, use))
    assert server.requests == 60


def test_no_cookie_is_kept() -> None:
    async def main(server: Scripted) -> None:
        client = HttpClient(egress=LOOPBACK)
        for once in (False, True, False, True):
            await client.send(HttpRequest("GET", server.url, {}, once=once))
        await client.close()

    with scripted(lambda _seen: reply(200, Set_Cookie="session=1; Path=/")) as server:
        asyncio.run(main(server))
    assert [seen.headers.get("cookie") for seen in server.seen] == [None] * 4


def test_nothing_of_the_environment_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, closed_port: int) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login user password word\n")
    netrc.chmod(0o600)
    nowhere = f"http://127.0.0.1:{closed_port}"
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, nowhere)
    for name, value in (("NETRC", netrc), ("SSL_CERT_FILE", tmp_path / "none"), ("SSLKEYLOGFILE", tmp_path / "keys")):
        monkeypatch.setenv(name, str(value))
    with scripted(lambda _seen: raw(GOOD)) as server:
        assert send(server.url, headers={}).body == b"ok"
    assert "authorization" not in server.seen[0].headers
    assert not (tmp_path / "keys").exists()


def test_no_address_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        answered(raw(GOOD))
    assert "page=7" not in caplog.text


def test_a_request_inside_a_transaction_is_refused(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/books.db")
    with scripted(lambda _seen: raw(GOOD)) as server:
        for transaction in (database.read, database.write):
            with transaction(), pytest.raises(RuntimeError, match="inside a transaction"):
                send(server.url)
        assert server.seen == []
        assert send(server.url).body == b"ok"
    database.close()


def test_closing_ends_requests_that_wait_and_is_for_good() -> None:
    async def main(server: Scripted) -> None:
        client = HttpClient(egress=LOOPBACK)
        waiting = [
            asyncio.create_task(client.send(HttpRequest("GET", server.url, {}, once=once))) for once in (True, False)
        ]
        while len(server.seen) < 2:  # noqa: ASYNC110  the server is a thread
            await asyncio.sleep(0.01)
        await client.close()
        await client.close()
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert [repr(end) for end in ends] == [repr(NoAnswerError("the client was closed"))] * 2
        with pytest.raises(NotSentError):
            await client.send(HttpRequest("GET", server.url, {}))

    with scripted(lambda _seen: silence) as server:
        asyncio.run(main(server))


def test_closing_ends_requests_that_connect() -> None:
    async def use(port: int) -> None:
        client = HttpClient(egress=LOOPBACK)
        url = f"https://127.0.0.1:{port}/"
        waiting = [asyncio.create_task(client.send(HttpRequest("GET", url, {}, once=bool(n % 2)))) for n in range(6)]
        for n in range(6):
            await asyncio.sleep(0.001 * n)
            if n == 4:
                await client.close()
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        assert {type(end) for end in ends} == {NotSentError}

    asyncio.run(served(waits, use))


def test_closing_ends_a_request_wherever_it_is() -> None:
    async def main(server: Scripted) -> None:
        for turns in range(40):
            client = HttpClient(egress=LOOPBACK)
            waiting = asyncio.create_task(client.send(HttpRequest("GET", server.url, {}, seconds=60.0)))
            for _ in range(turns):
                await asyncio.sleep(0)
            await client.close()
            with pytest.raises((NotSentError, NoAnswerError)):
                await waiting

    with scripted(lambda _seen: silence) as server:
        asyncio.run(main(server))


def test_a_request_may_be_given_up_by_whoever_waits_for_it() -> None:
    answers = iter([silence, raw(GOOD)])

    async def main(server: Scripted) -> None:
        client = HttpClient(egress=LOOPBACK)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.send(HttpRequest("GET", server.url, {})), 0.2)
        assert (await client.send(HttpRequest("GET", server.url, {}))).body == b"ok"
        await client.close()

    with scripted(lambda _seen: next(answers)) as server:
        asyncio.run(main(server))
