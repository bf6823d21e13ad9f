"""Bodies with call records: a JSON array or a record a line, plain or gzip, within bounds.

Touches: nothing.

What is wrong with the body as a whole refuses the request; what is wrong with one record is that record's outcome.
"""

from __future__ import annotations

import re
import zlib
from typing import Annotated, Any, Final

import msgspec
from starlette.types import Receive

from numberdesk.api.endpoint import JSON, Headers, body_pieces
from numberdesk.api.shapes import E164, parse_json, stated
from numberdesk.core.call_record import (
    FIELDS,
    LONGEST_CALL_ID,
    LONGEST_DISPOSITION,
    LONGEST_LEG,
    LONGEST_OTHER,
    MOST_SECONDS,
    Direction,
)
from numberdesk.core.errors import BodyTooLarge, InvalidRequest, UnsupportedMediaType
from numberdesk.core.text import VISIBLE_ASCII

__all__ = ["JSON", "LINES", "MOST_SENT", "CallRecordBody", "read_calls", "read_unpacked"]

LINES: Final = "application/x-ndjson"
MOST_SENT: Final = 10_000
"""Records of one request."""

_GZIP: Final = 31  # zlib's word for the format
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


async def read_calls(headers: Headers, receive: Receive, limit: int) -> list[Any]:
    """The records of a body, as they were written. Raises UnsupportedMediaType, BodyTooLarge and InvalidRequest."""
    media_type = headers.get(b"content-type", b"").lower().partition(b";")[0].strip().decode("latin-1")
    if media_type not in (JSON, LINES):
        raise UnsupportedMediaType(f"Send records with Content-Type: {JSON} or {LINES}.")
    raw = await read_unpacked(headers, receive, limit)
    if media_type == LINES:
        lines = [line for line in raw.split(b"\n") if line.strip()]
        _require_few(len(lines))
        return [_in_our_names(_line(line)) for line in lines]
    document = parse_json(raw)
    if not isinstance(document, list):
        raise InvalidRequest("body", "must be a JSON array of call records")
    _require_few(len(document))
    return [_in_our_names(record) for record in document]


async def read_unpacked(headers: Headers, receive: Receive, limit: int) -> bytes:
    """The body, unpacked; refused as soon as it is larger than the limit, packed or not."""
    encoding = headers.get(b"content-encoding", b"identity").lower()
    if encoding not in (b"identity", b"gzip"):
        raise UnsupportedMediaType("Send the body as it is, or with Content-Encoding: gzip.")
    unpacker = zlib.decompressobj(_GZIP) if encoding == b"gzip" else None
    pieces: list[bytes] = []
    packed = size = 0
    async for piece in body_pieces(receive):
        packed += len(piece)
        plain = piece if unpacker is None else _unpacked(unpacker, piece, limit - size + 1)
        size += len(plain)
        if max(packed, size) > limit:
            raise BodyTooLarge(details={"limit_bytes": limit})
        pieces.append(plain)
    if unpacker is not None and not unpacker.eof:
        raise InvalidRequest("body", "ends before its gzip does")
    return b"".join(pieces)


def _unpacked(unpacker: Any, piece: bytes, most: int) -> bytes:
    try:
        plain: bytes = unpacker.decompress(piece, most)
    except zlib.error:
        raise InvalidRequest("body", "is not gzip") from None
    return plain


def _line(line: bytes) -> Any:
    """A record, or nothing that could be one: its line's own outcome."""
    try:
        return parse_json(line)
    except InvalidRequest:
        return None


def _in_our_names(record: Any) -> Any:
    """A record whose fields are spelt as ours; one that is there in two spellings is no field of ours."""
    if not isinstance(record, dict):
        return record
    return {
        _CAMEL[name] if name in _CAMEL and _CAMEL[name] not in record else name: value for name, value in record.items()
    }


def _require_few(count: int) -> None:
    if count > MOST_SENT:
        raise InvalidRequest("body", f"must have at most {MOST_SENT:,} records, not {count:,}")
