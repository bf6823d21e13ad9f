"""An answer's head and body leave in one write."""

from __future__ import annotations

import asyncio

from numberdesk.api.cork import CorkedTransport


class Wire(asyncio.Transport):
    """Notes what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def test_head_and_body_are_one_write() -> None:
    wire = Wire()
    corked = CorkedTransport(wire)
    corked.write(b"HTTP/1.1 200 OK\r\n\r\n")
    assert wire.written == []
    corked.write(b"{}")
    assert wire.written == [b"HTTP/1.1 200 OK\r\n\r\n{}"]


def test_a_head_without_a_body_leaves_with_the_empty_write_that_ends_it() -> None:
    wire = Wire()
    corked = CorkedTransport(wire)
    corked.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    corked.write(b"")
    assert wire.written == [b"HTTP/1.1 204 No Content\r\n\r\n"]


def test_what_follows_the_first_piece_of_a_body_leaves_at_once() -> None:
    wire = Wire()
    corked = CorkedTransport(wire)
    for piece in (b"HTTP/1.1 200 OK\r\n\r\n", b"a", b"HTTP/1.1 1 is no head here", b"c"):
        corked.write(piece)
    assert wire.written == [b"HTTP/1.1 200 OK\r\n\r\na", b"HTTP/1.1 1 is no head here", b"c"]


def test_100_continue_is_not_held_back() -> None:
    wire = Wire()
    corked = CorkedTransport(wire)
    corked.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert wire.written == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    corked.write(b"HTTP/1.1 200 OK\r\n\r\n")
    corked.write(b"x")
    assert wire.written[1:] == [b"HTTP/1.1 200 OK\r\n\r\nx"]


def test_a_head_is_sent_when_the_answer_breaks_off() -> None:
    wire = Wire()
    corked = CorkedTransport(wire)
    corked.write(b"HTTP/1.1 200 OK\r\n\r\n")
    corked.close()
    assert wire.written == [b"HTTP/1.1 200 OK\r\n\r\n"]
    assert corked.is_closing()
