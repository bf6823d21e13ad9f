"""Rental periods: counted from the anchor, never from the last one."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.core.periods import add_months, from_datetime, iso_or_none, iso_seconds, to_datetime

INSTANTS = st.integers(from_datetime(datetime(1970, 1, 1, tzinfo=UTC)), from_datetime(datetime(2200, 1, 1, tzinfo=UTC)))


def instant(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("anchor", "months", "due"),
    [
        ("2026-03-20T14:30:00+00:00", 1, "2026-04-20T14:30:00+00:00"),
        ("2026-03-20T14:30:00+00:00", 0, "2026-03-20T14:30:00+00:00"),
        ("2026-12-31T23:59:59.999999+00:00", 1, "2027-01-31T23:59:59.999999+00:00"),
        ("2026-01-31T00:00:00+00:00", 1, "2026-02-28T00:00:00+00:00"),
        ("2026-01-31T00:00:00+00:00", 2, "2026-03-31T00:00:00+00:00"),
        ("2026-01-31T00:00:00+00:00", 3, "2026-04-30T00:00:00+00:00"),
        ("2026-01-31T00:00:00+00:00", 12, "2027-01-31T00:00:00+00:00"),
        ("2026-01-30T00:00:00+00:00", 1, "2026-02-28T00:00:00+00:00"),
        ("2026-01-29T00:00:00+00:00", 1, "2026-02-28T00:00:00+00:00"),
        ("2028-01-31T00:00:00+00:00", 1, "2028-02-29T00:00:00+00:00"),
        ("2028-02-29T12:00:00+00:00", 12, "2029-02-28T12:00:00+00:00"),
        ("2028-02-29T12:00:00+00:00", 48, "2032-02-29T12:00:00+00:00"),
        ("2100-01-31T00:00:00+00:00", 1, "2100-02-28T00:00:00+00:00"),
        ("2026-11-30T00:00:00+00:00", 1, "2026-12-30T00:00:00+00:00"),
        # past the end of 32-bit time
        ("2037-12-19T03:14:08+00:00", 1, "2038-01-19T03:14:08+00:00"),
        # the hour that European clocks do not have: UTC has it
        ("2026-02-28T01:30:00+00:00", 1, "2026-03-28T01:30:00+00:00"),
    ],
)
def test_a_month_later_is_the_same_day_or_the_months_last(anchor: str, months: int, due: str) -> None:
    assert add_months(instant(anchor), months) == instant(due)


def test_the_thirty_first_does_not_drift() -> None:
    anchor = instant("2026-01-31T10:00:00+00:00")
    days = [to_datetime(add_months(anchor, months)).day for months in range(13)]
    assert days == [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31]


@given(INSTANTS, st.integers(0, 600))
def test_each_period_begins_in_its_own_month_at_the_anchors_time(anchor: int, months: int) -> None:
    start, due = to_datetime(anchor), to_datetime(add_months(anchor, months))
    assert (due.year - start.year) * 12 + due.month - start.month == months
    assert due.day == min(start.day, calendar.monthrange(due.year, due.month)[1])
    assert due.timetz() == start.timetz()


@given(INSTANTS, st.integers(0, 600))
def test_periods_follow_each_other_without_an_overlap(anchor: int, months: int) -> None:
    length = add_months(anchor, months + 1) - add_months(anchor, months)
    assert timedelta(days=28) <= timedelta(microseconds=length) <= timedelta(days=31)


@given(INSTANTS)
def test_instants_survive_the_way_to_a_datetime_and_back(value: int) -> None:
    assert from_datetime(to_datetime(value)) == value


def test_a_datetime_of_another_zone_is_the_same_instant() -> None:
    moment = datetime(2026, 3, 20, 16, 30, tzinfo=timezone(timedelta(hours=2)))
    assert from_datetime(moment) == instant("2026-03-20T14:30:00+00:00")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (999_999, "1970-01-01T00:00:00Z"),
        (1_000_000, "1970-01-01T00:00:01Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (1_774_017_000_000_000, "2026-03-20T14:30:00Z"),
        (2**31 * 1_000_000, "2038-01-19T03:14:08Z"),
    ],
)
def test_an_instant_prints_in_whole_seconds_with_z(value: int, text: str) -> None:
    assert iso_seconds(value) == text


LAST = 253_402_300_799_999_999
"""The last microsecond that a calendar has: more digits than a float holds."""


def test_an_instant_is_whole_to_the_last_microsecond() -> None:
    assert from_datetime(to_datetime(LAST)) == LAST
    assert isinstance(from_datetime(to_datetime(LAST)), int)
    assert iso_seconds(LAST) == "9999-12-31T23:59:59Z"


def test_an_instant_that_there_is_not_is_not_printed() -> None:
    assert iso_or_none(None) is None
    assert iso_or_none(0) == "1970-01-01T00:00:00Z"
