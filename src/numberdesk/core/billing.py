"""What an offer says beside its prices: how long a period is, and how calls are billed.

Touches: nothing.

Both are kept as short texts, of which "" is what holds where nobody said anything: periods of a month, and calls billed
as the usage terms of the number's carrier say.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from numberdesk.core.errors import InvalidRequest
from numberdesk.core.money import MAX_PRICE
from numberdesk.core.periods import MONTHLY, PeriodUnit, Term
from numberdesk.core.rating import Increments, RatingError, Rounding, parse_increments, parse_rounding

MOST_UNITS: Final = 400
"""How many months or days a period has at most."""

YEAR: Final = "year"
"""A unit that is taken for twelve months, and kept as such."""

UNITS: Final = (*(unit.value for unit in PeriodUnit), YEAR)
"""What people may write as the unit of a period."""

_MONTHS_OF_A_YEAR: Final = 12
_DAYS_OF_400_YEARS: Final = 146_097
_MONTHS_OF_400_YEARS: Final = 4_800
_UNSET: Final = "-"
_DECK: Final = "@"
_LONGEST_COUNT: Final = 10


class Billing(NamedTuple):
    """How calls of a number are billed: increments, micros once per answered call, and which way charges are rounded.

    What is None is as the usage terms of its carrier say. `deck` is the rate deck by which outbound calls go, as
    whoever confirmed the prices was told; empty where nothing was told.
    """

    increments: Increments | None = None
    connect: int | None = None
    rounding: Rounding = Rounding.UP
    deck: str = ""

    def completed(self, usual: Billing) -> Billing:
        """The same with what is usual for all that is not said."""
        return Billing(
            self.increments if self.increments is not None else usual.increments,
            self.connect if self.connect is not None else usual.connect,
            self.rounding,
            self.deck,
        )

    @property
    def rank(self) -> tuple[int, int, int, int]:
        """What compares the terms of calls at equal rates, the better ones for a customer first."""
        increments = self.increments or Increments(0, 0)
        return self.connect or 0, increments.minimum, increments.step, self.rounding.rank


UNSAID: Final = Billing()
"""Nobody said how calls are billed, so it is as usual."""


def parse_term(every: int | None, unit: str | None) -> Term:
    """A period as people say it; what is left out is 1, and a month. Raises InvalidRequest."""
    if unit not in (None, *UNITS):
        raise InvalidRequest("period_unit", f"must be one of {', '.join(UNITS)}")
    years = unit == YEAR
    kind = PeriodUnit.MONTH if unit is None or years else PeriodUnit(unit)
    count = (1 if every is None else every) * (_MONTHS_OF_A_YEAR if years else 1)
    if not 0 < count <= MOST_UNITS:
        most = MOST_UNITS // _MONTHS_OF_A_YEAR if years else MOST_UNITS
        raise InvalidRequest("period_every", f"must be from 1 to {most} where the unit is {unit or kind.value}")
    return Term(kind, count)


def parse_count(text: str) -> int | None:
    """How many units a period has, as people write it; None for nothing. Raises InvalidRequest."""
    plain = text.strip()
    if not plain:
        return None
    if not (plain.isascii() and plain.isdecimal() and len(plain) < _LONGEST_COUNT):
        raise InvalidRequest("period_every", "must be a whole number, like 12")
    return int(plain)


def parse_billing(increments: str | None, connect: int | None, rounding: str | None = None) -> Billing:
    """How calls are billed as people say it. Raises InvalidRequest."""
    if connect is not None and not 0 <= connect <= MAX_PRICE:
        raise InvalidRequest("connect_fee", "must not be negative or absurd")
    try:
        by = None if increments is None else parse_increments(increments)
    except RatingError as error:
        raise InvalidRequest("increments", str(error)) from None
    try:
        return Billing(by, connect, Rounding.UP if rounding is None else parse_rounding(rounding))
    except RatingError as error:
        raise InvalidRequest("rounding", str(error)) from None


def kept_term(term: Term) -> str:
    """A period as it is kept: "" for a month, like "12 month" or "28 day"."""
    return "" if term == MONTHLY else f"{term.every} {term.unit.value}"


@lru_cache(maxsize=1024)
def term_of(kept: str) -> Term:
    """The period of a text that `kept_term` made."""
    every, _, unit = kept.partition(" ")
    return Term(PeriodUnit(unit), int(every)) if kept else MONTHLY


def kept_billing(billing: Billing) -> str:
    """How calls are billed as it is kept, like "30/6 50000" or "6/6 - down".

    That is increments, connect fee in micros, the rounding where it is not up, and the deck where there is one, like
    "60/60 0 @retail".
    """
    if billing == UNSAID:
        return ""
    said = [_UNSET if part is None else str(part) for part in (billing.increments, billing.connect)]
    rounding = () if billing.rounding is Rounding.UP else (billing.rounding.value,)
    deck = (_DECK + billing.deck,) if billing.deck else ()
    return " ".join((*said, *rounding, *deck))


@lru_cache(maxsize=1024)
def billing_of(kept: str) -> Billing:
    """The terms of calls of a text that `kept_billing` made."""
    if not kept:
        return UNSAID
    rest, _, deck = kept.partition(" " + _DECK)
    increments, connect, *rounding = rest.split(" ")
    (by,) = map(Rounding, rounding or (Rounding.UP.value,))
    return Billing(
        None if increments == _UNSET else parse_increments(increments),
        None if connect == _UNSET else int(connect),
        by,
        deck,
    )


def told_term(term: Term) -> dict[str, str]:
    """A period as events tell of it."""
    return {"period_unit": term.unit.value, "period_every": str(term.every)}


def length_of(term: Term) -> int:
    """How long periods are on average, in days by 4,800: exact, so that months and days compare."""
    return term.every * (_DAYS_OF_400_YEARS if term.unit is PeriodUnit.MONTH else _MONTHS_OF_400_YEARS)


def in_words(term: Term) -> str:
    """A period as people say it: "month", "12 months", "28 days"."""
    return term.unit.value if term.every == 1 else f"{term.every} {term.unit.value}s"
