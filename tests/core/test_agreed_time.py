"""Agreed time goes on as fast as time elapses, and follows the time of day only where that fits or after a day."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.core.agreed_time import BELIEVED_AFTER, RESTART, TOLERANCE, AgreedTime, agree, surely_past

NOW = 1_750_000_000_000_000
SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
KNOWN = AgreedTime(NOW)


@pytest.mark.parametrize("off", [0, TOLERANCE, -TOLERANCE])
def test_time_of_day_that_fits_what_has_elapsed_is_taken(off: int) -> None:
    expected = NOW + MINUTE
    assert agree(AgreedTime(NOW, 77), expected + off, expected) == AgreedTime(expected + off)


@pytest.mark.parametrize("off", [TOLERANCE + 1, 15 * MINUTE, 40 * DAY, -TOLERANCE - 1, -40 * DAY])
def test_time_goes_on_by_what_has_elapsed_when_somebody_set_the_clock(off: int) -> None:
    expected = NOW + MINUTE
    disputed = agree(AgreedTime(NOW, 7), expected + off, expected)
    assert disputed == AgreedTime(expected, 7 + MINUTE)
    assert surely_past(disputed, expected + off) == min(expected, expected + off)


def test_agreed_time_never_goes_back_while_clocks_agree() -> None:
    assert agree(KNOWN, NOW - 1, NOW) == KNOWN
    assert agree(KNOWN, NOW - 1, NOW - 9) == KNOWN


@pytest.mark.parametrize(
    ("gap", "agreed"),
    [
        (RESTART, AgreedTime(NOW + RESTART)),
        (RESTART + 1, AgreedTime(NOW)),
        (-RESTART, AgreedTime(NOW)),
        (-RESTART - 1, AgreedTime(NOW)),
    ],
)
def test_a_process_that_begins_takes_a_short_while_for_a_restart(gap: int, agreed: AgreedTime) -> None:
    assert agree(KNOWN, NOW + gap, None) == agreed


def test_what_another_process_knows_to_have_passed_has_passed() -> None:
    assert agree(KNOWN, NOW + 40 * DAY, NOW - MINUTE) == AgreedTime(NOW)


def test_time_of_day_that_has_disagreed_for_a_day_is_believed() -> None:
    ahead = 40 * DAY
    last = agree(AgreedTime(NOW, BELIEVED_AFTER - 2 * SECOND), NOW + ahead, NOW + SECOND)
    assert last == AgreedTime(NOW + SECOND, BELIEVED_AFTER - SECOND)
    believed = agree(last, NOW + ahead, NOW + 2 * SECOND)
    assert believed == AgreedTime(NOW + ahead)
    assert surely_past(believed, NOW + ahead) == NOW + ahead
    assert agree(last, NOW - ahead, NOW + 2 * SECOND) == AgreedTime(NOW - ahead)


@given(st.lists(st.tuples(st.integers(0, DAY // 8), st.integers(-40 * DAY, 40 * DAY)), max_size=20), st.booleans())
def test_nothing_is_past_that_has_not_elapsed_until_the_clock_was_wrong_for_a_day(
    looks: list[tuple[int, int]],
    restarts: bool,  # noqa: FBT001  drawn
) -> None:
    agreed, elapsed, noted = KNOWN, 0, NOW
    for gap, wrong in looks:
        elapsed += gap
        agreed = agree(agreed, NOW + elapsed + wrong, None if restarts else noted + gap)
        noted = agreed.agreed_at
        if elapsed >= BELIEVED_AFTER - len(looks) * RESTART:
            break
        slack = len(looks) * (RESTART if restarts else TOLERANCE)
        assert surely_past(agreed, NOW + elapsed + wrong) <= NOW + elapsed + slack
