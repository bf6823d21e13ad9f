"""The signals that end a command in order: SIGTERM and SIGINT.

Touches: environment, clock.
"""

from __future__ import annotations

import signal
import time
from typing import Final

_LOOK_SECONDS: Final = 0.05


class StopSignal:
    """Whether this process was told to stop.

    A handler may interrupt its own process anywhere, also in the middle of waiting for it, so it takes
    no lock: an event of `threading` would wait for itself there, for ever.
    """

    def __init__(self) -> None:
        self._told = False

    def note(self, *_: object) -> None:
        """A signal has come."""
        self._told = True

    def is_set(self) -> bool:
        """Whether one has come."""
        return self._told

    def wait(self) -> None:
        """Until one has come."""
        while not self._told:
            time.sleep(_LOOK_SECONDS)


def stop_on_signals() -> StopSignal:
    """From now on SIGTERM and SIGINT end this process in order; what is returned tells whether one has come."""
    told = StopSignal()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told.note)
    return told
