"""What a process tells of its work while it does it, to whoever measures: nobody, unless metrics are on.

Touches: nothing.

Whatever observes gets values and never an account or a number, and all labels have few values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

Labels = tuple[str, ...]
"""Values of labels, in the order of their names."""

Counted = Mapping[tuple[str, ...], int]
"""What a transaction counted: the name of a count and its labels, and how many."""


class Family(NamedTuple):
    """Readings of one moment, under one name, without the prefix. A `total` only goes up while the process lives."""

    name: str
    meaning: str
    labels: tuple[str, ...]
    values: Mapping[Labels, float]
    total: bool = False


class Observer:
    """Is told what is done, and does nothing with it."""

    def purchase(self, result: str, seconds: float) -> None:
        """A purchase was answered."""

    def carrier_request(self, carrier: str, call: str, outcome: str, seconds: float) -> None:
        """A carrier was asked."""

    def batch(self, commands: int, seconds: float, counted: Counted) -> None:
        """So many commands were committed, in a transaction that took so long and counted this."""

    def watch_work(self, kind: str, figures: Any) -> None:
        """The figures of a kind of due work, which go on to be changed."""

    def watch(self, read: Callable[[], list[Family]]) -> None:
        """Read these as well, whenever somebody asks."""


NOBODY: Final = Observer()
