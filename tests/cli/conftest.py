"""Processes of this package as an operator starts them, and books filled for them."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from numberdesk.accounts.model import CUSTOMER_SCOPES, RANDOM_BYTES, new_key
from numberdesk.core.money import MICROS
from numberdesk.core.purchase import POOL
from numberdesk.flows.accounts.create_accounts import create_accounts, new_account
from numberdesk.flows.accounts.fund_wallets import TOP_UP, fund_wallets, funding
from numberdesk.flows.accounts.issue_keys import NewKey, issue_keys, new_key_record
from numberdesk.flows.catalog.run_import import run_import
from numberdesk.infra.settings import load_settings
from numberdesk.wiring import Services, build
from testbed import nursery

PATIENCE = 60.0
COMMAND = [sys.executable, "-W", "error", "-m", "numberdesk"]
HEADER = "phone_number,monthly_price,per_minute_price_inbound,per_minute_price_outbound,currency\n"

Start = Callable[..., "Running"]


def environment(**given: str) -> dict[str, str]:
    """The environment without settings of ours but those given, in lower case and without the prefix."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NUMBERDESK_")}
    return {**clean, **{f"NUMBERDESK_{name.upper()}": value for name, value in given.items()}}


class Running:
    """A process of this package, once it has said that it runs."""

    def __init__(self, folder: Path, *arguments: str, until: str, **settings: str) -> None:
        self._output = folder / f"said-{time.monotonic_ns()}"
        with self._output.open("wb") as output:
            self.process = nursery.start(
                "numberdesk", *arguments, cwd=folder, env=environment(**settings), stdout=output, stderr=output
            )
        wait_until(lambda: until in self.said or self.process.poll() is not None)
        assert until in self.said, self.said

    @property
    def said(self) -> str:
        return self._output.read_text()

    @property
    def address(self) -> tuple[str, int]:
        found = re.search(r"http://(127\.0\.0\.1):(\d+)", self.said)
        assert found
        return found[1], int(found[2])

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}/api/v1"

    @property
    def key(self) -> dict[str, str]:
        found = re.search(r"nd_test_\w+", self.said)
        assert found
        return {"X-Api-Key": found[0]}

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Running] = []

    def begin(*arguments: str, until: str, **settings: str) -> Running:
        started.append(Running(tmp_path, *arguments, until=until, **settings))
        return started[-1]

    yield begin
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()


@dataclass
class Books:
    """A database with one customer and numbers at 1.15, and what the operator's commands say of it."""

    url: str
    folder: Path
    account_id: str
    key: str
    numbers: list[str]
    paid_in: int

    def command(self, *arguments: str) -> Any:
        """Run a command that has to succeed; what it prints as JSON."""
        done = nursery.run(
            "numberdesk", *arguments, "--json",
            cwd=self.folder, env=environment(database_url=self.url), timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        return json.loads(done.stdout)

    def ordered(self) -> list[str]:
        """The number of every order, all of which have to be completed."""
        orders = self.command("orders", "list", "--limit", "100000")
        assert {order["status"] for order in orders} <= {"completed"}
        return [order["phone_number"] for order in orders]

    def check(self) -> None:
        """Nothing is broken, and every order has been charged once."""
        report = self.command("verify")
        assert report["ok"] is True, report["violations"]
        ordered = self.ordered()
        assert len(ordered) == len(set(ordered))
        posted = self.command("wallet", "show", self.account_id)["posted"]
        assert posted == pytest.approx(self.paid_in - 1.15 * len(ordered), abs=1e-9)


@pytest.fixture
def books(database_url: str, tmp_path: Path) -> Books:
    """Books with 3,000 numbers and money for all of them."""
    return filled(database_url, tmp_path, count=3_000)


def filled(url: str, folder: Path, *, count: int) -> Books:
    """Put a customer with money, and numbers, into prepared books."""
    services = build(load_settings(database_url=url))
    try:
        numbers = [f"+1361273{place:04}" for place in range(count)]
        _import(services, numbers)
        account_id, key = _customer(services, 2 * count)
        return Books(url, folder, account_id, key, numbers, 2 * count)
    finally:
        services.close()


def _import(services: Services, numbers: list[str]) -> None:
    lines = "".join(f"{number},1.15,0.0085,0.0945,USD\n" for number in numbers)
    run_import(
        io.BytesIO((HEADER + lines).encode()),
        carrier=POOL,
        skip_bad=False,
        read=services.reader.read_now,
        save=lambda chunk: services.writer.apply(services.save_listings, chunk),
        progress=lambda *_: None,
    )


def _customer(services: Services, paid_in: int) -> tuple[str, str]:
    now = services.now()
    account = services.writer.apply(create_accounts, new_account(services.new_id("acc"), "Buyer", "USD", 0, now))
    paid = funding(services.new_id("trf"), TOP_UP, account.id, paid_in * MICROS, reference=None, now=now)
    services.writer.apply(fund_wallets, paid)
    secret = new_key(services.random_bytes(RANDOM_BYTES))
    record = new_key_record(
        services.new_id("key"), secret, account_id=account.id, name="", scopes=CUSTOMER_SCOPES, expires_at=None, now=now
    )
    services.writer.apply(issue_keys, NewKey(record))
    return account.id, secret


def wait_until(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < give_up, "it never happened"
        time.sleep(0.02)
