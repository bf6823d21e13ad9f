"""Send the head of an answer together with its body.

Touches: nothing.

uvicorn writes the two one after the other, which is two system calls and two packets for an
answer that fits into one.
"""

from __future__ import annotations

import asyncio
from typing import Final

_INTERIM: Final = b"HTTP/1.1 1"


class CorkedTransport:
    """What one request's answer is written to. The first write, its head, waits for the second."""

    __slots__ = ("_head", "_open", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head: bytes | None = None
        self._open = False

    def write(self, data: bytes) -> None:
        """Hold the head back, or send it with what follows. `100 Continue` is no head and goes at once."""
        if self._open or data.startswith(_INTERIM):
            self._transport.write(data)
        elif self._head is None:
            self._head = data
        else:
            self._open = True
            self._transport.write(self._head + data)

    def close(self) -> None:
        """Close, and send what was held back."""
        if self._head is not None and not self._open:
            self._open = True
            self._transport.write(self._head)
        self._transport.close()

    def is_closing(self) -> bool:
        """Whether the connection is closing."""
        return self._transport.is_closing()
