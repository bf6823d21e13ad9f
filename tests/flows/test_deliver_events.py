"""Events on their way to webhooks: at least once, in days if need be, and no receiver delays another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from numberdesk.core.errors import Forbidden, NotFound
from numberdesk.core.periods import MICROSECONDS
from numberdesk.flows.webhooks.deliver_events import AT_ONCE, WEBHOOK_DELIVERIES, DeliveryReport, note_deliveries
from numberdesk.flows.webhooks.replay_deliveries import Replay, ReplayFailed, replay_deliveries, replay_failed
from numberdesk.infra.due_work import TakeUp, WorkOutcome, points_of
from numberdesk.webhooks.delivery_store import DUE_DELIVERIES, LEASE
from numberdesk.webhooks.model import Attempt, DeliveryStatus, EndpointStatus
from tests.flows.conftest import Shop
from tests.flows.receivers import DOWN, OK, Telling, later

DAY = 86_400 * MICROSECONDS


@pytest.fixture
def telling(shop: Shop) -> Telling:
    return Telling(shop)


def told_once(telling: Telling) -> tuple[str, str]:
    """An account with a webhook and one event that is to be sent: the account and the webhook."""
    account_id = telling.shop.account()
    endpoint_id = telling.endpoint(account_id)
    telling.bought(account_id)
    telling.number()
    return account_id, endpoint_id


def test_an_event_arrives_as_the_api_lists_it(telling: Telling) -> None:
    account_id, endpoint_id = told_once(telling)
    telling.send_due()
    (arrived,) = telling.receivers.arrived
    ((event_id, payload_number),) = telling.shop.rows("SELECT id, number FROM events")
    assert arrived.event_id == arrived.body["id"] == event_id
    assert arrived.body["type"] == "number.purchased"
    assert (arrived.body["account_id"], arrived.body["number"]) == (account_id, payload_number)
    assert arrived.body["data"]["price"] == "1.15"
    (delivery,) = telling.deliveries(endpoint_id)
    assert (delivery.status, delivery.attempts, delivery.answer_status) == (DeliveryStatus.DELIVERED, 1, 204)
    assert telling.points == list(points_of(WEBHOOK_DELIVERIES))
    telling.send_until(later(telling.shop, days=10))
    assert len(telling.receivers.arrived) == 1


def test_a_receiver_that_was_down_for_four_days_gets_what_the_schedule_holds_and_the_rest_by_replay(
    telling: Telling,
) -> None:
    shop, account_id = telling.shop, telling.shop.account()
    endpoint_id, began = telling.endpoint(account_id), telling.shop.now
    telling.receivers.answers[endpoint_id] = DOWN
    for day in range(5):  # an event at the beginning of each day, the last when it is up again
        if day == 4:
            telling.receivers.answers[endpoint_id] = OK
        telling.bought(account_id)
        telling.number()
        telling.send_until(began + (day + 1) * DAY)
    telling.send_until(began + 9 * DAY)
    assert telling.found(endpoint_id).is_enabled
    failed = telling.deliveries(endpoint_id, DeliveryStatus.FAILED)
    arrived = telling.deliveries(endpoint_id, DeliveryStatus.DELIVERED)
    assert [(one.created_at - began) // DAY for one in failed] == [0], "75.6 hours of tries were over, no others'"
    assert sorted((one.created_at - began) // DAY for one in arrived) == [1, 2, 3, 4]
    assert (failed[0].attempts, failed[0].message) == (10, "no connection in time")
    report = shop.writer.apply(replay_failed, ReplayFailed(endpoint_id, account_id, began, shop.now))
    assert report == (1, False)
    telling.send_due()
    assert telling.deliveries(endpoint_id, DeliveryStatus.FAILED) == []
    ids = {event_id for (event_id,) in shop.rows("SELECT id FROM events")}
    assert {one.event_id for one in arrived} | {failed[0].event_id} == ids
    assert telling.found(endpoint_id).failing_since is None
    shop.verified()


def test_a_receiver_that_hangs_delays_nobody_else(telling: Telling) -> None:
    """The worker looks every second; what is due then is sent, whatever others do."""
    shop = telling.shop
    accounts = [shop.account() for _ in range(30)]
    endpoints = [telling.endpoint(account_id) for account_id in accounts]
    telling.receivers.hanging = set(endpoints[:5])
    for account_id in accounts:
        telling.bought(account_id, 6)
    telling.number()
    began, worker = shop.now, telling.worker()

    async def story() -> None:
        for _ in range(10):
            await worker.begin(lambda: False)
            await asyncio.sleep(1)
        await asyncio.gather(*worker.running.values())

    shop.tell(story())
    others = [one for one in telling.receivers.arrived if one.endpoint_id not in telling.receivers.hanging]
    assert len(others) == 25 * 6
    assert max(one.at - began for one in others) < MICROSECONDS
    assert set(telling.receivers.most_at_once.values()) == {AT_ONCE}


def test_a_receiver_that_is_gone_is_disabled_with_an_event_that_says_so(telling: Telling) -> None:
    account_id, endpoint_id = told_once(telling)
    telling.receivers.answers[endpoint_id] = Attempt(410)
    witness = telling.endpoint(account_id, "webhook.disabled")
    telling.send_due()
    assert telling.found(endpoint_id).disabled_reason == "its receiver answered 410 Gone"
    telling.bought(account_id)
    assert telling.number() == (2, 1, False), "an event for it that is disabled was kept, or the witness not told"
    telling.send_until(later(telling.shop, days=10))
    told = [one for one in telling.receivers.arrived if one.endpoint_id == witness]
    assert [one.body["data"]["webhook_id"] for one in told] == [endpoint_id]
    assert [one.endpoint_id for one in telling.receivers.arrived].count(endpoint_id) == 1
    (delivery,) = telling.deliveries(endpoint_id)
    assert (delivery.status, delivery.message) == (DeliveryStatus.FAILED, "the webhook is disabled")
    telling.shop.verified()


def test_one_that_fails_for_five_days_is_disabled_once(telling: Telling) -> None:
    shop, account_id = telling.shop, telling.shop.account()
    endpoint_id, began = telling.endpoint(account_id), telling.shop.now
    telling.receivers.answers[endpoint_id] = Attempt(500)
    for day in range(7):
        telling.bought(account_id)
        telling.number()
        telling.send_until(began + (day + 1) * DAY)
    endpoint = telling.found(endpoint_id)
    assert endpoint.disabled_at is not None
    assert 5 * DAY <= endpoint.disabled_at - began < 6 * DAY
    assert shop.rows("SELECT count(*) FROM events WHERE kind = 'webhook.disabled'") == [(1,)]


def test_a_deleted_webhook_gets_no_more_tries_and_one_enabled_again_goes_on(telling: Telling) -> None:
    shop, account_id = telling.shop, telling.shop.account()
    gone, resting = telling.endpoint(account_id), telling.endpoint(account_id)
    telling.receivers.answers = {gone: DOWN, resting: DOWN}
    telling.bought(account_id)
    telling.number()
    telling.send_due()
    telling.change(gone, delete=True)
    telling.change(resting, status=EndpointStatus.DISABLED)
    telling.receivers.answers = {}
    telling.receivers.arrived.clear()
    telling.change(resting, status=EndpointStatus.ENABLED)
    telling.send_until(later(shop, days=5))
    assert [one.endpoint_id for one in telling.receivers.arrived] == [resting]
    assert telling.found(gone).secret == ""


def test_who_dies_after_the_request_sends_it_again_with_the_same_id(telling: Telling) -> None:
    _, endpoint_id = told_once(telling)
    shop = telling.shop
    (taken,) = shop.writer.apply(DUE_DELIVERIES.take_up, TakeUp(endpoint_id, shop.now, 4))
    telling.receivers.arrived.clear()
    telling.send_until(later(shop, seconds=LEASE / MICROSECONDS - 1))
    assert telling.receivers.arrived == [], "it is in somebody's hands"
    telling.send_until(later(shop, seconds=2))
    assert [one.event_id for one in telling.receivers.arrived] == [taken.event_id]
    lost = DeliveryReport(taken.id, endpoint_id, DOWN, taken.leased_until, shop.now, 0.0, "0")
    assert shop.writer.apply(note_deliveries, lost) is WorkOutcome.LEASE_LOST
    assert telling.deliveries(endpoint_id)[0].status is DeliveryStatus.DELIVERED


def test_of_two_processes_one_sends(telling: Telling, beside: Callable[[], Shop]) -> None:
    account_id = telling.shop.account()
    endpoint_id = telling.endpoint(account_id)
    telling.bought(account_id, 10)
    telling.number()
    other = Telling(beside())
    mine, theirs = telling.worker(), other.worker()

    async def story() -> None:
        for _ in range(9):
            await asyncio.gather(mine.run_once(), theirs.run_once())

    telling.shop.tell(story(), other.shop)
    sent = [one.event_id for one in (*telling.receivers.arrived, *other.receivers.arrived)]
    assert len(sent) == len(set(sent)) == 10
    assert len(telling.deliveries(endpoint_id, DeliveryStatus.DELIVERED)) == 10


def test_one_delivery_is_replayed_whatever_became_of_it_and_by_its_owner_only(telling: Telling) -> None:
    account_id, endpoint_id = told_once(telling)
    shop = telling.shop
    telling.send_due()
    (delivery,) = telling.deliveries(endpoint_id)
    stranger, theirs = shop.account(), telling.endpoint(shop.account())
    for account, webhook in ((stranger, endpoint_id), (account_id, theirs), (account_id, "whk_none")):
        with pytest.raises(NotFound):
            shop.writer.apply(replay_deliveries, Replay(webhook, account, delivery.id, shop.now))
    with pytest.raises(NotFound):
        shop.writer.apply(replay_deliveries, Replay(endpoint_id, account_id, "dlv_none", shop.now))
    shop.writer.apply(replay_deliveries, Replay(endpoint_id, account_id, delivery.id, shop.now))
    telling.send_due()
    assert [one.event_id for one in telling.receivers.arrived] == [delivery.event_id] * 2
    telling.change(endpoint_id, status=EndpointStatus.DISABLED)
    with pytest.raises(Forbidden):
        shop.writer.apply(replay_deliveries, Replay(endpoint_id, account_id, delivery.id, shop.now))


def test_failed_ones_are_replayed_a_bounded_number_at_a_time_from_an_instant_on(telling: Telling) -> None:
    shop, account_id = telling.shop, telling.shop.account()
    endpoint_id = telling.endpoint(account_id)
    telling.receivers.answers[endpoint_id] = DOWN
    telling.bought(account_id)
    shop.now += 1
    since = shop.now
    telling.bought(account_id, 3)
    telling.number()
    telling.send_until(later(shop, days=4))
    command = ReplayFailed(endpoint_id, account_id, since, shop.now, limit=2)
    assert shop.writer.apply(replay_failed, command) == (2, True)
    assert shop.writer.apply(replay_failed, command) == (1, False)
    assert len(telling.deliveries(endpoint_id, DeliveryStatus.FAILED)) == 1
    with pytest.raises(NotFound):
        shop.writer.apply(replay_failed, command._replace(account_id=shop.account()))
