"""The commands of webhooks, as an operator runs them."""

from __future__ import annotations

from pathlib import Path

import pytest
from standardwebhooks import Webhook

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


def test_a_webhook_from_its_making_to_its_end(run: Run) -> None:
    json_of(run("accounts", "create", "First customer", "--currency", "USD", "--json"))
    with scripted(lambda _seen: reply(204)) as server:
        made = json_of(run("webhooks", "create", "First customer", server.url, "--kind", "order.failed", "--json"))
        assert made["kinds"] == ["order.failed"]
        shown = json_of(run("webhooks", "show", made["id"], "--json"))
        assert shown == {name: value for name, value in made.items() if name != "secret"}
        assert json_of(run("webhooks", "list", "First customer", "--json")) == [shown]
        rotated = json_of(run("webhooks", "rotate-secret", made["id"], "--json"))
        assert json_of(run("webhooks", "test", made["id"], "--json"))["delivered"] is True
        (seen,) = server.seen
        for secret in (made["secret"], rotated["secret"]):
            assert Webhook(secret).verify(seen.body, dict(seen.headers))["type"] == "webhook.test"
        changed = json_of(run("webhooks", "change", made["id"], "--description", "billing", "--json"))
        assert (changed["description"], changed["url"]) == ("billing", server.url)
    assert json_of(run("webhooks", "disable", made["id"], "--json"))["status"] == "disabled"
    assert run("webhooks", "replay", made["id"]).returncode == 1
    assert json_of(run("webhooks", "enable", made["id"], "--json"))["status"] == "enabled"
    assert json_of(run("webhooks", "replay", made["id"], "--json")) == {"replayed": 0}
    assert json_of(run("webhooks", "deliveries", made["id"], "--json")) == []
    assert run("webhooks", "test", made["id"]).returncode == 1
    json_of(run("webhooks", "delete", made["id"], "--yes", "--json"))
    gone = run("webhooks", "show", made["id"])
    assert (gone.returncode, gone.stdout) == (1, "")
    assert "numberdesk webhooks list" in gone.stderr
    assert json_of(run("verify", "--json"))["ok"] is True


def test_what_is_typed_wrongly_is_named_by_its_option(run: Run) -> None:
    json_of(run("accounts", "create", "First customer", "--currency", "USD", "--json"))
    for words, says in (
        (("http://10.0.0.1/",), "URL must not lead to 10.0.0.1"),
        (("http://127.0.0.1:8080/", "--kind", "no.such"), "--kind must be some of number.purchased"),
        (("http://127.0.0.1:8080/", "--all-accounts"), "--all-accounts must be false, but for operators' accounts"),
    ):
        refused = run("webhooks", "create", "First customer", *words)
        assert refused.returncode == 2, refused.stderr
        assert says in refused.stderr
    assert "--since must be a day" in run("webhooks", "replay", "whk_1", "--since", "yesterday").stderr
