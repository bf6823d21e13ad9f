"""The demo's account, however often the demo is started."""

from __future__ import annotations

import contextlib

import pytest

from numberdesk.accounts.model import key_hash
from numberdesk.accounts.store import find_key_by_hash
from numberdesk.cli.demo import prepare_demo
from numberdesk.flows.accounts.issue_keys import MOST_LIVE_KEYS
from numberdesk.infra.settings import load_settings
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
