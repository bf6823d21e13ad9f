"""A refusal as bytes on the wire, for requests that never reach the application.

Touches: nothing.
"""

from __future__ import annotations

from http import HTTPStatus

from numberdesk.api.errors import failure
from numberdesk.core.errors import NumberdeskError


def refusal(error: NumberdeskError, request_id: str, headers: list[tuple[bytes, bytes]]) -> bytes:
    """A whole HTTP/1.1 response with the envelope of `error` and `headers`, which says that the connection ends.

    `request_id` must be visible ASCII.
    """
    status, extra, body = failure(error, request_id)
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode(),
        *(b"%s: %s" % header for header in headers),
        *(f"{name}: {value}".lower().encode() for name, value in extra.items()),
        b"content-type: application/json",
        b"content-length: %d" % len(body),
        b"x-request-id: %s" % request_id.encode(),
        b"connection: close",
    ]
    return b"\r\n".join([*lines, b"", body])
