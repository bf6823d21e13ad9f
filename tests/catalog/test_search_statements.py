"""The SQL of searching offers binds whatever a customer sends.

Touches: nothing.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.catalog.search import QueryError, Sort
from tests.catalog.test_search_store import DIALECTS, EVERYTHING, read, statements, written


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("match_on", ["national", "e164", "subscriber"])
def test_the_text_of_a_statement_is_the_same_whatever_is_looked_for(dialect: str, match_on: str) -> None:
    def texts(**parameters: Any) -> list[str]:
        return [written(asked, dialect)[0] for asked in statements(read(**parameters))]

    one = {**EVERYTHING, "pattern": "36", "match_on": match_on}
    other = {
        "region": "'; DROP TABLE numbers --",
        "locality": '" OR 1=1 %_\\',
        "number_type": "mobile",
        "area_code": "808",
        "starts_with": "8%",
        "ends_with": "*1",
        "contains": ["%7%7%"],
        "pattern": "^8*8$",
        "excludes": ["%0"],
        "capabilities": "fax",
        "max_price": "1",
        "match_on": match_on,
    }
    assert texts(**one) == texts(**other)


EXPRESSION = st.text("0123456789*?%_^$+ABab' \\-.();\u0661", max_size=12)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("starts_with", "ends_with", "pattern", "region", "locality"), EXPRESSION),
            **{name: st.lists(EXPRESSION, max_size=2) for name in ("contains", "excludes")},
            "match_on": st.sampled_from(["national", "e164", "subscriber"]),
            "sort": st.sampled_from(list(Sort)),
        },
    )
)
def test_like_gets_only_digits_and_its_own_two_signs(parameters: dict[str, Any]) -> None:
    try:
        query = read(**parameters)
    except QueryError:
        return
    known = {"US", "USD", "TX", "tx", "Austin", "361", "512", "808"}
    for asked in statements(query):
        for value in asked.values.values():
            for each in value if isinstance(value, tuple) else [value]:
                assert isinstance(each, int) or each in known or re.fullmatch(r"\+?[0-9_%]*", each, re.ASCII)
        assert "ESCAPE" not in written(asked, "sqlite")[0]
