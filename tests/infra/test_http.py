"""The HTTP client and answers of every kind: what is read, what is not, and what never gets into an error."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import tracemalloc
import zlib
from typing import Any, Final

import pytest

from numberdesk.infra.http import MOST_HEADERS, HttpClient, HttpRequest, HttpResponse, NoAnswerError, NotSentError
from testbed.egress import LOOPBACK
from testbed.scripted import Answer, Scripted, Seen, dripping, raw, reply, reset, scripted, silence

SECRET: Final = "Basic c2VjcmV0OnNlY3JldA=="
GOOD: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HEAD: Final = b"HTTP/1.1 200 OK\r\n"
PACKED: Final = HEAD + b"Content-Encoding: gzip\r\n\r\n"


def send(url: str, *, connect_seconds: float = 3.0, most_bytes: int = 1 << 20, **given: Any) -> HttpResponse:
    """What one request is answered with, by a client of its own."""

    async def main() -> HttpResponse:
        client = HttpClient(egress=LOOPBACK, connect_seconds=connect_seconds, most_bytes=most_bytes)
        request = HttpRequest("GET", url, {"Authorization": SECRET})._replace(**given)
        try:
            return await client.send(request)
        finally:
            await client.close()

    return asyncio.run(main())


def answered(answer: Answer, **given: Any) -> HttpResponse:
    """What the client makes of an answer. It has to have asked once."""
    with scripted(lambda _seen: answer) as server:
        try:
            return send(f"{server.url}/thing?page=7", **given)
        finally:
            assert len(server.seen) == server.connections == 1


def endless(data: bytes) -> Answer:
    async def answer(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        try:
            while not writer.transport.is_closing():
                writer.write(data)
                await writer.drain()
        finally:
            writer.transport.abort()

    return answer


def then_silence(data: bytes) -> Answer:
    async def answer(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        try:
            await silence(seen, writer)
        finally:
            writer.transport.abort()

    return answer


def then_reset(data: bytes) -> Answer:
    async def answer(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await asyncio.sleep(0.05)
        plug = writer.get_extra_info("socket")
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return answer


hard_reset = then_reset(b"")

HOSTILE: Final[dict[str, tuple[Answer, str]]] = {
    "silence": (silence, "no whole answer within 0.4 s"),
    "closed without an answer": (reset, "RemoteProtocolError: Server disconnected"),
    "reset": (hard_reset, "ReadError"),
    "reset in the body": (then_reset(HEAD + b"Content-Length: 9\r\n\r\nabc"), "ReadError"),
    "closed": (raw(b""), "RemoteProtocolError: Server disconnected"),
    "another protocol": (raw(b"SSH-2.0-OpenSSH_9\r\n\r\n"), "RemoteProtocolError: illegal status line"),
    "half a head": (raw(HEAD + b"Content-Le"), "RemoteProtocolError"),
    "cut body": (raw(HEAD + b"Content-Length: 100\r\n\r\nabc"), "RemoteProtocolError: peer closed connection"),
    "cut chunks": (raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc"), "RemoteProtocolError: peer closed"),
    "stalled body": (then_silence(HEAD + b"Content-Length: 9\r\n\r\nabc"), "no whole answer within 0.4 s"),
    "too slow": (dripping(GOOD, seconds=0.1), "no whole answer within 0.4 s"),
    "length that is none": (raw(HEAD + b"Content-Length: many\r\n\r\n"), "RemoteProtocolError"),
    "100 MB announced": (then_silence(HEAD + b"Content-Length: 104857600\r\n\r\nabc"), "more than 1048576 bytes"),
    "100 MB sent": (then_silence(HEAD + b"\r\n" + bytes(2 << 20)), "more than 1048576 bytes"),
    "no end": (endless(HEAD + b"\r\n" + bytes(1 << 16)), "more than 1048576 bytes"),
    "a chunk a byte": (
        then_silence(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 70_000),
        "more than 65536 pieces",
    ),
    "gzip bomb": (then_silence(PACKED + gzip.compress(bytes(8 << 20))), "more than 1048576 bytes"),
    "gzip that is cut": (raw(PACKED + gzip.compress(b"text" * 99)[:-9]), "cut off, or goes on"),
    "gzip that goes on": (raw(PACKED + gzip.compress(b"text") * 2), "cut off, or goes on"),
    "gzip that is none": (raw(PACKED + b"{}"), "cannot be unpacked"),
    "gzip that is followed by anything": (endless(PACKED + gzip.compress(b"text")), "more than 1048576 bytes"),
    "brotli": (reply(200, b"{}", Content_Encoding="br"), "an encoding nobody asked for"),
    "packed twice": (reply(200, b"{}", Content_Encoding="gzip, gzip"), "an encoding nobody asked for"),
    "many headers": (
        then_silence(HEAD + b"".join(b"X-%d: y\r\n" % n for n in range(MOST_HEADERS + 1)) + b"\r\n"),
        "too many headers",
    ),
    "headers without end": (endless(HEAD + b"X-A: " + b"y" * 60_000 + b"\r\n"), "RemoteProtocolError"),
    "continue without end": (endless(b"HTTP/1.1 100 Continue\r\n\r\n"), "no whole answer within 0.4 s"),
}


@pytest.mark.parametrize("once", [True, False], ids=["order", "read"])
@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_usable_answer_is_told_as_such(name: str, *, once: bool) -> None:
    answer, reason = HOSTILE[name]
    slow = reason.startswith("no whole")
    with pytest.raises(NoAnswerError) as caught:
        answered(answer, once=once, seconds=0.4 if slow else 20.0)
    assert reason in str(caught.value)


def test_an_answer_that_unpacks_to_very_much_is_never_in_memory() -> None:
    bomb = PACKED + gzip.compress(bytes(100 << 20))
    with scripted(lambda _seen: then_silence(bomb)) as server:
        tracemalloc.start()
        try:
            with pytest.raises(NoAnswerError):
                send(server.url, most_bytes=4 << 20)
            assert tracemalloc.get_traced_memory()[1] < 20 << 20
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize(
    "line",
    [b"Authorization: %s\r\nnonsense with %s\r\n\r\n", b"HTTP/1.1 200 OK\r\n%s\x00%s\r\n\r\n", b"%s %s\r\n\r\n"],
)
def test_an_error_quotes_no_answer_that_echoes_our_credentials(line: bytes) -> None:
    with pytest.raises(NoAnswerError) as caught:
        answered(raw(line % (SECRET.encode(), SECRET.encode())))
    assert "c2VjcmV0" not in str(caught.value)


@pytest.mark.parametrize("value", [f"{SECRET}\r\nX-Other: 1", f"{SECRET}\x00", f"{SECRET}é"])
def test_a_header_that_cannot_be_sent_is_not_quoted(value: str) -> None:
    with scripted(lambda _seen: raw(GOOD)) as server, pytest.raises((NoAnswerError, NotSentError)) as caught:
        send(server.url, headers={"Authorization": value})
    assert server.seen == []
    assert "c2VjcmV0" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        reply(200, b"some text"),
        raw(HEAD + b"\r\nsome text"),
        raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n5\r\n text\r\n0\r\n\r\n"),
        raw(b"HTTP/1.0 200 OK\nContent-Length: 9\n\nsome text"),
        raw(b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"\r\nsome text"),
        raw(PACKED + gzip.compress(b"some text")),
        reply(200, zlib.compress(b"some text"), Content_Encoding="Deflate"),
        reply(200, b"some text", Content_Encoding="identity"),
        dripping(HEAD + b"Content-Length: 9\r\n\r\nsome text", seconds=0),
    ],
    ids=["plain", "until the end", "chunks", "old", "continue", "gzip", "deflate", "identity", "byte by byte"],
)
def test_the_body_is_read_however_it_comes(answer: Answer) -> None:
    assert answered(answer).body == b"some text"


@pytest.mark.parametrize("status", [200, 201, 204, 301, 302, 307, 400, 401, 404, 429, 500, 503, 599])
def test_every_status_is_an_answer_and_no_redirect_is_followed(status: int) -> None:
    answer = answered(reply(status, Location="/elsewhere", Content_Encoding="gzip"))
    assert (answer.status, answer.body) == (status, b"")


def test_names_of_headers_are_lower_case_and_of_two_the_last_counts() -> None:
    answer = answered(raw(HEAD + b"RETRY-After: 5\r\nretry-after: 7\r\nX-Odd: \xe9\r\n\r\n"))
    assert answer.headers["retry-after"] == "7"
    assert answer.headers["x-odd"] == "é"


@pytest.mark.parametrize("once", [True, False])
def test_a_request_arrives_as_it_was_given(*, once: bool) -> None:
    with scripted(lambda _seen: raw(GOOD)) as server:
        headers = {"Authorization": SECRET, "X-One": "1"}
        url = f"{server.url}/a%20b/c?q=%2B1&r="
        assert send(url, method="POST", body=b"a=%2B1", once=once, headers=headers).body == b"ok"
    [seen] = server.seen
    assert (seen.method, seen.path, seen.query) == ("POST", "/a%20b/c", [("q", "+1"), ("r", "")])
    assert seen.body == b"a=%2B1"
    assert seen.headers == {
        "host": f"127.0.0.1:{server.port}",
        "authorization": SECRET,
        "x-one": "1",
        "user-agent": "numberdesk",
        "accept-encoding": "identity",
        "content-length": "6",
    }


def test_an_answer_in_very_many_pieces_lets_others_have_their_turn() -> None:
    flood = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 30_000 + b"0\r\n\r\n"
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async def main(server: Scripted) -> HttpResponse:
        client = HttpClient(egress=LOOPBACK)
        counting = asyncio.create_task(count())
        try:
            return await client.send(HttpRequest("GET", server.url, {}))
        finally:
            counting.cancel()
            await client.close()

    with scripted(lambda _seen: raw(flood)) as server:
        assert len(asyncio.run(main(server)).body) == 30_000
    assert turns > 30_000 // 100
