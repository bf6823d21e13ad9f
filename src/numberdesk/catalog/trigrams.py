"""What the index of trigrams holds of a number, and which of them a query's numbers surely have.

Touches: nothing.

A trigram is three digits in a row of the E.164 digits. National and subscriber numbers are parts of those, so whatever
an expression is held against, its literal digits stand side by side there too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from numberdesk.core.pattern import Pattern

SIZE: Final = 3
"""Digits of a trigram."""

_MOST_DIGITS: Final = 16
_LENGTHS: Final = 32


def rank_of(e164: str) -> int:
    """A whole number that sorts as the text of an E.164 number does: by its digits from the left."""
    digits = e164[1:]
    return int((digits or "0").ljust(_MOST_DIGITS, "0")) * _LENGTHS + len(digits)


def e164_of(rank: int) -> str:
    """The number that has a rank."""
    padded, length = divmod(rank, _LENGTHS)
    return f"+{padded:0{_MOST_DIGITS}}"[: length + 1]


def trigrams_of(digits: str) -> list[int]:
    """Every three digits in a row, each once, as whole numbers in order."""
    return sorted({int(digits[place : place + SIZE]) for place in range(len(digits) - SIZE + 1)})


def wanted_trigrams(parts: Iterable[Pattern]) -> list[int]:
    """The trigrams that every number has that fits all these expressions."""
    return sorted({trigram for part in parts for run in part.literal_runs for trigram in trigrams_of(run)})


def inner_trigrams(parts: Iterable[Pattern]) -> list[int]:
    """The same without digits with which a number must begin or end: for those there are indexes of their own."""
    return sorted({trigram for part in parts for run in _inner_runs(part) for trigram in trigrams_of(run)})


def _inner_runs(part: Pattern) -> tuple[str, ...]:
    runs = part.literal_runs
    if part.literal_prefix:
        runs = runs[1:]
    return runs[:-1] if part.literal_suffix else runs
