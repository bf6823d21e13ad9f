"""Prometheus scrapes a service while customers buy, and tells that an order is parked: with the rules that we ship."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from numberdesk.infra.clock import now as time_of_day
from numberdesk.infra.db import Database
from testbed.books import make_books
from testbed.customers import Customers
from testbed.fake_carriers import Does
from testbed.patroni import TOOLS
from testbed.postgres import free_port
from testbed.service import SERVE, Service
from tests.flows.carrier_orders import opened
from tests.flows.conftest import Shop

RULES: Final = Path(__file__).parents[2] / "ops" / "prometheus" / "rules.yml"
PROGRAM: Final = TOOLS / "usr" / "bin" / "prometheus"
_PATIENCE: Final = 60.0

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not PROGRAM.exists(), reason="Prometheus is not here: make cluster-tools fetches it, on Debian"),
]


@pytest.fixture
def books_with_a_parked_order(database: Database, database_url: str) -> str:
    """An order at a carrier that is gone, which the worker left to a person."""
    shop = Shop(database)
    shop.now = time_of_day()
    _, placement = opened(shop, Does.LOSES)
    shop.carriers.carriers.clear()
    shop.tell(shop.chase_to_the_end(placement))
    return database_url


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """Its address, and the port that it scrapes every second."""
    port, scraped = free_port(), free_port()
    settings = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "scrape_configs": [{"job_name": "numberdesk", "static_configs": [{"targets": [f"127.0.0.1:{scraped}"]}]}],
    }
    file = tmp_path / "prometheus.yml"
    file.write_text(json.dumps(settings))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [PROGRAM, f"--config.file={file}", f"--storage.tsdb.path={tmp_path / 'data'}",
             f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}", scraped
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def wait_for(what: str, address: str, found: Any) -> Any:
    """What Prometheus answers once it is what is looked for."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            data = httpx.get(f"{address}/api/v1/{what}").json()["data"]
        except httpx.TransportError:
            data = None
        if data is not None and (result := found(data)):
            return result
        time.sleep(0.2)
    raise AssertionError(f"{what} never became what was looked for")


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the figures are compared on both elsewhere
def test_a_parked_order_fires_its_alert_while_customers_buy(
    books_with_a_parked_order: str, prometheus: tuple[str, int]
) -> None:
    address, scraped = prometheus
    books = make_books(books_with_a_parked_order, numbers=60)
    customers = Customers(books.wishes)
    with Service(books.url, *SERVE, metrics_port=str(scraped)) as service:
        customers.ask(service.port)
        alerts = wait_for("alerts", address, lambda data: [one for one in data["alerts"] if one["state"] == "firing"])
        bought = wait_for(
            "query?query=sum(numberdesk_purchase_duration_seconds_count{result='completed'})",
            address,
            lambda data: data["result"],
        )
        assert service.stop() == 0
    assert [(one["labels"]["alertname"], one["labels"]["carrier"]) for one in alerts] == [
        ("NumberdeskOrderParked", "acme")
    ]
    assert float(bought[0]["value"][1]) == len(customers.bought)
