"""Statements: the months of an account, how each opens and closes, and the calls that a line is made of.

Touches: nothing.

A line of the wallet belongs to the month in which it was posted, in UTC, and to none before that of the line before it:
where a clock was set back, the lines stay in their order. So a month is a stretch of the wallet's entries, and each
opens where the one before closed, whatever clocks did.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from numberdesk.core.call_record import Direction
from numberdesk.core.periods import add_months, from_datetime, to_datetime
from numberdesk.core.rating import CallRate
from numberdesk.core.spending import month_begin

_MONTH: Final = re.compile(r"(?P<year>[0-9]{4})-(?P<month>0[1-9]|1[0-2])", re.ASCII)
_FIRST_YEAR: Final = 1970


class Month(NamedTuple):
    """A month of UTC, by the instants at which it begins and at which the next one does."""

    begins_at: int
    ends_at: int

    @property
    def name(self) -> str:
        """Its year and number, like 2026-03."""
        return f"{to_datetime(self.begins_at):%Y-%m}"

    def before(self) -> Month:
        """The month before."""
        return Month(add_months(self.begins_at, -1), self.begins_at)


def month_of(instant: int) -> Month:
    """The month that an instant lies in."""
    begin = month_begin(instant)
    return Month(begin, add_months(begin, 1))


def parse_month(text: str) -> Month | None:
    """The month of a name like 2026-03; None for what is none."""
    written = _MONTH.fullmatch(text)
    if written is None or not _FIRST_YEAR <= int(written["year"]) < 9999:  # noqa: PLR2004  the last that has a next one
        return None
    first = to_datetime(0).replace(year=int(written["year"]), month=int(written["month"]))
    return month_of(from_datetime(first))


LATEST: Final = from_datetime(to_datetime(0).replace(year=9999))
"""An instant before which every month has a next one: nothing that is told of lies beyond it."""


STRETCH: Final = 500
"""Entries of a wallet whose sums by kind are kept, the first from 1. A migration has it in writing too."""


class StatementEdges(NamedTuple):
    """How a month of an account opens and closes, in micros: the wallet's entries from `first` to `last`, if any."""

    first: int
    last: int
    opening: int
    closing: int
    owed_opening: int
    owed_closing: int

    @property
    def lines(self) -> int:
        """How many lines the wallet has in it."""
        return self.last - self.first + 1


class KindTotal(NamedTuple):
    """What the lines of a kind come to in a month of the wallet, in micros, with their sign."""

    kind: str
    lines: int
    amount: int


class CarriedCalls(NamedTuple):
    """Calls of one number, direction, day and rate that a transfer carries; `amount` is its share of their charges."""

    transfer_id: str
    e164: str
    direction: Direction
    day: int
    rate: CallRate
    calls: int
    seconds: int
    billed: int
    amount: int


class UsageSum(NamedTuple):
    """What charged calls come to: of a number, a day or month that begins then, or all; amounts in micros."""

    e164: str | None
    begins_at: int | None
    calls: int
    seconds: int
    billed: int
    amount: int
    owed: int

    @property
    def place(self) -> str:
        """Where it stands in a list of sums."""
        return f"{self.e164 or ''}.{self.begins_at or 0}"
