"""Put numbers that were there before the index of trigrams into it, a bounded step at a time.

Touches: database.

How far it has come is written in the same transaction, so whoever comes after a crash goes on there. Numbers that are
made meanwhile are put into it at once or by a later step, never twice; until it is done searches walk.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from numberdesk.catalog.trigram_store import Fill, fill_next, is_filled
from numberdesk.infra.db import Tx

MOST_PER_STEP: Final = 1000
"""Numbers put into the index in one step: bounds how long a purchase waits behind it."""


class FillTrigrams(NamedTuple):
    """One step, over at most `limit` numbers."""

    limit: int = MOST_PER_STEP


class TrigramsFilled(NamedTuple):
    """How many numbers have been put into the index so far, and whether another step is needed.

    None says that there was nothing to do.
    """

    filled: int | None
    left: bool


def fill_trigrams(tx: Tx, commands: Sequence[FillTrigrams]) -> list[TrigramsFilled]:
    """The write flow: goes on after the number at which the step before ended."""
    steps: list[Fill | None] = [fill_next(tx, command.limit) for command in commands]
    left = not is_filled(tx)
    return [TrigramsFilled(None if step is None else step.filled, left) for step in steps]
