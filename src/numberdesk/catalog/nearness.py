"""What is near to something that was asked for: shorter expressions, and numbers by how close their digits are.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, product
from typing import Final, NamedTuple

FEWEST_SIGNS: Final = 3
"""Digits or letters that a shortened expression has at least: two fit nearly everything."""

MOST_SHORTER: Final = 12
"""Shorter expressions that are made of one."""

LAST_DIGITS: Final = 7
"""The part of a number in which two digits at once are varied; elsewhere it is one."""

_DIGITS: Final = "0123456789"
_WILD: Final = "*?%"
_BEGINS: Final = ("^", "+")
_IGNORED: Final = str.maketrans("", "", " -.()")


class Closeness(NamedTuple):
    """How close a number is to a wanted one: the lowest sorts first.

    What counts is how many digits differ; then how many at the end are the same, which people remember; then
    how many at the beginning. Numbers of another length are laid side by side at the end that fits better.
    """

    differing: int
    other_end: int
    other_start: int
    digits: str


def closeness(wanted: str, digits: str) -> Closeness:
    """Compare two numbers, digits only."""
    longest = max(len(wanted), len(digits))
    from_start = sum(one == other for one, other in zip(wanted, digits, strict=False))
    from_end = sum(one == other for one, other in zip(reversed(wanted), reversed(digits), strict=False))
    same_start, same_end = _same(wanted, digits), _same(wanted[::-1], digits[::-1])
    return Closeness(longest - max(from_start, from_end), longest - same_end, longest - same_start, digits)


def lookalikes(digits: str) -> list[str]:
    """A number, all that differ from it in one digit, and those that differ in two of the last ones."""
    places = range(len(digits))
    last = places[-LAST_DIGITS:]
    return [digits, *_changed(digits, ((place,) for place in places)), *_changed(digits, combinations(last, 2))]


def shorter(text: str, *, starts: bool = False, ends: bool = False) -> list[str]:
    """Shorter expressions that every number fits which fits `text`, first those that lose least.

    At an end that is held, by an anchor in the text or by `starts` or `ends`, nothing is taken away. What is left
    has no wildcard at an open end.
    """
    plain = text.translate(_IGNORED)
    begin, end = plain[:1] if plain.startswith(_BEGINS) else "", "$" if plain.endswith("$") else ""
    body = plain[len(begin) : len(plain) - len(end)]
    at_start, at_end = bool(begin or starts), bool(end or ends)
    found: dict[str, None] = {}
    for size in range(len(body) - 1, FEWEST_SIGNS - 1, -1):
        last = len(body) - size
        for start in range(last if at_end else 0, (0 if at_start else last) + 1):
            piece = body[start : start + size]
            piece = piece if at_start else piece.lstrip(_WILD)
            piece = piece if at_end else piece.rstrip(_WILD)
            if sum(sign not in _WILD for sign in piece) >= FEWEST_SIGNS:
                found.setdefault(f"{begin}{piece}{end}")
            if len(found) == MOST_SHORTER:
                return list(found)
    return list(found)


def by_likeness(wanted: str, codes: Iterable[str]) -> list[str]:
    """Area codes, those first that begin like the wanted one, and then those that are next to it."""
    return sorted(codes, key=lambda code: (-_same(wanted, code), abs(int(code) - int(wanted)), code))


def _changed(digits: str, places: Iterable[tuple[int, ...]]) -> Iterator[str]:
    """The number with other digits in all of these places."""
    for some in places:
        for others in product(*(_DIGITS.replace(digits[place], "") for place in some)):
            signs = list(digits)
            for place, digit in zip(some, others, strict=True):
                signs[place] = digit
            yield "".join(signs)


def _same(one: str, other: str) -> int:
    """How many signs two texts have in common at the beginning."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count
