"""A cluster under Patroni while customers buy: its leader killed or changed, its standby lagging. Nothing is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Final

import pytest

from numberdesk.flows.webhooks.create_webhooks import NewWebhook, create_webhooks
from numberdesk.infra.settings import load_settings
from numberdesk.infra.vault import new_key
from numberdesk.webhooks.model import WebhookEndpoint
from numberdesk.webhooks.sender import seal_secret
from numberdesk.wiring import build
from testbed.books import Books, make_books
from testbed.customers import Customers
from testbed.egress import ALLOWED
from testbed.patroni import Cluster, missing
from testbed.scripted import Scripted, reply, scripted
from testbed.service import SERVE, Service

pytestmark = [pytest.mark.long, pytest.mark.timeout(900), pytest.mark.skipif(bool(missing()), reason=missing())]

SETTINGS: Final = {"credentials_key": new_key(), "egress_allow": ALLOWED}
_MOST_ROUNDS: Final = 2000
_LAG_SECONDS: Final = 8.0
_DELIVERED_SECONDS: Final = 120.0


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    try:
        made.start()
        yield made
    finally:
        made.delete()


def kill_the_leader(cluster: Cluster) -> None:
    leader = cluster.leader()
    leader.kill()
    cluster.leader()
    leader.start()
    cluster.await_pair()


def change_the_leader(cluster: Cluster) -> None:
    cluster.leader().switch_to(cluster.standby())
    cluster.await_pair()


def let_the_standby_lag(cluster: Cluster) -> None:
    with cluster.standby().receiving_nothing():
        time.sleep(_LAG_SECONDS)
    cluster.await_pair()


def with_webhooks(books: Books, receiver: Scripted) -> None:
    """Each account has its purchases sent to the receiver."""
    services = build(load_settings(database_url=books.url, **SETTINGS))
    try:
        for account_id in books.stock.account_ids:
            webhook_id, now = services.new_id("whk"), services.now()
            sealed = seal_secret(services.vault, webhook_id, "whsec_AAAA")
            made = WebhookEndpoint(webhook_id, account_id, 0, receiver.url, "", "", sealed, now, now)
            services.writer.apply(create_webhooks, NewWebhook(made))
    finally:
        services.close()


def delivered(receiver: Scripted) -> dict[str, str]:
    """The number that each event which arrived is about, by its id."""
    sent = ((seen.headers["webhook-id"], seen.json) for seen in list(receiver.seen))
    return {one: told["data"]["phone_number"] for one, told in sent if told["type"] == "number.purchased"}


@pytest.mark.parametrize(
    "disturb", [[kill_the_leader], [change_the_leader], [let_the_standby_lag], [kill_the_leader, change_the_leader]]
)
def test_purchases_charges_and_deliveries_outlive_what_becomes_of_the_cluster(
    cluster: Cluster, disturb: list[Callable[[Cluster], None]], request: pytest.FixtureRequest
) -> None:
    name = f"books{abs(hash(request.node.name)) % 10**8}"
    with scripted(lambda _seen: reply(204)) as receiver:
        books = make_books(cluster.make_database(name), numbers=300)
        with_webhooks(books, receiver)
        customers = Customers(books.wishes)
        failures: list[BaseException] = []
        turn = threading.Lock()
        told_before: list[int] = []

        def once(event: Callable[[Cluster], None]) -> Callable[[], None]:
            def happen() -> None:
                told_before.append(len(customers.told))
                try:
                    with turn:  # one thing at a time: the next begins when the cluster is whole again
                        event(cluster)
                except BaseException as error:  # noqa: BLE001  told by the test
                    failures.append(error)

            return happen

        with Service(books.url, *SERVE, "--workers", "2", **SETTINGS) as service, ExitStack() as events:
            for place, event in enumerate(disturb, 1):
                share = len(books.wishes) * place // (len(disturb) + 2)
                events.enter_context(customers.once_told(share, once(event)))
            for _ in range(_MOST_ROUNDS):
                customers.ask(service.port)
                if not customers.open:
                    break
            events.close()
            assert failures == []
            assert customers.open == []
            assert max(told_before) < len(books.wishes), "nothing happened amid purchases"
            customers.ask(service.port, books.wishes)
            end = time.monotonic() + _DELIVERED_SECONDS
            while len(delivered(receiver)) < len(books.stock.e164s) and time.monotonic() < end:
                time.sleep(0.5)
            assert service.stop() == 0
        books.audit(customers)
    assert sorted(delivered(receiver).values()) == sorted(books.stock.e164s), "a delivery was lost"
