"""Hundreds of clients that hold connections and do nothing with them: a good client does not notice."""

from __future__ import annotations

import contextlib
import itertools
import socket
from collections.abc import Iterator

import pytest

from tests.api.conftest import Customer, Shop

# Connections are held and cut before anything asks the database but for a key, and each test waits for a deadline.
pytestmark = pytest.mark.parametrize(
    "engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True
)

SENT_AWAY = ("idle", "slow head", "slow body", "slow chunks")
EACH = 120
"""Connections of one kind of attack."""
HEAD = "POST /api/v1/phone-numbers/buy/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def _starts(customer: Customer) -> dict[str, bytes]:
    """What each kind of attacker sends before it goes quiet."""
    with_key = f"{HEAD}X-Api-Key: {customer.key}\r\n"
    return {
        "idle": b"",
        "slow head": HEAD.encode(),
        "slow body": f'{with_key}Content-Length: 100\r\n\r\n{{"'.encode(),
        "slow chunks": f"{with_key}Transfer-Encoding: chunked\r\n\r\n1\r\n".encode(),
        "never reads": b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 20,
    }


@contextlib.contextmanager
def _held(shop: Shop, start: bytes) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        clients = []
        for _ in range(EACH):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(20)
            client.connect(("127.0.0.1", shop.port))
            client.sendall(start)
            clients.append(client)
        yield clients


def _still_held(client: socket.socket) -> bool:
    """Whether the server has this connection open and has not told it to go."""
    client.settimeout(0)
    try:
        return client.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


@pytest.mark.parametrize("kind", list(_starts(Customer("", "", None))))  # type: ignore[arg-type]  # names only
def test_a_good_client_is_served_while_many_others_hold_their_connections(shop: Shop, kind: str) -> None:
    customer, attacker = shop.customer(), shop.customer()
    numbers = [shop.number() for _ in range(15)]
    with _held(shop, _starts(attacker)[kind]) as attackers:
        answers = [customer.buy(number) for number in numbers]
        answers += [customer.http.get("/phone-numbers/available-numbers/US/") for _ in range(15)]
        held = sum(map(_still_held, attackers))
    assert [answer.status_code for answer in answers] == [200] * 30
    assert held > EACH / 2, "the attackers were gone before the good client was done"
    assert attacker.balance() == 100


def test_those_who_hold_connections_are_sent_away_in_the_end(shop: Shop) -> None:
    starts = _starts(shop.customer())
    with contextlib.ExitStack() as held:  # all kinds at once: each is waited for as long
        of_each_kind = [held.enter_context(_held(shop, starts[kind])) for kind in SENT_AWAY]
        for client in itertools.chain(*of_each_kind):
            with contextlib.suppress(ConnectionError):
                while client.recv(65_536):  # until the server has hung up, or the test's own patience ends
                    pass


def test_hundreds_of_idle_connections_leave_room_for_new_ones(shop: Shop) -> None:
    customer = shop.customer()
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(_held(shop, b""))
        for _ in range(20):
            fresh = stack.enter_context(shop.client({"X-Api-Key": customer.key}))
            assert fresh.get("/balance/").status_code == 200
