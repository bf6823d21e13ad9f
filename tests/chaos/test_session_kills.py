"""Killed with -9 while sessions expire or end: what was held is free again, and each call is charged once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Final

import httpx
import pytest

from numberdesk.accounts.model import RANDOM_BYTES, new_key
from numberdesk.core.call_charging import CallTerms
from numberdesk.core.call_record import Direction
from numberdesk.core.money import MICROS
from numberdesk.core.purchase import POOL, Sold
from numberdesk.core.session import OpenSession, SessionAnswer
from numberdesk.flows.accounts.create_accounts import create_accounts, new_operator_account
from numberdesk.flows.accounts.issue_keys import NewKey, issue_keys, new_key_record
from numberdesk.flows.usage.expire_sessions import SESSIONS, session_expiry
from numberdesk.flows.usage.hold_sessions import open_sessions
from numberdesk.flows.usage.set_usage_terms import set_call_terms
from numberdesk.infra.clock import now as time_of_day
from numberdesk.infra.db import Database
from numberdesk.infra.due_work import points_of
from testbed.service import Service
from tests.flows.conftest import PRICE, Shop

CALLS: Final = 4
ENDS: Final = 40
OPERATOR: Final = "acc_operator"
SWITCH: Final = f"operator:{OPERATOR}"
BALANCE: Final = 100 * MICROS
ENGINES: Final = ("sqlite", "postgresql")
NOTED: Final = tuple(f"{SESSIONS}.acted:{point}" for point in ("taken", "begun", "applied", "committed", "resolved"))
POINTS: Final = (*points_of(SESSIONS), *NOTED)
NOW: Final = tuple(point for point in POINTS if point not in NOTED or point.endswith(("applied", "committed")))
"""Of a batch right before its commit and right after: the others are passed alike by all (test_kills.py)."""


def cells() -> list[object]:
    """Some points on one engine or the other now, all on both in the long run."""
    now = {point: place % 2 for place, point in enumerate(NOW)}
    return [
        (engine, point) if now.get(point) == which else pytest.param(engine, point, marks=pytest.mark.long)
        for point in POINTS
        for which, engine in enumerate(ENGINES)
    ]


@pytest.fixture
def shop(database: Database) -> Shop:
    """An account with a number at a unit a minute, since five minutes."""
    shop = Shop(database)
    shop.now = time_of_day() - 300 * MICROS
    shop.writer.apply(set_call_terms, CallTerms(POOL, shop.now, SWITCH, 0, 1, 1))
    return shop


def with_calls(shop: Shop, calls: int) -> list[str]:
    """Sessions of so many calls, by their ids."""
    account_id, e164 = shop.account(BALANCE + PRICE), shop.number(inbound=MICROS)
    assert isinstance(shop.buy(account_id, e164), Sold)
    wanted = [OpenSession(f"ses_{n}", SWITCH, f"c{n}", "", Direction.INBOUND, e164, "", shop.now) for n in range(calls)]
    for one in wanted:
        assert isinstance(shop.writer.apply(open_sessions(60), one), SessionAnswer)
    return [one.session_id for one in wanted]


@pytest.mark.parametrize(("engine", "point"), cells(), indirect=["engine"])
def test_an_expiry_that_is_killed_frees_what_was_held_once(shop: Shop, database_url: str, point: str) -> None:
    with_calls(shop, CALLS)
    with Service(database_url, "testbed.crashing", point, "1") as doomed:
        assert doomed.died() == -signal.SIGKILL
    shop.now = time_of_day() + 600 * MICROS

    async def past() -> int:
        return shop.now

    shop.tell(shop.work_off(session_expiry(shop.writer, lambda: shop.now, past)))
    assert shop.rows("SELECT state, count(*) FROM usage_sessions GROUP BY state") == [("expired", CALLS)]
    assert shop.rows("SELECT posted, held FROM wallets") == [(BALANCE, 0)]
    shop.verified()
    shop.audit()
    shop.reader.close()


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_ends_that_a_kill_cut_off_are_sent_again_and_charge_each_call_once(shop: Shop, database_url: str) -> None:
    shop.now = time_of_day()
    sessions, key = with_calls(shop, ENDS), operators_key(shop)
    told: dict[str, float] = {}

    def end_all(port: int) -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", headers={"X-Api-Key": key}) as http:
            for session_id in sessions:
                answer = http.post(f"/usage/sessions/{session_id}/end/", json={"seconds": 30})
                told[session_id] = answer.json()["data"]["amount"]
                if len(told) == ENDS // 2:
                    half.set()

    half = threading.Event()
    with Service(database_url) as doomed:
        asking = threading.Thread(target=_until_cut, args=(end_all, doomed.port))
        asking.start()
        assert half.wait(60)
        doomed.kill()
        asking.join()
    before = dict(told)
    assert len(before) < ENDS, "the kill came after everything was done"
    with Service(database_url) as recovered:
        end_all(recovered.port)
        assert recovered.stop() == 0
    assert told == dict.fromkeys(sessions, 0.5)
    assert before.items() <= told.items()
    assert shop.rows("SELECT posted, held FROM wallets") == [(BALANCE - ENDS * MICROS // 2, 0)]
    shop.verified()
    shop.audit()
    shop.reader.close()


def _until_cut(ask: Callable[[int], None], port: int) -> None:
    try:
        ask(port)
    except httpx.HTTPError:
        return


def operators_key(shop: Shop) -> str:
    """A key of the switch."""
    shop.writer.apply(create_accounts, new_operator_account(OPERATOR, "Operators", shop.now))
    secret = new_key(b"\7" * RANDOM_BYTES)
    record = new_key_record(
        "key_1", secret, account_id=OPERATOR, name="switch", scopes=("usage:write",), expires_at=None, now=shop.now
    )
    shop.writer.apply(issue_keys, NewKey(record))
    return secret
