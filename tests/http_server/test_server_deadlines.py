"""The server against slow, careless and hostile clients: everything ends, and good clients are served.

Touches: network, threads.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from numberdesk.http_server.server import HttpServer, Limits, bind, make_server

DEADLINE = 0.4
PATIENCE = 20.0  # seconds a test waits for something that must happen
LIMITS = Limits(
    receive_seconds=DEADLINE, write_seconds=DEADLINE, linger_seconds=DEADLINE, header_bytes=4096, idle_seconds=60
)
STREAMED = 64 * 1024 * 1024
GET = b"GET /echo HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: a\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass
class Desk:
    """A small application; `seen` tells how each request ended for it."""

    seen: list[tuple[str, str]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    port: int = 0
    server: HttpServer | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for done in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{done}.complete"})
            return
        path = scope["path"]
        if path in ("/slow", "/late-reader"):
            await asyncio.sleep(2 * DEADLINE)
        length = 0 if path == "/eager" else await self._length(receive)
        if path == "/stream":
            await self._stream(send)
        elif length is not None:
            names = sorted(name.decode() for name, _ in scope["headers"])
            size = 48 * 1024 if path == "/page" else 0
            await answer(send, {"path": path, "length": length, "headers": names, "fill": "x" * size})
        self.seen.append((path, "disconnected" if length is None else "answered"))

    async def _length(self, receive: Any) -> int | None:
        length, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            length += len(message["body"])
            more = message["more_body"]
        return length

    async def _stream(self, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(STREAMED // 65536):
            await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    def connections(self) -> int:
        assert self.server is not None
        return len(self.server.server_state.connections)


async def answer(send: Any, value: object) -> None:
    body = json.dumps(value).encode()
    headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class _Collector(logging.Handler):
    def __init__(self, into: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._into = into

    def emit(self, record: logging.LogRecord) -> None:
        self._into.append(self.format(record))


@pytest.fixture(
    scope="module",
    params=["asyncio", pytest.param("uvloop", marks=pytest.mark.skipif(sys.platform == "win32", reason="no uvloop"))],
)
def running(request: pytest.FixtureRequest) -> Iterator[Desk]:
    loop: Literal["asyncio", "uvloop"] = request.param
    desk, ids = Desk(), itertools.count(1)
    sock = bind("127.0.0.1", 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # so that little is enough to make a write wait
    desk.port = sock.getsockname()[1]
    desk.server = make_server(desk, new_id=lambda: f"req-{next(ids)}", limits=LIMITS, graceful_seconds=5, loop=loop)
    collectors = [(logging.getLogger(name), _Collector(desk.complaints)) for name in ("uvicorn.error", "asyncio")]
    for logger, collector in collectors:
        logger.addHandler(collector)
    thread = threading.Thread(target=desk.server.run, kwargs={"sockets": [sock]})
    thread.start()
    yield desk
    desk.server.should_exit = True
    thread.join(PATIENCE)
    for logger, collector in collectors:
        logger.removeHandler(collector)
    assert not thread.is_alive()


@pytest.fixture
def desk(running: Desk) -> Iterator[Desk]:
    running.seen.clear()
    yield running
    wait_until(lambda: running.connections() == 0)
    assert running.complaints == []


def wait_until(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < give_up, "it never happened"
        time.sleep(0.02)


def dial(desk: Desk) -> socket.socket:
    return socket.create_connection(("127.0.0.1", desk.port), timeout=PATIENCE)


def rest(client: socket.socket) -> bytes:
    """Everything until the server closes."""
    received = b""
    while data := client.recv(65536):
        received += data
    return received


def exchange(desk: Desk, *pieces: bytes) -> list[tuple[int, Any]]:
    """Send the pieces, read until the server closes: the answers as status and JSON."""
    with dial(desk) as client:
        send_all(client, pieces)
        return answers(rest(client))


def send_all(client: socket.socket, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        client.sendall(piece)


def answers(raw: bytes) -> list[tuple[int, Any]]:
    found = []
    while raw:
        head, _, raw = raw.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        assert length is not None, head
        body, raw = raw[: int(length[1])], raw[int(length[1]) :]
        status, value = int(head.split()[1]), json.loads(body)
        found.append((status, value))
        if status >= 400:
            assert b"connection: close" in head
            assert b"content-type: application/json" in head
            assert f"x-request-id: {value['request_id']}".encode() in head
    return found


def one(client: socket.socket) -> tuple[int, Any]:
    """The next answer on a connection that stays open."""
    raw = b""
    while b"\r\n\r\n" not in raw or len(raw.partition(b"\r\n\r\n")[2]) < int(
        raw.split(b"content-length: ")[1].split()[0]
    ):
        data = client.recv(65536)
        assert data, raw
        raw += data
    (found,) = answers(raw)
    return found


def codes(found: list[tuple[int, Any]]) -> list[tuple[int, str]]:
    return [(status, value["error"]["code"] if status >= 400 else "") for status, value in found]


def drip(client: socket.socket, start: bytes, drops: bytes) -> bytes:
    """Send `start`, then drop by drop until the server answers or closes; what it sent."""
    client.sendall(start)
    for at in range(len(drops)):
        client.settimeout(0.1)
        try:
            first = client.recv(1)
        except TimeoutError:
            client.sendall(drops[at : at + 1])
        else:
            client.settimeout(PATIENCE)
            return first + rest(client) if first else b""
    pytest.fail("the server let all drops in")


@pytest.mark.parametrize(
    ("start", "drops"),
    [
        (b"", GET + b"X: " + b"y" * 300),
        (GET, b"X-A: b\r\n" * 40),
        (POST + b"Content-Length: 300\r\n\r\n", b"z" * 299),
        (POST + CHUNKED, b"1\r\nz\r\n" * 50),
        (POST + CHUNKED + b"0\r\n", b"X-A: b\r\n" * 40),
    ],
    ids=["first line", "headers", "body", "chunks", "trailer"],
)
def test_a_request_that_drips_in_is_ended_while_others_are_served(desk: Desk, start: bytes, drops: bytes) -> None:
    with dial(desk) as dripping, dial(desk) as good:
        good.sendall(GET + b"\r\n")
        assert one(good)[0] == 200
        ((status, envelope),) = answers(drip(dripping, start, drops))
        good.sendall(GET + b"\r\n")
        assert one(good)[0] == 200
    assert status == 408
    assert envelope == {
        "success": False,
        "message": "The request did not arrive in time.",
        "error": {"code": "request_timeout", "details": {}},
        "request_id": envelope["request_id"],
    }


@pytest.mark.parametrize("framing", [b"Content-Length: 5\r\n\r\nab", CHUNKED + b"2\r\nab\r\n"])
def test_the_application_sees_a_request_that_came_too_late_as_gone(desk: Desk, framing: bytes) -> None:
    assert codes(exchange(desk, POST + framing)) == [(408, "request_timeout")]
    wait_until(lambda: desk.seen == [("/echo", "disconnected")])


@pytest.mark.parametrize("sent", [b"", b"\r\n\r\n"])
def test_a_silent_connection_is_closed_without_a_word(desk: Desk, sent: bytes) -> None:
    assert exchange(desk, sent) == []


def test_an_idle_connection_outlives_the_deadline_and_the_next_request_has_its_own(desk: Desk) -> None:
    with dial(desk) as client:
        client.sendall(GET + b"\r\n")
        assert one(client)[0] == 200
        time.sleep(2 * DEADLINE)
        client.sendall(GET + b"\r\n")
        assert one(client)[0] == 200
        time.sleep(2 * DEADLINE)
        assert codes(answers(drip(client, POST + b"Content-Length: 300\r\n\r\n", b"z" * 299))) == [
            (408, "request_timeout")
        ]


def test_a_slow_handler_is_not_cut(desk: Desk) -> None:
    slow = b"POST /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\n"
    ((status, value),) = exchange(desk, slow + b"a", b"b")
    assert (status, value["length"]) == (200, 2)


def test_time_in_which_the_application_does_not_read_is_not_the_clients(desk: Desk) -> None:
    size = 2 * 1024 * 1024
    head = b"POST /late-reader HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size
    ((status, value),) = exchange(desk, head, bytes(size))
    assert (status, value["length"]) == (200, size)


def test_time_behind_a_slow_request_is_not_the_clients(desk: Desk) -> None:
    second = POST + b"Connection: close\r\nContent-Length: 2\r\n\r\na"
    with dial(desk) as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n" + second)
        assert one(client)[0] == 200
        client.sendall(b"b")
        ((status, value),) = answers(rest(client))
    assert (status, value["length"]) == (200, 2)


def test_a_late_request_is_refused_after_the_answers_before_it(desk: Desk) -> None:
    found = exchange(desk, b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n" + GET + b"\r\n" + POST + b"X: ")
    assert codes(found) == [(200, ""), (200, ""), (408, "request_timeout")]


def test_requests_sent_at_once_are_answered_in_order(desk: Desk) -> None:
    paths = ["/slow", "/echo", "/eager", "/echo"]
    requests = b"".join(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path.encode() for path in paths)
    found = exchange(desk, requests + GET + b"Connection: close\r\n\r\n")
    assert [value["path"] for _, value in found] == [*paths, "/echo"]


def test_a_body_that_goes_on_after_its_answer_is_cut(desk: Desk) -> None:
    eager = b"POST /eager HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (10 * 2**30)
    with dial(desk) as client:
        client.sendall(eager)
        assert one(client)[0] == 200
        with pytest.raises(OSError, match=r"pipe|reset"):
            send_all(client, itertools.repeat(bytes(2**20), 10 * 2**10))
    with dial(desk) as client:
        client.sendall(eager)
        assert one(client)[0] == 200
        assert rest(client) == b""  # late, but it has had its answer


def test_a_body_that_ends_after_its_answer_leaves_the_connection_usable(desk: Desk) -> None:
    with dial(desk) as client:
        client.sendall(b"POST /eager HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
        assert one(client)[0] == 200
        client.sendall(b"cd\r\n")
        client.sendall(GET + b"Connection: close\r\n\r\n")
        assert [status for status, _ in answers(rest(client))] == [200]


@pytest.mark.parametrize("path", [b"/stream", b"/page"])
def test_a_client_that_does_not_read_is_dropped(desk: Desk, path: bytes) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(PATIENCE)
        client.connect(("127.0.0.1", desk.port))
        client.sendall(b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % path)
        wait_until(lambda: len(desk.seen) == 1)
        wait_until(lambda: desk.connections() == 0)


@pytest.mark.parametrize(
    ("pieces", "refused"),
    [
        ([GET, b"X: ", *[b"y" * 1024] * 64], (431, "headers_too_large")),
        ([GET + b"X: " + b"y" * 65536], (431, "headers_too_large")),
        ([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", bytes(65536)], (400, "invalid_request")),
    ],
    ids=["endless header", "large header", "TLS"],
)
def test_a_refused_client_that_sends_on_can_read_why(desk: Desk, pieces: list[bytes], refused: tuple[int, str]) -> None:
    assert codes(exchange(desk, *pieces)) == [refused]


def test_a_taken_port_is_an_error_with_its_address() -> None:
    with bind("127.0.0.1", 0) as taken, pytest.raises(OSError, match=r"127\.0\.0\.1") as refused:
        bind("127.0.0.1", taken.getsockname()[1])
    assert refused.value.errno is not None


PROGRAM = """
import asyncio
from numberdesk.http_server.server import bind, serve

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        for done in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{done}.complete"})
        print("ended", flush=True)
        return
    print("asked", flush=True)
    await asyncio.sleep(0.5)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})

sock = bind("127.0.0.1", 0)
print(sock.getsockname()[1], flush=True)
serve(app, sock, new_id=lambda: "r")
print("returned", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are others there")
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_running_requests_then_the_lifespan_then_the_process_with_0(stop: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
                client.sendall(GET + b"\r\n")
                assert process.stdout.readline() == "asked\n"
                process.send_signal(stop)
                assert codes(answers(rest(client))) == [(200, "")]
            assert process.stdout.read() == "ended\nreturned\n"
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
