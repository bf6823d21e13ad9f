"""A deadline that stands still while this side does not read.

Touches: network, clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.flow_control import FlowControl


class Deadline:
    """Calls `late` once, some seconds after `start` that were not held. Off until then."""

    __slots__ = ("_late", "_left", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, late: Callable[[], None]) -> None:
        self._loop = loop
        self._late = late
        self._timer: asyncio.TimerHandle | None = None
        self._left: float | None = None  # seconds, while held

    def start(self, seconds: float, *, held: bool) -> None:
        """Start, or do nothing when already on."""
        if self._timer is None and self._left is None:
            self._left = seconds
            if not held:
                self.go_on()

    def hold(self) -> None:
        """Stand still; the seconds left are kept."""
        if self._timer is not None:
            self._left = self._timer.when() - self._loop.time()
            self._timer.cancel()
            self._timer = None

    def go_on(self) -> None:
        """Run again after `hold`, with the seconds that were left."""
        if self._left is not None:
            self._timer = self._loop.call_later(max(self._left, 0), self._late)
            self._left = None

    def extend(self, seconds: float) -> None:
        """Give more time, when on."""
        if self._left is not None:
            self._left += seconds
        elif self._timer is not None:
            when = self._timer.when() + seconds
            self._timer.cancel()
            self._timer = self._loop.call_at(when, self._late)

    def stop(self) -> None:
        """Turn off; `start` begins anew."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._left = None


class HoldingFlow(FlowControl):
    """Flow control that holds `deadline` while reading is paused."""

    def __init__(self, transport: asyncio.Transport, deadline: Deadline) -> None:
        super().__init__(transport)
        self._deadline = deadline

    def pause_reading(self) -> None:
        """Read no more, and do not blame the client for it."""
        super().pause_reading()
        self._deadline.hold()

    def resume_reading(self) -> None:
        """Read on. Called for each receive of the application, mostly without effect."""
        if self.read_paused:
            super().resume_reading()
            self._deadline.go_on()
