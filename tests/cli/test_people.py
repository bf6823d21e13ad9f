"""The commands of people, as an operator runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from numberdesk.accounts.action_store import WantedActions, page_actions
from numberdesk.accounts.passkeys import Passkey
from numberdesk.flows.accounts.passkeys import add_passkeys
from numberdesk.infra.db import Database
from tests.cli.runner import Run, json_of, runner

POSTGRESQL_IN_THE_LONG_RUN = "the flows behind the commands are tested on both engines"


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs commands on books of their own."""
    return runner(database_url, "", tmp_path, monkeypatch)


def test_people_are_invited_changed_disabled_and_let_in_again(run: Run) -> None:
    json_of(run("accounts", "create", "First customer", "--currency", "USD", "--json"))
    invited = json_of(run("people", "invite", "First customer", "Ann@Example.com", "--role", "owner", "--json"))
    assert (invited["email"], invited["role"], invited["status"]) == ("ann@example.com", "owner", "invited")
    assert invited["link"].startswith("http://127.0.0.1:8000/console/link?token=")
    person = {name: value for name, value in invited.items() if not name.startswith("link")}
    assert json_of(run("people", "list", "First customer", "--json")) == [person]
    assert json_of(run("people", "role", "ann@example.com", "--role", "viewer", "--json"))["role"] == "viewer"
    again = run("people", "link", "ANN@example.com", "--json", NUMBERDESK_PUBLIC_URL="https://desk.example.com")
    assert json_of(again)["link"].startswith("https://desk.example.com/console/link?token=")
    assert json_of(run("people", "disable", "ann@example.com", "--revoke-keys", "--json"))["status"] == "disabled"
    assert run("people", "link", "ann@example.com").returncode == 1
    assert json_of(run("people", "enable", "ann@example.com", "--json"))["status"] == "invited"
    assert invited["id"] in run("people", "list").stdout


def test_passkeys_are_listed_and_removed_for_a_person(run: Run, database_url: str) -> None:
    json_of(run("accounts", "create", "First customer", "--currency", "USD", "--json"))
    invited = json_of(run("people", "invite", "First customer", "ann@example.com", "--role", "owner", "--json"))
    database = Database(database_url)
    with database.write() as tx:
        add_passkeys(tx, [Passkey("pky_1", invited["id"], "c", "k", 0, "phone", 1_000_000)])
    database.close()
    (listed,) = json_of(run("people", "passkeys", "ann@example.com", "--json"))
    assert (listed["id"], listed["name"], listed["used_at"]) == ("pky_1", "phone", None)
    assert json_of(run("people", "remove-passkey", "ann@example.com", "pky_1", "--json"))["name"] == "phone"
    assert json_of(run("people", "passkeys", "ann@example.com", "--json")) == []
    assert run("people", "remove-passkey", "ann@example.com", "pky_1").returncode == 1


def test_a_person_is_erased_after_asking_and_may_be_invited_again_as_somebody_else(run: Run, database_url: str) -> None:
    json_of(run("accounts", "create", "First customer", "--currency", "USD", "--json"))
    invited = json_of(run("people", "invite", "First customer", "Ann@Example.com", "--role", "owner", "--json"))
    asked = run("people", "erase", "ann@example.com")
    assert (asked.returncode, "They made no key that works" in asked.stderr, "say --yes" in asked.stderr) == (
        1,
        True,
        True,
    )
    assert json_of(run("people", "list", "--json"))[0]["status"] == "invited"
    erased = json_of(run("people", "erase", "ANN@example.com", "--yes", "--json"))
    assert (erased["id"], erased["keys"]) == (invited["id"], [])
    assert json_of(run("people", "list", "--json")) == []
    database = Database(database_url)
    with database.read() as tx:
        told = page_actions(tx, WantedActions(), before_id=None, limit=100).items
    database.close()
    assert [(each.what, each.object_id) for each in told[:1]] == [("people erase", invited["id"])]
    assert "ann@" not in repr(told).lower()
    again = json_of(run("people", "invite", "First customer", "ann@example.com", "--role", "viewer", "--json"))
    assert again["id"] != invited["id"]
    assert run("people", "erase", "nobody@example.com", "--yes").returncode == 1


def test_what_is_wrong_is_named(run: Run) -> None:
    json_of(run("accounts", "create", "First customer", "--currency", "USD", "--json"))
    for arguments, words in (
        (("people", "invite", "First customer", "ann", "--role", "owner"), "EMAIL must be like"),
        (("people", "invite", "First customer", "a@b.c", "--role", "admin"), "--role must be one of owner"),
        (("people", "invite", "Nobody", "a@b.c", "--role", "owner"), "no account"),
        (("people", "disable", "a@b.c"), "nobody with the email"),
    ):
        refused = run(*arguments)
        assert refused.returncode != 0
        assert words in refused.stderr, refused.stderr
