"""The operator's hands on rented numbers at a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from numberdesk.infra.db import Database
from numberdesk.infra.vault import new_key
from tests.cli.runner import json_of, runner
from tests.flows.conftest import PRICE, Shop

POSTGRESQL_IN_THE_LONG_RUN = "the flows behind the commands are tested on both engines"


def test_numbers_are_given_moved_taken_back_and_restored_by_command(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, run = Shop(database), runner(database_url, new_key(), tmp_path, monkeypatch)
    first, second, e164 = shop.account(5 * PRICE), shop.account(), shop.number()
    why = ("--reason", "as agreed", "--json")
    given = json_of(run("numbers", "assign", e164, first, "--price", "2", "--charge", *why))
    assert (given["account_id"], given["price"], shop.wallet(first).posted) == (first, 2, 5 * PRICE - 2_000_000)
    asked = run("numbers", "transfer", e164, second, *why)
    assert (asked.returncode, "say --yes to do it" in asked.stderr) == (1, True)
    assert json_of(run("numbers", "transfer", e164, second, "--yes", *why))["account_id"] == second
    assert [one["account_id"] for one in json_of(run("numbers", "list", second, "--json"))] == [second]
    assert run("numbers", "release", e164, *why).returncode == 1
    assert json_of(run("numbers", "release", e164, "--yes", *why))["status"] == "released"
    assert json_of(run("numbers", "restore", e164, *why))["status"] == "active"
    told = json_of(run("numbers", "interventions", e164, "--json"))
    assert [one["action"] for one in told] == ["restore", "take_back", "transfer", "assign"]
    assert {one["made_by"] for one in told} == {"command line"}
    shown = json_of(run("numbers", "show", e164, "--json"))
    assert shown["interventions"] == told
    assert json_of(run("numbers", "show", shown["rental"]["id"], "--json")) == shown
    assert "the books never had rnt_nobody" in run("numbers", "show", "rnt_nobody").stderr
    refused = run("numbers", "restore", "+13619999999", *why)
    assert (refused.returncode, "Nobody ever rented this number" in refused.stderr) == (1, True)
    shop.verified()
    shop.reader.close()
