"""The checks of a request's head that the parser leaves to us.

Touches: randomness.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.core.errors import InvalidRequest
from numberdesk.http_server.request_head import (
    Headers,
    head_size,
    refuse_bad_head,
    refuse_websocket,
    without_upgrade,
)

HOST: Headers = [(b"host", b"a")]


@pytest.mark.parametrize("host", [b"a", b"a.b:80", b"127.0.0.1:8000", b"[::1]:8000", b"my_host-1:"])
def test_an_ordinary_host_is_let_in(host: bytes) -> None:
    refuse_bad_head(b"GET", "1.1", b"/x", [(b"host", host)])


@pytest.mark.parametrize("target", [b"/", b"/p/+1361?x=%2B", b"//evil/p", b"/%2B1361"])
def test_any_path_in_ascii_is_let_in(target: bytes) -> None:
    refuse_bad_head(b"GET", "1.1", target, HOST)


def test_http_1_0_needs_no_host() -> None:
    refuse_bad_head(b"GET", "1.0", b"/", [])


@pytest.mark.parametrize(
    ("version", "headers", "reason"),
    [
        ("0.9", HOST, "HTTP/1.1"),
        ("2.0", HOST, "HTTP/1.1"),
        ("1.1", [], "one Host"),
        ("1.1", HOST + HOST, "one Host"),
        ("1.0", HOST + HOST, "one Host"),
        ("1.1", [(b"host", b"")], "malformed Host"),
        ("1.1", [(b"host", b"a/b")], "malformed Host"),
        ("1.1", [(b"host", b"u@a")], "malformed Host"),
        ("1.1", [(b"host", b"[")], "malformed Host"),
        ("1.1", [*HOST, (b"content-length", b"1"), (b"content-length", b"1")], "more than one Content-Length"),
        ("1.1", [*HOST, (b"transfer-encoding", b"chunked"), (b"content-length", b"1")], "both"),
        ("1.1", [*HOST, (b"content-length", b"1"), (b"transfer-encoding", b"chunked")], "both"),
        ("1.1", [*HOST, (b"transfer-encoding", b"gzip, chunked")], "other than chunked"),
        ("1.1", [*HOST, *[(b"transfer-encoding", b"chunked")] * 2], "other than chunked"),
        ("1.0", [*HOST, (b"transfer-encoding", b"chunked")], "before HTTP/1.1"),
    ],
)
def test_a_head_two_readers_could_understand_differently_is_refused(
    version: str, headers: Headers, reason: str
) -> None:
    with pytest.raises(InvalidRequest, match=reason) as refused:
        refuse_bad_head(b"POST", version, b"/", headers)
    assert refused.value.details["field"] == "request"


@pytest.mark.parametrize(
    ("method", "target"),
    [
        (b"GET", b"http://a/x"),
        (b"OPTIONS", b"*"),
        (b"CONNECT", b"a:443"),
        (b"CONNECT", b"/"),
        (b"GET", b"/\xff"),
        (b"GET", b""),
    ],
)
def test_a_target_that_is_no_path_is_refused(method: bytes, target: bytes) -> None:
    with pytest.raises(InvalidRequest, match="path"):
        refuse_bad_head(method, "1.1", target, HOST)


def test_a_websocket_is_refused_and_other_upgrades_are_not() -> None:
    refuse_websocket([(b"upgrade", b"h2c")])
    with pytest.raises(InvalidRequest, match="WebSocket"):
        refuse_websocket([(b"upgrade", b"h2c, WebSocket")])


NAMES = st.sampled_from([b"upgrade", b"host", b"x-a", b"content-length", b"connection"])


@given(st.lists(st.tuples(NAMES, st.binary(max_size=5))))
def test_a_head_without_upgrade_keeps_all_else_in_order(headers: Headers) -> None:
    kept = [header for header in headers if header[0] != b"upgrade"]
    head = without_upgrade(b"POST", b"/x", "1.1", headers)
    assert head == b"POST /x HTTP/1.1\r\n" + b"".join(b"%s: %s\r\n" % header for header in kept) + b"\r\n"
    assert head_size(b"/x", kept) == len(head) - len(b"POST  HTTP/1.1\r\n\r\n")
