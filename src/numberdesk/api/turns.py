"""Turns of requests with call records: few are worked on side by side, as each may hold thousands of records in memory.

Touches: nothing.
"""

from __future__ import annotations

import asyncio
from typing import Final
from weakref import WeakKeyDictionary

AT_ONCE: Final = 2
"""Requests with call records that are worked on side by side."""

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def reading_turn() -> asyncio.Semaphore:
    """What a request waits for, and holds while it reads and records."""
    return _turns.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(AT_ONCE))
