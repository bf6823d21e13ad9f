"""The commands of compliance profiles, as an operator runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from numberdesk.infra.vault import new_key
from tests.cli.runner import Run, json_of, runner

POSTGRESQL_IN_THE_LONG_RUN: Final = "what the engines do differently is tested at the flows"


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs commands on books of their own, with a key for secrets."""
    return runner(database_url, new_key(), tmp_path, monkeypatch)


def test_a_profile_from_its_making_to_its_end(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "a-token-of-many-signs")
    json_of(run("accounts", "create", "Acme", "--currency", "USD", "--json"))
    sid = "account_sid=AC0123456789abcdef0123456789abcdef"
    words = ("carriers", "add", "twilio", "twilio", "--set", sid, "--secret-env", "auth_token=TOKEN", "--json")
    json_of(run(*words))
    add = ("compliance", "add", "Acme", "twilio", "de", "--type", "local", "--paper", "bundle_sid=BU1")
    made = json_of(run(*add, "--until", "2090-03-20", "--json"))
    assert (made["iso_country"], made["status"], made["papers"]) == ("DE", "approved", {"bundle_sid": "BU1"})
    assert made["valid_until"] == "2090-03-20T00:00:00Z"
    assert json_of(run("compliance", "list", "Acme", "--json")) == [made]
    assert json_of(run("compliance", "list", "--expiring", "30", "--json")) == []
    changed = json_of(run("compliance", "change", made["id"], "--until", "none", "--status", "in_review", "--json"))
    assert (changed["valid_until"], changed["status"]) == (None, "in_review")
    for given, says in (
        (("--paper", "group=1"), "--paper may have bundle_sid, address_sid, identity_sid"),
        (("--paper", "bundle_sid"), "--paper must be like FIELD=ID"),
        (("--until", "soon"), "--until must be like 2027-03-20"),
    ):
        refused = run("compliance", "change", made["id"], *given)
        assert (refused.returncode, says in refused.stderr) == (2, True), refused.stderr
    assert run("compliance", "remove", made["id"]).returncode == 1
    json_of(run("compliance", "remove", made["id"], "--yes", "--json"))
    assert json_of(run("compliance", "list", "--json")) == []
    assert json_of(run("verify", "--json"))["ok"] is True
