"""What the index of trigrams holds of a number, and what of a query it can be asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.catalog.search import Sort
from numberdesk.catalog.search_plan import Stretch, Way, way_of, within_stretches
from numberdesk.catalog.trigrams import (
    GRADES,
    e164_of,
    grade_of,
    lowest_score,
    rank_of,
    strength,
    trigrams_of,
    wanted_sets,
)
from numberdesk.core.memorability import HIGHEST
from numberdesk.core.pattern import PatternError, Subjects, compile_pattern
from testbed.offer_queries import sent_query

E164S = st.builds("+{}{}".format, st.integers(1, 9), st.text("0123456789", max_size=14))


@given(st.lists(st.tuples(E164S, st.integers(0, GRADES - 1)), max_size=6))
def test_numbers_of_any_grade_sort_by_rank_as_by_their_text_and_come_back_from_it(
    graded: list[tuple[str, int]],
) -> None:
    ranks = [rank_of(e164, grade) for e164, grade in graded]
    assert [e164_of(rank) for rank in sorted(ranks)] == sorted(e164 for e164, _ in graded)
    assert max(ranks, default=0) < 2**63
    assert all(rank_of(e164, grade) <= rank_of(e164) for e164, grade in graded)


def test_every_score_has_a_grade_and_grades_are_in_the_order_of_scores() -> None:
    grades = [grade_of(score) for score in range(HIGHEST + 1)]
    assert grades == sorted(grades)
    assert sorted(set(grades)) == list(range(GRADES))
    assert [grades.index(grade) for grade in range(GRADES)] == [lowest_score(grade) for grade in range(GRADES)]


def test_a_number_has_each_three_digits_in_a_row_once() -> None:
    assert trigrams_of("13610001000") == [0, 1, 10, 100, 136, 361, 610]
    assert trigrams_of("12") == []


@given(st.text("0178*?%$^+", max_size=12), st.text("0178", min_size=4, max_size=9))
def test_a_number_that_fits_has_every_trigram_of_a_set_that_is_asked_for(text: str, national: str) -> None:
    subjects = Subjects("1" + national, national, national[3:])
    try:
        pattern = compile_pattern(text)
    except PatternError:
        return
    wanted = wanted_sets([pattern])
    if wanted and pattern.matches(subjects):
        assert any(set(trigrams) <= set(trigrams_of(subjects.e164)) for trigrams in wanted)


@pytest.mark.parametrize(
    ("text", "wanted", "held"),
    [
        ("1234", [123, 234], 2),
        ("7777", [777], 2),
        ("12%34", None, 0),
        ("7*7", None, 0),
        ("^123%456$", [123, 456], 0),
        ("^123%4567%890$", [123, 456, 567, 890], 2),
        ("^1234567890$", [123, 234, 345, 456, 567, 678, 789, 890], 0),
        ("*001%", [1], 1),
        ("STORM", [786, 867, 676], 3),
    ],
)
def test_literal_digits_in_a_row_are_asked_for(text: str, wanted: list[int] | None, held: int) -> None:
    parts = [compile_pattern(text)]
    assert wanted_sets(parts) == (() if wanted is None else (tuple(sorted(wanted)),))
    assert strength(parts) == held


@pytest.mark.parametrize(
    ("text", "first", "held"),
    [
        ("12*34", [120, 203, 34], 2),
        ("123*45", [123, 304], 3),
        ("%1*45", [104, 45], 1),
        ("12%3*456", [304, 456], 2),
    ],
)
def test_a_place_between_few_digits_is_tried_with_every_digit(text: str, first: list[int], held: int) -> None:
    wanted = wanted_sets([compile_pattern(text)])
    assert (len(wanted), set(wanted[0]), strength([compile_pattern(text)])) == (10, set(first), held)


@pytest.mark.parametrize(
    ("parameters", "sort", "way", "way_in_order"),
    [
        ({"contains": "12"}, Sort.NUMBER, Way.WALK, Way.WALK),
        ({"pattern": "12*45"}, Sort.MEMORABLE, Way.WALK_FIRST, Way.WALK_FIRST),
        ({"pattern": "12**45%67"}, Sort.PRICE, Way.WALK, Way.WALK),
        ({"pattern": "12*45%67"}, Sort.PRICE, Way.INDEX_FIRST, Way.INDEX_FIRST),
        ({"excludes": "1234"}, Sort.NUMBER, Way.WALK, Way.WALK),
        ({"starts_with": "3612"}, Sort.MEMORABLE, Way.SET_FIRST, Way.SET_FIRST),
        ({"ends_with": "3612"}, Sort.NUMBER, Way.SET_FIRST, Way.SET_FIRST),
        ({"contains": "123"}, Sort.NUMBER, Way.WALK_FIRST, Way.INDEX_FIRST),
        ({"contains": "123"}, Sort.PRICE, Way.WALK_FIRST, Way.INDEX_FIRST),
        ({"contains": "123"}, Sort.MEMORABLE, Way.WALK_FIRST, Way.WALK_FIRST),
        ({"contains": "7777"}, Sort.MEMORABLE, Way.INDEX_FIRST, Way.INDEX_FIRST),
        ({"contains": "1234"}, Sort.MEMORABLE, Way.INDEX_FIRST, Way.INDEX_FIRST),
        ({"contains": ["123", "567"]}, Sort.PRICE, Way.INDEX_FIRST, Way.INDEX_FIRST),
        ({"pattern": "storm", "starts_with": "361"}, Sort.NUMBER, Way.WALK_FIRST, Way.INDEX_FIRST),
        ({"contains": "123", "area_code": "361"}, Sort.PRICE, Way.SKIM_SET_FIRST, Way.SKIM_SET_FIRST),
    ],
)
def test_the_way_of_a_search_follows_from_its_digits(
    parameters: dict[str, str | list[str]], sort: Sort, way: Way, way_in_order: Way
) -> None:
    query = sent_query("US", "USD", {**parameters, "sort": sort})
    assert (way_of(query, in_order=False), way_of(query, in_order=True)) == (way, way_in_order)


def test_what_lies_between_the_stretches_is_left_out() -> None:
    within = (Stretch("+12", "+1299"), Stretch("+15", "+1599"))
    e164s = ["+1199", "+12", "+1250", "+13", "+1501", "+1599", "+16"]
    assert within_stretches(e164s, within) == ["+12", "+1250", "+1501", "+1599"]
