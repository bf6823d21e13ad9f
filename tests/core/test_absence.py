"""Absence is proven by what has elapsed in one process; what waits long is looked up when there is cause."""

from __future__ import annotations

import json

import pytest

from numberdesk.core.carrier_order import (
    DELAYS,
    FEWEST_ABSENCES,
    LONG_WAIT,
    LONGEST_DELAY,
    MOST_COUNTS,
    Absent,
    Again,
    Keep,
    Unknown,
    Void,
    asked_for,
    soon,
)
from tests.core.hearing import MINUTE, NOW, ORDERED, PROOF, QUARTER, SECOND, WINDOW, absences, at, hear, kept


def test_absence_is_proven_by_look_ups_over_the_whole_window() -> None:
    before = kept(absences(ORDERED, *PROOF[:-1]))
    assert (before.absences, before.absent_since) == (FEWEST_ABSENCES - 1, NOW)
    assert isinstance(hear(before, Absent(), now=NOW + WINDOW - 1), Keep)
    assert isinstance(hear(before, Absent(), now=NOW + WINDOW), Again)


def test_absences_count_that_are_a_quarter_of_the_window_apart_or_more() -> None:
    first = kept(hear(ORDERED, Absent()))
    near, far = (kept(hear(first, Absent(), now=NOW + QUARTER - short)) for short in (1, 0))
    assert (near.absences, near.counts, near.attempts) == (1, first.counts, 2)
    assert (far.absences, far.counts, far.attempts) == (2, f'[["prc_1", 2, {NOW}, 0, {QUARTER}]]', 2)
    assert near.next_at == NOW + QUARTER - 1 + DELAYS[0]
    # The last that counts before the window is over must be followed by one a quarter later, not at its end.
    late = kept(absences(ORDERED, 0, QUARTER, 2 * QUARTER, WINDOW - 1))
    assert (late.absences, late.next_at) == (4, NOW + WINDOW - 1 + QUARTER)
    assert isinstance(hear(late, Absent(), now=NOW + WINDOW + QUARTER - 2), Keep)
    assert isinstance(hear(late, Absent(), now=NOW + WINDOW + QUARTER - 1), Again)


def test_a_quarter_of_a_window_that_has_none_is_never_less() -> None:
    first = kept(hear(ORDERED._replace(attempts=9), Absent(), window=8 * SECOND + 1))
    assert first.next_at == NOW + 2 * SECOND + 1
    assert kept(hear(first, Absent(), now=NOW + 2 * SECOND, window=8 * SECOND + 1)).absences == 1
    assert kept(hear(first, Absent(), now=NOW + 2 * SECOND + 1, window=8 * SECOND + 1)).absences == 2


def test_the_last_look_up_of_the_window_comes_at_its_end() -> None:
    late = kept(absences(ORDERED, 0, 8 * SECOND, MINUTE, 5 * MINUTE))
    assert (late.absences, late.next_at) == (2, NOW + 5 * MINUTE + QUARTER)
    assert kept(hear(late, Absent(), now=NOW + 9 * MINUTE)).next_at == NOW + WINDOW


def test_the_first_absence_after_long_doubt_is_followed_up_a_quarter_of_the_window_later() -> None:
    carrier_order = kept(hear(ORDERED._replace(attempts=9), Absent()))
    assert (carrier_order.absent_since, carrier_order.next_at) == (NOW, NOW + QUARTER)


def test_a_count_that_has_begun_comes_to_its_end_however_many_look_ups_there_were_before() -> None:
    first = kept(hear(ORDERED._replace(attempts=len(DELAYS) - 1), Absent()))
    second = kept(hear(first, Absent(), now=NOW + QUARTER))
    assert (first.attempts, second.attempts, second.parked_at) == (len(DELAYS), len(DELAYS), None)
    assert second.next_at == NOW + 2 * QUARTER
    assert kept(hear(ORDERED._replace(attempts=len(DELAYS)), Absent())).parked_at == NOW


@pytest.mark.parametrize(
    "step_of_clock", [15 * MINUTE, 35 * MINUTE, 40 * 86_400 * SECOND, -MINUTE, -40 * 86_400 * SECOND]
)
def test_no_step_of_the_time_of_day_is_a_proof(step_of_clock: int) -> None:
    carrier_order, stepped = kept(absences(ORDERED, *PROOF[:-1])), NOW + step_of_clock
    for elapsed in range(PROOF[-2], WINDOW, SECOND):
        carrier_order = kept(hear(carrier_order, Absent(), now=stepped + elapsed, inquiry=at(elapsed)))
    end = 3 * QUARTER + QUARTER
    assert (carrier_order.absences, carrier_order.next_at) == (4, stepped + max(end, WINDOW - SECOND + DELAYS[0]))
    assert isinstance(hear(carrier_order, Absent(), now=stepped, inquiry=at(end)), Again | Void)


