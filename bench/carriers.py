"""P8: the audit of a carrier's numbers; and searches and purchases while one carrier is slow and one hangs.

Touches: database, files, network, clock, environment.

NUMBERDESK_BENCH_CARRIER_NUMBERS says how many numbers are audited, 100,000 unless told otherwise.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from bench.floor import buy
from bench.process import numberdesk, run_carrier_mock
from bench.purchases import load_bought
from bench.sizes import sized
from bench.stock import Stock, make_stock_of, sqlite_stock
from carrier_mock.model import Api
from numberdesk.carriers.port import Setup
from numberdesk.core.findings import FindingKind
from numberdesk.flows.carriers.connect_carriers import CarrierSetup, set_up_carriers
from numberdesk.flows.catalog.set_price_rules import set_price_rules
from numberdesk.infra import log
from numberdesk.infra.settings import load_settings
from numberdesk.infra.vault import new_key
from numberdesk.wiring import Services, build
from testbed.carrier_mock import Control, plain_client
from testbed.samples import INBOUND, OUTBOUND, PRICE, price_rule

NUMBERS: Final = int(os.environ.get("NUMBERDESK_BENCH_CARRIER_NUMBERS", sized(100_000, 300)))
CREDENTIALS_KEY: Final = new_key()
ACCOUNT: Final = "AC" + "0" * 31 + "1"
DEADLINE: Final = 2.5
SLOW: Final = 30.0
SEARCHERS: Final = 8
SEARCHES: Final = sized(400, 8)
PAUSE: Final = 0.25
BUYERS: Final = 4
BUYS: Final = sized(8_000, 50)
ROUNDS: Final = sized(2, 1)


def bench_carriers(folder: Path) -> None:
    """Measure and print both."""
    log.configure("critical")
    _audit(folder)
    _bad_company(folder)


def _audit(folder: Path) -> None:
    with run_carrier_mock(NUMBERS + 1_000) as mock:
        control = Control(f"http://127.0.0.1:{mock.port}/control")
        owned = [one.phone_number for one in control.orphans(Api.TWILIO, count=NUMBERS, account=ACCOUNT)]
        nationals = [number.removeprefix("+1") for number in owned if number.startswith("+1")]
        stock = make_stock_of(f"sqlite:///{folder / 'audited.db'}", nationals, carrier="twilio")
        _sell_all(stock)
        _connect(stock, {"twilio": ("twilio", f"http://127.0.0.1:{mock.port}")})
        # What is not in North America stands in no book, and a number was taken from us: nothing else is to be found.
        planted = {(FindingKind.ORPHAN, number) for number in owned if not number.startswith("+1")}
        control.take_away(stock.numbers[0])
        planted.add((FindingKind.LOST, stock.numbers[0]))
        first, found = _audited(stock)
        assert found == planted, found ^ planted
        again, found = _audited(stock)
        assert found == planted, found ^ planted
        control.close()
    print(f"P8  audit of {len(owned):,} numbers at a carrier: {first:.1f} s, and again {again:.1f} s (bar: 60 s)")
    print(f"    findings: {len(planted):,}, exactly those that were planted (bar: no false alarm)")


def _sell_all(stock: Stock) -> None:
    connection = sqlite3.connect(stock.url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("BEGIN")
    for place, e164 in enumerate(stock.numbers):
        buy(connection, stock.accounts[place % len(stock.accounts)], e164, place)
    connection.execute(
        "UPDATE orders SET completed_at = completed_at - 86400000000"
    )  # so long ago that lists show them
    connection.execute("COMMIT")
    connection.close()


def _audited(stock: Stock) -> tuple[float, set[tuple[FindingKind, str]]]:
    async def audit(services: Services) -> tuple[float, set[tuple[FindingKind, str]]]:
        try:
            began = time.perf_counter()
            report = await services.audit.run("twilio")
            took = time.perf_counter() - began
        finally:
            await services.hang_up()
        assert report is not None
        assert not report.message, report.message
        return took, {(finding.kind, finding.e164) for finding in report.findings}

    services = _services(stock)
    services.writer.start()
    try:
        return asyncio.run(audit(services))
    finally:
        services.close()


class _Round(NamedTuple):
    """Times of searches in seconds, and how purchases went beside them."""

    searches: list[float]
    per_second: float
    p99: float
    incomplete: int


def _bad_company(folder: Path) -> None:
    with run_carrier_mock(20_000) as mock, _hanging() as hanging:
        url = f"http://127.0.0.1:{mock.port}"
        control = Control(f"{url}/control")
        well: list[_Round] = []
        ill: list[_Round] = []
        for place in range(ROUNDS):
            for rounds, seconds, third in ((well, 0.0, f"{url}/v2"), (ill, SLOW, hanging)):
                control.set_carrier(Api.TWILIO, answer_seconds=seconds)
                stock = sqlite_stock(folder, f"company-{place}-{seconds:g}", BUYS)
                accounts = {"fast": ("telnyx", f"{url}/v2"), "slow": ("twilio", url), "third": ("telnyx", third)}
                _connect(stock, accounts)
                rounds.append(_beside_searches(folder, stock))
        control.set_carrier(Api.TWILIO, answer_seconds=0.0)
        control.close()
    healthy, sick = ([time_ for one in rounds for time_ in one.searches] for rounds in (well, ill))
    p99 = _percentile(sick, 99)
    print(f"P9  search beside a carrier that takes {SLOW:g} s and one that hangs, {SEARCHERS} clients: ", end="")
    print(f"median {_percentile(sick, 50) * 1e3:.0f} ms, p99 {p99 * 1e3:.0f} ms")
    print(f"    beside healthy ones: median {_percentile(healthy, 50) * 1e3:.0f} ms, ", end="")
    print(
        f"p99 {_percentile(healthy, 99) * 1e3:.0f} ms; ratio of p99 to the deadline {p99 / DEADLINE:.2f} (bar: below 1)"
    )
    print(f"    {sum(one.incomplete for one in ill)} of {len(sick)} pages say that somebody did not answer")
    rate, other = (statistics.median(one.per_second for one in rounds) for rounds in (ill, well))
    late, usual = (statistics.median(one.p99 for one in rounds) for rounds in (ill, well))
    print(f"    own numbers bought meanwhile: {rate:,.0f}/s, p99 {late * 1e3:.0f} ms; beside healthy carriers ", end="")
    print(f"{other:,.0f}/s, p99 {usual * 1e3:.0f} ms; ratio {rate / other:.2f} (bar: 0.8)")


def _beside_searches(folder: Path, stock: Stock) -> _Round:
    with (
        numberdesk(
            stock.url, NUMBERDESK_CREDENTIALS_KEY=CREDENTIALS_KEY, NUMBERDESK_EGRESS_ALLOW="127.0.0.1"
        ) as server,
        ThreadPoolExecutor(SEARCHERS + 1) as pool,
    ):
        bought = pool.submit(load_bought, folder, server.port, BUYERS, stock, stock.numbers)
        asked = [pool.submit(_searches, server.port, stock.keys[place], place) for place in range(SEARCHERS)]
        searches = [one for future in asked for one in future.result()]
        load = bought.result()
    times = [took for took, _ in searches]
    return _Round(times, BUYS / load["seconds"], _percentile(load["times"], 99), sum(bad for _, bad in searches))


def _searches(port: int, key: str, searcher: int) -> list[tuple[float, bool]]:
    """One client's searches, each another one, not too often: their seconds, and whether somebody did not answer."""
    found = []
    with plain_client(f"http://127.0.0.1:{port}", timeout=60) as client:
        for place in range(SEARCHES // SEARCHERS):
            query = {"contains": f"{place:02}{searcher}", "page_size": "20"}
            began = time.perf_counter()
            answer = client.get("/api/v1/phone-numbers/available-numbers/US/", params=query, headers={"X-Api-Key": key})
            took = time.perf_counter() - began
            page = answer.raise_for_status().json()["page"]
            found.append((took, bool(page.get("incomplete"))))
            time.sleep(max(0.0, PAUSE - took))
    return found


@contextmanager
def _hanging() -> Iterator[str]:
    """A carrier that takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1024)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def _services(stock: Stock) -> Services:
    return build(load_settings(database_url=stock.url, credentials_key=CREDENTIALS_KEY, egress_allow="127.0.0.1"))


def _connect(stock: Stock, accounts: dict[str, tuple[str, str]]) -> None:
    """Connect accounts at carriers: by name their kinds and where they are. Their numbers have one price."""
    credentials = {"twilio": {"account_sid": ACCOUNT, "auth_token": "t"}, "telnyx": {"api_key": "k"}}
    services = _services(stock)
    try:
        for name, (kind, url) in accounts.items():
            values = {**credentials[kind], "base_url": url}
            setup = CarrierSetup(name, kind, Setup(values), None, services.now())
            services.writer.apply(set_up_carriers(services.vault, services.egress), setup)
            rule = price_rule(
                services.new_id("prl"), carrier=name, price=PRICE, inbound=INBOUND, outbound=OUTBOUND, setup=0,
                round_to=10_000, created_at=services.now(),
            )  # fmt: skip
            services.writer.apply(set_price_rules, rule)
    finally:
        services.close()


def _percentile(times: list[float], percent: int) -> float:
    return sorted(times)[min(len(times) - 1, len(times) * percent // 100)]
