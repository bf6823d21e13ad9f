"""Adopting the numbers of an account at a carrier by command, over the mock of Twilio."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from carrier_mock.model import Api
from numberdesk.infra.vault import new_key
from testbed.carrier_mock import MockUrls, simulated
from testbed.egress import ALLOWED
from tests.cli.runner import Run, json_of, runner

POSTGRESQL_IN_THE_LONG_RUN: Final = "the flows behind the commands are tested on both engines"
ACCOUNT: Final = "AC" + "0" * 31 + "7"
WHY: Final = ("--reason", "mistake")


@pytest.fixture(scope="module")
def mock() -> Iterator[MockUrls]:
    with simulated() as running:
        yield running


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("NUMBERDESK_EGRESS_ALLOW", ALLOWED)
    return runner(database_url, new_key(), tmp_path, monkeypatch)


def test_the_numbers_of_an_account_are_adopted_after_its_first_audit_and_one_is_given_up_again(
    run: Run, mock: MockUrls, tmp_path: Path
) -> None:
    here = sorted(each.phone_number for each in mock.control.orphans(Api.TWILIO, account=ACCOUNT, count=3))
    options = ("--set", f"account_sid={ACCOUNT}", "--set", f"base_url={mock.url}", "--secret-env", "auth_token=TOKEN")
    json_of(run("carriers", "add", "twilio", "twilio", *options, "--json", TOKEN="s3cret"))
    json_of(run("accounts", "create", "First customer", "--currency", "USD", "--json"))
    first = run("carriers", "audit", "twilio", "--json")
    assert "twilio: 3 numbers at the carrier, 0 that differ" in first.stderr
    assert "twilio: 3 numbers were here before: adopt or keep them" in first.stderr
    assert "nobody's in the books" not in first.stdout
    listed = json_of(run("carriers", "adopt", "twilio", "--json"))
    assert [one["phone_number"] for one in listed] == here
    file = tmp_path / "adopt.csv"
    lines = [f"{here[0]};First customer;1.15;", f"{here[1]};sale;2;USD", f"{here[2]};Nobody;1;"]
    file.write_text("phone_number;account;price;currency\n" + "\n".join(lines) + "\n")
    command = ("carriers", "adopt", "twilio", "--from", str(file))
    refused = run(*command, "--yes")
    assert (refused.returncode, f"line 4: {here[2]}: account is none that there is" in refused.stderr) == (1, True)
    asked = run(*command, "--skip-bad")
    assert (asked.returncode, "1 numbers become rentals" in asked.stderr) == (1, True)
    done = json_of(run(*command, "--skip-bad", "--yes", "--json"))
    assert (done["owned"], done["rented"], done["offered"], len(done["bad"]), done["saved"]) == (3, 1, 1, 1, True)
    assert json_of(run(*command, "--skip-bad", "--yes", "--json"))["already"] == 2
    (held,) = json_of(run("numbers", "list", "First customer", "--json"))
    assert (held["phone_number"], held["price"]) == (here[0], 1.15)
    assert run("carriers", "unadopt", here[0], *WHY).returncode == 1
    assert json_of(run("carriers", "unadopt", here[0], *WHY, "--yes", "--json"))["status"] == "released"
    assert json_of(run("verify", "--json"))["ok"] is True
    assert json_of(run("carriers", "releases", "--json")) == []
    broken = run("carriers", "adopt", "twilio", "--from", "no.such.csv")
    assert (broken.returncode, "cannot be read" in broken.stderr) == (1, True)
