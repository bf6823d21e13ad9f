"""Where tests keep their databases: in memory where there is room, for each commit waits for the disk.

Touches: files.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

_MEMORY: Final = Path("/dev/shm")  # noqa: S108  folders of our own are made in it
_DISK: Final = Path("/tmp")  # noqa: S108  the same
_ROOM: Final = 4 * 2**30
"""Bytes that must be free: a few PostgreSQL servers and a hundred small files at once."""


def scratch() -> Path:
    """The folder to make folders in, which every user may pass."""
    usable = _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ROOM
    return _MEMORY if usable else _DISK
