"""Planted damage to calls and to what is owed for them: each is named with its invariant, table and row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from numberdesk.core.call_charging import CallTerms
from numberdesk.core.call_record import CallRecord, Direction
from numberdesk.core.call_reversal import MendedRates
from numberdesk.core.purchase import POOL, Sold
from numberdesk.flows.usage.record_calls import RecordCalls, record_calls
from numberdesk.flows.usage.rerate_calls import Rerate, rerate_calls
from numberdesk.flows.usage.set_usage_terms import set_call_terms
from numberdesk.infra.db import Database
from testbed.databases import Databases
from tests.flows.conftest import NOW, PRICE, Shop
from tests.verify.conftest import Copy, Damage, must_be_named, said

ENGINES_TAKE_TURNS: Final = "a check is one statement for both engines"

CENT: Final = 10_000
TOLD: Final = (
    ("c1", "switch", 61),
    ("c2", "switch", 5),
    ("c3", "switch", 600),
    ("c4", "switch", None),
    ("w1", "b", 61),
)
"""Calls of a number at a cent a minute, by the minute, whose wallet has 5 cents: the third is owed in part."""


@pytest.fixture(scope="module")
def books_url(made: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Books with calls in them, closed; tests damage copies."""
    url = made.prepared(tmp_path_factory.mktemp("calls"))
    database = Database(url)
    shop = Shop(database)
    shop.writer.apply(set_call_terms, CallTerms(POOL, NOW, "switch"))
    account_id = shop.account(PRICE + 5 * CENT)
    e164 = shop.number(inbound=CENT)
    assert isinstance(shop.buy(account_id, e164), Sold)
    records = tuple(
        CallRecord(source, call_id, "", Direction.INBOUND, e164, "", NOW, None, None, seconds, "")
        for call_id, source, seconds in TOLD
    )
    shop.writer.apply(record_calls, RecordCalls("bat_1", records, NOW))
    assert shop.rows("SELECT owed FROM receivables") == [(8 * CENT,)]
    other_id = shop.account(PRICE + 5 * CENT)
    mended = shop.number(inbound=CENT)
    assert isinstance(shop.buy(other_id, mended), Sold)
    record = CallRecord("switch", "m1", "", Direction.INBOUND, mended, "", NOW, None, None, 240, "")
    shop.writer.apply(record_calls, RecordCalls("bat_2", (record,), NOW))
    shop.writer.apply(
        rerate_calls,
        Rerate("bat_3", other_id, 0, 2**62, None, MendedRates(CENT // 2), allow_raise=False, reason="a slip", now=NOW),
    )
    shop.reader.close()
    database.close()
    yield url
    made.done(url)


PAID: Final = "trf_1_usage_0"
OWED: Final = "trf_1_owed_0"

TWICE: Final = (
    "INSERT INTO calls SELECT 'cal_again', source, 'again', leg, direction, e164, other, started_at, answered_at, "
    "ended_at, seconds, disposition, state, reason, account_id, rental_id, currency, per_minute, connect, "
    "minimum, step, billed, amount, owed, transfer_id, owed_transfer_id, received_at, charged_at, rounding "
    "FROM calls WHERE call_id = 'c2'"
)

BACK: Final = "trf_3_reversal"

DAMAGE: Final[dict[str, Damage]] = {
    "I11 a charge that is said to have been taken back": (
        ("UPDATE call_reversals SET amount = 50000",),
        {("I11", "transfers", BACK), ("I11", "transfers", "trf_2_usage_0")},
        "it gives back 0.04 to a wallet for charges of 0.05",
    ),
    "I11 a reversal that is gone": (
        ("DELETE FROM call_reversals",),
        {("I11", "transfers", BACK), ("I11", "transfers", "trf_2_usage_0")},
        "it gives back 0.04, and no charge was taken back by it",
    ),
    "I11 a reversal whose transfer is none": (
        ("UPDATE call_reversals SET reversal_id = 'trf_x'",),
        {("I11", "transfers", BACK), ("I11", "transfers", "trf_x")},
        "are taken back by a transfer that does not exist",
    ),
    "I12 a charge that is not what its seconds make": (
        ("UPDATE calls SET seconds = 121 WHERE call_id = 'c1'",),
        {("I12", "calls", "cal_1_000")},
        "of a call of 121 seconds what is billed is 120, not 180",
    ),
    "I12 another rate": (
        ("UPDATE calls SET per_minute = 20000 WHERE call_id = 'c1'",),
        {("I12", "calls", "cal_1_000")},
        "the charge is 0.02, not 0.04",
    ),
    "I12 other increments": (
        ("UPDATE calls SET step = 1 WHERE call_id = 'c1'",),
        {("I12", "calls", "cal_1_000")},
        "what is billed is 120, not 61",
    ),
    "I12 a connect fee that was not charged": (
        ("UPDATE calls SET connect = 1 WHERE call_id = 'c2'",),
        {("I12", "calls", "cal_1_001")},
        "the charge is 0.01, not 0.010001",
    ),
    "I12 another rounding": (
        (
            "UPDATE calls SET per_minute = 9999, step = 1, billed = 61, rounding = 'down' WHERE call_id = 'c1'",
            "UPDATE calls SET amount = 10166 WHERE call_id = 'c1'",
        ),
        {("I12", "calls", "cal_1_000"), ("I11", "transfers", PAID)},
        "the charge is 0.010166, not 0.010165",
    ),
    "I11 a charged call that is gone": (
        ("DELETE FROM calls WHERE call_id = 'c2'",),
        {("I11", "transfers", PAID)},
        "it moves 0.05 for calls, whose shares come to 0.04",
    ),
    "I11 a call that is charged twice": (
        (TWICE,),
        {("I11", "transfers", PAID)},
        "it moves 0.05 for calls, whose shares come to 0.06",
    ),
    "I11 a charge that no transfer carries": (
        ("UPDATE calls SET transfer_id = NULL WHERE call_id = 'c2'",),
        {("I11", "calls", "cal_1_001"), ("I11", "transfers", PAID)},
        "no transfer carries the rest",
    ),
    "I11 a transfer that is not there": (
        ("UPDATE calls SET transfer_id = 'trf_none' WHERE call_id = 'c2'",),
        {("I11", "transfers", "trf_none"), ("I11", "transfers", PAID)},
        "calls have shares of 0.01 in a transfer that does not exist",
    ),
    "I11 a larger share owed than was": (
        ("UPDATE calls SET owed = owed + 1 WHERE call_id = 'c3'",),
        {("I11", "transfers", PAID), ("I11", "transfers", OWED)},
        "it moves 0.08 for calls, whose shares come to 0.080001",
    ),
    "I11 a debt that nobody knows of": (
        ("UPDATE receivables SET owed = 0, paid_at = 1",),
        {("I11", "receivables", "receivable:{account}")},
        "it owes 0, its transfers come to 0.08",
    ),
    "I11 a debt that grew by itself": (
        ("UPDATE receivables SET owed = owed + 1",),
        {("I11", "receivables", "receivable:{account}")},
        "it owes 0.080001, its transfers come to 0.08",
    ),
    "I11 a debt that could be paid": (
        ("UPDATE wallets SET credit_limit = 1",),
        {("I11", "receivables", "rcv_1_0")},
        "0.08 is owed while 0.000001 is there to pay it",
    ),
    "I11 a call before its rental": (
        ("UPDATE calls SET started_at = started_at - 1 WHERE call_id = 'w1'",),
        {("I11", "calls", "cal_1_004")},
        "did not have",
    ),
    "I11 a call after its rental ended": (
        ("UPDATE calls SET e164 = '+13612738888' WHERE call_id = 'c1'",),
        {("I11", "calls", "cal_1_000")},
        "did not have +13612738888 when the call began",
    ),
    "I13 a debt that nobody is told of": (
        ("DELETE FROM events WHERE kind = 'account.in_debt'",),
        {("I13", "receivables", "rcv_1_0")},
        "no event account.in_debt tells of rcv_1_0",
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_to_calls_is_named(damaged: Copy, what: str, books: Database) -> None:
    with books.read() as tx:
        ((account_id,),) = tx.fetch("SELECT DISTINCT account_id FROM receivables", [])
    statements, expected, message = DAMAGE[what]
    rows = {(invariant, table, row.format(account=account_id)) for invariant, table, row in expected}
    must_be_named(damaged, (statements, rows, message))


def test_sound_books_with_calls_are_in_order(damaged: Copy) -> None:
    report = damaged.audit()
    assert report.ok, said(report)
    assert {check.invariant for check in report.checked} >= {"I11", "I12"}
