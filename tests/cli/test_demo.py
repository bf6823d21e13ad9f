"""The demo's account, however often the demo is started."""

from __future__ import annotations

import contextlib

import pytest

from numberdesk.accounts.model import key_hash
from numberdesk.accounts.store import find_key_by_hash, list_accounts
from numberdesk.cli.demo import prepare_demo
from numberdesk.cli.demo_history import RENTED
from numberdesk.core.money import MICROS
from numberdesk.flows.accounts.issue_keys import MOST_LIVE_KEYS
from numberdesk.flows.statements.read_statements import list_statements, total_kinds
from numberdesk.infra.settings import load_settings
from numberdesk.usage.store import list_calls
from numberdesk.verify.books import verify
from numberdesk.wiring import build


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the demo's database is a file
def test_a_demo_may_be_started_more_often_than_an_account_may_have_keys(database_url: str) -> None:
    with contextlib.closing(build(load_settings(database_url=database_url))) as services:
        secrets = [prepare_demo(services) for _ in range(MOST_LIVE_KEYS + 3)]
        with services.database.read() as tx:
            found = [find_key_by_hash(tx, key_hash(secret)) for secret in secrets]
        works = [one is not None and one[0].valid_at(services.now()) for one in found]
    assert works[-20:] == [True] * 20
    assert works[0] is False


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the demo's database is a file
def test_a_demo_has_a_number_with_calls_whose_statement_comes_to_its_balance(database_url: str) -> None:
    with contextlib.closing(build(load_settings(database_url=database_url))) as services:
        prepare_demo(services)
        prepare_demo(services)  # the second finds it done
        with services.database.read() as tx:
            (account,) = list_accounts(tx, after_id=None, limit=2)
            months = list_statements(tx, account.id, services.now(), before=None, limit=9)
            kinds = {total.kind for head in months for total in total_kinds(tx, head)}
            calls = list_calls(tx, account.id, since=None, until=None, before=None, limit=1000)
            report = verify(tx, lambda *_: None)
    assert months[0].edges.closing == 100 * MICROS
    assert kinds == {"rental", "top_up", "usage"}
    assert len(calls) == 79
    assert {call.record.e164 for call in calls} == {RENTED}
    assert report.ok, report
