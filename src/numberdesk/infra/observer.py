"""What a process tells of its work while it does it, to whoever measures: nobody, unless metrics are on.

Touches: nothing.

Whatever observes gets values and never an account or a number, and all labels have few values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

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


class ObservedRequest:
    """A request while it is answered. `traceparent` names it to others, where somebody makes traces."""

    traceparent: str = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """The request is over."""

    def answered(self, route: str, status: int) -> None:
        """It was answered, at a path whose ids are left out."""


_UNOBSERVED: Final = ObservedRequest()


class Observer:
    """Is told what is done, and does nothing with it."""

    def request(self, _method: str, _traceparent: str) -> ObservedRequest:
        """A request is being answered; its client may have named what it belongs to (W3C Trace Context)."""
        return _UNOBSERVED

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

    def innermost(self) -> Observer:
        """Whom others that observe pass on to."""
        return self

    def close(self) -> None:
        """Nothing more will be told."""


NOBODY: Final = Observer()
