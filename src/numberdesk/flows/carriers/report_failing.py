"""Have operators told that a carrier has begun to fail, beside whatever was asked of it.

Touches: database.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Final

from numberdesk.core.errors import Overloaded, RateLimited
from numberdesk.flows.tell_operators import CarrierFailing, tell_failing
from numberdesk.infra.failures import StorageFailedError
from numberdesk.infra.log import get_log
from numberdesk.infra.writer import Writer

_WHY: Final = "five {of} in a row came to nothing; it is left alone for a while"


class FailingReports:
    """Called by clients of carriers; nobody waits for it, and what cannot be written now is in the log alone."""

    def __init__(self, writer: Writer, now: Callable[[], int]) -> None:
        self._writer = writer
        self._now = now
        self._running: set[asyncio.Task[None]] = set()

    def __call__(self, carrier: str, of: str) -> None:
        """Write the event in a task of its own, which no request is the cause of."""
        story = self._tell(CarrierFailing(carrier, of, _WHY.format(of=of), self._now()))
        task = asyncio.get_running_loop().create_task(story, context=contextvars.Context())
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _tell(self, failing: CarrierFailing) -> None:
        get_log().warning("carrier failing", carrier=failing.carrier, of=failing.of)
        try:
            await self._writer.submit(tell_failing, failing)
        except (Overloaded, RateLimited, StorageFailedError) as error:
            get_log().warning("carrier failing not told", carrier=failing.carrier, reason=str(error))
