"""The language in which numbers are searched, compiled to a small bounded matcher.

Touches: nothing.

A number is matched on one of three texts: its E.164 digits, its national number, or the
subscriber part after the area code. An expression has

- digits 0-9 and letters A-Z in any case, which stand for their keypad digit;
- `*` or `?` for exactly one digit, `%` for any run of digits, also an empty one;
- `^` or `+` as the first sign: the text starts here, and `+` always means the E.164 digits;
- `$` as the last sign: the text ends here.

Without an anchor the expression may stand anywhere. Spaces, dashes, dots and parentheses
are ignored; everything else is refused. A compiled expression is only digits, `_` and `%`,
so what a user typed never reaches a regular expression or SQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

LONGEST_TEXT: Final = 32
"""Most characters of one expression, counted as they were sent."""

WRITTEN_PATTERN: Final = r"^[-0-9A-Za-z*?%^+$ .()]*$"
"""The signs that an expression is made of, as a regular expression, for documents."""

KEYPAD: Final = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999", strict=True))
"""Digit of each capital letter on a telephone keypad (ITU-T E.161)."""

_DIGITS: Final = "0123456789"
_ONE: Final = "_"
_RUN: Final = "%"
_LITERALS: Final = {
    **{digit: digit for digit in _DIGITS},
    **KEYPAD,
    **{letter.lower(): digit for letter, digit in KEYPAD.items()},
}
_TOKENS: Final = {**_LITERALS, "*": _ONE, "?": _ONE, "%": _RUN}
_SHAPE_SIGNS: Final = frozenset(_DIGITS + _ONE + _RUN)
_START_ANCHORS: Final = ("^", "+")
_ANCHORS: Final = frozenset("^+$")
_IGNORED: Final = str.maketrans("", "", " -.()")


class PatternError(ValueError):
    """What was sent is no search expression; the text says why and never repeats what was sent."""


class MatchOn(StrEnum):
    """Which text of a number an expression is held against."""

    NATIONAL = "national"
    E164 = "e164"
    SUBSCRIBER = "subscriber"


@dataclass(frozen=True, slots=True)
class Subjects:
    """The three texts of one number, digits only: +1 415 786 7600 is 14157867600, 4157867600 and 7867600."""

    e164: str
    national: str
    subscriber: str

    def on(self, match_on: MatchOn) -> str:
        """Return the text that `match_on` names."""
        if match_on is MatchOn.E164:
            return self.e164
        if match_on is MatchOn.SUBSCRIBER:
            return self.subscriber
        return self.national


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled expression; equal expressions compile to equal values.

    `shape` covers the whole subject from its first to its last digit: digits stand for
    themselves, `_` for one digit, `%` for any run. Raises ValueError for other signs.
    """

    match_on: MatchOn
    shape: str

    def __post_init__(self) -> None:
        if not _SHAPE_SIGNS.issuperset(self.shape):
            raise ValueError("a shape has only the digits 0-9, _ and %")

    def matches(self, subjects: Subjects) -> bool:
        """Say whether the number fits, in at most len(shape) * len(subject) small steps."""
        return _fits(self.shape, subjects.on(self.match_on))

    def like(self) -> tuple[MatchOn, str]:
        """Return the subject and an SQL LIKE expression that is true for exactly what `matches` accepts.

        It has only 0-9, `_` and `%`, so it needs no ESCAPE.
        """
        return self.match_on, self.shape

    @property
    def literal_prefix(self) -> str:
        """Digits with which the subject must start, for an index range; empty when there are none."""
        return self.shape[: len(self.shape) - len(self.shape.lstrip(_DIGITS))]

    @property
    def literal_suffix(self) -> str:
        """Digits with which the subject must end, for an index range; empty when there are none."""
        return self.shape[len(self.shape.rstrip(_DIGITS)) :]

    @property
    def longest_literal(self) -> str:
        """The longest run of digits that the subject must contain; of equal ones the first."""
        return max(self.literal_runs, key=len, default="")

    @property
    def literal_runs(self) -> tuple[str, ...]:
        """All runs of digits that the subject must contain, in their order."""
        return tuple(run for run in self.shape.replace(_ONE, _RUN).split(_RUN) if run)

    @property
    def gaps(self) -> tuple[tuple[str, str], ...]:
        """All pairs of runs of digits that have just one place between them, which may be any digit."""
        pieces = [piece.split(_ONE) for piece in self.shape.split(_RUN)]
        return tuple((left, right) for piece in pieces for left, right in pairwise(piece) if left and right)


