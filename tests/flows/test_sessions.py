"""Sessions hold what calls cost as they go on, and end in one charge, whatever is asked and told in which order."""

from __future__ import annotations

import random
from typing import Any

import pytest

from numberdesk.core.call_charging import CallTerms, RecordOutcome, RecordResult
from numberdesk.core.call_record import CallRecord, Direction
from numberdesk.core.errors import NotFound, NumberdeskError, SessionEnded, WrongSource
from numberdesk.core.lifecycle import SessionState
from numberdesk.core.money import MICROS
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.purchase import POOL, Sold
from numberdesk.core.rating import charge_of
from numberdesk.core.session import (
    RINGING_SECONDS,
    Denial,
    ExtendSession,
    OpenSession,
    SessionAnswer,
    SessionOutcome,
    UsageSession,
)
from numberdesk.flows.usage.end_sessions import EndSession, end_sessions
from numberdesk.flows.usage.expire_sessions import session_expiry
from numberdesk.flows.usage.hold_sessions import extend_sessions, open_sessions
from numberdesk.flows.usage.record_calls import RecordCalls, record_calls
from numberdesk.flows.usage.set_usage_terms import AppointSource, appoint_sources, set_call_terms
from numberdesk.infra.due_work import RoundFigures, TakeUp
from numberdesk.usage.session_store import DUE_SESSIONS, find_sessions, has_open_session
from tests.flows.conftest import PRICE, Shop

SWITCH = "switch"
SECOND = MICROSECONDS
UNIT = MICROS
"""A unit a minute is what calls cost here."""

open_flow, extend_flow = open_sessions(60), extend_sessions(60)


class Line:
    """An account with a number at a unit a minute, and a switch that asks for its calls."""

    def __init__(self, shop: Shop, *, balance: int = 10 * UNIT, by: tuple[int, int] = (1, 1), rate: int = UNIT) -> None:
        self.shop = shop
        shop.writer.apply(set_call_terms, CallTerms(POOL, shop.now, SWITCH, 0, *by))
        self.account_id = shop.account(balance + PRICE)
        self.e164 = shop.number(inbound=rate, outbound=None)
        assert isinstance(shop.buy(self.account_id, self.e164), Sold)

    def wants(self, call_id: str, **changes: Any) -> OpenSession:
        command = OpenSession(
            self.shop.new_id("ses"), SWITCH, call_id, "", Direction.INBOUND, self.e164, "", self.shop.now
        )
        return command._replace(**changes)

    def open(self, call_id: str = "c1", **changes: Any) -> SessionOutcome:
        outcome: SessionOutcome = self._told(open_flow, self.wants(call_id, **changes))
        return outcome

    def opened(self, call_id: str = "c1", **changes: Any) -> UsageSession:
        return session_of(self.open(call_id, **changes))

    def extend(self, session_id: str, **changes: Any) -> SessionOutcome:
        command = ExtendSession(session_id, SWITCH, self.shop.now)._replace(**changes)
        outcome: SessionOutcome = self._told(extend_flow, command)
        return outcome

    def end(self, session_id: str, seconds: int, **changes: Any) -> Any:
        batch_id = self.shop.new_id("bat")
        command = EndSession(session_id, SWITCH, seconds, "", batch_id, self.shop.now)._replace(**changes)
        return self._told(end_sessions, command)

    def _told(self, flow: Any, command: Any) -> Any:
        """The outcome of one command, also where it is an error."""
        try:
            return self.shop.writer.apply(flow, command)
        except NumberdeskError as error:
            return error

    def tell(self, call_id: str, seconds: int | None, **changes: Any) -> RecordResult:
        record = CallRecord(
            SWITCH, call_id, "", Direction.INBOUND, self.e164, "", self.shop.now, None, None, seconds, ""
        )
        command = RecordCalls(self.shop.new_id("bat"), (record._replace(**changes),), self.shop.now)
        (result,) = self.shop.writer.apply(record_calls, command)
        return result

    def expire(self) -> RoundFigures:
        """What the worker does with sessions whose seconds are over now."""
        shop = self.shop

        async def past() -> int:
            return shop.now

        worker = shop.worker(session_expiry(shop.writer, lambda: shop.now, past))

        async def rounds() -> None:
            while await worker.run_once():
                pass

        shop.tell(rounds())
        return worker.figures

    def session(self, session_id: str) -> UsageSession:
        return self.shop.reader.read_now(lambda tx: find_sessions(tx, [session_id]))[session_id]

    def held(self) -> int:
        return self.shop.wallet(self.account_id).held

    def owed(self) -> int:
        return int(self.shop.rows("SELECT coalesce(sum(owed), 0) FROM receivables")[0][0])

    def left(self) -> int:
        """Wallet less receivable."""
        return self.shop.wallet(self.account_id).posted - self.owed()


def session_of(outcome: SessionOutcome) -> UsageSession:
    assert isinstance(outcome, SessionAnswer), outcome
    assert outcome.session is not None, outcome
    return outcome.session


@pytest.fixture
def line(shop: Shop) -> Line:
    return Line(shop)


