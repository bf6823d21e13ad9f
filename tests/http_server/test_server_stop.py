"""The stop of a server while connections come and go."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, Literal

import pytest

from numberdesk.http_server.server import HttpServer, Limits, bind, make_server

PATIENCE = 20.0
GET = b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"


class Desk:
    """An application that stands still in /hold, its whole process with it, until it is let go."""

    def __init__(self) -> None:
        self.held = threading.Event()
        self.go = threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for done in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{done}.complete"})
            return
        if scope["path"] == "/hold":
            self.held.set()
            assert self.go.wait(PATIENCE)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})


@contextlib.contextmanager
def running(desk: Desk, loop: Literal["asyncio", "uvloop"]) -> Iterator[tuple[HttpServer, threading.Thread, int]]:
    sock = bind("127.0.0.1", 0)
    port = sock.getsockname()[1]
    # Longer than any test: nothing may depend on these running out.
    server = make_server(desk, new_id=lambda: "r", loop=loop, limits=Limits(idle_seconds=600), graceful_seconds=600)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    yield server, thread, port
    server.should_exit = server.force_exit = True
    desk.go.set()
    thread.join(PATIENCE)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_connection_accepted_just_before_the_stop_does_not_keep_the_server(
    loop: Literal["asyncio", "uvloop"],
) -> None:
    desk = Desk()
    with running(desk, loop) as (server, thread, port), contextlib.ExitStack() as stack:
        first = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
        first.sendall(GET % b"hold")
        assert desk.held.wait(PATIENCE)
        late = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)) for _ in range(30)]
        server.should_exit = True
        time.sleep(0.3)  # longer than the server's tick, so that it sees the stop and the connections in one go
        desk.go.set()
        assert first.recv(4096).startswith(b"HTTP/1.1 200 ")
        assert _asked_until_closed(late) == 0
        thread.join(PATIENCE)
        assert not thread.is_alive()


def _asked_until_closed(clients: list[socket.socket]) -> int:
    """Go on asking on every connection; how many are still answered when the time is up."""
    give_up = time.monotonic() + 5
    while clients and time.monotonic() < give_up:
        clients = [client for client in clients if _answered(client)]
        time.sleep(0.05)
    return len(clients)


def _answered(client: socket.socket) -> bool:
    """Whether a request is answered, whole, rather than the connection closed without a byte."""
    received = b""
    with contextlib.suppress(ConnectionError):
        client.sendall(GET % b"x")
        while not received.endswith(b"{}") and (piece := client.recv(4096)):
            received += piece
    assert received == b"" or received.endswith(b"\r\n\r\n{}")
    return received != b""
