"""What the index of trigrams holds of a number, and which of them a query's numbers surely have.

Touches: nothing.

A trigram is three digits in a row of the E.164 digits. National and subscriber numbers are parts of those, so whatever
an expression is held against, its literal digits stand side by side there too.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

from numberdesk.core.pattern import Pattern

SIZE: Final = 3
"""Digits of a trigram."""

_MOST_DIGITS: Final = 16
LENGTHS: Final = 32
GRADES: Final = 16
"""A rank is the digits, filled up, so many times, and their count; that so many times, and the grade."""

_BEST: Final = GRADES - 1
_STEPS: Final = (45, 81, 122, 135, 177, 216, 287, 340, 395, 464, 540, 590, 646, 696, 762)
"""The lowest score of each grade above 0. Of ten digits by chance a tenth have each, and few the last ones."""

_FEW: Final = 2
_DIGITS: Final = "0123456789"


def rank_of(e164: str, grade: int = _BEST) -> int:
    """A whole number that sorts as the text of an E.164 number does: by its digits from the left.

    It tells how easy the number is to remember, too, in grades; without one it is the last that the number can have.
    """
    digits = e164[1:]
    return (int((digits or "0").ljust(_MOST_DIGITS, "0")) * LENGTHS + len(digits)) * GRADES + grade


def e164_of(rank: int) -> str:
    """The number that has a rank."""
    padded, length = divmod(rank // GRADES, LENGTHS)
    return f"+{padded:0{_MOST_DIGITS}}"[: length + 1]


def grade_of(score: int) -> int:
    """The grade of a score of memorability (core/memorability.py): the better the higher, 0 to 15."""
    return bisect_right(_STEPS, score)


def lowest_score(grade: int) -> int:
    """The lowest score of a grade."""
    return _STEPS[grade - 1] if grade else 0


def trigrams_of(digits: str) -> list[int]:
    """Every three digits in a row, each once, as whole numbers in order."""
    return sorted({int(digits[place : place + SIZE]) for place in range(len(digits) - SIZE + 1)})


def wanted_sets(parts: Iterable[Pattern]) -> tuple[tuple[int, ...], ...]:
    """Sets of trigrams, of one of which every number has all that fits all these expressions; none without a trigram.

    Where few digits stand in a row, one place that may be any digit is tried with each: `12*45` is ten words of five.
    """
    parts = tuple(parts)
    plain = {trigram for part in parts for run in part.literal_runs for trigram in trigrams_of(run)}
    gap = _gap_worth_filling(parts)
    if gap is None:
        return (tuple(sorted(plain)),) if plain else ()
    left, right = gap
    if plain:
        # To read more of such lists costs more than to hold what few of them find against the digits.
        left, right = left[-1], right[0]
    return tuple(tuple(sorted(plain.union(trigrams_of(f"{left}{digit}{right}")))) for digit in _DIGITS)


def strength(parts: Iterable[Pattern]) -> int:
    """How rare numbers are that fit, in digits beyond the first two of a word: 1 is one in a hundred or so.

    Digits with which a number must begin or end do not count: for those there are indexes of their own.
    """
    parts = tuple(parts)
    gap = _gap_worth_filling(parts)
    return max(_held(run for part in parts for run in _inner_runs(part)), 0 if gap is None else _held_around(gap))


def _held(runs: Iterable[str]) -> int:
    return sum(max(len(run) - SIZE + 1, 0) for run in runs)


def _held_around(gap: tuple[str, str]) -> int:
    """One digit less, for the ten that may stand between."""
    return _held(["*".join(gap)]) - 1


def _gap_worth_filling(parts: Sequence[Pattern]) -> tuple[str, str] | None:
    """The most digits that have one place between them, when that says more than all digits in a row do."""
    held = _held(run for part in parts for run in part.literal_runs)
    gaps = [gap for part in parts for gap in part.gaps]
    best = max(gaps, key=_held_around, default=None)
    return best if best is not None and held < _FEW and _held_around(best) > held else None


def _inner_runs(part: Pattern) -> tuple[str, ...]:
    runs = part.literal_runs
    if part.literal_prefix:
        runs = runs[1:]
    return runs[:-1] if part.literal_suffix else runs
