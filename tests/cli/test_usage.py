"""Commands for calls: a file is imported once however often, and parked calls are charged when they can be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from numberdesk.catalog.model import ListingChunk
from numberdesk.cli import app
from numberdesk.core.periods import iso_seconds
from numberdesk.core.prices import Confirmation
from numberdesk.core.purchase import Buy, Sold
from numberdesk.flows.accounts.create_accounts import create_accounts, new_account
from numberdesk.flows.accounts.fund_wallets import TOP_UP, fund_wallets, funding
from numberdesk.infra.settings import load_settings
from numberdesk.infra.vault import new_key
from numberdesk.wiring import build
from testbed.samples import PRICE, listing_of

NUMBER = "+13612738801"
pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # what commands say is the same on both


class Desk:
    """Books with a rented number, and commands for them."""

    def __init__(self, url: str, folder: Path, patch: pytest.MonkeyPatch) -> None:
        patch.setenv("NUMBERDESK_DATABASE_URL", url)
        self.folder = folder
        services = build(load_settings(database_url=url))
        now = services.now()
        self.start = now // 1_000_000 + 120  # after whatever the commands set, and not yet the future
        self.began = iso_seconds(self.start * 1_000_000)
        write = services.writer.apply
        write(create_accounts, new_account("acc_1", "Customer", "USD", 0, now))
        write(fund_wallets, funding("trf_1", TOP_UP, "acc_1", 10_000_000, reference=None, now=now))
        listing = listing_of(NUMBER, inbound=10_000, outbound=None)
        write(services.save_listings, ListingChunk("pool", (listing,), (1,)))
        bought = write(services.open_orders, Buy("acc_1", NUMBER, Confirmation(PRICE), None, "req_1", "ord_1", now))
        assert isinstance(bought, Sold)
        services.close()

    def run(self, *arguments: str, status: int = 0) -> Result:
        """What a command said."""
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == status, result.output
        return result

    def json(self, *arguments: str, status: int = 0) -> Any:
        """What a command printed as JSON."""
        return json.loads(self.run(*arguments, "--json", status=status).stdout)

    def file(self, name: str, text: str) -> str:
        """A file of calls."""
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    def record(self, call_id: str, direction: str = "inbound", seconds: object = 61) -> str:
        """A line of a file."""
        fields = {"call_id": call_id, "direction": direction, "phone_number": NUMBER, "seconds": seconds}
        return json.dumps({**fields, "started_at": self.began})


@pytest.fixture
def desk(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    folder = tmp_path / "calls"
    folder.mkdir()
    return Desk(database_url, folder, monkeypatch)


def counts(**given: int) -> dict[str, int]:
    return dict.fromkeys(("accepted", "duplicate", "conflict", "parked", "rejected", "ignored"), 0) | given


def test_a_file_is_charged_once_however_often_it_is_imported(desk: Desk) -> None:
    desk.run("usage", "source", NUMBER, "switch")
    path = desk.file("a.ndjson", f"{desk.record('c1')}\n\n{desk.record('c2')}\n")
    importing = ("usage", "import", path, "--source", "switch")
    assert desk.json(*importing) == counts(accepted=2)
    assert desk.json(*importing) == counts(duplicate=2)
    (line, *_) = desk.json("wallet", "statement", "acc_1")
    assert (line["kind"], line["amount"]) == ("usage", -0.04)


def test_a_folder_is_imported_with_the_lines_that_are_wrong_named(desk: Desk) -> None:
    desk.run("usage", "source", NUMBER, "switch")
    desk.file("a.csv", f"call_id,direction,phone_number,started_at,seconds\nc1,inbound,{NUMBER},{desk.began},60\n"
              f"c2,inbound,{NUMBER},{desk.began},-5\n")  # fmt: skip
    desk.file("b.jsonl", f'{desk.record("c3")}\n{{"call_id": "c4", "dir')
    desk.file("notes.txt", "no calls")
    told = desk.run("usage", "import", str(desk.folder), "--source", "switch", "--json", status=1)
    assert json.loads(told.stdout) == counts(accepted=2, rejected=2)
    assert "a.csv line 3: seconds must not be negative" in told.stderr
    assert "b.jsonl line 2: record must be a JSON object" in told.stderr


def test_parked_calls_are_listed_and_charged_once_they_have_a_source_and_a_rate(desk: Desk) -> None:
    path = desk.file("a.jsonl", f"{desk.record('c1', 'outbound')}\n")
    assert desk.json("usage", "import", path, "--source", "switch") == counts(parked=1)
    assert [call["reason"] for call in desk.json("usage", "parked", "list")] == ["no_source"]
    desk.run("usage", "source", NUMBER, "switch")
    assert desk.json("usage", "parked", "rate") == {"seen": 1, "rated": 0, "parked": 1}
    assert [call["reason"] for call in desk.json("usage", "parked", "list")] == ["not_priced"]
    rate = ("usage", "parked", "rate", "--number", NUMBER, "--rate", "0.05")
    assert desk.json(*rate) == {"seen": 1, "rated": 1, "parked": 0}
    assert "rate is 0.05 a minute already" in desk.run(*rate, status=2).stderr.replace("--rate is", "rate is")
    assert "number and --rate belong together" in desk.run(*rate[:3], "--rate", "1", status=2).stderr


def test_the_error_folder_of_freeswitch_is_imported_one_record_a_file(desk: Desk) -> None:
    desk.run("usage", "source", NUMBER, "switch")
    profile = {"caller_id_number": "100", "destination_number": "%2B13612738801"}
    for name, changes in (("a_1", {"uuid": "1"}), ("a_2", {"uuid": "2", "originating_leg_uuid": "1"})):
        variables = {"direction": "inbound", "start_epoch": str(desk.start), "answer_epoch": str(desk.start),
                     "end_epoch": str(desk.start + 61), "billsec": "61", **changes}  # fmt: skip
        document = {"variables": variables, "callflow": [{"caller_profile": profile}]}
        desk.file(f"{name}.cdr.json", json.dumps(document, indent=2)[:-2] + ',"mos": nan }')
    desk.file("cut.cdr.json", '{"variables": {"uuid"')
    importing = ("usage", "import", str(desk.folder), "--source", "switch", "--freeswitch")
    assert desk.json(*importing, status=1) == counts(accepted=1, ignored=1, rejected=1)
    assert "cut.cdr.json line 1: call_id is required" in desk.run(*importing, status=1).stderr
    (line, *_) = desk.json("wallet", "statement", "acc_1")
    assert (line["kind"], line["amount"]) == ("usage", -0.02)


def test_a_file_is_imported_by_a_mapping_that_is_shipped_or_written(desk: Desk) -> None:
    desk.run("usage", "source", NUMBER, "pbx")
    began, ended = (iso_seconds((desk.start + after) * 1_000_000)[:19].replace("T", " ") for after in (0, 61))
    line = f",100,{NUMBER},from-trunk,,,,,,{began},{began},{ended},61,61,ANSWERED,,17,,,,4\n"
    master = desk.file("Master.csv", line)
    assert desk.json("usage", "import", master, "--source", "pbx", "--mapping", "asterisk-csv") == counts(accepted=1)
    fields = {"call_id": "id", "direction": "way", "phone_number": "n", "started_at": "at", "seconds": "s"}
    own = "".join(f'{ours} = "{theirs}"\n' for ours, theirs in fields.items())
    mapping = desk.file("own.toml", f'[only]\nkind = ["end"]\n[fields]\n{own}')
    sent = {"kind": "end", "id": "1", "way": "inbound", "n": NUMBER, "at": desk.began, "s": "61"}
    calls = desk.file("own.ndjson", json.dumps(sent) + "\n" + json.dumps({"kind": "ring"}))
    assert desk.json("usage", "import", calls, "--source", "pbx", "--mapping", mapping) == counts(accepted=1, ignored=1)
    wrong = desk.file("wrong.toml", "[fields]\ncall = 1")
    assert "--mapping" in desk.run("usage", "import", calls, "--source", "x", "--mapping", wrong, status=2).stderr
    missing = desk.run("usage", "import", calls, "--source", "x", "--mapping", "nowhere", status=2).stderr
    assert "there are also asterisk-csv, bandwidth, jambonz" in missing


def test_feeds_are_set_listed_without_their_secret_and_removed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBERDESK_CREDENTIALS_KEY", new_key())
    monkeypatch.setenv("TOKEN", "vendor-secret")
    url = "https://desk.example/api/v1/usage/in/tw/"
    setting = ("usage", "feeds", "set", "acc_1", "tw", "--form", "callback", "--secret-env", "TOKEN", "--url", url)
    assert desk.json(*setting)["signed"] is True
    desk.run("usage", "feeds", "set", "acc_1", "vapi", "--mapping", "vapi")
    told = desk.run("usage", "feeds", "list", "--json").stdout
    assert [(one["name"], one["form"], one["signed"]) for one in json.loads(told)] == [
        ("tw", "callback", True),
        ("vapi", "mapping", False),
    ]
    assert "vendor-secret" not in told
    assert "secrets of feeds encrypted anew: 1" in desk.run("carriers", "rotate").stderr
    desk.run("usage", "feeds", "remove", "acc_1", "vapi")
    desk.run("usage", "feeds", "remove", "acc_1", "vapi", status=1)
    for wrong in (
        ("x y", "--form", "callback"),
        ("a",),
        ("a", "--form", "mapping"),
        ("a", "--form", "freeswitch", "--mapping", "vapi"),
        ("a", "--form", "callback", "--url", url),
        ("a", "--form", "callback", "--secret-env", "NOT_SET", "--url", url),
        ("a", "--form", "freeswitch", "--secret-env", "TOKEN", "--url", url),
        ("a", "--form", "callback", "--secret-env", "TOKEN", "--url", "https://a:b@desk.example/"),
        ("a", "--form", "callback", "--secret-env", "TOKEN", "--url", "ftp://desk.example/"),
    ):
        desk.run("usage", "feeds", "set", "acc_1", *wrong, status=2)


def test_charges_are_rated_anew_after_a_dry_run_and_raised_only_where_that_is_allowed(desk: Desk) -> None:
    desk.run("usage", "source", NUMBER, "switch")
    desk.json(
        "usage", "import", desk.file("a.jsonl", f"{desk.record('c1')}\n{desk.record('c2')}"), "--source", "switch"
    )
    day = desk.began[:10]
    rating = ("usage", "rerate", "--account", "acc_1", "--from", day, "--to", day)
    halved = {
        "seen": 2,
        "changed": 2,
        "raised": 0,
        "charged_before": "0.04",
        "charged_after": "0.02",
        "difference": "-0.02",
    }
    assert desk.json(*rating, "--inbound", "0.005", "--dry-run") == halved
    assert [line["kind"] for line in desk.json("wallet", "statement", "acc_1")][:2] == ["usage", "rental"]
    assert "--reason must not be empty" in desk.run(*rating, "--inbound", "0.005", status=2).stderr
    assert desk.json(*rating, "--inbound", "0.005", "--reason", "a slip") == halved
    refused = desk.run(*rating, "--inbound", "0.02", "--reason", "more", status=1).stderr
    assert "charges would rise: 2 of them, which needs --allow-raise" in refused
    raised = desk.json(*rating, "--inbound", "0.02", "--reason", "more", "--allow-raise")
    assert (raised["changed"], raised["difference"]) == (2, "0.06")
    assert [line["kind"] for line in desk.json("wallet", "statement", "acc_1")][:2] == ["usage", "usage_reversal"]
    for wrong in (("--from", "today"), ("--to", "2026-13-01"), ("--inbound", "-1"), ("--increments", "60")):
        desk.run(*rating, *wrong, "--dry-run", status=2)
    (line,) = desk.json("usage", "margin", "--month", day[:7])
    assert (line["phone_number"], line["calls"], line["charged"], line["margin"]) == (NUMBER, 2, 0.08, 0.08)
    desk.run("usage", "margin", "--month", "March", status=2)
    assert desk.json("verify")["violations"] == []


def test_one_call_is_corrected(desk: Desk) -> None:
    desk.json("usage", "import", desk.file("a.jsonl", desk.record("c1", seconds=None)), "--source", "switch")
    desk.run("usage", "source", NUMBER, "switch")
    desk.json("usage", "parked", "rate")
    (parked,) = desk.json("usage", "parked", "list")
    told = desk.run("usage", "correct", parked["id"], "--seconds", "61", "--reason", "from the switch's log")
    assert "usage parked rate" in told.stderr
    assert desk.json("usage", "parked", "rate")["rated"] == 1
    fixing = ("usage", "correct", parked["id"], "--reason", "a stuck channel")
    assert desk.json(*fixing, "--seconds", "60")["charged_after"] == "0.01"
    assert "has to be allowed" in desk.run(*fixing, "--seconds", "600", status=1).stderr


def test_sources_are_compared_by_number_and_day(desk: Desk) -> None:
    desk.run("usage", "terms", "pool", "--source", "switch", "--increments", "1/1", "--connect-fee", "0.1")
    desk.run("usage", "source", NUMBER, "switch")
    for source in ("switch", "carrier_report"):
        desk.json("usage", "import", desk.file("a.jsonl", desk.record("c1")), "--source", source)
    lines = desk.json("usage", "reconcile", "--number", NUMBER)
    assert [(line["source"], line["status"], line["minutes"], line["amount"]) for line in lines] == [
        ("carrier_report", "witness", 1.02, 0),
        ("switch", "charged", 1.02, 0.02),
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("source", "+13612738888", "switch"), "Nobody rents this number."),
        (("source", "3612738801", "switch"), "NUMBER must start with +"),
        (("source", NUMBER, "two words"), "SOURCE must have visible ASCII characters only"),
        (("terms", "pool", "--increments", "60"), "--increments must be a minimum and a step in seconds"),
        (("terms", "pool", "--connect-fee", "-1"), "must be from 0 to 1000000"),
    ],
)
def test_what_cannot_be_set_is_refused_with_its_name(desk: Desk, arguments: tuple[str, ...], says: str) -> None:
    assert says in desk.run("usage", *arguments, status=1 if "Nobody" in says else 2).stderr
