"""The commands of connections, as an operator runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from numberdesk.infra.vault import new_key
from testbed.egress import ALLOWED
from testbed.scripted import reply, scripted
from tests.cli.runner import Run, json_of, runner

POSTGRESQL_IN_THE_LONG_RUN = "what the engines do differently is tested at the flows"


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs commands on books of their own, with a key for secrets."""
    monkeypatch.setenv("NUMBERDESK_EGRESS_ALLOW", ALLOWED)
    return runner(database_url, new_key(), tmp_path, monkeypatch)


def test_a_connection_from_its_making_to_its_end(run: Run) -> None:
    json_of(run("accounts", "create", "First customer", "--currency", "USD", "--json"))
    shared = json_of(run("connections", "add", "All desks", "--preset", "retell", "--json"))
    assert (shared["shared"], shared["account_id"], shared["targets"][0]["transport"]) == (True, None, "tcp")
    with scripted(lambda _seen: reply(204)) as server:
        words = ("connections", "add", "Hook", "--account", "First customer", "--kind", "webhook", "--url", server.url)
        hook = json_of(run(*words, "--json"))
        assert json_of(run("connections", "test", hook["id"], "--json"))["reached"] is True
    assert run("connections", "test", hook["id"]).returncode == 1
    listed = json_of(run("connections", "list", "First customer", "--json"))
    assert [one["id"] for one in listed] == [shared["id"], hook["id"]]
    assert json_of(run("connections", "show", hook["id"], "--json")) == hook
    defaults = json_of(run("connections", "default", shared["id"], "--carrier", "pool", "--json"))
    assert defaults == [{"scope": "carrier", "name": "pool", "connection_id": shared["id"]}]
    kept = run("connections", "remove", shared["id"], "--yes")
    assert (kept.returncode, "default connection of carrier pool" in kept.stderr) == (1, True)
    assert json_of(run("connections", "default", "--carrier", "pool", "--json")) == []
    json_of(run("connections", "remove", shared["id"], "--yes", "--json"))
    gone = run("connections", "show", shared["id"])
    assert (gone.returncode, "numberdesk connections list" in gone.stderr) == (1, True)
    assert json_of(run("verify", "--json"))["ok"] is True


def test_what_an_account_may_connect_to_is_allowed_and_taken_back(run: Run) -> None:
    json_of(run("accounts", "create", "First customer", "--currency", "USD", "--json"))
    words = ("connections", "add", "Home", "--account", "First customer", "--forward-to", "+13612738809")
    forward = (*words, "--kind", "forward")
    assert "Ask its operator" in run(*forward).stderr
    (allowed,) = json_of(run("connections", "allow", "First customer", "--forward", "--json"))
    assert (allowed["kind"], allowed["object_id"]) == ("forward", "")
    assert json_of(run(*forward, "--json"))["forward_to"] == "+13612738809"
    assert json_of(run("connections", "allow", "First customer", "--forward", "--no", "--json")) == []


def test_what_is_typed_wrongly_is_named_by_its_option(run: Run) -> None:
    for words, says in (
        (("--kind", "sip", "--target", "sip:10.0.0.1"), "--target must not lead to 10.0.0.1"),
        (("--kind", "webhook", "--url", "ftp://example.com/"), "--url must begin with https://"),
        (("--kind", "pigeon"), "--kind must be one of sip, webhook, native, forward"),
        (("--preset", "livekit"), "--value must have subdomain"),
    ):
        refused = run("connections", "add", "office", *words)
        assert (refused.returncode, says in refused.stderr) == (2, True), refused.stderr
    nobody = run("numbers", "connect", "Nobody", "+13612738809")
    assert nobody.returncode == 1
    json_of(run("accounts", "create", "First customer", "--currency", "USD", "--json"))
    for more in ((), ("--caller-name", "X")):
        unrented = run("numbers", "settings", "First customer", "+13612738809", *more)
        assert (unrented.returncode, "does not rent this number" in unrented.stderr) == (1, True)
