"""The demo's account, however often the demo is started."""

from __future__ import annotations

import asyncio
import contextlib
import re
from functools import partial
from typing import Any

import httpx
import pytest

from numberdesk.accounts.model import key_hash
from numberdesk.accounts.session_store import find_signed
from numberdesk.accounts.store import find_accounts_named, find_key_by_hash, list_keys
from numberdesk.api.app import build_app
from numberdesk.cli.demo import ACCOUNT_NAME, prepare_demo
from numberdesk.cli.demo_console import OPERATORS_NAME, sign_in_text
from numberdesk.cli.demo_history import RENTED
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.money import MICROS
from numberdesk.core.periods import MICROSECONDS, iso_seconds
from numberdesk.flows.accounts.create_accounts import create_accounts, new_account
from numberdesk.flows.accounts.issue_keys import MOST_LIVE_KEYS
from numberdesk.flows.accounts.sign_in import IDLE, SignIn, sign_in, token_hash
from numberdesk.flows.statements.read_statements import list_statements, total_kinds
from numberdesk.infra.settings import load_settings
from numberdesk.usage.store import list_calls
from numberdesk.verify.books import verify
from numberdesk.wiring import Services, build


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
            (account,) = find_accounts_named(tx, ACCOUNT_NAME)
            months = list_statements(tx, account.id, services.now(), before=None, limit=9)
            kinds = {total.kind for head in months for total in total_kinds(tx, head)}
            calls = list_calls(tx, account.id, since=None, until=None, before=None, limit=1000)
            report = verify(tx, lambda *_: None)
    assert months[0].edges.closing == 100 * MICROS
    assert kinds == {"rental", "top_up", "usage"}
    assert len(calls) == 79
    assert {call.record.e164 for call in calls} == {RENTED}
    assert report.ok, report


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the demo's database is a file
def test_a_demo_is_started_again_after_accounts_were_opened_in_it(database_url: str) -> None:
    with contextlib.closing(build(load_settings(database_url=database_url))) as services:
        prepare_demo(services)
        made = new_account(services.new_id("acc"), "Made in the demo", "USD", 0, services.now())
        services.writer.apply(create_accounts, made)
        secret = prepare_demo(services)
        with services.database.read() as tx:
            (account,) = find_accounts_named(tx, ACCOUNT_NAME)
            found = find_key_by_hash(tx, key_hash(secret))
    assert found is not None
    assert found[0].account_id == account.id


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the demo's database is a file
def test_books_of_others_are_left_alone_though_their_first_account_is_called_as_the_demos(database_url: str) -> None:
    with contextlib.closing(build(load_settings(database_url=database_url))) as services:
        for name in (ACCOUNT_NAME, "Another"):
            made = new_account(services.new_id("acc"), name, "USD", 0, services.now())
            services.writer.apply(create_accounts, made)
        with pytest.raises(BaseException, match="1"):
            prepare_demo(services)
        with services.database.read() as tx:
            (account,) = find_accounts_named(tx, ACCOUNT_NAME)
            assert list_keys(tx, account.id, after_id=None, limit=9) == []


async def _tell_calls(services: Services, key: str) -> tuple[list[Any], list[float]]:
    """Buy a number, tell of a call of it and of one of the number that is rented, and look at the balance around."""
    services.writer.start()
    transport, headers = httpx.ASGITransport(build_app(services)), {"X-Api-Key": key}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8000/api/v1", headers=headers, follow_redirects=True
    ) as http:
        offers = (await http.get("/phone-numbers/available-numbers/US/", params={"page_size": 1})).json()["data"]
        number, price = offers[0]["phone_number"], offers[0]["price"]
        bought = await http.post("/phone-numbers/buy/", json={"phone_number": number, "price": price})
        assert bought.status_code == 200, bought.text
        balances = [(await http.get("/balance/")).json()["data"]["posted"]]
        begun = iso_seconds(services.now() + 2 * MICROSECONDS)
        calls = [
            {"call_id": f"c{place}", "direction": direction, "phone_number": e164, "started_at": begun, "seconds": 61}
            for place, (e164, direction) in enumerate([(RENTED, "inbound"), (number, "outbound")])
        ]
        told = (await http.post("/usage/calls/", json=calls)).json()
        balances.append((await http.get("/balance/")).json()["data"]["posted"])
    return told["data"], balances


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the demo's database is a file
def test_calls_that_the_demos_key_tells_of_are_charged(database_url: str) -> None:
    with contextlib.closing(build(load_settings(database_url=database_url))) as services:
        key = prepare_demo(services)
        told, balances = asyncio.run(_tell_calls(services, key))
    assert [(one["outcome"], one["status"], one["amount"]) for one in told] == [
        ("accepted", "charged", 0.017),
        ("accepted", "charged", 0.189),
    ]
    assert balances[0] - balances[1] == pytest.approx(0.206)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the demo's database is a file
def test_a_demo_prints_a_link_for_its_customer_and_one_for_its_operators_and_leaves_one_key_for_these(
    database_url: str,
) -> None:
    with contextlib.closing(build(load_settings(database_url=database_url))) as services:
        key = prepare_demo(services)
        sign_in_text(services, key, "http://127.0.0.1:1")
        text = sign_in_text(services, key, "http://127.0.0.1:1")
        tokens = re.findall(r"http://127\.0\.0\.1:1/console/link\?token=(\S+)", text)
        kinds = []
        for token in tokens:
            session = services.writer.apply(
                sign_in, SignIn(token_hash(f"session {token}"), services.now(), link_hash=token_hash(token))
            )
            hashed, now = session.hash, services.now()
            signed = services.reader.read_now(partial(find_signed, token_hash=hashed, now=now, idle=IDLE))
            assert signed
            kinds.append((signed.caller.kind, signed.account_name))
        assert kinds == [(AccountKind.CUSTOMER, ACCOUNT_NAME), (AccountKind.OPERATOR, OPERATORS_NAME)]
        (operators,) = services.reader.read_now(lambda tx: find_accounts_named(tx, OPERATORS_NAME))
        keys = services.reader.read_now(lambda tx: list_keys(tx, operators.id, after_id=None, limit=10))
        assert sum(each.valid_at(services.now()) for each in keys) == 1
