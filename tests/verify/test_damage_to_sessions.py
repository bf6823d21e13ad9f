"""Planted damage to prepaid sessions and what they hold: each is named with its invariant, table and row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from numberdesk.core.call_charging import CallTerms
from numberdesk.core.call_record import CallRecord, Direction
from numberdesk.core.purchase import POOL, Sold
from numberdesk.core.session import OpenSession, SessionAnswer
from numberdesk.flows.usage.hold_sessions import open_sessions
from numberdesk.flows.usage.record_calls import RecordCalls, record_calls
from numberdesk.flows.usage.set_usage_terms import set_call_terms
from numberdesk.infra.db import Database
from testbed.databases import Databases
from tests.flows.conftest import NOW, PRICE, Shop
from tests.verify.conftest import Copy, Damage, must_be_named, named, said

CENT: Final = 10_000
NUMBER: Final = "+13612738801"


@pytest.fixture(scope="module")
def books_url(made: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Books with two sessions of a number at a cent a minute, closed: one goes on, one has ended with its call."""
    url = made.prepared(tmp_path_factory.mktemp("sessions"))
    database = Database(url)
    shop = Shop(database)
    shop.writer.apply(set_call_terms, CallTerms(POOL, NOW, "switch", 0, 60, 60))
    account_id = shop.account(PRICE + 100 * CENT)
    assert isinstance(shop.buy(account_id, shop.offer(NUMBER, inbound=CENT)), Sold)
    for call_id in ("open", "over"):
        command = OpenSession(f"ses_{call_id}", "switch", call_id, "", Direction.INBOUND, NUMBER, "", NOW)
        assert isinstance(shop.writer.apply(open_sessions(90), command), SessionAnswer)
    record = CallRecord("switch", "over", "", Direction.INBOUND, NUMBER, "", NOW, None, None, 61, "")
    shop.writer.apply(record_calls, RecordCalls("bat_1", (record,), NOW))
    shop.verified()
    shop.reader.close()
    database.close()
    yield url
    made.done(url)


DAMAGE: Final[dict[str, Damage]] = {
    "hold one that outlived its session": (
        (
            "UPDATE holds SET state = 'open', resolved_at = NULL WHERE owner_id = 'ses_over'",
            "UPDATE wallets SET held = held + 20000",
        ),
        {("hold", "usage_sessions", "ses_over")},
        "the session is ended; of its hold state is open, not voided",
    ),
    "hold a session that goes on without one": (
        ("DELETE FROM holds WHERE owner_id = 'ses_open'", "UPDATE wallets SET held = 0"),
        {("hold", "usage_sessions", "ses_open")},
        "the session is open, costs 0.02 so far, and has no hold",
    ),
    "hold less than the session says": (
        ("UPDATE holds SET amount = 10000 WHERE owner_id = 'ses_open'", "UPDATE wallets SET held = 10000"),
        {("hold", "usage_sessions", "ses_open")},
        "amount is 0.01, not 0.02",
    ),
    "hold one taken as if it were an order's": (
        ("UPDATE holds SET state = 'captured' WHERE owner_id = 'ses_over'",),
        {("hold", "usage_sessions", "ses_over")},
        "state is captured, not voided",
    ),
    "hold one without its session": (
        ("DELETE FROM usage_sessions WHERE id = 'ses_open'",),
        {("hold", "holds", "ses_open")},
        "0.02 is held for ses_open, which is no order and no session",
    ),
    "I12 more seconds than are held for": (
        ("UPDATE usage_sessions SET granted = 121 WHERE id = 'ses_open'",),
        {("I12", "usage_sessions", "ses_open")},
        "121 seconds are granted, which cost 0.03, not 0.02",
    ),
    "I11 a session that ended without its call": (
        ("UPDATE usage_sessions SET call_id = 'another' WHERE id = 'ses_over'",),
        {("I11", "usage_sessions", "ses_over")},
        "the session has ended, and no record tells of its call another",
    ),
    "I11 a session of a number that the rental is not of": (
        ("UPDATE usage_sessions SET e164 = '+13612738809' WHERE id = 'ses_open'",),
        {("I11", "usage_sessions", "ses_open")},
        "did not have +13612738809 when the session was opened",
    ),
    "I11 a session from before the rental": (
        ("UPDATE usage_sessions SET opened_at = 1 WHERE id = 'ses_open'",),
        {("I11", "usage_sessions", "ses_open")},
        "did not have +13612738801 when the session was opened",
    ),
    "I11 a session that goes on after its call": (
        (
            "UPDATE usage_sessions SET state = 'open', ended_at = NULL, next_at = 1 WHERE id = 'ses_over'",
            "UPDATE holds SET state = 'open', resolved_at = NULL WHERE owner_id = 'ses_over'",
            "UPDATE wallets SET held = held + 20000",
        ),
        {("I11", "usage_sessions", "ses_over")},
        "the session is open, and cal_1_000 tells how its call ended",
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_planted_damage_is_named_with_invariant_table_and_row(case: str, damaged: Copy) -> None:
    must_be_named(damaged, DAMAGE[case])


def test_a_session_that_goes_on_was_opened_before_its_rental_ended(damaged: Copy) -> None:
    damaged.plant("UPDATE rentals SET released_at = (SELECT opened_at FROM usage_sessions WHERE id = 'ses_open')")
    report = damaged.audit()
    of_sessions = {one for one in named(report) if one[1] == "usage_sessions"}
    assert of_sessions == {("I11", "usage_sessions", "ses_open")}, said(report)
    assert f"did not have {NUMBER} when the session was opened" in said(report)


def test_a_session_that_expired_before_its_rental_ended_was_of_it_whatever_clock_it_was_opened_by(
    damaged: Copy,
) -> None:
    damaged.plant(
        "UPDATE usage_sessions SET state = 'expired', ended_at = opened_at WHERE id = 'ses_open'",
        "UPDATE usage_sessions SET opened_at = opened_at + 5 WHERE id = 'ses_open'",
        "UPDATE rentals SET released_at = (SELECT ended_at FROM usage_sessions WHERE id = 'ses_open')",
    )
    assert "when the session was opened" not in said(damaged.audit())


def test_the_books_are_sound_before_they_are_damaged(damaged: Copy) -> None:
    report = damaged.audit()
    assert report.ok, said(report)
