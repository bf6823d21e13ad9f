"""Whose turn is next, where several parties share a few places: one after the other, however much one of them asks.

Touches: nothing.

A party has so many places at most, so that another finds one free or is the next to get one. Of those that wait the
parties take turns, not the askers: whoever has many waiting gets one place in each round, like everybody else.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from enum import Enum, auto
from typing import Generic, NamedTuple, TypeVar

Asker = TypeVar("Asker")
"""Who waits: whatever the caller knows it by again."""


class TurnAnswer(Enum):
    """What became of asking for a turn."""

    NOW = auto()
    LATER = auto()
    TOO_MANY = auto()


class GivenTurn(NamedTuple, Generic[Asker]):
    """A place that has become free and is this asker's now."""

    party: str | None
    asker: Asker


class Turns(Generic[Asker]):
    """So many places `at_once`, of which a party has `each` at most, while `waiting` of its askers wait.

    The party None is the house: its askers take turns as others do, but are never too many.
    """

    def __init__(self, *, at_once: int, each: int, waiting: int) -> None:
        self._at_once = at_once
        self._each = each
        self._most_waiting = waiting
        self._taken: Counter[str | None] = Counter()
        self._waiting: OrderedDict[str | None, deque[Asker]] = OrderedDict()

    @property
    def taken(self) -> int:
        """Places that are taken."""
        return self._taken.total()

    @property
    def waiting(self) -> int:
        """Askers that wait."""
        return sum(map(len, self._waiting.values()))

    def has_room(self, party: str | None) -> bool:
        """Whether an asker of this party would not be too many now."""
        return self._is_free(party) or party is None or len(self._waiting.get(party, ())) < self._most_waiting

    def has_its_share(self, party: str | None) -> bool:
        """Whether a party has as many places as it can have."""
        return self._taken[party] >= self._each

    def ask(self, party: str | None, asker: Asker) -> TurnAnswer:
        """Take a place, or wait for one. Every place that was taken has to be given back by `end`."""
        if self._is_free(party):
            self._taken[party] += 1
            return TurnAnswer.NOW
        if not self.has_room(party):
            return TurnAnswer.TOO_MANY
        self._waiting.setdefault(party, deque()).append(asker)
        return TurnAnswer.LATER

    def leave(self, party: str | None, asker: Asker) -> bool:
        """Wait no longer. False when the asker was not waiting any more: its place was given to it."""
        askers = self._waiting.get(party, deque())
        if asker not in askers:
            return False
        askers.remove(asker)
        if not askers:
            del self._waiting[party]
        return True

    def end(self, party: str | None) -> GivenTurn[Asker] | None:
        """Give a place back. Returns who has it now, or None when nobody waits who may have it."""
        self._taken[party] -= 1
        if not self._taken[party]:
            del self._taken[party]
        for following in self._waiting:
            if not self.has_its_share(following):
                return self._give(following)
        return None

    def _give(self, following: str | None) -> GivenTurn[Asker]:
        askers = self._waiting.pop(following)
        asker = askers.popleft()
        if askers:
            self._waiting[following] = askers  # behind all others
        self._taken[following] += 1
        return GivenTurn(following, asker)

    def _is_free(self, party: str | None) -> bool:
        return self.taken < self._at_once and not self.has_its_share(party)
