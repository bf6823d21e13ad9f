"""How easy a national number is to remember, as one stored score.

Touches: nothing.

The number is cut into pieces that do not overlap, and each piece that a person remembers as
one thing earns a share of the weight of its digits. The cut that earns most counts:

    score = 1000 * earned / weight of all digits, rounded down

The last four digits weigh 10 each, the three before them 5 each, all earlier ones 2 each,
because the front of a number is shared by all its neighbours. The shares, in percent:

    piece                                example     2    3    4    5 and more digits
    one digit repeated                   7777       40   80  100  100
    zeros at the end of the number       000        60  100  100  100
    run up or down, 0 follows 9          6789            50   80   90
    pairs side by side                   7733                 70   70
    a group repeated                     1212, 123123         75   85
    reads the same backwards             1221, 363       25   55   60
    keypad word                          TAXI                 70   90 (95 from 7)

A number in which nothing is found scores 0, one digit repeated throughout scores 1000.
Scores are stored and sorted by an index: after any change here they must be computed again.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Final

from numberdesk.core.pattern import KEYPAD

HIGHEST: Final = 1000
"""The best score."""

_MOST_DIGITS: Final = 15
_DIGITS: Final = frozenset("0123456789")
_WEIGHTS: Final = (10, 10, 10, 10, 5, 5, 5, *[2] * (_MOST_DIGITS - 7))
"""Weight of each digit, counted from the end of the number."""
_WEIGHED: Final = tuple(
    tuple(sum(_WEIGHTS[size - taken : size]) for taken in range(size + 1)) for size in range(_MOST_DIGITS + 1)
)
"""Weight of the first digits of a number, by its size and how many they are."""

# Percent by number of digits: the last entry also holds for longer pieces.
_REPEATED: Final = (0, 0, 40, 80, 100)
_ROUND: Final = (0, 0, 60, 100)
_RUN: Final = (0, 0, 0, 50, 80, 90)
_PAIRS: Final = (0, 0, 0, 0, 70)
_GROUPS: Final = (0, 0, 0, 0, 75, 85)
_MIRRORED: Final = (0, 0, 0, 25, 55, 60)
_WORD: Final = (0, 0, 0, 0, 70, 90, 90, 95)

_UP: Final = "01234567890"
_DOWN: Final = _UP[::-1]
_WORDS: Final = """
    BABY BAKERY BANK BOOKS BREAD CALL CARS CASH CATS CLEAN COFFEE DEAL DENTAL DINNER DOCTOR DOGS ENERGY
    FITNESS FLIGHT FLOWERS FOOD FREE GAMES GARDEN GIFT GOLD HEALTH HELP HOME HORSE HOTEL KIDS LAWYER LOAN
    LOVE LUNCH MOVERS MOVIE MUSIC PAINT PETS PHONE PIZZA PLUMBER POWER REPAIR SALE SCHOOL SHOES SHOP SOLAR
    SPORT STORM TALK TAXI TRAVEL VOICE WATER YOGA
"""
_WORDS_IN_DIGITS: Final = frozenset("".join(KEYPAD[letter] for letter in word) for word in _WORDS.split())


_LONGEST_SHORT: Final = 4
_TAIL: Final = 3
"""How many digits at the end are looked at anew for each number; what comes before, neighbours have in common."""


def memorability(national: str) -> int:
    """Return the score of a national number of 1 to 15 digits, 0 (nothing to hold on to) to 1000.

    The same digits always score the same. Raises ValueError for other texts.
    """
    size = len(national)
    if not 1 <= size <= _MOST_DIGITS or not _DIGITS.issuperset(national):
        raise ValueError("a national number has 1 to 15 digits")
    earned = list(_earned(national[: max(0, size - _TAIL)], size))
    _extend(earned, national, size)
    return HIGHEST * earned[size] // (100 * _WEIGHED[size][size])


@lru_cache(maxsize=16_384)
def _earned(head: str, size: int) -> tuple[int, ...]:
    """The most that the first n digits of a number can earn, for each n up to those of `head`, in percent of weight."""
    earned = [0]
    _extend(earned, head, size)
    return tuple(earned)


def _extend(earned: list[int], digits: str, size: int) -> None:
    """Go on with what the first digits of a number of `size` digits can earn, up to the last of `digits`."""
    weighed = _WEIGHED[size]
    for end in range(len(earned), len(digits) + 1):
        best = earned[-1]
        for start, share in _pieces(digits, end, ends_number=end == size):
            best = max(best, earned[start] + share * (weighed[end] - weighed[start]))
        earned.append(best)


def _pieces(digits: str, end: int, *, ends_number: bool) -> list[tuple[int, int]]:
    """The pieces that end at a digit and earn something: where each begins, and its share."""
    if end == 1:
        return []
    last, before = digits[end - 1], digits[end - 2]
    round_ending = ends_number and last == "0"
    shares = _short_shares()
    found = []
    for start in range(max(0, end - _LONGEST_SHORT), end - 1):
        piece = digits[start:end]
        share = _share(piece, ends_number=True) if round_ending else shares.get(piece, 0)
        if share:
            found.append((start, share))
    # A long piece is a run or pairs, a group that stands there twice, reads the same backwards, or is a word.
    steady = last == before or before + last in _UP or before + last in _DOWN
    steady = steady or any(
        digits[end - 2 * group : end - group] == digits[end - group : end] for group in range(2, end // 2 + 1)
    )
    for start in range(end - _LONGEST_SHORT):
        mirrored = digits[start] == last and digits[start + 1] == before
        if steady or mirrored or digits[start:end] in _WORDS_IN_DIGITS:
            share = _share(digits[start:end], ends_number=ends_number)
            if share:
                found.append((start, share))
    return found


@cache
def _short_shares() -> dict[str, int]:
    """The shares of short pieces, those that earn something; at the end of a number zeros earn more."""
    pieces = (f"{value:0{size}}" for size in range(2, _LONGEST_SHORT + 1) for value in range(10**size))
    shares = ((piece, _share(piece, ends_number=False)) for piece in pieces)
    return {piece: share for piece, share in shares if share}


def _share(piece: str, *, ends_number: bool) -> int:
    """Percent that a piece of two or more digits earns of its weight: that of its best kind."""
    # The first place where a text is found again in its double is the length of the group it repeats.
    group = (piece + piece).index(piece, 1)
    if group == 1:
        return _of(_ROUND if ends_number and piece[0] == "0" else _REPEATED, piece)
    best = _of(_GROUPS, piece) if group < len(piece) else 0
    if piece in _UP or piece in _DOWN:
        best = max(best, _of(_RUN, piece))
    if piece[::2] == piece[1::2]:
        best = max(best, _of(_PAIRS, piece))
    if piece == piece[::-1]:
        best = max(best, _of(_MIRRORED, piece))
    if piece in _WORDS_IN_DIGITS:
        best = max(best, _of(_WORD, piece))
    return best


def _of(kind: tuple[int, ...], piece: str) -> int:
    return kind[min(len(piece), len(kind) - 1)]
