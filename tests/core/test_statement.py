"""Months of statements."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from numberdesk.core.periods import from_datetime, iso_seconds, to_datetime
from numberdesk.core.statement import (
    LATEST,
    AccountMonths,
    Month,
    ZoneChange,
    month_number,
    month_of,
    parse_month,
    set_zone,
)
from numberdesk.infra.time_zones import zone_called, zone_names

MARCH = from_datetime(to_datetime(0).replace(year=2028, month=3))
HOUR = 3_600_000_000
LONGEST_SHIFT = 26 * HOUR  # between Pacific/Kiritimati and Etc/GMT+12
ZONES = st.sampled_from(sorted(zone_names()))
INSTANTS = st.integers(min_value=0, max_value=LATEST - 400 * 24 * HOUR)


def test_a_month_is_from_its_first_instant_to_that_of_the_next() -> None:
    march, february = month_of(MARCH), month_of(MARCH - 1)
    assert (march.name, february.name) == ("2028-03", "2028-02")
    assert (iso_seconds(february.begins_at), iso_seconds(february.ends_at)) == (
        "2028-02-01T00:00:00Z",
        "2028-03-01T00:00:00Z",
    )
    assert AccountMonths().numbered(march.number - 1) == february
    assert month_of(from_datetime(to_datetime(0).replace(year=2028, month=12, day=31))).ends_at == from_datetime(
        to_datetime(0).replace(year=2029)
    )


@pytest.mark.parametrize("text", ["2028-3", "2028-13", "2028-00", "28-03", "2028-03-01", "", "9999-12", "1969-12"])
def test_what_is_no_month_is_none(text: str) -> None:
    assert parse_month(text) is None


def test_a_month_is_read_by_its_name() -> None:
    assert parse_month("2028-03") == month_of(MARCH)


def months_of(changes: list[ZoneChange]) -> AccountMonths:
    return AccountMonths((month_number(one.from_month) or 0, zone_called(one.time_zone)) for one in changes)


@given(st.lists(st.tuples(INSTANTS, ZONES), max_size=6), st.lists(INSTANTS, max_size=9))
@example(
    [(MARCH - HOUR, "Pacific/Kiritimati"), (MARCH + HOUR, "Etc/GMT+12")], [MARCH - HOUR, MARCH, MARCH + 31 * 24 * HOUR]
)
def test_whatever_zones_were_set_each_instant_is_in_one_month_and_no_month_that_began_moves(
    history: list[tuple[int, str]], instants: list[int]
) -> None:
    changes: list[ZoneChange] = []
    for now, zone in sorted(history):
        before = months_of(changes)
        going_on = before.month_of(now)
        _, changes = set_zone(changes, before, zone, now)
        after = months_of(changes)
        assert after.month_of(now) == going_on
        assert [after.numbered(going_on.number - ago) for ago in range(3)] == [
            before.numbered(going_on.number - ago) for ago in range(3)
        ]
        assert after.zone_of(going_on.number + 1).name == zone
    months = months_of(changes)
    for instant in [*instants, *(now for now, _ in history)]:
        month = months.month_of(instant)
        assert month.begins_at <= instant < month.ends_at
        assert months.numbered(month.number - 1).ends_at == month.begins_at
        assert months.month_of(month.begins_at) == months.month_of(month.ends_at - 1) == month
        assert abs(month.begins_at - month_of_utc(month).begins_at) <= LONGEST_SHIFT


def month_of_utc(month: Month) -> Month:
    return AccountMonths().numbered(month.number)


def test_the_first_month_of_a_zone_begins_where_the_month_before_ended_and_ends_at_midnight_of_the_zone() -> None:
    _, changes = set_zone([], AccountMonths(), "Europe/Berlin", MARCH)
    assert changes == [ZoneChange("2028-04", "Europe/Berlin")]
    months = months_of(changes)
    edges = [iso_seconds(months.numbered(month_of(MARCH).number + ahead).begins_at) for ahead in range(4)]
    assert edges == ["2028-03-01T00:00:00Z", "2028-04-01T00:00:00Z", "2028-04-30T22:00:00Z", "2028-05-31T22:00:00Z"]
    assert [months.numbered(month_of(MARCH).number + ahead).zone.name for ahead in range(2)] == ["UTC", "Europe/Berlin"]


def test_until_its_month_begins_a_zone_is_set_otherwise_or_not_at_all() -> None:
    _, changes = set_zone([], AccountMonths(), "Asia/Tokyo", MARCH)
    _, other = set_zone(changes, months_of(changes), "Europe/Berlin", MARCH + HOUR)
    assert other == [ZoneChange("2028-04", "Europe/Berlin")]
    assert set_zone(changes, months_of(changes), "UTC", MARCH + HOUR) == ("2028-04", [])
    assert set_zone(changes, months_of(changes), "Asia/Tokyo", month_of(MARCH).ends_at) == ("2028-05", changes)


def test_a_month_whose_first_midnight_the_clocks_skip_begins_as_they_do() -> None:
    """In Paraguay the clocks went from 31 August, 24:00, to 1 September, 01:00, in 2002."""
    months = AccountMonths([(0, zone_called("America/Asuncion"))])
    september = parse_month("2002-09")
    assert september is not None
    assert iso_seconds(months.numbered(september.number).begins_at) == "2002-09-01T04:00:00Z"


def test_each_zone_of_the_list_is_there_and_no_other_is() -> None:
    assert {zone_called(name).name for name in zone_names()} == zone_names()
    assert {"Europe/Berlin", "UTC", "America/New_York"} <= zone_names()
    for name in ("europe/berlin", "Factory", "../zones", "Europe", "", "/etc/localtime"):
        with pytest.raises(LookupError):
            zone_called(name)
