"""Digits that are wanted and excluded at once: no number has to be looked at."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.core.pattern import (
    PatternError,
    Query,
    Subjects,
    compile_contains,
    compile_excludes,
    compile_pattern,
)


@pytest.mark.parametrize(
    ("wanted", "excluded", "none"),
    [
        ("4123", "1", True), ("4123", "12", True), ("^4123", "41", True), ("4*23", "23", True),
        ("4123", "5", False), ("4123", "13", False), ("4*23", "42", False), ("4123", "^4", False),
        ("4123", "3$", False), ("4123", "4*2", False), ("4123", "+1%2", False), ("+14123", "4", False),
    ],
)  # fmt: skip
def test_digits_that_are_wanted_and_excluded_at_once_are_known_without_a_number(
    wanted: str, excluded: str, *, none: bool
) -> None:
    query = Query((compile_pattern(wanted),), (compile_excludes(excluded),))
    assert query.excludes_itself is none


@given(st.text("0123", min_size=2, max_size=4), st.text("0123*", min_size=1, max_size=3), st.text("0123", max_size=7))
def test_what_excludes_itself_fits_no_number(wanted: str, excluded: str, national: str) -> None:
    with suppress(PatternError):
        query = Query((compile_contains(wanted),), (compile_excludes(excluded),))
        assert not (query.excludes_itself and query.matches(Subjects(f"1{national}", national, national)))
