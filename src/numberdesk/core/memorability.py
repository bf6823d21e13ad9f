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
Scores are stored, sorted by an index, and told in grades by that of trigrams: after any change here all must be
computed again.
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


_TAIL: Final = 3
"""How many digits at the end are looked at anew for each number; what comes before, neighbours have in common."""

_SHORT: Final = 4
"""Digits of the longest piece whose share is looked up and not worked out."""


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
    weighed, usual, endings = _WEIGHED[size], _endings(False), _endings(True)  # noqa: FBT003  ends_number
    for end in range(len(earned), len(digits) + 1):
        best = earned[-1]
        if end < _SHORT:
            pieces = _pieces(digits, end, ends_number=end == size)
        else:
            pieces, steady = (endings if end == size else usual)[digits[end - _SHORT : end]]
            if end > _SHORT and (steady or _is_doubled(digits, end) or _is_mirrored(digits, end)):
                pieces = _pieces(digits, end, ends_number=end == size)
        for length, share in pieces:
            start = end - length
            worth = earned[start] + share * (weighed[end] - weighed[start])
            best = max(best, worth)
        earned.append(best)


def _pieces(digits: str, end: int, *, ends_number: bool) -> tuple[tuple[int, int], ...]:
    """The pieces that end at a digit and earn something: how long each is, and its share."""
    shares = ((end - start, _share(digits[start:end], ends_number=ends_number)) for start in range(end - 1))
    return tuple((length, share) for length, share in shares if share)


def _is_doubled(digits: str, end: int) -> bool:
    """Whether a digit or a group ends here that stands there twice."""
    last = digits[end - 2 : end]
    place = digits.find(last, 0, end - 1)
    while place >= 0:
        group = end - 2 - place
        if 2 * group <= end and digits[end - 2 * group : end - group] == digits[end - group : end]:
            return True
        place = digits.find(last, place + 1, end - 1)
    return False


def _is_mirrored(digits: str, end: int) -> bool:
    """Whether a long piece ends here that reads the same backwards."""
    first = digits[end - 1] + digits[end - 2]
    place = digits.find(first, 0, end - _SHORT + 1)
    while place >= 0:
        piece = digits[place:end]
        if piece == piece[::-1]:
            return True
        place = digits.find(first, place + 1, end - _SHORT + 1)
    return False


@cache
def _endings(ends_number: bool) -> dict[str, tuple[tuple[tuple[int, int], ...], bool]]:  # noqa: FBT001  a key of the cache
    """For every four digits the short pieces that end with them, and whether they may end a run, pairs or a word."""
    words = {word[-_SHORT:] for word in _WORDS_IN_DIGITS if len(word) > _SHORT}
    found = {}
    for value in range(10**_SHORT):
        digits = f"{value:0{_SHORT}}"
        steady = digits in _UP or digits in _DOWN or digits[::2] == digits[1::2]
        found[digits] = (_pieces(digits, _SHORT, ends_number=ends_number), steady or digits in words)
    return found


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
