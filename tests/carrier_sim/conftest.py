"""A simulator for a test: without a socket, or a running one."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from numberdesk.carrier_sim.running import Config
from testbed.carrier_sim import Simulated, plain_client, simulated
from tests.carrier_sim.asking import Bench, Telnyx, Twilio


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.client.close()


@pytest.fixture
def sim() -> Iterator[Simulated]:
    with simulated(Config(numbers=300, order_seconds=0)) as sim:
        yield sim


@pytest.fixture
def client(sim: Simulated) -> Iterator[httpx.Client]:
    with plain_client(sim.url, timeout=10) as client:
        yield client


@pytest.fixture
def twilio(client: httpx.Client) -> Twilio:
    return Twilio(client)


@pytest.fixture
def telnyx(client: httpx.Client) -> Telnyx:
    return Telnyx(client)
