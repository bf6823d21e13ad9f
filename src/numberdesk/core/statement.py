"""Statements: the months of an account, how each opens and closes, and the calls that a line is made of.

Touches: nothing.

A line of the wallet belongs to the month in which it was posted, and to none before that of the line before it: where a
clock was set back, the lines stay in their order. So a month is a stretch of the wallet's entries, and each opens where
the one before closed, whatever clocks did.

Months are of UTC unless the account has another zone. A month ends as the next one begins in its own zone, and the next
one begins there, of whichever zone it is: so a zone that is set from the next month on moves no edge of a month that
has begun, and no instant is in two months or in none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final, NamedTuple

from numberdesk.core.call_record import Direction
from numberdesk.core.periods import from_datetime, to_datetime
from numberdesk.core.rating import CallRate

_MONTH: Final = re.compile(r"(?P<year>[0-9]{4})-(?P<month>0[1-9]|1[0-2])", re.ASCII)
_FIRST_YEAR: Final = 1970


class Zone(NamedTuple):
    """A time zone: its name, like Europe/Berlin, and its rules."""

    name: str
    rules: tzinfo


UTC_ZONE: Final = Zone("UTC", UTC)


class ZoneChange(NamedTuple):
    """The zone that an account's months are of, from that of a name on, like 2026-03."""

    from_month: str
    time_zone: str


class Month(NamedTuple):
    """A month, by the instants at which it begins and at which the next one does, and the zone that it is of."""

    begins_at: int
    ends_at: int
    number: int
    zone: Zone = UTC_ZONE

    @property
    def name(self) -> str:
        """Its year and number, like 2026-03."""
        return month_name(self.number)


class AccountMonths:
    """The months of an account, whose zone may change from a month on."""

    def __init__(self, changes: Iterable[tuple[int, Zone]] = ()) -> None:
        """`changes` are the numbers of the months from which zones are those of months, and the zones."""
        self._changes = sorted(changes, key=lambda change: change[0], reverse=True)

    def zone_of(self, number: int) -> Zone:
        """The zone of a month."""
        return next((zone for since, zone in self._changes if since <= number), UTC_ZONE)

    def numbered(self, number: int) -> Month:
        """A month by its number, which counts from that in which the year 0 would begin."""
        return Month(self._begin(number), self._begin(number + 1), number, self.zone_of(number))

    def month_of(self, instant: int) -> Month:
        """The month that an instant lies in."""
        moment = to_datetime(instant)
        number = moment.year * 12 + moment.month - 1  # in UTC, from which no zone is a month away
        while instant < self._begin(number):
            number -= 1
        while instant >= self._begin(number + 1):
            number += 1
        return self.numbered(number)

    def _begin(self, number: int) -> int:
        """When a month begins: as the one before ends, at midnight in the zone of that."""
        year, month0 = divmod(number, 12)
        return from_datetime(datetime(year, month0 + 1, 1, tzinfo=self.zone_of(number - 1).rules))


_OF_UTC: Final = AccountMonths()


def month_of(instant: int) -> Month:
    """The month of UTC that an instant lies in."""
    return _OF_UTC.month_of(instant)


def month_number(text: str) -> int | None:
    """The number of the month of a name like 2026-03; None for what is none."""
    written = _MONTH.fullmatch(text)
    if written is None or not _FIRST_YEAR <= int(written["year"]) < 9999:  # noqa: PLR2004  the last that has a next one
        return None
    return int(written["year"]) * 12 + int(written["month"]) - 1


def month_name(number: int) -> str:
    """The name of a month, like 2026-03."""
    year, month0 = divmod(number, 12)
    return f"{year:04}-{month0 + 1:02}"


def set_zone(
    changes: Sequence[ZoneChange], months: AccountMonths, time_zone: str, now: int
) -> tuple[str, list[ZoneChange]]:
    """The first month that a zone which is set `now` is that of, and all changes with it; `changes` are in order.

    What was set before and has not come yet is set no more.
    """
    following = month_name(months.month_of(now).number + 1)
    kept = [one for one in changes if one.from_month < following]
    if time_zone != (kept[-1].time_zone if kept else UTC_ZONE.name):
        return following, [*kept, ZoneChange(following, time_zone)]
    return following, kept


def parse_month(text: str) -> Month | None:
    """The month of UTC of a name like 2026-03; None for what is none."""
    number = month_number(text)
    return None if number is None else _OF_UTC.numbered(number)


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
