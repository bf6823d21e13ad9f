"""A file that keeps what happened at the simulated carriers: lines of JSON, one for each change, only added to.

Touches: files.

A line is in the file before the answer to its request leaves, and costs the same however long the file is; a
file that is replaced as a whole would be written anew at every purchase. A process that is killed loses nothing,
a machine that loses power may lose the last lines: it is a mock. A last line that is not whole is cut off.
Faults, settings and what was searched for are not kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from carrier_mock.changes import Change, UnreadableChangeError, from_line, to_line

_FORMAT: Final = 1


class JournalError(Exception):
    """The file cannot be used; the text says why."""


class Journal:
    """The file of one mock. It belongs to one inventory, which `seed` and `numbers` make."""

    def __init__(self, path: Path, *, seed: int, numbers: int) -> None:
        """Open or begin the file. Raises JournalError."""
        self._path = path
        self._head = msgspec.json.encode({"format": _FORMAT, "seed": seed, "numbers": numbers}) + b"\n"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = path.open("ab+", buffering=0)
            self._check_head()
        except OSError as error:
            raise JournalError(f"{path}: {error.strerror or error}") from None

    def changes(self) -> Iterator[Change]:
        """What the file holds. Raises JournalError for a line in it that is no change."""
        end = len(self._head)
        with self._path.open("rb") as file:
            file.seek(end)
            for number, line in enumerate(file, start=2):
                if not line.endswith(b"\n"):
                    break
                try:
                    yield from_line(line)
                except UnreadableChangeError as error:
                    raise JournalError(f"{self._path}, line {number}: {error}") from None
                end += len(line)
        os.truncate(self._path, end)

    def record(self, change: Change) -> None:
        """Add a change."""
        self._write(to_line(change))

    def clear(self) -> None:
        """Forget everything."""
        os.truncate(self._path, len(self._head))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _check_head(self) -> None:
        size = os.fstat(self._file.fileno()).st_size
        with self._path.open("rb") as file:
            head = file.readline()
        if size == 0 or not head.endswith(b"\n"):
            os.truncate(self._path, 0)
            self._write(self._head)
        elif head != self._head:
            self._file.close()
            raise JournalError(f"{self._path} belongs to other numbers: {_said(head)}; this is {_said(self._head)}")

    def _write(self, data: bytes) -> None:
        left: Any = memoryview(data)
        while left:
            left = left[self._file.write(left) :]


def _said(head: bytes) -> str:
    return head.decode("utf-8", "replace").strip()[:200]
