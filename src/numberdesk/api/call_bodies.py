"""Bodies with call records: a JSON array or a record a line, plain or gzip, within bounds.

Touches: files, threads.

What is wrong with the body as a whole refuses the request; what is wrong with one record is that record's outcome.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import Annotated, Any, Final

import msgspec
from starlette.types import Receive

from numberdesk.api.endpoint import JSON
from numberdesk.api.request_body import Headers, body_pieces
from numberdesk.api.shapes import E164, parse_json, stated
from numberdesk.core.call_record import (
    FIELDS,
    LONGEST_CALL_ID,
    LONGEST_DISPOSITION,
    LONGEST_LEG,
    LONGEST_OTHER,
    MOST_SECONDS,
    BadRecord,
    CallRecord,
    Direction,
    read_records,
)
from numberdesk.core.errors import BodyTooLarge, InvalidRequest, UnsupportedMediaType
from numberdesk.core.text import VISIBLE_ASCII

__all__ = [
    "JSON",
    "LINES",
    "MOST_SENT",
    "CallRecordBody",
    "ReceivedBody",
    "read_calls",
    "received",
    "require_calls",
    "require_few",
    "unpacked",
]

LINES: Final = "application/x-ndjson"
MOST_SENT: Final = 10_000
"""Records of one request."""

ReceivedBody = SpooledTemporaryFile[bytes]
"""A body that has arrived whole and was not looked at."""

_GZIP: Final = 31  # zlib's word for the format
_MOST_IN_MEMORY: Final = 65_536
_CAMEL: Final = {re.sub(r"_(.)", lambda found: found[1].upper(), name): name for name in FIELDS if "_" in name}

_Name = stated(pattern=VISIBLE_ASCII)
_Instant = stated(format="date-time")


class CallRecordBody(msgspec.Struct, frozen=True):
    """A finished call, as the document tells of it; core/call_record.py reads what is sent.

    Instants may also be seconds since 1970. Other fields are ignored; one that looks like a slip is refused, in its
    record alone.
    """

    call_id: Annotated[str, _Name, stated(minLength=1, maxLength=LONGEST_CALL_ID)]
    direction: Direction
    phone_number: E164
    started_at: Annotated[str, _Instant]
    leg: Annotated[str, stated(maxLength=LONGEST_LEG)] = ""
    other: Annotated[str, stated(maxLength=LONGEST_OTHER)] = ""
    answered_at: Annotated[str, _Instant] | None = None
    ended_at: Annotated[str, _Instant] | None = None
    seconds: Annotated[int, stated(minimum=0, maximum=MOST_SECONDS)] | None = None
    disposition: Annotated[str, stated(maxLength=LONGEST_DISPOSITION)] = ""


async def read_calls(
    headers: Headers, body: ReceivedBody, limit: int, source: str, now: int
) -> list[CallRecord | BadRecord]:
    """The records of a body, read in a thread of its own. Raises BodyTooLarge and InvalidRequest."""
    return await asyncio.to_thread(
        lambda: read_records(_documents(headers, unpacked(headers, body, limit)), source, now)
    )


def _documents(headers: Headers, raw: bytes) -> list[Any]:
    if _media_type(headers) == LINES:
        lines = _lines(raw)
        return [_in_our_names(_line(line)) for line in lines]
    document = parse_json(raw)
    if not isinstance(document, list):
        raise InvalidRequest("body", "must be a JSON array of call records")
    require_few(len(document))
    return [_in_our_names(record) for record in document]


def require_calls(headers: Headers) -> None:
    """Refuse a body that is no list of records before it is received. Raises UnsupportedMediaType."""
    if _media_type(headers) not in (JSON, LINES):
        raise UnsupportedMediaType(f"Send records with Content-Type: {JSON} or {LINES}.")


def _media_type(headers: Headers) -> str:
    return headers.get(b"content-type", b"").lower().partition(b";")[0].strip().decode("latin-1")


@asynccontextmanager
async def received(headers: Headers, receive: Receive, limit: int) -> AsyncIterator[ReceivedBody]:
    """A body as it was sent, packed or not, which is gone at the end of the `with`. Raises BodyTooLarge.

    It is taken in before its turn to be worked on: who sends slowly keeps nobody waiting. A long one is on disk.
    """
    if headers.get(b"content-encoding", b"identity").lower() not in (b"identity", b"gzip"):
        raise UnsupportedMediaType("Send the body as it is, or with Content-Encoding: gzip.")
    size = 0
    with SpooledTemporaryFile(_MOST_IN_MEMORY) as body:
        async for piece in body_pieces(receive):
            size += len(piece)
            if size > limit:
                raise BodyTooLarge(details={"limit_bytes": limit})
            body.write(piece)
        body.seek(0)
        yield body


def unpacked(headers: Headers, body: ReceivedBody, limit: int) -> bytes:
    """What a body says; refused as soon as it is larger than the limit. Raises BodyTooLarge and InvalidRequest."""
    if headers.get(b"content-encoding", b"identity").lower() == b"identity":
        return body.read()
    unpacker = zlib.decompressobj(_GZIP)
    pieces: list[bytes] = []
    size = 0
    while piece := body.read(_MOST_IN_MEMORY):
        plain = _unpacked(unpacker, piece, limit - size + 1)
        size += len(plain)
        if size > limit:
            raise BodyTooLarge(details={"limit_bytes": limit})
        pieces.append(plain)
    if not unpacker.eof:
        raise InvalidRequest("body", "ends before its gzip does")
    return b"".join(pieces)


def _unpacked(unpacker: Any, piece: bytes, most: int) -> bytes:
    try:
        plain: bytes = unpacker.decompress(piece, most)
    except zlib.error:
        raise InvalidRequest("body", "is not gzip") from None
    return plain


def _lines(raw: bytes) -> list[bytes]:
    """The lines that say something, of which there may be few: counted before any is read."""
    require_few(sum(1 for line in BytesIO(raw) if line.strip()))
    return [line for line in BytesIO(raw) if line.strip()]


def _line(line: bytes) -> Any:
    """A record, or nothing that could be one: its line's own outcome."""
    try:
        return parse_json(line)
    except InvalidRequest:
        return None


def _in_our_names(record: Any) -> Any:
    """A record whose fields are spelt as ours; one that is there in two spellings is no field of ours."""
    if not isinstance(record, dict) or _CAMEL.keys().isdisjoint(record):
        return record
    return {
        _CAMEL[name] if name in _CAMEL and _CAMEL[name] not in record else name: value for name, value in record.items()
    }


def require_few(count: int) -> None:
    """Refuse more records than a request may have. Raises InvalidRequest."""
    if count > MOST_SENT:
        raise InvalidRequest("body", f"must have at most {MOST_SENT:,} records, not {count:,}")
