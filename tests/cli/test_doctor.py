"""`numberdesk doctor`: what it finds, what it says to do, and that it changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from numberdesk.flows.examine import KINDS_OF_WORK
from numberdesk.infra.db import Database
from numberdesk.infra.settings import load_settings
from numberdesk.infra.vault import new_key
from numberdesk.wiring import build
from numberdesk.worker import due_workers
from tests.cli.runner import Run, json_of, runner

POSTGRESQL_IN_THE_LONG_RUN = "what the engines do differently is tested at the flows"

FILE = "phone_number,monthly_price,per_minute_price_inbound,per_minute_price_outbound,currency\n"


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    return runner(database_url, "", tmp_path, monkeypatch)


def _found(run: Run, **variables: str) -> dict[str, str]:
    """What the doctor says, by subject and message, and what it says to do."""
    said = json.loads(run("doctor", "--json", **variables).stdout)
    return {f"{one['level']} {one['subject']}: {one['message']}": one["action"] for one in said["advice"]}


def _sell(run: Run, folder: Path, *lines: str) -> None:
    (folder / "numbers.csv").write_text(FILE + "".join(f"{line}\n" for line in lines))
    assert run("inventory", "import", "numbers.csv").returncode == 0


def test_a_service_in_order_has_no_problem(run: Run, tmp_path: Path) -> None:
    json_of(run("accounts", "create", "First customer", "--currency", "USD", "--json"))
    _sell(run, tmp_path, "+13612738809,1.15,0.0085,0.0945,USD")
    json_of(run("verify", "--json"))
    said = json_of(run("doctor", "--json"))
    assert (said["ok"], said["advice"]) == (True, [])
    assert said["verified_at"] is not None
    shown = run("doctor")
    assert shown.returncode == 0
    assert "no problem was found" in shown.stderr


def test_what_cannot_be_sold_is_named_with_what_to_do(run: Run, tmp_path: Path) -> None:
    assert "problem numbers: there is nothing to sell" in _found(run)
    json_of(run("accounts", "create", "Euro", "--currency", "EUR", "--json"))
    _sell(run, tmp_path, "+13612738809,1.15,,,USD", "+13612738810,,,,")
    found = _found(run)
    assert (
        "numberdesk prices set" in found["problem prices: 1 numbers of pool have no price, so nobody is offered them"]
    )
    assert any("1 numbers of pool have no price per minute" in name for name in found)
    assert any("customers who pay in EUR" in name for name in found)
    assert "hint verify: the books were never checked" in found
    shown = run("doctor")
    assert shown.returncode == 1
    assert "problem: currencies: there are customers who pay in EUR" in shown.stdout


def test_settings_are_told_with_their_sources_and_without_secrets(run: Run, tmp_path: Path) -> None:
    (tmp_path / "numberdesk.toml").write_text("port = 8123\n")
    key = new_key()
    done = run("doctor", "--json", NUMBERDESK_CREDENTIALS_KEY=key, NUMBERDESK_DATABSE_URL="x")
    assert key not in done.stdout
    said = json.loads(done.stdout)
    settings: dict[str, Any] = {one["name"]: (one["value"], one["source"]) for one in said["settings"]}
    assert settings["NUMBERDESK_PORT"] == ("8123", "file")
    assert settings["NUMBERDESK_CREDENTIALS_KEY"] == ("***", "environment")
    assert settings["NUMBERDESK_HOST"] == ("127.0.0.1", "default")
    advice = {one["message"]: one["action"] for one in said["advice"]}
    assert advice["NUMBERDESK_DATABSE_URL is no setting, so nothing reads it"].endswith("NUMBERDESK_DATABASE_URL?")
    assert any("stands in a variable" in message for message in advice)


def test_a_password_in_a_url_is_not_told(run: Run) -> None:
    done = run("doctor", "--json", NUMBERDESK_DATABASE_URL="postgresql://me:hunter2@127.0.0.1:1/nd")
    assert done.returncode == 1
    assert "hunter2" not in done.stdout
    assert "postgresql://me:***@127.0.0.1:1/nd" in done.stdout


def test_a_key_that_others_may_read_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(new_key())
    (tmp_path / "key").chmod(0o644)
    found = _found(run, NUMBERDESK_CREDENTIALS_KEY="", NUMBERDESK_CREDENTIALS_KEY_FILE="key")
    assert found["problem credentials: others than its owner may read key"] == "chmod 600 key"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # a file that is not there
def test_no_database_is_made(run: Run, tmp_path: Path) -> None:
    done = run("doctor", NUMBERDESK_DATABASE_URL=f"sqlite:///{tmp_path}/other/none.db")
    assert done.returncode == 1
    assert "there is no database" in done.stdout
    assert not (tmp_path / "other").exists()


def test_a_wrong_setting_is_a_problem_and_not_the_end(run: Run) -> None:
    done = run("doctor", NUMBERDESK_PORT="http")
    assert done.returncode == 1
    assert "problem: settings: setting port" in done.stdout


def test_work_that_nobody_does_is_told_by_its_kind(run: Run, tmp_path: Path, database_url: str) -> None:
    account = json_of(run("accounts", "create", "First customer", "--currency", "USD", "--json"))
    _sell(run, tmp_path, "+13612738809,1.15,0.0085,0.0945,USD")
    assert account["id"]
    database = Database(database_url)
    with database.write() as tx:
        tx.execute(
            text(
                "INSERT INTO audits (carrier, next_at, attempts, message, owned, found) "
                "VALUES ('twilio', 1000000, 3, '', 0, 0)"
            )
        )
    database.close()
    assert any("1 rows of audits are due" in name for name in _found(run))


def test_broken_books_are_told_until_they_are_in_order(run: Run, database_url: str) -> None:
    json_of(run("accounts", "create", "First customer", "--currency", "USD", "--json"))
    database = Database(database_url)
    with database.write() as tx:
        tx.execute(text("UPDATE wallets SET posted = 5"))
    assert run("verify").returncode == 1
    assert any(name.startswith("problem verify: the books were not in order at") for name in _found(run))
    with database.write() as tx:
        tx.execute(text("UPDATE wallets SET posted = 0"))
    database.close()
    json_of(run("verify", "--json"))
    assert not any("verify" in name for name in _found(run))


def test_every_kind_of_work_is_looked_at(database_url: str) -> None:
    services = build(load_settings(database_url=database_url))
    try:
        done = {worker.work.name: worker.work.table.name for worker in due_workers(services)}
        assert done == {name: table.name for name, table in KINDS_OF_WORK.items()}
    finally:
        services.close()
