"""The stored memorability score: which numbers come before which, its range, and its exact values.

Touches: nothing.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numberdesk.core.memorability import _WEIGHTS, _WORDS_IN_DIGITS, HIGHEST, _share, memorability

_NUMBERS = st.text("0123456789", min_size=1, max_size=15)


@pytest.mark.parametrize(
    ("easier", "harder", "because"),
    [
        ("4155550000", "4155551234", "one repeated digit is easier than a run"),
        ("4155551234", "4155558361", "a run is easier than nothing"),
        ("4157283333", "4157281234", "four of a kind is easier than a run"),
        ("4157283333", "4157289333", "four of a kind is easier than three"),
        ("4157289333", "4157289233", "three of a kind is easier than two"),
        ("4157289233", "4157289163", "two of a kind is easier than none"),
        ("4157281234", "4157289234", "four digits upward are easier than three"),
        ("4157284321", "4157284361", "downward counts as well"),
        ("4157287890", "4157287893", "0 follows 9"),
        ("4157282727", "4157283961", "a repeated pair is easier than nothing"),
        ("4157287733", "4157289733", "two pairs are easier than one"),
        ("4157281661", "4157281639", "a mirrored ending is easier than nothing"),
        ("4157286163", "4157289163", "three mirrored digits are easier than nothing"),
        ("4157287000", "4157287333", "a round thousand is easier than three of another kind"),
        ("4157289600", "4157289633", "a round hundred is easier than two of another kind"),
        ("4150550639", "4150540639", "a mirrored middle counts as well"),
        ("4152438294", "4152438295", "TAXI is easier than a number beside it"),
        ("4153569377", "4153569378", "FLOWERS is easier than a number beside it"),
        ("4153569377", "4151638294", "a word of seven letters is easier than one of four"),
        ("4151830000", "4150000183", "the same at the end is easier than before it"),
        ("4151638294", "4158294163", "a word at the end is easier than before it"),
        ("4151638855", "8855163415", "pairs at the end are easier than at the front"),
    ],
)
def test_the_easier_number_scores_higher(easier: str, harder: str, because: str) -> None:
    assert memorability(easier) > memorability(harder), because


@pytest.mark.parametrize(
    ("national", "score"),
    [
        ("4155550000", 934),  # 2 * 100 + 15 * 100 + 40 * 100 of 61 * 100
        ("4155551234", 803),
        ("4155558361", 278),
        ("4157283916", 0),
        ("5555555555", 1000),
        ("8003569377", 882),
        ("4157867600", 713),  # STORM and a round ending
        ("4151212121", 733),
        ("4157281221", 360),
        ("4157289363", 122),
        ("4150516361", 491),  # 505 earns 12 * 25 and 16361 earns 45 * 60, of 61 * 100
        ("4157287733", 459),
        ("4157291000", 491),
        ("2125550123", 745),
        ("612345678", 869),
        ("1", 0),
        ("00", 600),
        ("123456789012345", 900),
    ],
)
def test_the_stored_scores_stay_what_they_are(national: str, score: int) -> None:
    """Scores are in databases: a change here needs them computed again."""
    assert memorability(national) == score


@pytest.mark.parametrize("national", ["", "4" * 16, "+4155550000", "415 555", "\u0667\u0668", "TAXI"])
def test_what_is_no_national_number_has_no_score(national: str) -> None:
    with pytest.raises(ValueError, match="1 to 15 digits"):
        memorability(national)


@given(national=_NUMBERS)
def test_a_score_is_between_zero_and_the_highest(national: str) -> None:
    assert 0 <= memorability(national) <= HIGHEST == 1000


def _plainly(national: str) -> int:
    """The score as its definition says: every cut into pieces, each earning its share."""
    size = len(national)
    earned, weighed = [0], [0]
    for taken in range(1, size + 1):
        weighed.append(weighed[-1] + _WEIGHTS[taken - 1])
        best = earned[-1]
        for rest in range(taken - 1):
            share = _share(national[size - taken : size - rest], ends_number=rest == 0)
            best = max(best, earned[rest] + share * (weighed[taken] - weighed[rest]))
        earned.append(best)
    return HIGHEST * earned[size] // (100 * weighed[size])


_ALIKE = st.sampled_from(["01", "12", "0789", "123", "9"]).flatmap(lambda few: st.text(few, min_size=1, max_size=8))
_WOVEN = st.one_of(
    _ALIKE.map(lambda part: (part * 3)[:15]),
    _ALIKE.map(lambda part: (part + part[::-1])[:15]),
    st.builds(
        "{}{}{}".format, st.text("0123456789", max_size=3), st.sampled_from(sorted(_WORDS_IN_DIGITS)), _ALIKE
    ).map(lambda text: text[:15]),
)


@settings(max_examples=500)
@given(national=st.one_of(_NUMBERS, _WOVEN))
def test_the_score_is_that_of_the_best_of_all_cuts(national: str) -> None:
    assert memorability(national) == _plainly(national)


@pytest.mark.parametrize(
    "national", ["4155112233", "112233", "2029876543", "98765", "3617712345", "4155123123", "2155445544"]
)
def test_a_long_piece_is_found_whatever_it_ends_with(national: str) -> None:
    assert memorability(national) == _plainly(national)


@given(digit=st.sampled_from("0123456789"), size=st.integers(4, 15))
def test_one_digit_throughout_is_the_highest_score(digit: str, size: int) -> None:
    assert memorability(digit * size) == HIGHEST


@given(national=st.text("0123456789", min_size=4, max_size=15), digit=st.sampled_from("123456789"))
def test_four_of_a_kind_at_the_end_never_scores_less_than_what_stood_there(national: str, digit: str) -> None:
    alone = memorability(national[:-4] + "7283")
    assert memorability(national[:-4] + digit * 4) >= alone


@given(nationals=st.lists(_NUMBERS, unique=True, max_size=12), data=st.data())
def test_score_and_digits_together_order_numbers_the_same_however_they_arrive(
    nationals: list[str], data: st.DataObject
) -> None:
    def place(national: str) -> tuple[int, str]:
        return -memorability(national), national

    shuffled = data.draw(st.permutations(nationals))
    assert sorted(shuffled, key=place) == sorted(nationals, key=place)
    assert len({place(national) for national in nationals}) == len(nationals)
