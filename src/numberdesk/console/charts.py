"""Charts that the server draws: bars beside their labels, in an SVG that needs no script, over a table of the same.

Touches: nothing.

Lengths are parts of the width, so that letters are as large on a telephone as on a wide screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from numberdesk.console.rendering import money

_LEFT: Final = 27
_RIGHT: Final = 77
"""Where bars begin and where the longest ends, in hundredths of the width, between labels and values."""

_THICK: Final = 14
_GAP: Final = 10
Value = Decimal | int


class Series(NamedTuple):
    """Values of one kind, one for each label. Those that are not `drawn` stand in the table alone."""

    name: str
    values: Sequence[Value]
    form: str = "count"
    drawn: bool = True

    def text(self, place: int) -> str:
        """A value as people read it."""
        value = self.values[place]
        if self.form == "money":
            return money(Decimal(value))
        return f"{value:,}" + (" %" if self.form == "percent" else "")


class Bar(NamedTuple):
    """A bar: its series, where it begins, how long it is in hundredths of the width, and what it says."""

    series: int
    y: int
    width: str
    text: str


class Chart(NamedTuple):
    """Bars for each label, of each series that is drawn."""

    id: str
    title: str
    first: str
    labels: Sequence[str]
    series: Sequence[Series]
    about: str = ""

    @property
    def left(self) -> int:
        """Where bars begin, in hundredths of the width."""
        return _LEFT

    @property
    def drawn(self) -> list[Series]:
        """The series with bars."""
        return [each for each in self.series if each.drawn]

    @property
    def step(self) -> int:
        """How high the bars of one label are, with what is between them and the next."""
        return _THICK * len(self.drawn) + _GAP

    @property
    def height(self) -> int:
        """How high all of it is."""
        return self.step * len(self.labels)

    @property
    def rows(self) -> list[tuple[str, int, list[Bar]]]:
        """Each label, where it stands, and its bars. What is below zero has no length, and its value all the same."""
        most = max((Decimal(value) for each in self.drawn for value in each.values), default=Decimal(0))
        found = []
        for place, label in enumerate(self.labels):
            top = place * self.step + _GAP // 2
            bars = [
                Bar(number, top + number * _THICK, _length(Decimal(each.values[place]), most), each.text(place))
                for number, each in enumerate(self.drawn)
            ]
            found.append((label, top + _THICK * len(bars) // 2, bars))
        return found

    @property
    def description(self) -> str:
        """What the bars show, for who does not see them."""
        told = [
            f"{each.name}: at most {each.text(place)}, {self.labels[place]}"
            for each in self.drawn
            for place in [max(range(len(self.labels)), key=each.values.__getitem__)]
        ]
        return f"{'; '.join(told)}. The table below has all figures."


def _length(value: Decimal, most: Decimal) -> str:
    return f"{max(value, Decimal(0)) / most * (_RIGHT - _LEFT) if most > 0 else Decimal(0):.2f}"
