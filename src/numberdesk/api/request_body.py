"""The body of a request: read as it arrives, and refused as soon as it is too large.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.types import Message, Receive

from numberdesk.core.errors import BodyTooLarge, RequestTimeout

Headers = dict[bytes, bytes]
"""Names in lower case with their values."""


async def read_body(headers: Headers, receive: Receive, limit: int) -> bytes:
    """The body, refused as soon as more than `limit` bytes are announced or sent."""
    announced = headers.get(b"content-length", b"")
    if announced.isdigit() and (len(announced) > 18 or int(announced) > limit):  # noqa: PLR2004
        raise BodyTooLarge(details={"limit_bytes": limit})
    message = await receive()
    if message["type"] == "http.request" and not message["more_body"] and len(message["body"]) <= limit:
        body: bytes = message["body"]  # as most come: whole
        return body
    chunks: list[bytes] = []
    size = 0
    async for chunk in _pieces(receive, message):
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(details={"limit_bytes": limit})
        chunks.append(chunk)
    return b"".join(chunks)


async def body_pieces(receive: Receive) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises RequestTimeout when the client goes, or the server gives it up, before its end."""
    async for piece in _pieces(receive, await receive()):
        yield piece


async def _pieces(receive: Receive, message: Message) -> AsyncIterator[bytes]:
    while message["type"] == "http.request":
        yield message["body"]
        if not message["more_body"]:
            return
        message = await receive()
    raise RequestTimeout
