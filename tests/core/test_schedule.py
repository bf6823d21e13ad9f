"""When due work is tried again, and who has it meanwhile."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from numberdesk.core.schedule import LONGEST_MESSAGE, Schedule, is_leased, leased, resting, retried, turn_of

NOW = 1_000


class Task(NamedTuple):
    """A row of due work."""

    key: str = "a"
    next_at: int | None = NOW
    attempts: int = 0
    message: str = ""
    parked_at: int | None = None
    leased_until: int | None = NOW + 5


TASK = Task()
ENDLESS, BOUNDED = Schedule((2, 10, 7), endless=True), Schedule((2, 10, 7), endless=False)


@pytest.mark.parametrize("schedule", [ENDLESS, BOUNDED])
def test_what_settles_nothing_is_tried_again_after_one_delay_after_the_other(schedule: Schedule) -> None:
    tried, waits = TASK, []
    for now in (NOW, NOW + 3, NOW + 4):
        tried = retried(tried, schedule, "no", now)
        assert tried.next_at is not None
        waits.append(tried.next_at - now)
    assert waits == [2, 10, 7]
    assert tried == Task(next_at=NOW + 11, attempts=3, message="no", leased_until=None)


def test_after_the_last_delay_it_is_tried_so_often_for_ever_or_left_to_a_person() -> None:
    tried = TASK._replace(attempts=3)
    assert retried(tried, ENDLESS, "no", NOW) == Task(next_at=NOW + 7, attempts=4, message="no", leased_until=None)
    assert retried(tried, ENDLESS, "no", NOW)._replace(attempts=9).attempts == 9
    parked = Task(next_at=None, attempts=3, message="no", parked_at=NOW, leased_until=None)
    assert retried(tried, BOUNDED, "no", NOW) == parked
    assert retried(parked, BOUNDED, "no", NOW + 9) == parked  # a late try does not make it wait anew
    assert retried(parked._replace(attempts=0), BOUNDED, "", NOW).parked_at is None


def test_it_may_be_tried_sooner_than_the_schedule_says_and_never_later() -> None:
    assert retried(TASK, ENDLESS, "", NOW, no_later=NOW + 1).next_at == NOW + 1
    assert retried(TASK, ENDLESS, "", NOW, no_later=NOW + 3).next_at == NOW + 2


def test_the_longest_delay_need_not_be_the_last() -> None:
    assert ENDLESS.longest == 10


def test_only_so_much_of_a_message_is_kept() -> None:
    for schedule in (ENDLESS, Schedule((), endless=False)):
        assert retried(TASK, schedule, "x" * 1000, NOW).message == "x" * LONGEST_MESSAGE


def test_who_has_a_row_has_it_until_the_lease_is_over() -> None:
    mine = leased(TASK, NOW + 9)
    assert mine == TASK._replace(leased_until=NOW + 9)
    assert [is_leased(mine, now) for now in (NOW, NOW + 8, NOW + 9)] == [True, True, False]
    assert not is_leased(TASK._replace(leased_until=None), NOW)
    assert leased(TASK, 1, attempts=7) == TASK._replace(leased_until=1, attempts=7)


def test_the_turn_of_a_row_is_its_time_or_when_its_lease_is_over() -> None:
    assert turn_of(TASK) == NOW + 5
    assert turn_of(TASK._replace(leased_until=NOW - 1)) == NOW
    assert turn_of(TASK._replace(leased_until=None)) == NOW
    assert turn_of(resting(TASK)) is None
    assert resting(TASK) == TASK._replace(next_at=None, leased_until=None)
