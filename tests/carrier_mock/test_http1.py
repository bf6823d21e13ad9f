"""HTTP as it arrives: in pieces, several at once, too much of it, or not HTTP at all."""

from __future__ import annotations

import socket

import pytest

from carrier_mock.faults import Fault
from carrier_mock.http1 import MOST_BODY_BYTES
from testbed.carrier_mock import MockUrls
from tests.carrier_mock.test_wire import connected, everything

ASK = b"GET /control/settings HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = ASK.replace(b"Host", b"Connection: close\r\nHost")


def statuses(answer: bytes) -> list[int]:
    """The statuses of the answers in what came."""
    return [int(part[1:4]) for part in answer.split(b"HTTP/1.1")[1:]]


def told(sim: MockUrls, *pieces: bytes) -> list[int]:
    with connected(sim.url) as sock:
        for piece in pieces:
            sock.sendall(piece)
        return statuses(everything(sock))


def test_a_connection_serves_one_request_after_the_other(sim: MockUrls) -> None:
    with connected(sim.url) as sock:
        for _ in range(3):
            sock.sendall(ASK)
            assert sock.recv(12) == b"HTTP/1.1 200"
            sock.recv(4096)


def test_requests_that_come_together_are_answered_in_order(sim: MockUrls) -> None:
    assert told(sim, ASK + ASK.replace(b"settings", b"nothing") + LAST) == [200, 404, 200]


def test_requests_that_come_together_wait_for_a_slow_one(sim: MockUrls) -> None:
    sim.control.arm(Fault.SLOW, seconds=0.05)
    search = b"GET /v2/balance HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n\r\n"
    assert told(sim, search + LAST.replace(b"settings", b"nothing")) == [200, 404]


def test_a_request_in_pieces_is_one_request(sim: MockUrls) -> None:
    assert told(sim, *(bytes((byte,)) for byte in LAST)) == [200]


def test_a_body_may_come_in_chunks(sim: MockUrls) -> None:
    head = b"PATCH /control/settings HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert told(sim, head, b'f\r\n{"order_seconds\r\n', b'4\r\n":7}\r\n', b"0\r\n\r\n") == [200]
    assert sim.control.overview()["settings"]["order_seconds"] == 7


def test_a_client_that_waits_to_be_told_is_told_to_go_on(sim: MockUrls) -> None:
    with connected(sim.url) as sock:
        sock.sendall(b"POST /control/reset HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert sock.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"{}")
        assert sock.recv(12) == b"HTTP/1.1 200"


def test_http_1_0_closes_after_its_answer(sim: MockUrls) -> None:
    assert told(sim, b"GET /control HTTP/1.0\r\n\r\n") == [200]


def test_head_is_answered_and_the_connection_closed(sim: MockUrls) -> None:
    assert told(sim, b"HEAD /control HTTP/1.1\r\nHost: x\r\n\r\n") == [404]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"GET http://[::1/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /%s HTTP/1.1\r\n\r\n" % (b"x" * 20_000), 414),
        (b"GET / HTTP/1.1\r\nA: %s\r\n\r\n" % (b"x" * 20_000), 431),
        (b"GET / HTTP/1.1\r\n%s\r\n" % b"".join(b"A%d: x\r\n" % each for each in range(101)), 431),
        (b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MOST_BODY_BYTES + 1), 413),
        (b"GET /control/nothing HTTP/1.1\r\nHost: x\r\n\r\n" + b"\x00", 404),
    ],
)
def test_what_is_too_much_or_no_http_is_refused(sim: MockUrls, sent: bytes, status: int) -> None:
    assert told(sim, sent)[0] == status


def test_a_body_in_chunks_that_is_too_large_is_refused(sim: MockUrls) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    with connected(sim.url) as sock:
        sock.sendall(head)
        try:
            for _ in range(6):
                sock.sendall(chunk)
            answer = everything(sock)
        except (ConnectionResetError, BrokenPipeError):
            return  # it was closed while this side still sent
    assert statuses(answer) == [413]


def test_too_many_requests_on_one_connection_end_it(sim: MockUrls) -> None:
    sim.control.arm(Fault.SLOW, seconds=5)
    search = b"GET /v2/balance HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n\r\n"
    assert told(sim, search + ASK * 20) == []


@pytest.mark.parametrize("slow", [False, True])
def test_a_wish_for_another_protocol_is_ignored_and_the_connection_closed(
    sim: MockUrls,
    slow: bool,  # noqa: FBT001  a case of a table
) -> None:
    if slow:
        sim.control.arm(Fault.SLOW, seconds=0.02)
    ask = b"GET /v2/balance HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n"
    assert told(sim, ask + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n") == [200]


def test_a_client_that_goes_is_let_go(sim: MockUrls) -> None:
    for _ in range(3):
        with connected(sim.url) as sock:
            sock.sendall(ASK[:20])
            sock.shutdown(socket.SHUT_WR)
            assert everything(sock) == b""
    assert sim.control.overview()["attempts"] == 0
