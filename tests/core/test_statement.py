"""Months of statements."""

from __future__ import annotations

import pytest

from numberdesk.core.periods import from_datetime, iso_seconds, to_datetime
from numberdesk.core.statement import month_of, parse_month

MARCH = from_datetime(to_datetime(0).replace(year=2028, month=3))


def test_a_month_is_from_its_first_instant_to_that_of_the_next() -> None:
    march, february = month_of(MARCH), month_of(MARCH - 1)
    assert (march.name, february.name) == ("2028-03", "2028-02")
    assert (iso_seconds(february.begins_at), iso_seconds(february.ends_at)) == (
        "2028-02-01T00:00:00Z",
        "2028-03-01T00:00:00Z",
    )
    assert march.before() == february
    assert month_of(from_datetime(to_datetime(0).replace(year=2028, month=12, day=31))).ends_at == from_datetime(
        to_datetime(0).replace(year=2029)
    )


@pytest.mark.parametrize("text", ["2028-3", "2028-13", "2028-00", "28-03", "2028-03-01", "", "9999-12", "1969-12"])
def test_what_is_no_month_is_none(text: str) -> None:
    assert parse_month(text) is None


def test_a_month_is_read_by_its_name() -> None:
    assert parse_month("2028-03") == month_of(MARCH)
