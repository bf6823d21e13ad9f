"""A clock that is set forward ends no quarantine and forgets no answer; what elapses does, whatever the time of day."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from numberdesk.core.agreed_time import BELIEVED_AFTER, RESTART
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.purchase import Refusal, Sold
from numberdesk.core.request_keys import request_key
from numberdesk.flows.agree_on_time import AgreedClock
from numberdesk.flows.cleanup import Cleanup, CleanupReport, clean_up
from numberdesk.flows.rentals.release_numbers import SHORTEST_REST, Release, release_numbers
from numberdesk.numbers.agreed_time_store import find_agreed_time
from tests.flows.conftest import PRICE, QUARANTINE, Shop

MINUTE = 60 * MICROSECONDS
DAY = 86_400 * MICROSECONDS
RETENTION = DAY


def clock_of(shop: Shop) -> AgreedClock:
    """What a process that begins knows of the time."""
    return AgreedClock(shop.writer, lambda: shop.now, shop.process_time)


def tidy(shop: Shop, clock: AgreedClock) -> CleanupReport:
    """The worker's round."""
    past = shop.tell(clock.surely_past())
    return shop.writer.apply(clean_up, Cleanup(past, RETENTION))


@pytest.mark.parametrize("step", [15 * MINUTE, 40 * DAY])
def test_a_step_forward_ends_no_rest_and_forgets_no_answer(shop: Shop, step: int) -> None:
    shop.release_numbers = release_numbers(0)
    account_id, e164, clock = shop.account(5 * PRICE), shop.number(), clock_of(shop)
    shop.buy(account_id, e164, key="k")
    shop.release(account_id, e164)
    tidy(shop, clock)
    shop.step_clock(step)
    assert tidy(shop, clock) == CleanupReport(0, 0)
    assert isinstance(shop.buy(account_id, e164), Refusal)
    # A second request that comes late, by digits alone, still means the rental that has ended.
    assert shop.release(account_id, e164).released_at is not None
    for elapsed, ended in ((SHORTEST_REST - 1, 0), (1, 1)):
        shop.now += elapsed
        assert tidy(shop, clock) == CleanupReport(ended, 0)
    assert isinstance(shop.buy(account_id, e164), Sold)
    shop.now += RETENTION - SHORTEST_REST - 1
    assert tidy(shop, clock).answers_forgotten == 0


def test_what_is_kept_for_a_while_is_forgotten_when_that_has_elapsed(shop: Shop) -> None:
    account_id, e164, clock = shop.account(5 * PRICE), shop.number(), clock_of(shop)
    shop.buy(account_id, e164, key="k")
    tidy(shop, clock)
    shop.now += RETENTION + 1
    assert tidy(shop, clock).answers_forgotten == 1


@pytest.mark.parametrize("step", [40 * DAY, -40 * DAY])
def test_a_clock_that_was_wrong_before_and_is_set_right_ends_no_rest(shop: Shop, step: int) -> None:
    """The number rests from what is agreed on, although it was released while the time of day was behind."""
    account_id, e164, clock = shop.account(5 * PRICE), shop.number(), clock_of(shop)
    shop.buy(account_id, e164)
    tidy(shop, clock)
    shop.step_clock(step)
    shop.release(account_id, e164)
    shop.step_clock(-step)
    assert tidy(shop, clock).quarantines_ended == 0
    shop.now += QUARANTINE - 1
    assert tidy(shop, clock).quarantines_ended == 0
    shop.now += max(1, 1 + step)
    assert tidy(shop, clock).quarantines_ended == 1


def test_what_was_answered_while_the_clock_was_behind_is_kept_as_long_when_it_is_set_right(shop: Shop) -> None:
    account_id, numbers, clock = shop.account(5 * PRICE), shop.numbers(2), clock_of(shop)
    shop.buy(account_id, numbers[0])
    tidy(shop, clock)
    shop.step_clock(-40 * DAY)
    shop.buy(account_id, numbers[1], key="k")
    key = request_key(account_id, "release", "k", phone_number=numbers[0])
    shop.writer.apply(shop.release_numbers, Release(account_id, numbers[0], shop.now, None, key))
    shop.step_clock(40 * DAY)
    tidy(shop, clock)
    assert (shop.count("idempotency_records"), shop.count("keyed_requests")) == (1, 1)
    shop.now += RETENTION
    tidy(shop, clock)
    assert (shop.count("idempotency_records"), shop.count("keyed_requests")) == (1, 1)
    shop.now += 1
    tidy(shop, clock)
    assert (shop.count("idempotency_records"), shop.count("keyed_requests")) == (0, 0)


@pytest.mark.parametrize(("pause", "ended"), [(RESTART, 1), (RESTART + 1, 0)])
def test_after_a_restart_time_of_day_that_nobody_measured_is_not_believed_at_once(
    shop: Shop, pause: int, ended: int
) -> None:
    account_id, e164 = shop.account(5 * PRICE), shop.number()
    shop.buy(account_id, e164)
    shop.release(account_id, e164)
    clock = clock_of(shop)
    tidy(shop, clock)
    shop.now += QUARANTINE - RESTART
    tidy(shop, clock)
    shop.step_clock(pause)
    assert tidy(shop, clock_of(shop)).quarantines_ended == ended


def test_a_clock_that_has_disagreed_for_a_day_is_believed_over_restarts(shop: Shop) -> None:
    account_id, e164 = shop.account(5 * PRICE), shop.number()
    shop.buy(account_id, e164)
    shop.release(account_id, e164)
    tidy(shop, clock_of(shop))
    shop.step_clock(40 * DAY)
    clock = clock_of(shop)
    for _ in range(4):
        clock = clock_of(shop)
        tidy(shop, clock)
        shop.now += BELIEVED_AFTER // 4 - 1
        assert tidy(shop, clock).quarantines_ended == 0
    shop.now += 4
    assert tidy(shop, clock).quarantines_ended == 1


def test_one_process_whose_clock_is_wrong_is_never_believed_beside_one_whose_clock_is_right(
    shop: Shop, beside: Callable[[], Shop]
) -> None:
    account_id, e164 = shop.account(5 * PRICE), shop.number()
    shop.buy(account_id, e164)
    shop.release(account_id, e164)
    right, other = clock_of(shop), beside()
    wrong = AgreedClock(other.writer, lambda: other.now + 40 * DAY, other.process_time)
    for _ in range(3 * 24):
        shop.now += 60 * MINUTE
        assert tidy(shop, right).quarantines_ended == 0
        past = other.tell(wrong.surely_past())
        assert abs(past - shop.now) <= MINUTE
        assert other.writer.apply(clean_up, Cleanup(past, RETENTION)).quarantines_ended == 0
    with shop.database.read() as tx:
        agreed = find_agreed_time(tx)
    assert agreed is not None
    assert agreed.agreed_at == shop.now
