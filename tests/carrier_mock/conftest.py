"""A mock for a test: without a socket, or a running one."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from carrier_mock.running import Config
from testbed.carrier_mock import MockUrls, plain_client, simulated
from tests.carrier_mock.asking import Bench, Telnyx, Twilio


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.client.close()


@pytest.fixture
def sim() -> Iterator[MockUrls]:
    with simulated(Config(numbers=300, order_seconds=0)) as sim:
        yield sim


@pytest.fixture
def client(sim: MockUrls) -> Iterator[httpx.Client]:
    with plain_client(sim.url, timeout=10) as client:
        yield client


@pytest.fixture
def twilio(client: httpx.Client) -> Twilio:
    return Twilio(client)


@pytest.fixture
def telnyx(client: httpx.Client) -> Telnyx:
    return Telnyx(client)
