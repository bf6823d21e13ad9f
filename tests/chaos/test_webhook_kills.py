"""Killed with -9 between the commit, the request and the note of a delivery: at least once, with one id."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest

from numberdesk import worker
from numberdesk.core.prices import Confirmation
from numberdesk.core.purchase import Buy
from numberdesk.flows.webhooks.create_webhooks import NewWebhook, create_webhooks
from numberdesk.flows.webhooks.deliver_events import WEBHOOK_DELIVERIES
from numberdesk.infra import clock
from numberdesk.infra.due_work import points_of
from numberdesk.infra.settings import load_settings
from numberdesk.infra.vault import new_key
from numberdesk.verify.books import verify
from numberdesk.webhooks.delivery_store import LEASE
from numberdesk.webhooks.model import WebhookEndpoint
from numberdesk.webhooks.sender import seal_secret
from numberdesk.wiring import Parts, Services, build
from testbed.egress import ALLOWED
from testbed.samples import PRICE
from testbed.scripted import Scripted, reply, scripted
from testbed.service import Service
from testbed.stock import stocked

SETTINGS = {"credentials_key": new_key(), "egress_allow": ALLOWED}
TAKEN_UP, ACTED, NOTED = points_of(WEBHOOK_DELIVERIES)
SENT_BEFORE = {TAKEN_UP: 0, ACTED: 1, NOTED: 1}
SENT_IN_ALL = {TAKEN_UP: 1, ACTED: 2, NOTED: 1}


@pytest.fixture
def receiver() -> Iterator[Scripted]:
    with scripted(lambda _seen: reply(204)) as server:
        yield server


def services_of(url: str, *, ahead: int = 0) -> Services:
    return build(load_settings(database_url=url, **SETTINGS), Parts(now=lambda: clock.now() + ahead))


def buy_with_a_webhook(url: str, receiver: Scripted) -> None:
    """A purchase is committed, and its process ends before anybody has numbered its event."""
    services = services_of(url)
    stock = stocked(services, accounts=1, numbers=1)
    webhook_id, now, account_id = services.new_id("whk"), services.now(), stock.account_ids[0]
    sealed = seal_secret(services.vault, webhook_id, "whsec_AAAA")
    made = WebhookEndpoint(webhook_id, account_id, 0, receiver.url, "", "number.purchased", sealed, now, now)
    services.writer.apply(create_webhooks, NewWebhook(made))
    wanted = Buy(account_id, stock.e164s[0], Confirmation(PRICE), None, "req_1", services.new_id("ord"), now)
    services.writer.apply(services.open_orders, wanted)
    services.close()


def go_on(url: str) -> None:
    """Whoever comes next works after the lease of the one that died is over."""
    services = services_of(url, ahead=2 * LEASE)
    services.writer.start()

    async def rounds() -> None:
        await worker.number_events(services, lambda: False)
        (deliveries,) = [one for one in worker.due_workers(services) if one.work.name == WEBHOOK_DELIVERIES]
        while await deliveries.run_once():
            pass
        await services.webhooks.close()

    asyncio.run(rounds())
    rows = services.reader.read_now(
        lambda tx: tx.fetch(
            "SELECT number, delivered_at FROM events JOIN webhook_deliveries ON event_id = events.id", []
        )
    )
    assert [(row[0], row[1] is not None) for row in rows] == [(2, True)]
    assert services.reader.read_now(lambda tx: verify(tx, lambda *_: None)).violations == ()
    services.close()


@pytest.mark.parametrize("point", SENT_BEFORE)
def test_a_delivery_that_is_killed_is_made_by_whoever_comes_next(
    database_url: str, receiver: Scripted, point: str
) -> None:
    buy_with_a_webhook(database_url, receiver)
    with Service(database_url, "testbed.crashing", point, "1", **SETTINGS) as doomed:
        assert doomed.died() == -signal.SIGKILL
    assert len(receiver.seen) == SENT_BEFORE[point]
    go_on(database_url)
    assert len(receiver.seen) == SENT_IN_ALL[point]
    assert len({seen.headers["webhook-id"] for seen in receiver.seen}) == 1
    assert {seen.json["number"] for seen in receiver.seen} == {2}  # after the top-up's
