"""What one connection lets in and refuses, byte by byte, without a network.

Touches: randomness.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from numberdesk.http_server.connection import Limits, limited_protocol

LIMITS = Limits(header_bytes=4096, header_count=20, pipelined=4, unwanted_bytes=10_000)
GET = b"GET /echo HTTP/1.1\r\nHost: a\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: a\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
LAST = GET + b"Connection: close\r\n\r\n"


class Wire(asyncio.Transport):
    """A transport that keeps what is written and hands over nothing while reading is paused."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.reading = True
        self.ended = self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended, "written after the end"
        self.written += data

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.ended = self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


@dataclass
class Talk:
    """A conversation as it stood while the client was still there."""

    answers: list[tuple[int, Any]] = field(default_factory=list)  # status and JSON
    paths: list[str] = field(default_factory=list)  # that the application saw
    gone: int = 0  # requests the application saw disconnected
    ended: bool = False  # by the server
    closes_when_idle: bool = False

    def codes(self) -> list[tuple[int, str]]:
        return [(status, value["error"]["code"] if status >= 400 else "") for status, value in self.answers]


def talk(*pieces: bytes) -> Talk:
    """Feed `pieces`, each as one read, let the application answer, and look."""
    wire, said = Wire(), Talk()
    asyncio.run(_feed(wire, said, pieces))
    said.answers = answers(bytes(wire.written).removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n"))
    return said


async def _feed(wire: Wire, said: Talk, pieces: tuple[bytes, ...]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        said.paths.append(scope["path"])
        message: Any = {"more_body": scope["path"] != "/eager"}
        body = b""
        while message["more_body"]:
            message = await receive()
            if message["type"] == "http.disconnect":
                said.gone += 1
                break
            body += message["body"]
        value = json.dumps({"body": body.decode(), "headers": [name.decode() for name, _ in scope["headers"]]}).encode()
        length = [(b"content-length", b"%d" % len(value))]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": value})

    ids, state = itertools.count(1), ServerState()
    protocol = limited_protocol(LIMITS, lambda: f"r{next(ids)}")
    config = uvicorn.Config(app, http=protocol, ws="none", interface="asgi3", log_config=None, access_log=False)
    config.load()
    connection = protocol(config, state, {})
    connection.connection_made(wire)
    for piece in pieces:
        connection.data_received(piece)
        for _ in range(100):
            await asyncio.sleep(0)
        assert wire.reading, "reading stays paused"
    said.ended, gone = wire.ended, said.gone
    said.closes_when_idle = connection.timeout_keep_alive_task is not None
    connection.connection_lost(None)
    await asyncio.gather(*state.tasks)
    said.gone = gone


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
            assert (b"retry-after: 1" in head) == (status == 503)
    return found


BAD = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"hello\r\n\r\n",
    b"GET /\r\n\r\n",
    b"GET / HTTP/3.1\r\n\r\n",
    b"GET /echo HTTP/1.1\r\n\r\n",
    b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /?\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"CONNECT /echo HTTP/1.1\r\nHost: a\r\n\r\n",
    GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    GET + b"Host: b\r\n\r\n",
    GET + b"X: a\r\n b\r\n\r\n",
    GET + b"X: a\x00b\r\n\r\n",
    POST + b"Content-Length: 3\r\n" + CHUNKED + b"0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    POST + b"Content-Length: +3\r\n\r\nabc",
    POST + b"Content-Length: 3, 3\r\n\r\nabc",
    POST + b"Content-Length: 99999999999999999999999\r\n\r\nabc",
    POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n" + CHUNKED + b"0\r\n\r\n",
    b"POST /echo HTTP/1.0\r\n" + CHUNKED + b"0\r\n\r\n",
    POST + CHUNKED + b"-1\r\na\r\n0\r\n\r\n",
    POST + CHUNKED + b"fffffffffffffffff\r\na",
]


@pytest.mark.parametrize("request_", BAD)
def test_what_is_not_proper_http_is_refused_and_nothing_after_it_is_done(
    request_: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    said = talk(request_ + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
    ((status, envelope),) = said.answers
    assert (status, envelope["success"], envelope["error"]["code"]) == (400, False, "invalid_request")
    assert envelope["error"]["details"]["field"] == "request"
    assert envelope["message"] == "request " + envelope["error"]["details"]["reason"]
    assert said.ended
    assert "/smuggled" not in said.paths
    assert caplog.messages == []


@given(st.sampled_from(BAD), st.data())
def test_a_bad_request_is_refused_in_whatever_pieces_it_comes(request_: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(request_)))
    said = talk(GET + b"\r\n" + request_[:cut], request_[cut:] + LAST)
    assert said.codes() == [(200, ""), (400, "invalid_request")]


@given(st.binary(min_size=1, max_size=200))
@settings(max_examples=100)
def test_any_bytes_are_refused_or_waited_for(garbage: bytes) -> None:
    said = talk(garbage, b"\r\n\r\n")
    assert said.codes() in ([], [(400, "invalid_request")])
    assert said.ended == (said.answers != [])


STREAM = (
    GET + b"\r\n\r\n" + POST + b"Content-Length: 3\r\n\r\nabc"
    + POST + CHUNKED + b"1;x=y\r\nd\r\n2\r\nef\r\n0\r\nX-Api-Key: k\r\n\r\n"
    + POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\ngh" + LAST
)  # fmt: skip


@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=6, unique=True))
def test_requests_mean_the_same_in_whatever_pieces_they_come(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    said = talk(*(STREAM[start:end] for start, end in itertools.pairwise(edges)))
    assert [(status, value["body"]) for status, value in said.answers] == [
        (200, body) for body in ("", "abc", "def", "gh", "")
    ]
    assert said.ended
    assert not any("x-api-key" in value["headers"] for _, value in said.answers)


@pytest.mark.parametrize(
    ("second", "refused"),
    [
        (POST + b"X Y: 1\r\n\r\n", (400, "invalid_request")),
        (POST + CHUNKED + b"nonsense\r\n", (400, "invalid_request")),
        (GET + b"X: " + b"y" * 5000 + b"\r\n\r\n", (431, "headers_too_large")),
    ],
)
def test_a_refusal_waits_for_the_answers_before_it(second: bytes, refused: tuple[int, str]) -> None:
    assert talk(GET + b"\r\n" + GET + b"\r\n" + second).codes() == [(200, ""), (200, ""), refused]


@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"])
def test_the_application_sees_a_refused_request_as_gone_and_cannot_answer_it(
    expect: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    for pieces in ([CHUNKED, b"nonsense\r\n"], [CHUNKED + b"nonsense\r\n"]):
        said = talk(POST + expect + pieces[0], *pieces[1:])
        assert (said.paths, said.gone, said.ended) == (["/echo"], 1, True)
        assert caplog.messages == []


def test_an_idle_connection_closes_some_time_and_one_that_has_begun_a_request_has_its_deadline_instead() -> None:
    late_body = b"POST /eager HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab"
    assert talk(GET + b"\r\n").closes_when_idle
    assert talk(GET + b"\r\n", b"\r\n").closes_when_idle
    assert talk(late_body, b"cd").closes_when_idle
    assert not talk(late_body).closes_when_idle
    assert not talk(GET + b"\r\n" + b"GET /").closes_when_idle


def test_more_requests_at_once_than_may_wait_are_refused() -> None:
    served = [(200, "")] * (1 + LIMITS.pipelined)
    assert talk((GET + b"\r\n") * len(served)).codes() == served
    assert talk((GET + b"\r\n") * (len(served) + 9)).codes() == [*served, (503, "overloaded")]


def test_a_head_up_to_the_bound_is_let_in_and_past_it_refused() -> None:
    start = b"GET /echo HTTP/1.1\r\nHost: a\r\nX: "
    room = LIMITS.header_bytes - (len(b"/echo") + len(start.partition(b"\r\n")[2]) + len(b"\r\n"))
    assert talk(start + b"y" * room + b"\r\n\r\n").codes() == [(200, "")]
    assert talk(start + b"y" * (room + 1) + b"\r\n\r\n").codes() == [(431, "headers_too_large")]


def test_headers_up_to_the_count_are_let_in_and_past_it_refused() -> None:
    assert talk(GET + b"A: b\r\n" * 19 + b"\r\n").codes() == [(200, "")]
    assert talk(GET + b"A: b\r\n" * 20 + b"\r\n").codes() == [(431, "headers_too_large")]


@pytest.mark.parametrize(
    "start", [GET + b"X: ", b"GET /", POST + CHUNKED + b"1\r\na\r\n0\r\nX: ", POST + CHUNKED + b"1;"]
)
def test_a_line_without_end_is_refused_before_it_is_kept(start: bytes) -> None:
    within = talk(start, *[b"y" * 1024] * 3)
    assert (within.answers, within.ended) == ([], False)
    assert talk(start, *[b"y" * 1024] * 5).codes() == [(431, "headers_too_large")]


def test_a_large_body_in_many_pieces_is_no_large_head() -> None:
    pieces = [b"%x\r\n%s\r\n" % (1024, b"z" * 1024)] * 20
    assert talk(POST + CHUNKED, *pieces, b"0\r\n\r\n").codes() == [(200, "")]
    assert talk(POST + b"Content-Length: 20480\r\n\r\n", *[b"z" * 1024] * 20).codes() == [(200, "")]

    assert talk(POST + b"Content-Length: 5000\r\n\r\n" + b"z" * 5000 + GET, b"\r\n").codes() == [(200, ""), (200, "")]


def test_a_body_may_go_on_after_its_answer_but_not_for_long() -> None:
    eager = b"POST /eager HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n"
    assert talk(eager, bytes(9_000)).ended is False
    cut = talk(eager, bytes(9_000), bytes(2_000), LAST)
    assert (cut.codes(), cut.ended) == ([(200, "")], True)
    short = eager.replace(b"20000", b"4")
    assert talk(short, b"ab", b"cd", LAST).codes() == [(200, ""), (200, "")]


@pytest.mark.parametrize("plus", [b"+", b"%2B", b"%2b"])
def test_a_number_in_a_path_comes_with_either_plus(plus: bytes) -> None:
    said = talk(b"GET /phone-numbers/%s13612738809/?a=%%2B+ HTTP/1.1\r\nHost: a\r\n\r\n" % plus)
    assert said.paths == ["/phone-numbers/+13612738809/"]


def test_http_1_0_is_answered_and_closed() -> None:
    said = talk(b"GET /echo HTTP/1.0\r\n\r\n")
    assert (said.codes(), said.ended) == ([(200, "")], True)
