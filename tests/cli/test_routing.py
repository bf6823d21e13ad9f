"""What servers keep for the time in which nobody answers: every connected number, in the form that each loads."""

from __future__ import annotations

import csv
import io
import os
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from numberdesk.cli import app
from numberdesk.connections.model import Connection
from numberdesk.connections.store import insert_connections
from numberdesk.core.connection import NumberFormat, SipRoute, SipTarget, SipTransport, WebhookRoute
from numberdesk.core.connection_settings import kind_of, settings_text
from numberdesk.infra.db import Database
from numberdesk.numbers.rental_store import connect_rentals, find_rentals
from tests.flows.conftest import NOW, PRICE, Shop

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # what commands say is the same on both

ROUTES = (
    SipRoute(
        (SipTarget("sip:a.example.com", 20), SipTarget("sip:b.example.com:5061", 10, transport=SipTransport.TLS)),
        NumberFormat.PLAIN,
    ),
    SipRoute((SipTarget("sip:desk@198.51.100.7"),)),
    WebhookRoute("https://example.com/voice"),
    None,
)


@pytest.fixture
def numbers(database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Numbers of two accounts, the last of one that is suspended; each connected as ROUTES says."""
    for name in [name for name in os.environ if name.startswith("NUMBERDESK_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NUMBERDESK_DATABASE_URL", database_url)
    shop = Shop(database)
    mine, gone = shop.account(9 * PRICE), shop.account(PRICE)
    owners = [mine] * len(ROUTES) + [gone]
    found = [shop.number() for _ in owners]
    for account_id, e164, route in zip(owners, found, (*ROUTES, ROUTES[1]), strict=True):
        bought = shop.buy(account_id, e164)
        if route is None:
            continue
        made = Connection(
            shop.new_id("con"), account_id, "PBX", kind_of(route), "", settings_text(route), None, 1, NOW, NOW
        )
        with database.write() as tx:
            insert_connections(tx, [made])
            (rental,) = find_rentals(tx, [bought.order.rental_id])  # type: ignore[union-attr]  # it was sold
            connect_rentals(tx, [rental._replace(connection_id=made.id, connection_generation=1)])
    shop.suspend(gone)
    shop.reader.close()
    return found


def export(*arguments: str) -> tuple[str, str]:
    """What the command wrote, and said."""
    result = CliRunner().invoke(app, ["routing", "export", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def test_kamailio_gets_a_table_of_digits_and_addresses(numbers: list[str]) -> None:
    written, said = export("--format", "kamailio-htable")
    assert written.splitlines() == [
        "key_name(string) key_type(int) value_type(int) key_value(string) expires(int)",
        rf"{numbers[0][1:]}:0:0:sip\:{numbers[0][1:]}@b.example.com\:5061;transport=tls:0",
        rf"{numbers[1][1:]}:0:0:sip\:desk@198.51.100.7:0",
    ]
    assert said == "2 numbers\n"


def test_freeswitch_gets_a_dialplan_to_include(numbers: list[str]) -> None:
    written, _ = export("--format", "freeswitch", "--profile", "trunk")
    document = ET.fromstring(written)  # noqa: S314  our own
    assert document.tag == "include"
    bridges = [one.attrib["data"] for one in document.iter("action") if one.attrib["application"] == "bridge"]
    assert bridges[1] == "[leg_timeout=30]sofia/trunk/desk@198.51.100.7"
    assert len(bridges) == 2
    assert numbers[0][1:] in bridges[0]


def test_a_csv_has_a_line_for_each_target(numbers: list[str]) -> None:
    written, _ = export("--format", "csv")
    rows = list(csv.DictReader(io.StringIO(written)))
    assert [(row["phone_number"], row["priority"], row["uri"]) for row in rows] == [
        (numbers[0], "10", f"sip:{numbers[0][1:]}@b.example.com:5061;transport=tls"),
        (numbers[0], "20", f"sip:{numbers[0][1:]}@a.example.com"),
        (numbers[1], "10", "sip:desk@198.51.100.7"),
    ]


def test_one_accounts_numbers_are_exported_alone(numbers: list[str]) -> None:
    account_id = next(csv.DictReader(io.StringIO(export("--format", "csv")[0])))["account_id"]
    assert export("--format", "csv", "--account", account_id)[1] == "2 numbers\n"
    unknown = CliRunner().invoke(app, ["routing", "export", "--format", "csv", "--account", "nobody"])
    assert unknown.exit_code == 1
    assert numbers
