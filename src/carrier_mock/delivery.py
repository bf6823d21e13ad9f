"""How an answer goes out, to the byte: whole, never, cut, in drops, far too large.

Touches: clock.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from functools import cache
from http import HTTPStatus
from typing import Final, Protocol

from carrier_mock.exchange import Plan, Response
from carrier_mock.faults import Delivery

HUGE_BYTES: Final = 100_000_000
BOMB_BYTES: Final = 256 << 20
"""Sizes of what is far too large: of a huge answer, and of an unpacked bomb."""

_PIECE: Final = 1 << 20
_GZIP: Final = 31
_EMPTY: Final = (204, 304)


class Sink(Protocol):
    """The connection that an answer goes to."""

    def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    async def drained(self) -> None:
        """Wait until there is room for more."""
        ...

    def close(self) -> None:
        """Send what is left, then end the connection."""
        ...

    def reset(self) -> None:
        """End the connection with a reset, now."""
        ...


def as_bytes(answer: Response, *, close: bool = False, length: int | None = None) -> bytes:
    """An answer on the wire. `length` is what it claims to have, when that is not the truth."""
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {answer.status} {phrase}", *(f"{name}: {value}" for name, value in answer.headers)]
    if answer.status not in _EMPTY:
        lines.append(f"Content-Length: {len(answer.body) if length is None else length}")
    if close:
        lines.append("Connection: close")
    return "\r\n".join((*lines, "", "")).encode("latin-1") + answer.body


async def deliver(plan: Plan, sink: Sink, *, close: bool) -> None:
    """Send a plan's answer as the plan says. `close` ends the connection after it."""
    await asyncio.sleep(plan.wait)
    await _WAYS[plan.delivery](plan, sink, close)


async def _whole(plan: Plan, sink: Sink, close: bool) -> None:  # noqa: FBT001  all ways are called alike
    sink.write(as_bytes(plan.answer, close=close))
    if close:
        sink.close()


async def _never(_plan: Plan, _sink: Sink, _close: bool) -> None:  # noqa: FBT001  as above
    await asyncio.Event().wait()


async def _reset(_plan: Plan, sink: Sink, _close: bool) -> None:  # noqa: FBT001  as above
    sink.reset()


async def _cut_off(plan: Plan, sink: Sink, _close: bool) -> None:  # noqa: FBT001  as above
    data = as_bytes(plan.answer)
    sink.write(data[: len(data) - max(1, len(plan.answer.body) // 2)])
    sink.close()


async def _drip(plan: Plan, sink: Sink, close: bool) -> None:  # noqa: FBT001  as above
    for byte in as_bytes(plan.answer, close=close):
        sink.write(bytes((byte,)))
        await asyncio.sleep(plan.pause)
    if close:
        sink.close()


async def _huge(plan: Plan, sink: Sink, _close: bool) -> None:  # noqa: FBT001  as above
    """The answer's JSON with as many spaces after it as it takes."""
    answer = plan.answer._replace(status=_with_body(plan.answer))
    sink.write(as_bytes(answer, close=True, length=HUGE_BYTES))
    left = HUGE_BYTES - len(answer.body)
    while left:
        piece = min(left, _PIECE)
        sink.write(b" " * piece)
        left -= piece
        await sink.drained()
    sink.close()


async def _bomb(plan: Plan, sink: Sink, _close: bool) -> None:  # noqa: FBT001  as above
    """As many spaces before the answer's JSON, packed."""
    body = bomb(plan.answer.body)
    headers = (*plan.answer.headers, ("Content-Encoding", "gzip"))
    sink.write(as_bytes(Response(_with_body(plan.answer), body, headers), close=True))
    sink.close()


def bomb(content: bytes) -> bytes:
    """A gzip stream of BOMB_BYTES spaces and then the content; some 300 KB."""
    packer, begin, spaces = _fuse()
    rest = packer.compress(content) + packer.flush()
    # The trailer is that of the whole: what was repeated went past the packer only once.
    total = BOMB_BYTES + len(content)
    check = zlib.crc32(content, _check_of_spaces())
    trailer = check.to_bytes(4, "little") + (total % (1 << 32)).to_bytes(4, "little")
    return begin + spaces * (BOMB_BYTES // _PIECE - 1) + rest[:-8] + trailer


def _fuse() -> tuple[zlib._Compress, bytes, bytes]:
    """A packer that has packed a piece twice, with the bytes of both times: the second may be repeated.

    After a full flush a stream goes on without what came before, so that equal pieces become equal bytes.
    """
    packer = zlib.compressobj(level=9, wbits=_GZIP)
    piece = b" " * _PIECE
    begin = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    return packer, begin, again


@cache
def _check_of_spaces() -> int:
    check, piece = 0, b" " * _PIECE
    for _ in range(BOMB_BYTES // _PIECE):
        check = zlib.crc32(piece, check)
    return check


def _with_body(answer: Response) -> int:
    return 200 if answer.status in _EMPTY else answer.status


_WAYS: Final[dict[Delivery, Callable[[Plan, Sink, bool], Awaitable[None]]]] = {
    Delivery.WHOLE: _whole,
    Delivery.NEVER: _never,
    Delivery.RESET: _reset,
    Delivery.CUT_OFF: _cut_off,
    Delivery.DRIP: _drip,
    Delivery.HUGE: _huge,
    Delivery.BOMB: _bomb,
}
