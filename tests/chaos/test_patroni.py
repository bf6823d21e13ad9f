"""A cluster under Patroni while customers buy: its leader killed or changed, its standby lagging. Nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from testbed.books import make_books
from testbed.patroni import Cluster, missing
from testbed.scripted import reply, scripted
from tests.chaos.amid import buy_amid

pytestmark = [pytest.mark.long, pytest.mark.timeout(900), pytest.mark.skipif(bool(missing()), reason=missing())]

_LAG_SECONDS: Final = 8.0


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


@pytest.mark.parametrize(
    "disturb", [[kill_the_leader], [change_the_leader], [let_the_standby_lag], [kill_the_leader, change_the_leader]]
)
def test_purchases_charges_and_deliveries_outlive_what_becomes_of_the_cluster(
    cluster: Cluster, disturb: list[Callable[[Cluster], None]], request: pytest.FixtureRequest
) -> None:
    name = f"books{abs(hash(request.node.name)) % 10**8}"
    happenings = [lambda _service, event=event: event(cluster) for event in disturb]
    with scripted(lambda _seen: reply(204)) as receiver:
        buy_amid(make_books(cluster.make_database(name), numbers=300), receiver, happenings)