def test_another_process_or_a_restart_counts_anew() -> None:
    before = kept(absences(ORDERED, *PROOF[:-1]))
    other = kept(hear(before, Absent(), now=NOW + 9 * WINDOW, inquiry=at(77, "prc_2")))
    assert (other.absences, other.absent_since, other.counted_by) == (1, NOW + 9 * WINDOW, "prc_2")
    assert isinstance(hear(other, Absent(), now=NOW + 9 * WINDOW, inquiry=at(77 + WINDOW, "prc_2")), Keep)


def test_processes_that_take_turns_come_to_a_proof_each_by_its_own_clock() -> None:
    """However far their clocks are apart, whichever the time of day is."""
    carrier_order = ORDERED
    for elapsed in PROOF[:-1]:
        for process, began in (("prc_1", 10 * WINDOW), ("prc_2", 0)):
            heard = hear(carrier_order, Absent(), now=NOW - began, inquiry=at(began + elapsed, process))
            carrier_order = kept(heard)
    assert (carrier_order.absences, carrier_order.counted_by) == (3, "prc_2")
    assert isinstance(hear(carrier_order, Absent(), inquiry=at(11 * WINDOW - 1, "prc_1")), Keep)
    assert isinstance(hear(carrier_order, Absent(), inquiry=at(11 * WINDOW, "prc_1")), Again)
    assert isinstance(hear(carrier_order, Absent(), inquiry=at(WINDOW, "prc_2")), Again)


def test_the_counts_of_the_last_processes_are_kept() -> None:
    carrier_order = ORDERED._replace(attempts=len(DELAYS) - 1)
    for place in range(MOST_COUNTS + 1):
        what = hear(carrier_order._replace(attempts=0), Absent(), inquiry=at(0, f"prc_{place}"))
        carrier_order = kept(what)
    assert [count[0] for count in json.loads(carrier_order.counts or "")] == [f"prc_{place}" for place in range(1, 9)]


def test_the_time_that_questions_and_answers_take_is_no_part_of_the_window() -> None:
    carrier_order, took = ORDERED, MINUTE
    for elapsed in (0, took + QUARTER, 2 * took + 2 * QUARTER):
        carrier_order = kept(hear(carrier_order, Absent(), now=NOW, inquiry=at(elapsed, took=took)))
    assert (carrier_order.absences, json.loads(carrier_order.counts or "")[0][3]) == (3, took)
    assert isinstance(hear(carrier_order, Absent(), now=NOW, inquiry=at(took + WINDOW - 1, took=9 * WINDOW)), Keep)
    assert isinstance(hear(carrier_order, Absent(), now=NOW, inquiry=at(took + WINDOW)), Again)


@pytest.mark.parametrize("wait", [LONG_WAIT + 1, 3600 * SECOND, LONGEST_DELAY])
def test_what_is_due_long_after_is_looked_up_at_once_when_there_is_cause(wait: int) -> None:
    waiting = ORDERED._replace(attempts=7, next_at=NOW + wait, leased_until=NOW)
    assert soon(waiting, NOW) == waiting._replace(next_at=NOW)
    asked = asked_for(waiting, NOW)
    assert asked == waiting._replace(next_at=NOW, attempts=3)
    assert kept(hear(asked, Unknown("?"))).next_at == NOW + 240 * SECOND
    assert asked_for(waiting._replace(attempts=1), NOW).attempts == 1


@pytest.mark.parametrize(
    "left", [{"next_at": NOW + LONG_WAIT}, {"next_at": None, "parked_at": NOW}, {"leased_until": NOW + 1}]
)
def test_what_is_due_anyway_or_parked_or_under_way_is_not_hurried(left: dict[str, int | None]) -> None:
    carrier_order = ORDERED._replace(**{"attempts": 7, "next_at": NOW + LONGEST_DELAY, "leased_until": None, **left})  # type: ignore[arg-type]  # columns by name
    assert soon(carrier_order, NOW) == asked_for(carrier_order, NOW) == carrier_order
