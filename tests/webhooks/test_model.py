"""When a delivery is tried again, and when an endpoint is disabled."""

from __future__ import annotations

from itertools import pairwise

import pytest

from numberdesk.core.periods import MICROSECONDS
from numberdesk.webhooks.model import (
    FAILING_FOR,
    LONGEST_WAIT,
    Attempt,
    Delivery,
    DeliveryStatus,
    EndpointStatus,
    WebhookEndpoint,
    after_attempt,
    delivered,
    enabled,
    put_off,
    replayed,
    rotated,
    secret_text,
)

NOW = 1_750_000_000 * MICROSECONDS
HOUR = 3600 * MICROSECONDS
FAILED = Attempt(503, "down")
NEW = Delivery("dlv_1", "acc_1", "whk_1", "evt_1", "number.purchased", NOW, next_at=NOW)
ENDPOINT = WebhookEndpoint("whk_1", "acc_1", 0, "https://example.com", "", "", "sealed", NOW, NOW)


def tries(jitter: float) -> list[int]:
    """The instants at which a delivery is tried that always fails at once."""
    delivery, instants = NEW, []
    while delivery.next_at is not None:
        instants.append(delivery.next_at)
        delivery = put_off(delivery, FAILED, delivery.next_at, jitter)
    assert (delivery.status, delivery.attempts) == (DeliveryStatus.FAILED, len(instants))
    return instants


def test_a_delivery_is_tried_as_the_specification_proposes() -> None:
    seconds = [(after - before) / MICROSECONDS for before, after in pairwise(tries(0.0))]
    assert seconds == [5, 300, 1800, *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24))]


def test_chance_makes_each_delay_longer_and_none_longer_than_is_ever_set() -> None:
    pairs = zip(pairwise(tries(0.0)), pairwise(tries(0.999)), strict=True)
    for (before, after), (other_before, other_after) in pairs:
        assert after - before < other_after - other_before <= LONGEST_WAIT
        assert other_after - other_before < 1.1 * (after - before)


@pytest.mark.parametrize(
    ("asked", "waits"), [(0, 5), (1, 5), (60, 60), (86_400, 86_400), (10**9, LONGEST_WAIT / MICROSECONDS)]
)
def test_a_receiver_is_left_alone_for_as_long_as_it_asks_and_no_longer_than_a_day(asked: int, waits: float) -> None:
    after = put_off(NEW, Attempt(429, retry_after=asked * MICROSECONDS), NOW, 0.0)
    assert after.next_at == NOW + waits * MICROSECONDS


@pytest.mark.parametrize(("status", "is_success"), [(199, False), (200, True), (204, True), (299, True), (300, False)])
def test_any_2xx_is_success_and_nothing_else(status: int, is_success: bool) -> None:  # noqa: FBT001  a case's answer
    assert Attempt(status).is_success is is_success
    assert not Attempt(None, message="no connection in time").is_success


def test_what_arrived_is_over_and_can_be_replayed_with_all_its_tries() -> None:
    over = delivered(put_off(NEW, FAILED, NOW, 0.5), Attempt(204), NOW + 9)
    assert (over.status, over.attempts, over.next_at, over.delivered_at) == (DeliveryStatus.DELIVERED, 2, None, NOW + 9)
    again = replayed(over, NOW + 10)
    assert (again.status, again.attempts, again.next_at) == (DeliveryStatus.PENDING, 0, NOW + 10)


def test_a_receiver_that_is_gone_is_disabled_at_once() -> None:
    after = after_attempt(ENDPOINT, NEW, Attempt(410), NOW)
    assert (after.status, after.disabled_at) == (EndpointStatus.DISABLED, NOW)
    assert after.disabled_reason == "its receiver answered 410 Gone"


def test_an_endpoint_that_only_fails_for_five_days_is_disabled_and_a_success_begins_anew() -> None:
    failing = after_attempt(ENDPOINT, NEW, FAILED, NOW)
    assert (failing.failing_since, failing.is_enabled) == (NOW, True)
    tried = NEW._replace(attempts=5)
    assert after_attempt(failing, tried, FAILED, NOW + FAILING_FOR - 1).is_enabled
    assert not after_attempt(failing, tried, FAILED, NOW + FAILING_FOR).is_enabled
    well = after_attempt(failing, tried, Attempt(200), NOW + HOUR)
    assert well.failing_since is None
    assert after_attempt(well, tried, FAILED, NOW + FAILING_FOR).is_enabled


def test_after_a_quiet_week_one_failure_disables_nothing() -> None:
    failing = ENDPOINT._replace(failing_since=NOW)
    assert after_attempt(failing, NEW, FAILED, NOW + 7 * 24 * HOUR).is_enabled


def test_an_endpoint_that_is_enabled_again_has_proved_nothing() -> None:
    gone = after_attempt(ENDPOINT, NEW, Attempt(410), NOW)
    again = enabled(gone, NOW + 1)
    assert (again.is_enabled, again.failing_since, again.disabled_reason) == (True, None, None)


def test_a_secret_is_written_as_the_specification_wants_and_the_former_stays_for_a_day() -> None:
    assert secret_text(bytes(32)) == "whsec_" + "A" * 43 + "="
    after = rotated(ENDPOINT, "new", NOW)
    assert (after.secret, after.former_secret, after.former_until) == ("new", "sealed", NOW + 24 * HOUR)


def test_an_endpoint_takes_its_accounts_events_of_its_kinds_and_an_operators_takes_all() -> None:
    some, every = ENDPOINT._replace(kinds="order.failed number.released"), ENDPOINT._replace(all_accounts=1)
    mine = [some.takes("acc_1", kind, on_demand=False) for kind in ("order.failed", "number.released", "number")]
    assert mine == [True, True, False]
    assert not some.takes("acc_2", "order.failed", on_demand=False)
    assert every.takes("acc_2", "number.purchased", on_demand=False)


def test_what_is_told_on_demand_has_to_be_named() -> None:
    named = ENDPOINT._replace(kinds="call.rated")
    assert [one.takes("acc_1", "call.rated", on_demand=True) for one in (ENDPOINT, named)] == [False, True]


def test_what_is_about_no_account_is_for_those_that_are_told_of_every_account() -> None:
    both = (ENDPOINT, ENDPOINT._replace(all_accounts=1))
    assert [one.takes("", "order.parked", on_demand=False) for one in both] == [False, True]
