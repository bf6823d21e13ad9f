"""Customers are told of money that comes into their wallets, and of rated calls where they ask for them by name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from numberdesk.core.money import MICROS
from numberdesk.flows.accounts.fund_wallets import ADJUSTMENT, fund_wallets, funding
from numberdesk.flows.usage.record_calls import RecordCalls, record_calls
from numberdesk.infra.db import Tx
from tests.flows.conftest import Shop
from tests.flows.receivers import Telling
from tests.flows.test_record_calls import Exchange


def told(shop: Shop, kind: str) -> list[dict[str, Any]]:
    rows = shop.rows("SELECT payload FROM events WHERE kind = :kind ORDER BY created_at, id", kind=kind)
    return [json.loads(payload) for (payload,) in rows]


def test_a_top_up_and_an_adjustment_upwards_are_told_once_and_one_downwards_is_not(shop: Shop) -> None:
    account_id = shop.account()
    shop.top_up(account_id, 5 * MICROS, "INV-1")
    shop.top_up(account_id, 5 * MICROS, "INV-1")
    for amount in (MICROS, -2 * MICROS):
        shop.now += 1
        command = funding(shop.new_id("trf"), ADJUSTMENT, account_id, amount, reference=None, now=shop.now)
        shop.writer.apply(fund_wallets, command)
    first, second = told(shop, "account.credited")
    assert (first["kind"], first["amount"], first["balance"], first["reference"]) == ("top_up", "5", "5", "INV-1")
    assert (second["kind"], second["amount"], second["balance"]) == ("adjustment", "1", "6")
    assert [(first["id"],), (second["id"],)] == shop.rows(
        "SELECT id FROM transfers WHERE credit LIKE 'wallet:%' ORDER BY 1"
    )
    shop.verified()


def test_calls_are_told_of_only_where_a_webhook_names_them(shop: Shop) -> None:
    telling, exchange = Telling(shop), Exchange(shop)
    quiet, asking = telling.endpoint(exchange.account_id), telling.endpoint(exchange.account_id, "order.failed")
    exchange.tell(exchange.record("c1"))
    assert told(shop, "call.rated") == []
    named = telling.endpoint(exchange.account_id, "call.rated")
    exchange.tell(exchange.record("c2", 60), exchange.record("c1"))
    (call,) = told(shop, "call.rated")
    assert (call["phone_number"], call["amount"], call["billed_seconds"]) == (exchange.e164, "0.01", "60")
    telling.number()
    kinds = [[one.kind for one in telling.deliveries(each)] for each in (quiet, asking, named)]
    assert kinds == [["number.purchased"], [], ["call.rated"]]
    shop.verified()


def test_a_webhook_of_operators_that_names_calls_is_told_of_everybodys(shop: Shop) -> None:
    telling, exchange = Telling(shop), Exchange(shop)
    every = telling.endpoint(telling.operators(), "call.rated", all_accounts=True)
    exchange.tell(exchange.record("c1"))
    telling.number()
    assert [one.kind for one in telling.deliveries(every)] == ["call.rated"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # its driver shows every statement
def test_where_nobody_asks_a_batch_of_calls_costs_one_statement_more_however_many_they_are(shop: Shop) -> None:
    exchange, seen = Exchange(shop), list[str]()
    records = tuple(exchange.record(f"c{place}") for place in range(50))
    with shop.database.raw(writing=True) as connection:
        driver: Any = connection.connection.driver_connection
        driver.set_trace_callback(seen.append)
        record_calls(Tx(connection), [RecordCalls("bat_1", records, shop.now)])
        driver.set_trace_callback(None)
    assert sum("webhook_endpoints" in statement for statement in seen) == 1
    assert not any("INSERT INTO events" in statement for statement in seen)
