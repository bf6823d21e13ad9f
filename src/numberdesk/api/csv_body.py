"""CSV files that come as the body of a request.

Touches: files.
"""

from __future__ import annotations

from typing import IO, Final

from starlette.types import Receive

from numberdesk.api.request_body import Headers, body_pieces
from numberdesk.core.errors import BodyTooLarge, UnsupportedMediaType

CSV: Final = "text/csv"


def require_csv(headers: Headers) -> None:
    """Refuse a body that is no CSV before it is received. Raises UnsupportedMediaType."""
    if headers.get(b"content-type", b"").lower().partition(b";")[0].strip() != CSV.encode():
        raise UnsupportedMediaType(f"Send the file with Content-Type: {CSV}.")


async def receive_file(receive: Receive, file: IO[bytes], limit: int) -> int:
    """Write the body to a file, and go to its beginning; its size. Raises BodyTooLarge and RequestTimeout."""
    size = 0
    async for piece in body_pieces(receive):
        size += len(piece)
        if size > limit:
            raise BodyTooLarge(details={"limit_bytes": limit})
        file.write(piece)
    file.seek(0)
    return size
