"""Killed with -9 while call records come in: sent again, each is kept and charged once, and none is lost."""

from __future__ import annotations

import signal
from typing import Final

import httpx
import pytest

from numberdesk.accounts.model import RANDOM_BYTES, new_key
from numberdesk.core.call_charging import CallTerms
from numberdesk.core.money import MICROS
from numberdesk.core.periods import iso_seconds
from numberdesk.core.purchase import POOL, Sold
from numberdesk.flows.accounts.create_accounts import create_accounts, new_operator_account
from numberdesk.flows.accounts.issue_keys import NewKey, issue_keys, new_key_record
from numberdesk.flows.usage.send_calls import RECORDS_READ
from numberdesk.flows.usage.set_usage_terms import set_call_terms
from numberdesk.infra.clock import now as time_of_day
from numberdesk.infra.clock import random_bytes
from numberdesk.infra.db import Database
from numberdesk.infra.writer import FAILPOINTS
from testbed.service import Service
from tests.flows.conftest import PRICE, Shop

RECORDS: Final = 700
"""Two batches: the kill is in the second one."""

CENT: Final = MICROS // 100
SWITCH: Final = "acc_switch"
ENGINES: Final = ("sqlite", "postgresql")


def cells() -> list[object]:
    """Each point on one engine or the other now, on both in the long run."""
    return [
        (engine, point) if place % 2 == which else pytest.param(engine, point, marks=pytest.mark.long)
        for place, point in enumerate(FAILPOINTS)
        for which, engine in enumerate(ENGINES)
    ]


@pytest.fixture
def shop(database: Database) -> Shop:
    """An hour ago an account rented a number, for whose calls an operator's switch charges."""
    shop = Shop(database)
    shop.now = time_of_day() - 3_600_000_000
    shop.writer.apply(set_call_terms, CallTerms(POOL, shop.now, f"operator:{SWITCH}"))
    return shop


def key_of_the_switch(shop: Shop) -> str:
    shop.writer.apply(create_accounts, new_operator_account(SWITCH, "Switch", shop.now))
    secret = new_key(random_bytes(RANDOM_BYTES))
    record = new_key_record(
        "key_switch", secret, account_id=SWITCH, name="", scopes=("usage:write",), expires_at=None, now=shop.now
    )
    shop.writer.apply(issue_keys, NewKey(record))
    return secret


@pytest.mark.parametrize(("engine", "point"), cells(), indirect=["engine"])
def test_records_that_were_cut_short_are_sent_again_and_charged_once(shop: Shop, database_url: str, point: str) -> None:
    account_id = shop.account(PRICE + RECORDS // 2 * CENT)
    e164 = shop.number(inbound=CENT)
    assert isinstance(shop.buy(account_id, e164), Sold)
    key = key_of_the_switch(shop)
    began = iso_seconds(shop.now + 60_000_000)
    record = {"direction": "inbound", "phone_number": e164, "started_at": began, "seconds": 60}
    sent = [record | {"call_id": f"c{place}"} for place in range(RECORDS)]

    def tell(service: Service) -> list[str]:
        url = f"http://127.0.0.1:{service.port}/api/v1/usage/calls/"
        answer = httpx.post(url, json=sent, headers={"X-Api-Key": key}, timeout=60, trust_env=False)
        return [one["outcome"] for one in answer.json()["data"]]

    with Service(database_url, "testbed.crashing", f"{RECORDS_READ}:{point}", "2") as doomed:
        with pytest.raises(httpx.HTTPError):
            tell(doomed)
        assert doomed.died() == -signal.SIGKILL
    with Service(database_url) as recovered:
        assert set(tell(recovered)) <= {"accepted", "duplicate"}
        assert tell(recovered) == ["duplicate"] * RECORDS
        assert recovered.stop() == 0
    assert shop.rows("SELECT count(*), sum(amount) FROM calls") == [(RECORDS, RECORDS * CENT)]
    assert shop.rows("SELECT posted FROM wallets") == [(0,)]
    assert shop.rows("SELECT owed FROM receivables") == [(RECORDS // 2 * CENT,)]
    shop.verified()
    shop.reader.close()