def test_a_call_holds_slice_by_slice_and_pays_what_it_was(line: Line) -> None:
    session = line.opened()
    assert (session.granted, session.expires_at, line.held()) == (60, line.shop.now + 60 * SECOND, UNIT)
    grown = session_of(line.extend(session.id))
    assert (grown.granted, line.held(), grown.expires_at) == (120, 2 * UNIT, line.shop.now + 120 * SECOND)
    line.shop.verified()
    result = line.end(session.id, 90)
    assert (result.outcome, result.call.amount) == (RecordOutcome.ACCEPTED, UNIT * 3 // 2)
    assert (line.held(), line.left()) == (0, 10 * UNIT - UNIT * 3 // 2)
    ended = line.session(session.id)
    assert (ended.state, ended.ended_at, ended.next_at) == (SessionState.ENDED, line.shop.now, None)
    assert line.shop.rows("SELECT state, amount FROM holds WHERE owner_id LIKE 'ses%'") == [("voided", 2 * UNIT)]
    line.shop.verified()
    line.shop.audit()


def test_a_call_that_nobody_answered_costs_nothing(line: Line) -> None:
    assert line.end(line.opened().id, 0).call.amount == 0
    assert (line.held(), line.left()) == (0, 10 * UNIT)
    line.shop.verified()


def test_what_a_wallet_does_not_cover_is_not_granted_and_a_late_record_owes_the_rest(shop: Shop) -> None:
    line = Line(shop, balance=UNIT // 2)
    session = line.opened()
    assert (session.granted, line.held()) == (30, UNIT // 2)
    assert line.extend(session.id) == SessionAnswer(session, Denial.NO_BALANCE)
    line.tell("c1", 120)
    assert (line.held(), shop.wallet(line.account_id).posted, line.owed()) == (0, 0, UNIT * 3 // 2)
    assert line.open("c2") == SessionAnswer(None, Denial.IN_DEBT)
    shop.verified()


def test_by_the_minute_half_a_minutes_money_grants_nothing(shop: Shop) -> None:
    line = Line(shop, balance=UNIT // 2, by=(60, 60))
    assert line.open() == SessionAnswer(None, Denial.NO_BALANCE)
    assert line.held() == 0


def test_calls_of_one_account_share_its_balance_in_one_batch_and_in_many(line: Line) -> None:
    with line.shop.database.write() as tx:
        batch = open_flow(tx, [line.wants(f"b{n}") for n in range(7)])
    alone = [line.open(f"a{n}") for n in range(5)]
    granted = [session_of(one).granted for one in (*batch, *alone) if one.session is not None]  # type: ignore[union-attr]  # none is an error
    assert (granted, line.held()) == ([60] * 10, 10 * UNIT)
    assert alone[-1] == SessionAnswer(None, Denial.NO_BALANCE)
    line.shop.verified()


def test_a_free_call_holds_nothing_and_is_a_session_all_the_same(shop: Shop) -> None:
    line = Line(shop, rate=0)
    session = line.opened()
    assert session_of(line.extend(session.id)).granted == 120
    assert (line.held(), shop.count("holds")) == (0, 1)
    line.shop.verified()
    assert line.end(session.id, 90).call.amount == 0
    line.shop.verified()


def test_a_session_that_nobody_extends_expires_and_charges_nothing_until_a_record_tells(line: Line) -> None:
    session, other = line.opened(), line.opened("c2")
    line.shop.now += (59 + RINGING_SECONDS) * SECOND
    assert line.expire().done == 0
    line.extend(other.id)
    line.shop.now += 2 * SECOND
    assert line.expire().done == 1
    assert (line.session(session.id).state, line.held(), line.left()) == (SessionState.EXPIRED, 2 * UNIT, 10 * UNIT)
    assert isinstance(line.extend(session.id), SessionEnded)
    line.shop.verified()
    assert line.end(session.id, 30).call.amount == UNIT // 2
    assert (line.session(session.id).state, line.left()) == (SessionState.EXPIRED, 10 * UNIT - UNIT // 2)
    line.shop.verified()


def test_a_call_that_rings_for_longer_than_a_slice_is_extended_when_it_is_answered(line: Line) -> None:
    session = line.opened()
    line.shop.now += 170 * SECOND
    assert line.expire().done == 0
    assert session_of(line.extend(session.id)).granted == 120
    assert line.end(session.id, 100).call.amount == charge_of(100, session.rate)
    line.shop.verified()


def test_a_session_that_is_extended_while_it_is_taken_up_does_not_expire(line: Line) -> None:
    session = line.opened()
    line.shop.now += (61 + RINGING_SECONDS) * SECOND
    (due,) = line.shop.writer.apply(DUE_SESSIONS.take_up, TakeUp("USD", line.shop.now, 9))
    assert due.id == session.id
    line.extend(session.id)
    assert line.expire().done == 0
    assert line.session(session.id).state is SessionState.OPEN
    line.shop.verified()


def test_what_expires_pays_debts_first(line: Line) -> None:
    line.opened()
    line.tell("c2", 600)
    assert (line.held(), line.owed()) == (UNIT, UNIT)
    line.shop.now += (61 + RINGING_SECONDS) * SECOND
    line.expire()
    assert (line.held(), line.owed(), line.shop.wallet(line.account_id).posted) == (0, 0, 0)
    line.shop.verified()


def test_a_record_that_comes_another_way_ends_the_session_and_the_end_charges_nothing_more(line: Line) -> None:
    session = line.opened()
    assert line.tell("c1", 60).outcome is RecordOutcome.ACCEPTED
    assert (line.session(session.id).state, line.held(), line.left()) == (SessionState.ENDED, 0, 9 * UNIT)
    assert line.end(session.id, 61).outcome is RecordOutcome.CONFLICT
    assert line.end(session.id, 60, disposition="").call.amount == UNIT
    assert line.left() == 9 * UNIT
    line.shop.verified()


def test_a_record_without_seconds_ends_the_session_too_and_waits_for_a_person(line: Line) -> None:
    session = line.opened()
    assert line.tell("c1", None).outcome is RecordOutcome.PARKED
    assert (line.session(session.id).state, line.held()) == (SessionState.ENDED, 0)
    line.shop.verified()


def test_a_record_that_comes_first_leaves_nothing_to_open(line: Line) -> None:
    line.tell("c1", 60)
    assert line.open() == SessionAnswer(None, Denial.ENDED)
    line.shop.verified()


def test_a_record_of_another_source_ends_no_session(line: Line) -> None:
    session = line.opened()
    line.tell("c1", 60, source="b")
    assert line.session(session.id).state is SessionState.OPEN
    line.shop.verified()


def test_only_the_source_that_charges_opens_sessions(line: Line) -> None:
    assert line.open(source="b") == WrongSource()
    session = line.opened()
    line.shop.now += SECOND
    line.shop.writer.apply(appoint_sources, AppointSource(line.e164, "b", line.shop.now))
    assert line.open("c2") == WrongSource()
    assert isinstance(line.end(session.id, 5, source="b"), NotFound)
    assert line.end(session.id, 60).call.amount == UNIT, "it began while this source charged"
    line.shop.verified()


def test_a_number_that_is_given_back_ends_its_calls_as_far_as_they_are_held_for(line: Line) -> None:
    session = line.opened()
    line.shop.now += SECOND
    line.shop.release(line.account_id, line.e164)
    assert line.extend(session.id) == SessionAnswer(session, Denial.NOT_IN_SERVICE)
    assert line.open("c2") == SessionAnswer(None, Denial.NOT_IN_SERVICE)
    rental_id = session.rental_id
    assert line.shop.reader.read_now(lambda tx: has_open_session(tx, line.account_id, rental_id))
    line.shop.verified()
    assert line.end(session.id, 60).call.amount == UNIT
    assert not line.shop.reader.read_now(lambda tx: has_open_session(tx, line.account_id, rental_id))
    line.shop.verified()


def test_money_that_is_held_for_a_call_buys_nothing_and_pays_no_other_call(shop: Shop) -> None:
    line = Line(shop, balance=UNIT)
    session = line.opened()
    line.tell("c2", 30)
    assert (line.held(), line.owed(), shop.wallet(line.account_id).posted) == (UNIT, UNIT // 2, UNIT)
    line.end(session.id, 30)
    assert (line.held(), line.owed(), shop.wallet(line.account_id).posted) == (0, 0, 0)
    shop.verified()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_whatever_is_asked_and_told_in_which_order_each_call_is_charged_once(shop: Shop, seed: int) -> None:
    chance = random.Random(seed)
    by = chance.choice([(1, 1), (6, 6), (30, 6), (60, 60)])
    line = Line(shop, balance=chance.randrange(8) * UNIT, by=by)
    seconds = {f"c{n}": chance.randrange(0, 200) for n in range(6)}
    sessions: dict[str, str] = {}
    told: set[str] = set()
    for _ in range(60):
        call_id = chance.choice(sorted(seconds))
        what = chance.choice(("open", "open", "extend", "extend", "end", "tell", "wait"))
        if what == "open" and isinstance(answer := line.open(call_id), SessionAnswer) and answer.session:
            sessions[call_id] = answer.session.id
        elif what == "extend" and call_id in sessions:
            line.extend(sessions[call_id])
        elif what == "end" and call_id in sessions:
            line.end(sessions[call_id], seconds[call_id])
            told.add(call_id)
        elif what == "tell":
            line.tell(call_id, seconds[call_id])
            told.add(call_id)
        elif what == "wait":
            shop.now += chance.randrange(300) * SECOND
            line.expire()
        assert shop.wallet(line.account_id).available >= 0
    shop.verified()
    charges = dict(shop.rows("SELECT call_id, amount FROM calls"))
    assert set(charges) == told
    spent = shop.wallet(line.account_id).posted - line.owed()
    assert (
        spent + sum(charges.values())
        == shop.rows("SELECT sum(amount) FROM transfers WHERE kind = 'top_up'")[0][0] - PRICE
    )
    shop.now += 7200 * SECOND
    line.expire()
    assert (line.held(), shop.rows("SELECT count(*) FROM usage_sessions WHERE state = 'open'")) == (0, [(0,)])
    shop.verified()
    shop.audit()
