"""A carrier that fails again and again is left alone, tried with one request, and believed when that succeeds."""

from __future__ import annotations

from numberdesk.core.breaker import FAILURES, LONGEST_REST_SECONDS, REST_SECONDS, Breaker


def failed(times: int, now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(times):
        breaker.failed(now)
    return breaker


def test_it_stays_closed_until_it_has_failed_so_often_in_a_row() -> None:
    breaker = failed(FAILURES - 1)
    assert breaker == Breaker(failures=FAILURES - 1, failing_from=0)
    assert breaker.may_ask(0)
    assert breaker.seconds_left(0) == 0
    breaker.succeeded()
    for _ in range(FAILURES - 1):
        breaker.failed(1)
    assert breaker.may_ask(1)
    breaker.failed(1)
    assert not breaker.may_ask(1)


def test_after_its_rest_one_request_may_try_and_the_others_wait_for_what_comes_of_it() -> None:
    breaker = failed(FAILURES, now=100)
    assert breaker.seconds_left(101) == REST_SECONDS - 1
    assert not breaker.may_ask(100 + REST_SECONDS - 0.1)
    assert breaker.may_ask(100 + REST_SECONDS)
    assert not breaker.may_ask(100 + REST_SECONDS)
    breaker.succeeded()
    assert [breaker.may_ask(111) for _ in range(3)] == [True] * 3
    assert breaker.failures == 0


def test_it_knows_since_when_it_fails_from_the_first_failure_after_a_success() -> None:
    breaker = Breaker()
    assert breaker.seconds_failing(5) is None
    for now in (10, 20, 30):
        breaker.failed(now)
    breaker.given_up()
    assert breaker.seconds_failing(40) == 30
    breaker.succeeded()
    assert breaker.seconds_failing(41) is None
    breaker.failed(50)
    assert breaker.seconds_failing(51) == 1


def test_a_try_that_fails_makes_the_next_rest_longer_up_to_a_bound() -> None:
    breaker, now = failed(FAILURES), 0.0
    rests = []
    for _ in range(6):
        rest = breaker.seconds_left(now)
        rests.append(rest)
        now += rest
        assert breaker.may_ask(now)
        breaker.failed(now)
    assert rests == [10, 20, 40, 80, 120, 120]
    assert breaker.seconds_left(now + LONGEST_REST_SECONDS) == 0
    assert max(rests) == LONGEST_REST_SECONDS
    assert breaker.may_ask(now + LONGEST_REST_SECONDS)
    breaker.succeeded()
    for _ in range(FAILURES):
        breaker.failed(now)
    assert breaker.seconds_left(now) == REST_SECONDS


def test_who_asks_to_be_left_alone_is_at_once_for_as_long_as_it_says_within_bounds() -> None:
    breaker = failed(0)
    breaker.failed(5, retry_after=30)
    assert breaker.seconds_left(5) == 30
    breaker.failed(5, retry_after=1e9)
    assert breaker.seconds_left(5) == LONGEST_REST_SECONDS
    breaker.failed(200, retry_after=0.5)
    assert breaker.seconds_left(200) == REST_SECONDS


def test_a_try_that_came_to_nothing_lets_the_next_one_try() -> None:
    breaker = failed(FAILURES)
    assert breaker.may_ask(REST_SECONDS)
    breaker.given_up()
    assert breaker == failed(FAILURES)
    assert breaker.may_ask(REST_SECONDS)
