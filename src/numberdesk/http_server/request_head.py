"""What a request line and its headers must be before a request is let in.

Touches: nothing.

The parser (llhttp) already refuses what breaks the grammar: both framings at once, a repeated or odd
Content-Length, folded or control characters, bare line feeds. Here is what it lets through and RFC 9112 or
caution does not: a missing or repeated Host, other transfer codings than chunked, chunked before HTTP/1.1,
targets that are no path, other protocols.
"""

from __future__ import annotations

import re

from numberdesk.core.errors import InvalidRequest

Headers = list[tuple[bytes, bytes]]
"""Names in lower case with their values, in the order sent."""

_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(?::[0-9]{0,5})?")


def refuse_bad_head(method: bytes, version: str, target: bytes, headers: Headers) -> None:
    """Return when the request may be let in. Raises InvalidRequest, field `request`, with the reason."""
    if version not in ("1.1", "1.0"):
        raise invalid("is not HTTP/1.1")
    if method == b"CONNECT" or not target.startswith(b"/") or not target.isascii():
        raise invalid("must name a path that starts with / in ASCII")
    names = [name for name, _ in headers]
    hosts = names.count(b"host")
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        raise invalid("must have one Host header")
    if hosts and not _HOST.fullmatch(headers[names.index(b"host")][1]):
        raise invalid("has a malformed Host header")
    if b"transfer-encoding" in names:
        _refuse_bad_coding(version, names, headers)
    elif names.count(b"content-length") > 1:
        raise invalid("has more than one Content-Length")


def _refuse_bad_coding(version: str, names: list[bytes], headers: Headers) -> None:
    """Two readers that disagree where a chunked body ends can be made to disagree who sent the next request."""
    value = headers[names.index(b"transfer-encoding")][1]
    if names.count(b"transfer-encoding") > 1 or value.strip(b" \t").lower() != b"chunked":
        raise invalid("has a Transfer-Encoding other than chunked")
    if version != "1.1":
        raise invalid("is chunked before HTTP/1.1")
    if b"content-length" in names:
        raise invalid("has both Content-Length and Transfer-Encoding")


def refuse_websocket(headers: Headers) -> None:
    """Return unless a WebSocket is asked for. Raises InvalidRequest.

    Other protocols offered in Upgrade, as h2c is by some clients with every request, may be ignored (RFC 9110, 7.8).
    """
    if any(name == b"upgrade" and b"websocket" in value.lower() for name, value in headers):
        raise invalid("asks for a WebSocket, and there is none")


def without_upgrade(method: bytes, target: bytes, version: str, headers: Headers) -> bytes:
    """The same head as bytes but for its Upgrade header, so that a parser takes the body as a body."""
    lines = [b"%s %s HTTP/%s" % (method, target, version.encode())]
    lines += [b"%s: %s" % header for header in headers if header[0] != b"upgrade"]
    return b"\r\n".join([*lines, b"", b""])


def head_size(target: bytes, headers: Headers) -> int:
    """Bytes of the target and the headers as they were sent, with their colons and line ends."""
    return len(target) + sum(len(name) + len(value) + 4 for name, value in headers)


def invalid(reason: str) -> InvalidRequest:
    """The refusal of a request that is not proper HTTP; `reason` goes on after the word request."""
    return InvalidRequest("request", reason)
