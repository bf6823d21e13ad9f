"""Looking on while a file is imported: how far it is, the lines that were left out, and stopping it.

Touches: files.
"""

from __future__ import annotations

import asyncio
import io
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from numberdesk.catalog.reject_file import RejectFile
from numberdesk.views.csv_cells import safe_cell

_IN_MEMORY: Final = 1 << 18
_PIECE: Final = 1 << 16


class ImportStoppedError(Exception):
    """Whoever looked on has stopped the import."""


class ImportWatch:
    """What one import tells. The event loop reads it while the import's thread writes."""

    def __init__(self) -> None:
        self.received = asyncio.Event()
        self.phase, self.done, self.of, self.size = "receive", 0, 0, 0
        self._stopped = False
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  closed by `close`
        weakref.finalize(self, self._file.close)  # or with whoever remembers it, such as a process that ends
        self._text = io.TextIOWrapper(self._file, encoding="utf-8", newline="", write_through=True)
        self.rejects = RejectFile(self._text, written=safe_cell)

    def arrived(self, size: int) -> None:
        """The file is here whole, and waits for its turn."""
        self.phase, self.size = "wait", size
        self.received.set()

    def note(self, phase: str, done: int, of: int) -> None:
        """How far it is: in bytes while lines are checked, then in lines. Raises ImportStoppedError to stop it."""
        if self._stopped:
            raise ImportStoppedError
        self.phase, self.done, self.of = phase, done, of or self.size

    def stop(self) -> None:
        """Let the import end at its next step: what it has saved stays."""
        self._stopped = True

    def rejected(self) -> Iterator[bytes]:
        """The file of rejected lines, once the import has ended."""
        at = 0
        while not self._file.closed:
            self._file.seek(at)
            piece = self._file.read(_PIECE)
            if not piece:
                return
            at += len(piece)
            yield piece

    def close(self) -> None:
        """Forget the rejected lines."""
        self._text.close()


_WATCHED: Final[ContextVar[ImportWatch | None]] = ContextVar("watched import", default=None)


@contextmanager
def watched(watch: ImportWatch) -> Iterator[None]:
    """Let the import within be told to `watch`."""
    token = _WATCHED.set(watch)
    try:
        yield
    finally:
        _WATCHED.reset(token)


def the_watch() -> ImportWatch | None:
    """Whoever looks on here; None where nobody does."""
    return _WATCHED.get()
