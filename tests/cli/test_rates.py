"""The commands for rate decks: bring them in from files, look at them, and let accounts use them."""

from __future__ import annotations

from pathlib import Path

import pytest

from numberdesk.infra.clock import now as time_of_day
from numberdesk.infra.db import Database
from numberdesk.infra.vault import new_key
from tests.cli.runner import Run, json_of, runner
from tests.flows.conftest import Shop

POSTGRESQL_IN_THE_LONG_RUN = "the flows behind the commands are tested on both engines"
DECK = """prefix,per_minute_price,connect_fee,increments
1,0.01,,
+1809,0.20,0.15,30/6
"""


@pytest.fixture
def run(database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    shop = Shop(database)
    shop.now = time_of_day()
    shop.account()
    return runner(database_url, new_key(), tmp_path, monkeypatch)


def file_of(tmp_path: Path, content: str) -> str:
    file = tmp_path / "deck.csv"
    file.write_text(content, encoding="utf-8")
    return str(file)


def test_a_deck_is_brought_in_shown_and_used(run: Run, tmp_path: Path) -> None:
    made = json_of(run("rates", "import", "retail", file_of(tmp_path, DECK), "--currency", "USD", "--json"))
    assert (made["name"], made["prefixes"]) == ("retail", 2)
    assert json_of(run("rates", "list", "--json")) == [made]
    shown = json_of(run("rates", "show", "retail", "--number", "+18095550123", "--json"))
    assert [(row["prefix"], row["rate"], row["connect_fee"], row["increments"]) for row in shown] == [
        ("1", 0.01, 0, "60/60"),
        ("1809", 0.2, 0.15, "30/6"),
    ]
    account_id = json_of(run("accounts", "list", "--json"))[0]["id"]
    (used,) = json_of(run("rates", "use", account_id, "retail", "--json"))
    assert (used["account_id"], used["name"]) == (account_id, "retail")
    later = "2999-01-01"
    assert [one["name"] for one in json_of(run("rates", "use", account_id, "--none", "--from", later, "--json"))] == [
        "retail",
        None,
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("prefix,price\n1,2\n", "the columns are prefix, per_minute_price, connect_fee, increments"),
        ("prefix,per_minute_price\n", "FILE.csv must have from 1 to 100000 prefixes"),
        ("prefix,per_minute_price\n1,0.01\n01,x\n", "line 3: prefix must be 1 to 15 digits"),
        ("prefix,per_minute_price\n1,nan\n", "line 2: per_minute_price"),
        ("prefix,per_minute_price\n1,-1\n", "line 2: per_minute_price must be from 0 to 1000000"),
        ("prefix,per_minute_price\n1,0.01\n+1,0.02\n", "line 3: prefix 1 is there already"),
        ("prefix,per_minute_price,increments\n1,0.01,0/0\n", "line 2: increments must be a minimum and a step"),
    ],
)
def test_of_a_file_with_a_wrong_line_nothing_is_brought_in(run: Run, tmp_path: Path, content: str, says: str) -> None:
    refused = run("rates", "import", "retail", file_of(tmp_path, content), "--currency", "USD")
    assert refused.returncode
    assert says in refused.stderr
    assert json_of(run("rates", "list", "--json")) == []
