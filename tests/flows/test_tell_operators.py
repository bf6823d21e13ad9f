"""Operators are told once of carriers that fail, orders that wait for a person, findings, and books that are broken."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from numberdesk.core.carrier_order import Reason, Refused
from numberdesk.core.invariants import Violation, found
from numberdesk.flows.tell_operators import QUIET, CarrierFailing, VerifyResult, note_verify, tell_failing
from numberdesk.verify.books import VerifyReport
from testbed.fake_carriers import Does
from tests.flows.audits import EVERY, audited
from tests.flows.carrier_orders import heard, opened, settled
from tests.flows.conftest import Shop
from tests.flows.receivers import Telling
from tests.flows.test_resolve_orders import parked

POSTGRESQL_IN_THE_LONG_RUN = "what is new is decided without the database"


@pytest.fixture
def connected(shop: Shop) -> Shop:
    shop.connect("acme")
    return shop


def told(shop: Shop, kind: str) -> list[dict[str, Any]]:
    """What operators were told of a kind."""
    rows = shop.rows(
        "SELECT payload FROM events WHERE account_id = '' AND kind = :kind ORDER BY created_at, payload", kind=kind
    )
    return [json.loads(payload) for (payload,) in rows]


def test_an_order_that_waits_for_a_person_is_told_of_when_it_begins_to(shop: Shop) -> None:
    buy, _ = parked(shop, Does.NEVER_ENDS)
    (event,) = told(shop, "order.parked")
    assert (event["order_id"], event["account_id"], event["phone_number"]) == (buy.order_id, buy.account_id, buy.e164)
    shop.verified()


def test_a_finding_is_told_of_when_it_is_new_and_when_it_comes_again(connected: Shop) -> None:
    shop, e164, other = connected, "+13612738809", "+13612738810"
    shop.acme.own([e164, other])
    for there in (True, True, False, True):
        if there:
            shop.acme.own([e164] if e164 not in shop.acme.ours else [])
        else:
            del shop.acme.ours[e164]
            shop.acme.own([])
        shop.now += EVERY
        audited(shop)
    events = told(shop, "finding.opened")
    assert [(event["phone_number"], event["kind"]) for event in events] == [
        (e164, "orphan"),
        (other, "orphan"),
        (e164, "orphan"),
    ]
    shop.verified()


def test_a_carrier_that_orders_nothing_for_the_account_is_told_of_once_until_it_takes_orders_again(shop: Shop) -> None:
    for said in ("HTTP 401", "HTTP 401: who are you?"):
        buy, _ = opened(shop, Does.NEVER_ENDS)
        settled(shop, heard(shop, buy, Refused(Reason.ACCOUNT, said, 1)))
        shop.now += 1
    (event,) = told(shop, "carrier.failing")
    assert (event["carrier"], event["of"], event["message"]) == ("acme", "account", "HTTP 401")
    shop.verified()


def test_a_carrier_that_goes_on_and_off_is_told_of_again_but_at_most_once_in_ten_minutes(connected: Shop) -> None:
    shop, news = connected, []
    for wait in (0, QUIET // 2, QUIET // 2, 3 * QUIET):
        shop.now += wait
        news.append(shop.writer.apply(tell_failing, CarrierFailing("acme", "orders", "five in a row", shop.now)))
    other = shop.writer.apply(tell_failing, CarrierFailing("acme", "searches", "five in a row", shop.now))
    assert (news[0], news[1], news[3], other) == (True, False, True, True)
    assert len(told(shop, "carrier.failing")) == sum(news) + 1
    shop.now, times = 100 * QUIET - 1, []
    for _ in range(40):  # a hundred minutes, every quarter of the time
        if shop.writer.apply(tell_failing, CarrierFailing("acme", "orders", "five in a row", shop.now)):
            times.append(shop.now)
        shop.now += QUIET // 4
    assert len(times) >= 40 // 4 // 2
    assert min(after - before for before, after in pairwise(times)) >= QUIET


def broken(*rows: str) -> VerifyReport:
    return VerifyReport((found("I2", "a sum", 99, [Violation("I2", "wallets", row, "is off") for row in rows]),))


def test_what_verify_finds_is_told_once_until_the_books_were_in_order(shop: Shop) -> None:
    def run(report: VerifyReport) -> list[str]:
        before = len(told(shop, "verify.failed"))
        shop.now += 1
        shop.writer.apply(note_verify, VerifyResult(report, shop.now))
        return sorted(event["row"] for event in told(shop, "verify.failed")[before:])

    many = [f"acc_{place:02}" for place in range(25)]
    assert run(broken("acc_00")) == ["acc_00"]
    assert run(broken("acc_00")) == []
    assert run(broken(*many)) == many[1:21], "at most twenty in a run"
    assert run(broken(*many)) == many[21:]
    assert run(broken()) == []
    assert run(broken("acc_00")) == ["acc_00"]


def test_events_of_operators_have_numbers_of_their_own_and_go_to_webhooks_of_all_accounts(connected: Shop) -> None:
    shop, telling = connected, Telling(connected)
    customer, operators = shop.account(), telling.operators()
    mine, every = telling.endpoint(customer), telling.endpoint(operators, all_accounts=True)
    own, parked_only = telling.endpoint(operators), telling.endpoint(operators, "order.parked", all_accounts=True)
    telling.bought(customer)
    shop.writer.apply(tell_failing, CarrierFailing("acme", "orders", "five in a row", shop.now))
    assert telling.number() == (2, 3, False)
    assert [len(telling.deliveries(one)) for one in (mine, every, own, parked_only)] == [1, 2, 0, 0]
    assert shop.rows("SELECT number FROM events WHERE account_id = ''") == [(1,)]
    telling.send_due()
    (body,) = [one.body for one in telling.receivers.arrived if one.body["type"] == "carrier.failing"]
    assert (body["account_id"], body["number"]) == (None, 1)
    shop.verified()
