"""What forms send: fields, and one file.

Touches: nothing.
"""

from __future__ import annotations

from collections import deque
from typing import Final
from urllib.parse import parse_qsl

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header
from starlette.types import Message, Receive

from numberdesk.api.request_body import Headers, body_pieces, read_body
from numberdesk.core.errors import InvalidRequest, UnsupportedMediaType

_MOST_FIELDS: Final = 200
_LONGEST_FIELD: Final = 4_096
_MOST_PARTS: Final = 20
_URLENCODED: Final = "application/x-www-form-urlencoded"

Form = dict[str, list[str]]
"""The fields of a form: a checkbox that stands several times has several values."""


def parse_fields(text: str, name: str) -> Form:
    """Read fields as forms and query strings have them. Raises InvalidRequest naming `name`."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except (UnicodeDecodeError, ValueError):
        raise InvalidRequest(name, "must be well-formed fields in UTF-8") from None
    found: Form = {}
    for field, value in pairs:
        found.setdefault(field, []).append(value.replace("\r\n", "\n"))
    return found


async def read_form(headers: Headers, receive: Receive, limit: int) -> Form:
    """The fields of a form. Raises BodyTooLarge, UnsupportedMediaType and InvalidRequest."""
    kind, _ = parse_options_header(headers.get(b"content-type", b"").decode("latin-1"))
    if kind != _URLENCODED:
        raise UnsupportedMediaType("Send the form as a browser does.")
    body = await read_body(headers, receive, limit)
    try:
        return parse_fields(body.decode("ascii"), "body")
    except UnicodeDecodeError:
        raise InvalidRequest("body", "must be a form in UTF-8") from None


class Upload:
    """A form whose last field is a file, read as it arrives: the file is passed on and never kept whole."""

    def __init__(self, headers: Headers, receive: Receive) -> None:
        kind, options = parse_options_header(headers.get(b"content-type", b"").decode("latin-1"))
        if kind != "multipart/form-data" or not options.get("boundary"):
            raise UnsupportedMediaType("Send the file by the form.")
        self.fields: Form = {}
        self.file_name = ""
        self._parser = PushMultipartParser(options["boundary"], max_segment_count=_MOST_PARTS)
        self._pieces = body_pieces(receive)
        self._waiting: deque[bytes] = deque()
        self._segment: MultipartSegment | None = None
        self._value = bytearray()
        self._in_file = self._ended = False

    async def begin(self, file_field: str) -> None:
        """Read the fields that stand before the file. Raises InvalidRequest where there is no file."""
        while not self._in_file and not self._ended:
            await self._step()
        if not self._in_file or self._segment is None or self._segment.name != file_field or not self.file_name:
            raise InvalidRequest(file_field, "must be chosen")

    async def receive(self) -> Message:
        """The next piece of the file, as if it were the body of a request."""
        while not self._waiting and not self._ended and self._in_file:
            await self._step()
        body = self._waiting.popleft() if self._waiting else b""
        return {"type": "http.request", "body": body, "more_body": bool(body)}

    async def _step(self) -> None:
        try:
            piece = await anext(self._pieces)
        except StopAsyncIteration:
            self._ended = True
            return
        try:
            for found in self._parser.parse(piece) if piece else ():
                self._take(found)
        except MultipartError:
            raise InvalidRequest("file", "did not arrive as browsers send files") from None

    def _take(self, found: MultipartSegment | bytearray | bytes | None) -> None:
        if isinstance(found, MultipartSegment):
            self._segment, self._value = found, bytearray()
            if found.filename is not None:
                self._in_file, self.file_name = True, found.filename
        elif found is None:
            self._end_field()
        elif self._in_file:
            self._waiting.append(bytes(found))
        else:
            self._value += found
            if len(self._value) > _LONGEST_FIELD:
                raise InvalidRequest("body", "has a field that is too long")

    def _end_field(self) -> None:
        if self._in_file:
            self._ended = True
        elif self._segment is not None:
            text = self._value.decode("utf-8", "replace")
            self.fields.setdefault(self._segment.name, []).append(text)
