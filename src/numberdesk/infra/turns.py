"""What one transaction takes of what waits for the writer: accounts take turns, and background work leaves room.

Touches: nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, Protocol, TypeVar

MOST_PER_BATCH: Final = 512
"""Commands in one transaction: bounds how long a commit takes and how much is redone when one fails."""

MOST_OF_THE_HOUSE: Final = 16
"""Of these, commands of no account, as renewals by the thousand: whoever buys meanwhile waits for a short commit."""


class Waiting(Protocol):
    """Something that waits, and whose it is; None is the house's."""

    @property
    def account_id(self) -> str | None:
        """The account."""


One = TypeVar("One", bound=Waiting)


def split(backlog: list[One]) -> tuple[list[One], list[One]]:
    """The next batch and what is left, both in the order in which they came.

    Where not all fit, the batch has the first of every account, then the second, and so on. The house is one of them.
    """
    turns = _turns(backlog)
    fitting = [place for place, turn in enumerate(turns) if turn >= 0]
    if len(fitting) == len(backlog) <= MOST_PER_BATCH:
        return backlog, []
    chosen = set(sorted(fitting, key=turns.__getitem__)[:MOST_PER_BATCH])
    batch = [waiting for place, waiting in enumerate(backlog) if place in chosen]
    return batch, [waiting for place, waiting in enumerate(backlog) if place not in chosen]


def _turns(backlog: Sequence[Waiting]) -> list[int]:
    """How many of the same account come before each; -1 for what the house has beyond its part."""
    before: Counter[str | None] = Counter()
    turns = []
    for waiting in backlog:
        turn = before[waiting.account_id]
        before[waiting.account_id] += 1
        turns.append(-1 if waiting.account_id is None and turn >= MOST_OF_THE_HOUSE else turn)
    return turns
