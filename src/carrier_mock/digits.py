"""How digits are searched for: Twilio's patterns, Telnyx's parts, and an index that finds them quickly.

Touches: nothing.

A Match has digits that every number it fits contains, for the index, and a function that decides. In the
digits a line break stands for an end of the number.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from numberdesk.core.pattern import KEYPAD, MatchOn, Pattern, Subjects

EDGE: Final = "\n"
"""The end of a number, in the digits of a Match."""

_DIGITS: Final = frozenset("0123456789")
_WILD: Final = {"*": "_", "%": "%"}
_METAS: Final = frozenset("*%+$")
_SHORTEST, _LONGEST = 2, 16
_FEWEST_LITERALS: Final = 2


class Match(NamedTuple):
    """What to look for in the digits of a number, without its plus. `fits` is None where `digits` say it all."""

    digits: str = ""
    fits: Callable[[str], bool] | None = None


class BadPatternError(ValueError):
    """What was sent is no pattern of Twilio's."""


def twilio_pattern(text: str) -> Match:
    """Twilio's `Contains`. Raises BadPatternError.

    2 to 16 characters; letters are keypad digits; `*` is one digit and `%` a run, at the beginning or the
    end only; `+` first and `$` last are the ends of the number; no two of these signs touch; at least two
    digits or letters (https://www.twilio.com/docs/phone-numbers/api/availablephonenumberlocal-resource).
    """
    if not _SHORTEST <= len(text) <= _LONGEST or not text.isascii():
        raise BadPatternError
    if any(first in _METAS and second in _METAS for first, second in pairwise(text)):
        raise BadPatternError
    starts, ends = text.startswith("+"), text.endswith("$")
    body = text[1 if starts else 0 : -1 if ends else None]
    first, last = _WILD.get(body[:1], ""), _WILD.get(body[-1:], "")
    literals = "".join(KEYPAD.get(sign.upper(), sign) for sign in body.strip("*%"))
    if len(literals) < _FEWEST_LITERALS or not _DIGITS.issuperset(literals):
        raise BadPatternError
    shape = f"{'' if starts else '%'}{first}{literals}{last}{'' if ends else '%'}"
    known = f"{EDGE if starts and not first else ''}{literals}{EDGE if ends and not last else ''}"
    return Match(known, _fitting(shape) if first or last else None)


def partial(text: str) -> Match:
    """Twilio's filter of owned numbers: a part of the number, `*` for any digit. What has no digit fits everything."""
    body = "".join(sign for sign in text if sign in _DIGITS or sign == "*")
    if "*" in body:
        return Match(max(body.split("*"), key=len), _fitting(f"%{body.replace('*', '_')}%"))
    return Match(body)


def parts(prefix: str, starts: str, contains: str, ends: str) -> Match | None:
    """Telnyx's three filters, on what stands after `prefix`. None where one has a sign that is no digit.

    Wildcards, and a plus, give no results (https://developers.telnyx.com/docs/numbers/phone-numbers/number-search).
    """
    if not _DIGITS.issuperset(starts + contains + ends):
        return None
    begins = f"{EDGE}{prefix}{starts}"
    known = max((contains, f"{ends}{EDGE}" if ends else "", begins), key=len)

    def fits(digits: str) -> bool:
        rest = digits[len(prefix) :]
        return digits.startswith(prefix + starts) and contains in rest and rest.endswith(ends)

    return Match(known, fits)


def _fitting(shape: str) -> Callable[[str], bool]:
    pattern = Pattern(MatchOn.E164, shape)
    return lambda digits: pattern.matches(Subjects(e164=digits, national="", subscriber=""))


class DigitIndex:
    """Numbers without their plus, sorted, in which digits are found at the speed of a search in a text."""

    def __init__(self, numbers: Iterable[str] = ()) -> None:
        self._numbers = sorted(numbers)
        self._text: str | None = None
        self._starts: list[int] = []

    def add_all(self, numbers: Iterable[str]) -> None:
        """Add many numbers that are not there yet."""
        self._numbers = sorted([*self._numbers, *numbers])
        self._text = None

    def matching(self, match: Match) -> Iterator[str]:
        """The numbers that fit, in their order."""
        fits = match.fits
        for digits in self._holding(match.digits) if match.digits else iter(self._numbers):
            if fits is None or fits(digits):
                yield digits

    def _holding(self, digits: str) -> Iterator[str]:
        text = self._text_of_all()
        inside = len(EDGE) if digits.startswith(EDGE) else 0
        found = text.find(digits)
        while found >= 0:
            place = bisect_right(self._starts, found + inside) - 1
            number = self._numbers[place]
            yield number
            found = text.find(digits, self._starts[place] + len(number))

    def _text_of_all(self) -> str:
        if self._text is None:
            self._text = f"{EDGE}{EDGE.join(self._numbers)}{EDGE}"
            self._starts, at = [], len(EDGE)
            for number in self._numbers:
                self._starts.append(at)
                at += len(number) + len(EDGE)
        return self._text
