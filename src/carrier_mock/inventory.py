"""What can be bought: numbers on the shelves of their places, less those that are held or withdrawn.

Touches: nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from carrier_mock.digits import DigitIndex, Match
from carrier_mock.model import Kind, Place


class Query(NamedTuple):
    """What is searched for. `wants` is asked once for a place; `named` when digits or an area code were given.

    A `kind` or `country` of None is any; numbers that are hidden are of any kind.
    """

    country: str | None
    kind: Kind | None
    match: Match
    named: bool = False
    wants: Callable[[Place], bool] = lambda _place: True


class Found(NamedTuple):
    """A number for sale, and where it is."""

    e164: str
    place: Place


class Inventory:
    """Every number there is, and whether it can be bought. E.164 outside, digits inside."""

    def __init__(self) -> None:
        self._shelves: dict[Place, DigitIndex] = {}
        self._places: dict[str, Place] = {}
        self._gone: set[str] = set()

    def __len__(self) -> int:
        return len(self._places)

    def stock(self, numbers: Iterable[Found]) -> None:
        """Add numbers; those that are known already stay as they are."""
        by_place: dict[Place, list[str]] = {}
        for e164, place in numbers:
            digits = e164.removeprefix("+")
            if digits not in self._places:
                self._places[digits] = place
                by_place.setdefault(place, []).append(digits)
        for place, added in by_place.items():
            self._shelves.setdefault(place, DigitIndex()).add_all(added)

    def place(self, e164: str) -> Place | None:
        """Where a number is; None when it is unknown."""
        return self._places.get(e164.removeprefix("+"))

    def is_for_sale(self, e164: str) -> bool:
        """Whether it can be bought."""
        digits = e164.removeprefix("+")
        return e164.startswith("+") and digits in self._places and digits not in self._gone

    def take(self, e164: str) -> None:
        """From now on it cannot be bought."""
        self._gone.add(e164.removeprefix("+"))

    def put_back(self, e164: str) -> None:
        """It can be bought again."""
        self._gone.discard(e164.removeprefix("+"))

    def offers(self, country: str) -> frozenset[Kind]:
        """The types that a country has, sold out or not."""
        return frozenset(place.kind for place in self._shelves if place.country == country and not place.hidden)

    def calling_code(self, country: str) -> str | None:
        """What a country's numbers begin with; None for a country without numbers."""
        return next((place.calling_code for place in self._shelves if place.country == country), None)

    def search(self, query: Query, limit: int) -> list[Found]:
        """Numbers for sale, from all places in turn."""
        return list(islice(self._in_turn(query), limit))

    def for_sale(self) -> Iterator[Found]:
        """Everything that can be bought and is not hidden."""
        return self._in_turn(Query(None, None, Match()))

    def _in_turn(self, query: Query) -> Iterator[Found]:
        streams = deque((place, self._shelves[place].matching(query.match)) for place in self._wanted(query))
        while streams:
            place, stream = streams.popleft()
            for digits in stream:
                if digits not in self._gone:
                    yield Found(f"+{digits}", place)
                    streams.append((place, stream))
                    break

    def _wanted(self, query: Query) -> list[Place]:
        return [
            place
            for place in self._shelves
            if query.country in (None, place.country)
            and (query.named if place.hidden else query.kind in (None, place.kind))
            and query.wants(place)
        ]