@dataclass(frozen=True, slots=True)
class Query:
    """Several expressions together: every one of `all_of` must fit and none of `none_of` may."""

    all_of: tuple[Pattern, ...] = ()
    none_of: tuple[Pattern, ...] = ()

    def matches(self, subjects: Subjects) -> bool:
        """Say whether the number fits. A query without expressions fits every number."""
        return all(part.matches(subjects) for part in self.all_of) and not any(
            part.matches(subjects) for part in self.none_of
        )

    @property
    def excludes_itself(self) -> bool:
        """Whether digits that a number must have hold what it must not have anywhere, so that none fits."""
        return any(
            out.shape == f"{_RUN}{word}{_RUN}" and part.match_on is out.match_on and word in run
            for out in self.none_of
            for word in out.literal_runs
            for part in self.all_of
            for run in part.literal_runs
        )


def compile_pattern(text: str, match_on: MatchOn = MatchOn.NATIONAL) -> Pattern:
    """Compile an expression with the anchors it has itself; at least two digits or letters. Raises PatternError."""
    return _compile(text, match_on, fewest=2)


def compile_contains(text: str, match_on: MatchOn = MatchOn.NATIONAL) -> Pattern:
    """Compile a value of `contains`: the same as a pattern. Raises PatternError."""
    return _compile(text, match_on, fewest=2)


def compile_starts_with(text: str, match_on: MatchOn = MatchOn.NATIONAL) -> Pattern:
    """Compile a value of `starts_with`, as if `^` stood before it; one digit or letter is enough.

    A leading `+` still means the E.164 digits. Raises PatternError.
    """
    return _compile(text, match_on, fewest=1, starts=True)


def compile_ends_with(text: str, match_on: MatchOn = MatchOn.NATIONAL) -> Pattern:
    """Compile a value of `ends_with`, as if `$` stood after it; one digit or letter is enough. Raises PatternError."""
    return _compile(text, match_on, fewest=1, ends=True)


def compile_excludes(text: str, match_on: MatchOn = MatchOn.NATIONAL) -> Pattern:
    """Compile a value of `excludes`, for `Query.none_of`; one digit is enough ("no 4"). Raises PatternError."""
    return _compile(text, match_on, fewest=1)


def _compile(text: str, match_on: MatchOn, *, fewest: int, starts: bool = False, ends: bool = False) -> Pattern:
    # The length comes first: a text of megabytes is refused without being read.
    if len(text) > LONGEST_TEXT:
        raise PatternError(f"must have at most {LONGEST_TEXT} characters")
    if not text:
        raise PatternError("must not be empty")
    body = text.translate(_IGNORED)
    if body.startswith("+"):
        match_on = MatchOn.E164
    if body.startswith(_START_ANCHORS):
        starts, body = True, body[1:]
    if body.endswith("$"):
        ends, body = True, body[:-1]
    tokens = [_token(sign) for sign in body]
    if sum(token in _DIGITS for token in tokens) < fewest:
        raise PatternError(f"must have at least {('one digit or letter', 'two digits or letters')[fewest - 1]}")
    return Pattern(match_on, _shape(tokens, starts=starts, ends=ends))


def _token(sign: str) -> str:
    token = _TOKENS.get(sign)
    if token is not None:
        return token
    if sign in _ANCHORS:
        raise PatternError("must have ^ or + only as its first sign and $ only as its last")
    raise PatternError("must have only digits 0-9, letters A-Z, * or ? for one digit, % for any digits, and ^ + $")


def _shape(tokens: list[str], *, starts: bool, ends: bool) -> str:
    whole = [*([] if starts else [_RUN]), *tokens, *([] if ends else [_RUN])]
    # Two runs side by side mean the same as one.
    return "".join(
        token for place, token in enumerate(whole) if not (place and token == _RUN and whole[place - 1] == _RUN)
    )


def _fits(shape: str, subject: str) -> bool:
    """Match greedily: when a sign does not fit, only the latest run takes one digit more, so nothing backtracks."""
    place = here = 0
    run = taken_to = -1
    while place < len(subject):
        token = shape[here : here + 1]
        if token == _RUN:
            run, taken_to = here, place
            here += 1
        elif token in (_ONE, subject[place]):
            here += 1
            place += 1
        elif run >= 0:
            taken_to += 1
            here, place = run + 1, taken_to
        else:
            return False
    return not shape[here:].strip(_RUN)
