"""/metrics: what it counts, what it never tells, who may read it; board, rules and document name what is there."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from numberdesk.carriers.observed import observed
from numberdesk.carriers.port import CarrierError, Trouble, Wanted
from numberdesk.cli.metrics import watch
from numberdesk.infra.db import Database, Tx
from numberdesk.infra.metrics import Metrics, MetricsServer
from numberdesk.infra.observer import NOBODY
from numberdesk.infra.settings import load_settings
from numberdesk.infra.writer import Writer
from numberdesk.wiring import Services, build
from testbed.fake_carriers import FakeCarrier
from tests.cli.conftest import filled
from tests.house.test_documents import rows

POSTGRESQL_IN_THE_LONG_RUN: Final = "the engines differ in what the stores read, which are tested there"

ROOT: Final = Path(__file__).parents[2]
NAME: Final = re.compile(r"numberdesk_[a-z_]+")
WANTED: Final = Wanted("US", "1", None, "", "", "", "", "", "", (), 10)
HISTOGRAM: Final = re.compile(r"_(bucket|sum|count)$")


@pytest.fixture
def running(database_url: str, tmp_path: Path) -> Iterator[Services]:
    filled(database_url, tmp_path, count=2)
    services = build(load_settings(database_url=database_url, metrics_port=1))
    assert isinstance(services.observer, Metrics)
    watch(services.observer, services)
    yield services
    services.close()


def _text(running: Services) -> str:
    assert isinstance(running.observer, Metrics)
    return running.observer.text().decode()


def _offered(running: Services) -> set[str]:
    """The names of all metrics, as they are documented."""
    return set(re.findall(r"^# TYPE (numberdesk_\w+) ", _text(running), flags=re.MULTILINE))


def _named(text: str) -> set[str]:
    return set(NAME.findall(text))


def test_the_document_lists_what_there_is(running: Services) -> None:
    listed = {cells[0].strip("`") for cells in rows((ROOT / "docs" / "metrics.md").read_text())}
    assert listed == _offered(running)


def test_board_and_rules_name_only_what_there_is(running: Services) -> None:
    offered = _offered(running)
    board = json.loads((ROOT / "ops" / "grafana" / "numberdesk.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    rules = re.findall(r"expr: (.*)", (ROOT / "ops" / "prometheus" / "rules.yml").read_text())
    assert len(asked) > 20
    assert len(rules) > 10
    used = {HISTOGRAM.sub("", name) if name not in offered else name for name in _named("\n".join([*asked, *rules]))}
    assert used - offered == set()


def test_no_account_and_no_number_is_told(running: Services) -> None:
    told = _text(running)
    assert not re.search(r"acc_|key_|\+?1361273", told)
    assert "numberdesk_database_readable 1.0" in told


def test_what_was_committed_is_counted_once_and_what_was_rolled_back_is_not(database: Database) -> None:
    metrics = Metrics()
    writer = Writer(database, observer=metrics)

    def pay(tx: Tx, commands: Sequence[int]) -> list[int]:
        for amount in commands:
            tx.count("money", "top_up", "USD", by=amount)
            if amount < 0:
                raise ValueError("no such amount")
        return list(commands)

    async def story() -> None:
        await asyncio.gather(writer.submit(pay, 1_500_000), writer.submit(pay, 500_000))
        with pytest.raises(ValueError, match="no such amount"):
            await writer.submit(pay, -1)

    writer.start()
    try:
        asyncio.run(story())
    finally:
        writer.close()
    told = metrics.text().decode()
    assert 'numberdesk_money_moved_total{currency="USD",kind="top_up"} 2.0' in told
    assert "numberdesk_writer_batch_commands_sum 2.0" in told


def test_requests_to_a_carrier_are_told_by_call_and_outcome() -> None:
    metrics, fake = Metrics(), FakeCarrier(now=lambda: 0)
    clock = iter(range(100))
    carrier = observed(fake, "acme", metrics, lambda: float(next(clock)))
    fake.offer("+13612738809")

    async def story() -> None:
        await carrier.search(WANTED)
        await carrier.order("+13612738809", "ord_1")
        fake.search_fails = CarrierError(Trouble.UNREACHABLE, "no answer")
        with pytest.raises(CarrierError):
            await carrier.search(WANTED)

    asyncio.run(story())
    assert carrier.window == fake.window
    told = metrics.text().decode()
    for call, outcome in (("search", "ok"), ("search", Trouble.UNREACHABLE.value), ("order", "placed")):
        labels = f'{{call="{call}",carrier="acme",outcome="{outcome}"}}'
        assert f"numberdesk_carrier_request_duration_seconds_count{labels} 1.0" in told
        assert f"numberdesk_carrier_request_duration_seconds_sum{labels} 1.0" in told


def test_what_the_database_says_is_kept_for_a_while_and_its_silence_is_told(running: Services) -> None:
    assert "numberdesk_holds_open 0.0" in _text(running)
    running.database.close()
    assert "numberdesk_database_readable 1.0" in _text(running), "it is asked again only after a while"


def _get(port: int, path: str, token: str = "") -> tuple[int, bytes]:
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310  our own server
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_the_port_tells_who_has_the_token_and_nobody_else() -> None:
    server = MetricsServer(lambda: b"all of it", "127.0.0.1", range(1), token="secret")
    try:
        assert _get(server.port, "/metrics", "secret") == (200, b"all of it")
        assert _get(server.port, "/metrics", "other")[0] == 401
        assert _get(server.port, "/metrics")[0] == 401
        assert _get(server.port, "/", "secret")[0] == 404
    finally:
        server.close()


def test_each_process_takes_the_next_port_that_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = MetricsServer(lambda: b"", "127.0.0.1", range(port, port + 8))
        assert port < server.port < port + 8
        server.close()
        with pytest.raises(OSError, match="in use"):
            MetricsServer(lambda: b"", "127.0.0.1", range(port, port + 1))


def test_without_a_port_nobody_observes(database_url: str) -> None:
    services = build(load_settings(database_url=database_url))
    assert services.observer is NOBODY
    services.close()
