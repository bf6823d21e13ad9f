"""The commands of operators' accounts and of keys, as an operator runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from numberdesk.cli.demo import prepare_demo
from numberdesk.infra.settings import load_settings
from numberdesk.wiring import build
from tests.cli.runner import Run, json_of, runner

POSTGRESQL_IN_THE_LONG_RUN = "the flows behind the commands are tested on both engines"


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs commands on books of their own."""
    return runner(database_url, "", tmp_path, monkeypatch)


def test_from_nothing_to_a_key_for_the_admin_api(run: Run) -> None:
    account = json_of(run("operators", "create", "Operators", "--json"))
    assert (account["kind"], account["currency"]) == ("operator", None)
    key = json_of(run("keys", "create", "Operators", "--json"))
    assert key["scopes"] == ["numbers:read", "keys:manage", "admin"]
    assert (key["account_id"], key["created_by"]) == (account["id"], None)
    assert json_of(run("operators", "list", "--json")) == [account]
    assert json_of(run("accounts", "list", "--json")) == []
    assert account["id"] in run("operators", "list").stdout
    assert json_of(run("verify", "--json"))["ok"] is True


def test_a_customers_account_gets_no_key_of_an_operator(run: Run) -> None:
    json_of(run("accounts", "create", "First customer", "--currency", "USD", "--json"))
    refused = run("keys", "create", "First customer", "--scope", "admin")
    assert refused.returncode == 2
    assert "--scope must not have admin" in refused.stderr
    assert "numberdesk operators create" in refused.stderr
    taken = run("operators", "create", "First customer")
    assert taken.returncode == 2
    assert "NAME is that of acc_" in taken.stderr


@pytest.mark.parametrize(
    "command",
    [("wallet", "show"), ("wallet", "statement"), ("wallet", "top-up", "1"), ("wallet", "adjust", "1"),
     ("accounts", "suspend"), ("accounts", "reactivate"), ("accounts", "credit-limit", "1"),
     ("accounts", "time-zone", "Europe/Berlin")],
)  # fmt: skip
def test_what_is_about_a_wallet_is_refused_for_an_operators_account(run: Run, command: tuple[str, ...]) -> None:
    json_of(run("operators", "create", "Operators", "--json"))
    group, verb, *rest = command
    refused = run(group, verb, "Operators", *rest)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "'Operators' is an operators' account, which has no wallet" in refused.stderr


def test_an_operators_account_is_renamed_and_closed_as_others_are(run: Run) -> None:
    account = json_of(run("operators", "create", "Operators", "--json"))
    renamed = json_of(run("accounts", "rename", "Operators", "Night shift", "--json"))
    assert renamed == {**account, "name": "Night shift"}
    closed = json_of(run("accounts", "close", "Night shift", "--yes", "--json"))
    assert (closed["status"], closed["kind"], closed["credit_limit"]) == ("closed", "operator", None)
    assert json_of(run("operators", "list", "--json")) == [closed]
    refused = run("keys", "create", "Night shift")
    assert refused.returncode == 1
    assert "closed" in refused.stderr


def test_revoking_tells_how_many_keys_went_along(run: Run) -> None:
    json_of(run("operators", "create", "Operators", "--json"))
    key = json_of(run("keys", "create", "Operators", "--json"))
    done = run("keys", "revoke", key["id"], "--with-descendants", "--json")
    assert json_of(done)["revoked_at"]
    assert "0 keys that were made with it are revoked, too" in done.stderr
    assert run("keys", "revoke", key["id"]).stderr == ""


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the demo's is a file
def test_the_demo_lives_beside_operators_accounts_of_its_own_and_fills_no_books_of_others(
    run: Run, database_url: str
) -> None:
    services = build(load_settings(database_url=database_url))
    try:
        json_of(run("operators", "create", "Operators", "--json"))
        with pytest.raises(BaseException, match="1"):
            prepare_demo(services)
        assert json_of(run("accounts", "list", "--json")) == []
    finally:
        services.close()
