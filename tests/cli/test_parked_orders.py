"""The commands by which a person decides about orders that their carrier never answered for."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from carrier_mock.model import Api
from numberdesk.carriers.trouble_store import CarrierTrouble, note_troubles
from numberdesk.core.carrier_order import DELAYS, LONGEST_DELAY, Inquiry, OutcomeReport, Pending, Unknown
from numberdesk.core.prices import Confirmation
from numberdesk.core.purchase import Buy, Sold
from numberdesk.flows.purchase.settle_orders import settle_orders
from numberdesk.infra.settings import load_settings
from numberdesk.wiring import build
from testbed.carrier_mock import MockUrls, simulated
from testbed.egress import ALLOWED
from testbed.remote import CREDENTIALS_KEY, make_remote_books
from tests.cli.conftest import COMMAND, PATIENCE, environment
from tests.cli.runner import Run, json_of, runner, shown_until

POSTGRESQL_IN_THE_LONG_RUN: Final = "the same is done by tests/flows/test_resolve_orders.py, on both engines"

NUMBER: Final = "+12125550307"


@pytest.fixture(scope="module")
def mock() -> Iterator[MockUrls]:
    with simulated() as running:
        yield running


class Parked(NamedTuple):
    """Commands for books with an order that its carrier was asked about in vain, and the carrier."""

    run: Run
    carriers: MockUrls


@pytest.fixture
def parked(database_url: str, mock: MockUrls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Parked:
    """The order is called ord_1, and its number is for sale at the carrier."""
    mock.control.reset()
    mock.control.add_numbers({"phone_number": NUMBER})
    books = make_remote_books(database_url, mock, accounts=1, numbers=[NUMBER])
    with books.running() as services:
        now = services.now()
        buy = Buy(books.stock.account_ids[0], NUMBER, Confirmation(1_150_000), None, "req_1", "ord_1", now)
        assert isinstance(services.writer.apply(services.open_orders, buy), Sold)
        for place in range(len(DELAYS) + 1):
            word = Unknown("no answer" if place else "HTTP 500: oops")  # the first is about the order itself
            at, asked = now + place * LONGEST_DELAY, Inquiry("prc", 0, 0)
            heard = OutcomeReport("ord_1", 1, word, 0, 0, at, asked, looked_up=place > 0)
            services.writer.apply(settle_orders, heard)
    return Parked(runner(database_url, CREDENTIALS_KEY, tmp_path, monkeypatch), mock)


def _buy_there(parked: Parked) -> None:
    account = "AC" + "0" * 31 + "1"  # of the remote books
    parked.carriers.control.orphans(
        Api.TWILIO, phone_number=NUMBER, account=account, reference="changed in the carrier's console"
    )


def test_a_parked_order_is_listed_with_what_is_known_of_it(parked: Parked) -> None:
    (order,) = json_of(parked.run("orders", "list", "--parked", "--json"))
    assert (order["id"], order["status"], order["at_carrier"]["said"]) == ("ord_1", "pending", "no answer")
    shown = parked.run("orders", "show", "ord_1")
    assert "at_carrier.said" in shown.stdout
    assert "HTTP 500: oops" in shown.stdout
    assert json_of(parked.run("orders", "show", "ord_1", "--json"))["at_carrier"]["answer"] == "HTTP 500: oops"
    assert "at_carrier.parked_at" in shown.stdout
    for how in (("--open",), ("--status", "pending"), ("--status", "pending", "--open")):
        assert [each["id"] for each in json_of(parked.run("orders", "list", *how, "--json"))] == ["ord_1"]
    for status in ("completed", "failed"):
        assert json_of(parked.run("orders", "list", "--status", status, "--json")) == []
    table = parked.run("orders", "list").stdout
    assert ("pending" in table, order["account_name"] in table) == (True, True)
    refused = parked.run("orders", "list", "--parked", "--status", "failed")
    assert (refused.returncode, "--parked" in refused.stderr) == (2, True)


def test_a_carrier_that_orders_nothing_for_the_account_is_told_where_carriers_are_listed(
    parked: Parked, database_url: str
) -> None:
    with (
        contextlib.closing(build(load_settings(database_url=database_url))) as services,
        services.database.write() as tx,
    ):
        note_troubles(tx, {"twilio": CarrierTrouble("twilio", "HTTP 402: no money", 10**15, 10**15, 3)})
    listed = parked.run("carriers", "list", "--json")
    (view,) = [one for one in json_of(listed) if one["name"] == "twilio"]
    assert (view["orders_refused"], view["orders_refused_said"]) == (3, "HTTP 402: no money")
    said = "twilio: it has refused 3 orders for your account there since 2001-09-09T01:46:40Z: HTTP 402"
    assert said in listed.stderr
    assert "HTTP 402: no money" in parked.run("carriers", "show", "twilio").stdout
    assert json_of(parked.run("carriers", "disable", "twilio", "--json"))["orders_refused"] == 0


def test_a_parked_order_is_adopted_when_the_carrier_has_the_number_whatever_its_reference(parked: Parked) -> None:
    refused = parked.run("orders", "adopt", "ord_1")
    assert (refused.returncode, "said absent" in refused.stderr) == (1, True)
    _buy_there(parked)
    adopted = json_of(parked.run("orders", "adopt", "ord_1", "--json"))
    assert (adopted["status"], adopted["at_carrier"]["parked_at"]) == ("completed", None)
    for command in ("adopt", "void", "retry"):
        again = parked.run("orders", command, "ord_1")
        assert (again.returncode, "order_ended" in again.stderr) == (1, True)
    assert json_of(parked.run("verify", "--json"))["ok"] is True


def test_a_parked_order_is_given_up(parked: Parked) -> None:
    voided = json_of(parked.run("orders", "void", "ord_1", "--json"))
    assert (voided["status"], voided["error"]["code"]) == ("failed", "carrier_unavailable")
    assert [each["id"] for each in json_of(parked.run("orders", "list", "--status", "failed", "--json"))] == ["ord_1"]
    assert json_of(parked.run("orders", "list", "--parked", "--json")) == []
    assert json_of(parked.run("verify", "--json"))["ok"] is True


def test_an_order_that_its_carrier_took_is_given_up_only_when_asked_for_twice(
    parked: Parked, database_url: str, tmp_path: Path
) -> None:
    with contextlib.closing(build(load_settings(database_url=database_url))) as services:
        taken = OutcomeReport(
            "ord_1", 1, Pending("in progress"), 0, 0, services.now() + 99 * LONGEST_DELAY, Inquiry("prc", 0, 0)
        )
        services.writer.apply(settle_orders, taken)
    unasked = parked.run("orders", "void", "ord_1")
    assert (unasked.returncode, "said that it has this order" in unasked.stderr) == (1, True)
    for answer, status in (("n\n", 1), (CTRL_C, 130)):
        assert _answered(database_url, tmp_path, answer) == status
        assert json_of(parked.run("orders", "show", "ord_1", "--json"))["status"] == "pending"
    assert json_of(parked.run("orders", "void", "ord_1", "--yes", "--json"))["status"] == "failed"


def _answered(url: str, folder: Path, answer: str) -> int:
    """The exit status of giving the order up at a terminal, where the question is answered so."""
    ours, theirs = pty.openpty()
    asked = subprocess.Popen(
        [sys.executable, "-c", _AT_A_TERMINAL, *COMMAND, "orders", "void", "ord_1"],
        cwd=folder, env=environment(database_url=url, credentials_key=CREDENTIALS_KEY, egress_allow=ALLOWED),
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    shown_until(ours, "[y/N]")
    os.write(ours, answer.encode())
    while answer == CTRL_C and not _ends_soon(asked):
        os.write(ours, answer.encode())  # Python drops one that comes while it finalizes something
    shown_until(ours, None)
    os.close(ours)
    return asked.wait(PATIENCE)


def _ends_soon(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        return False
    return True


CTRL_C = "\x03"
_AT_A_TERMINAL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Makes standard input the terminal that Ctrl-C is typed at, then becomes the command.

Tests that are run in the background have inherited that Ctrl-C is ignored, and would pass it on.
"""


def test_a_parked_order_is_looked_up_anew(parked: Parked) -> None:
    again = json_of(parked.run("orders", "retry", "ord_1", "--json"))
    assert (again["status"], again["at_carrier"]["looks"], again["at_carrier"]["parked_at"]) == ("pending", 0, None)
    assert json_of(parked.run("orders", "list", "--parked", "--json")) == []
    assert parked.run("orders", "retry", "ord_0").returncode == 1
    assert parked.run("orders", "show", "ord_0").returncode == 1
