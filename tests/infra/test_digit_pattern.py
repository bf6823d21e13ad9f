"""What an expression of numbering data says of all numbers that begin alike is what it says of each of them.

Touches: nothing.
"""

from __future__ import annotations

import re

import pytest

from numberdesk.infra.digit_pattern import DigitPattern, UnknownExpressionError

_MORE = 2
_EXPRESSIONS = (
    "1",
    "[2-9]\\d{2}5",
    "0?12|3(?:[45]|6[0-37]|8)\\d?",
    "(?:1[2-4]|2(?:0[01]|5)?)\\d{1,3}",
    "(\\d{2})(\\d{1,2})",
    "(?:12|1)(?:2|23)?",
    "(?:1|12){2}3?",
)
_BEGINNINGS = ("", "0", "01", "012", *map(str, range(1, 400)))


@pytest.mark.parametrize("expression", _EXPRESSIONS)
@pytest.mark.parametrize("begins", [False, True])
def test_it_holds_for_all_none_or_some_as_trying_each_shows(expression: str, begins: bool) -> None:  # noqa: FBT001
    pattern, tried = DigitPattern(expression, begins=begins), re.compile(expression)
    match = tried.match if begins else tried.fullmatch
    for beginning in _BEGINNINGS:
        found = {match(f"{beginning}{rest:0{_MORE}}") is not None for rest in range(10**_MORE)}
        assert pattern.holds(beginning, _MORE) == (found.pop() if len(found) == 1 else None), beginning


@pytest.mark.parametrize("expression", ["1$", "(?!1)2", "1*", "[^1]", "(1", "1)", "\\D", "a"])
def test_what_the_metadata_is_not_known_to_write_is_refused(expression: str) -> None:
    with pytest.raises(UnknownExpressionError):
        DigitPattern(expression)
