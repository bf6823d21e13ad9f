"""What is near: shorter expressions fit all that the longer one fits, and numbers are ordered by their digits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.catalog.nearness import (
    FEWEST_SIGNS,
    LAST_DIGITS,
    MOST_SHORTER,
    by_likeness,
    closeness,
    lookalikes,
    shorter,
)
from numberdesk.core.pattern import LONGEST_TEXT, PatternError, Subjects, compile_pattern

ENDS: list[dict[str, bool]] = [{}, {"starts": True}, {"ends": True}, {"starts": True, "ends": True}]
DIGITS = st.text("0123456789", min_size=4, max_size=15)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("STORM", ["STOR", "TORM", "STO", "TOR", "ORM"]),
        ("555-123", ["55512", "55123", "5551", "5512", "5123", "555", "551", "512", "123"]),
        ("^5551", ["^555"]),
        ("+1361", ["+136"]),
        ("5551$", ["551$"]),
        ("^5551$", []),
        ("555*1", ["555", "55*1"]),
        ("12%34", ["12%3", "2%34"]),
        ("786", []),
        ("", []),
    ],
)
def test_an_expression_loses_signs_at_its_open_ends(text: str, expected: list[str]) -> None:
    assert shorter(text) == expected


def test_what_must_begin_or_end_the_number_is_kept() -> None:
    assert shorter("41578", starts=True) == ["4157", "415"]
    assert shorter("41578", ends=True) == ["1578", "578"]
    assert shorter("41578", starts=True, ends=True) == []
    assert shorter("415*8*", starts=True) == ["415*8", "415"]


@given(st.text("0123456789stORM*?%^+$ -.()", max_size=LONGEST_TEXT), DIGITS, st.sampled_from(ENDS))
def test_a_shorter_expression_is_one_and_fits_all_that_the_longer_one_fits(
    text: str, digits: str, held: dict[str, bool]
) -> None:
    try:
        whole = compile_pattern(text)
    except PatternError:
        return
    subjects = Subjects("1" + digits, digits, digits[3:])
    found = shorter(text, **held)
    assert len(found) == len(set(found)) <= MOST_SHORTER
    for each in found:
        assert len(each) < len(text)
        assert sum(sign.isalnum() for sign in each) >= FEWEST_SIGNS
        assert compile_pattern(each).matches(subjects) or not whole.matches(subjects)


def test_the_number_of_digits_that_differ_counts_first_and_then_the_end() -> None:
    wanted = "13612738809"
    others = ["13612738800", "13612738909", "13612738899", "14152738809", "13619999999", "1361273880", wanted]
    assert sorted(others, key=lambda each: closeness(wanted, each)) == [
        wanted,
        "13612738909",
        "13612738899",
        "1361273880",
        "13612738800",
        "14152738809",
        "13619999999",
    ]


@given(DIGITS, DIGITS)
def test_how_many_digits_differ_is_the_same_either_way_and_nothing_only_for_the_same_number(
    one: str, other: str
) -> None:
    there, back = closeness(one, other), closeness(other, one)
    assert there.differing == back.differing
    assert (there.differing == 0) == (one == other)
    if len(one) == len(other):
        assert there.differing == sum(a != b for a, b in zip(one, other, strict=True))


@given(st.text("0123456789", min_size=2, max_size=12))
def test_lookalikes_differ_in_one_digit_or_in_two_of_the_last(digits: str) -> None:
    found = lookalikes(digits)
    last = min(LAST_DIGITS, len(digits))
    assert len(found) == len(set(found)) == 1 + 9 * len(digits) + 81 * last * (last - 1) // 2
    assert {closeness(digits, each).differing for each in found} == {0, 1, 2}


def test_area_codes_are_ordered_by_their_common_beginning_and_then_by_how_far_they_are() -> None:
    assert by_likeness("30", ["89", "331", "39", "40", "35"]) == ["35", "39", "331", "40", "89"]
