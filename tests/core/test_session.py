"""Whether a prepaid call may begin and go on: the order of the questions, and that nobody holds what is not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numberdesk.core.call_charging import CUSTOMERS, CallBooks, CallTerms, RentedSpan
from numberdesk.core.call_record import MOST_SECONDS, Direction
from numberdesk.core.errors import IdempotencyConflict, NotFound, SessionEnded, WrongSource
from numberdesk.core.lifecycle import AccountState, SessionState
from numberdesk.core.money import MICROS
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.purchase import POOL, Wallet
from numberdesk.core.rating import charge_of
from numberdesk.core.session import Denial, ExtendSession, OpenSession, SessionAnswer, SessionBooks, UsageSession

NOW = 1_750_000_000 * MICROSECONDS
SWITCH = "switch"
NUMBER = "+13612738809"
UNPRICED = "+13612738801"
UNIT = MICROS
"""A unit a minute is what calls to the number cost."""


def books(available: int, by: tuple[int, int] = (1, 1), *, slice_seconds: int = 60, connect: int = 0) -> SessionBooks:
    """An account with so much, which rents a number at a unit a minute, and another one without rates."""
    span = RentedSpan("rnt_1", "acc_1", NUMBER, POOL, "USD", UNIT, None, NOW - 1, None)
    unpriced = span._replace(rental_id="rnt_2", e164=UNPRICED, inbound=None)
    wallet = Wallet("acc_1", AccountState.ACTIVE, "USD", available, 0, 0, 0)
    calls = CallBooks(terms={POOL: [CallTerms(POOL, 0, SWITCH, connect, *by)]})
    return SessionBooks(
        {NUMBER: span, UNPRICED: unpriced}, calls, {"acc_1": wallet}, set(), set(), {}, {}, slice_seconds
    )


def wants(call_id: str = "c1", **changes: Any) -> OpenSession:
    command = OpenSession(f"ses_{call_id}", SWITCH, call_id, "", Direction.INBOUND, NUMBER, "", NOW)
    return command._replace(**changes)


def more(
    session_id: str = "ses_c1", *, source: str = SWITCH, now: int = NOW, known: int | None = None
) -> ExtendSession:
    return ExtendSession(session_id, source, now, known)


def session_of(outcome: object) -> UsageSession:
    assert isinstance(outcome, SessionAnswer)
    assert outcome.session is not None
    return outcome.session


def denial_of(outcome: object) -> Denial | None:
    assert isinstance(outcome, SessionAnswer), outcome
    return outcome.denial


def test_a_slice_is_held_for_and_each_extension_holds_what_all_seconds_so_far_cost() -> None:
    mine = books(10 * UNIT, (30, 6), slice_seconds=50)
    held = [session_of(mine.open(wants())).amount]
    held += [session_of(mine.extend(more())).amount for _ in range(3)]
    rate = mine.by_id["ses_c1"].rate
    assert (
        held
        == [charge_of(seconds, rate) for seconds in (50, 100, 150, 200)]
        == [900_000, 1_700_000, 2_500_000, 3_400_000]
    )
    assert mine.wallets["acc_1"].held == held[-1]
    assert mine.by_id["ses_c1"].expires_at == NOW + 200 * MICROSECONDS


def test_an_extension_that_is_sent_again_with_what_was_known_holds_no_second_slice() -> None:
    mine = books(10 * UNIT)
    mine.open(wants())
    first = mine.extend(more(known=60))
    assert session_of(first).granted == 120
    assert mine.extend(more(known=60)) == first
    assert mine.wallets["acc_1"].held == 2 * UNIT
    assert session_of(mine.extend(more(known=120))).granted == 180


def test_what_the_wallet_covers_of_a_slice_is_granted_and_nothing_beyond_it() -> None:
    second_by_second = books(UNIT // 2)
    assert session_of(second_by_second.open(wants())).granted == 30
    assert denial_of(second_by_second.extend(more())) is Denial.NO_BALANCE
    by_the_minute = books(UNIT // 2, (60, 60))
    assert by_the_minute.open(wants()) == SessionAnswer(None, Denial.NO_BALANCE)
    with_a_fee = books(UNIT // 2, connect=UNIT // 4)
    assert session_of(with_a_fee.open(wants())).granted == 15


def test_twelve_calls_at_once_share_what_is_there() -> None:
    mine = books(10 * UNIT)
    outcomes = [mine.open(wants(f"c{n}")) for n in range(12)]
    assert [denial_of(one) for one in outcomes] == [None] * 10 + [Denial.NO_BALANCE] * 2
    assert mine.wallets["acc_1"].available == 0


FORWARDED = {"forward_to": "+13612738000", "forward_session_id": "ses_onward"}


def forwarding(available: int, outbound: int | None) -> SessionBooks:
    """The same books, of a number whose calls go on to another one for so much a minute."""
    mine = books(available)
    return replace(mine, spans={NUMBER: mine.spans[NUMBER]._replace(outbound=outbound)})


def test_a_call_that_is_forwarded_is_held_for_on_both_legs_and_ends_with_both() -> None:
    mine = forwarding(4 * UNIT, 3 * UNIT)
    answer = mine.open(wants(**FORWARDED))
    assert isinstance(answer, SessionAnswer)
    assert answer.onward is not None
    inbound, onward = session_of(answer), answer.onward
    assert (inbound.granted, inbound.amount, onward.granted, onward.amount) == (60, UNIT, 60, 3 * UNIT)
    assert (onward.id, onward.call_id, onward.leg, onward.other) == ("ses_onward", "c1", "forward", "+13612738000")
    assert (onward.direction, onward.e164, mine.wallets["acc_1"].available) == (Direction.OUTBOUND, NUMBER, 0)
    assert mine.open(wants(**FORWARDED)) == answer
    mine.by_key[onward.key] = onward.ended(SessionState.ENDED, NOW)
    assert denial_of(mine.open(wants(**FORWARDED))) is Denial.ENDED


def test_both_legs_together_decide_how_long_a_forwarded_call_may_be() -> None:
    answer = forwarding(2 * UNIT, 3 * UNIT).open(wants(**FORWARDED))
    assert isinstance(answer, SessionAnswer)
    assert answer.onward is not None
    assert (session_of(answer).granted, answer.onward.granted) == (30, 30)
    assert denial_of(forwarding(UNIT // 60, 3 * UNIT).open(wants(**FORWARDED))) is Denial.NO_BALANCE


def test_a_forwarded_call_without_a_price_for_its_second_leg_begins_on_neither() -> None:
    mine = forwarding(10 * UNIT, None)
    assert denial_of(mine.open(wants(**FORWARDED))) is Denial.NOT_PRICED
    assert not mine.changed


def test_the_same_call_has_the_same_session_and_no_other_number() -> None:
    mine = books(10 * UNIT)
    first = mine.open(wants())
    assert mine.open(wants(session_id="ses_other", other="again")) == first
    assert mine.open(wants(e164=UNPRICED)) == IdempotencyConflict(
        "phone_number", "differs from the first request with this call_id"
    )
    assert session_of(mine.open(wants(leg="b", session_id="ses_b"))).id == "ses_b"
    assert mine.wallets["acc_1"].held == 2 * UNIT


@pytest.mark.parametrize(
    ("command", "denial"),
    [
        (wants(e164="+13612738802"), Denial.NOT_IN_SERVICE),
        (wants(source=f"{CUSTOMERS}acc_2"), Denial.NOT_IN_SERVICE),
        (wants("told"), Denial.ENDED),
        (wants(e164=UNPRICED), Denial.NOT_PRICED),
        (wants(direction=Direction.OUTBOUND), Denial.NOT_PRICED),
    ],
)
def test_a_call_is_denied_with_its_reason(command: OpenSession, denial: Denial) -> None:
    mine = replace(books(10 * UNIT), recorded={(SWITCH, "told", "")})
    assert mine.open(command) == SessionAnswer(None, denial)
    assert mine.changed == {}


def test_an_account_that_is_suspended_or_owes_begins_no_call() -> None:
    mine = books(10 * UNIT)
    session = session_of(mine.open(wants()))
    mine.wallets["acc_1"] = mine.wallets["acc_1"]._replace(state=AccountState.SUSPENDED)
    assert mine.open(wants("c2")) == SessionAnswer(None, Denial.SUSPENDED)
    assert mine.extend(more()) == SessionAnswer(session, Denial.SUSPENDED)
    assert replace(books(UNIT), indebted={"acc_1"}).open(wants()) == SessionAnswer(None, Denial.IN_DEBT)


def test_only_the_source_that_charges_opens_sessions_and_only_it_extends_its_own() -> None:
    mine = books(10 * UNIT)
    assert mine.open(wants(source="b")) == WrongSource()
    assert mine.open(wants(source=f"{CUSTOMERS}acc_1")) == WrongSource()
    mine.open(wants())
    assert isinstance(mine.extend(more(source="b")), NotFound)
    assert isinstance(mine.extend(more("ses_none")), NotFound)


def test_a_session_that_has_ended_is_not_extended_and_its_call_begins_no_other() -> None:
    mine = books(10 * UNIT)
    session = session_of(mine.open(wants())).ended(SessionState.EXPIRED, NOW)
    mine.by_id[session.id] = mine.by_key[session.key] = session
    assert mine.extend(more()) == SessionEnded(details={"status": "expired"})
    assert mine.open(wants()) == SessionAnswer(session, Denial.ENDED)


def test_a_call_of_a_number_that_was_given_back_goes_on_as_far_as_it_is_held_for() -> None:
    mine = books(10 * UNIT)
    session = session_of(mine.open(wants()))
    gone = replace(mine, spans={})
    assert gone.extend(more()) == SessionAnswer(session, Denial.NOT_IN_SERVICE)
    other = replace(mine, spans={NUMBER: mine.spans[NUMBER]._replace(rental_id="rnt_9")})
    assert other.extend(more()) == SessionAnswer(session, Denial.NOT_IN_SERVICE)


def test_no_call_is_longer_than_a_record_may_say() -> None:
    mine = books(10**9 * UNIT, slice_seconds=MOST_SECONDS)
    assert session_of(mine.open(wants())).granted == MOST_SECONDS
    assert denial_of(mine.extend(more())) is Denial.TOO_LONG


def test_an_extension_that_comes_late_has_its_whole_slice_ahead() -> None:
    mine = books(10 * UNIT)
    mine.open(wants())
    late = NOW + 90 * MICROSECONDS
    assert session_of(mine.extend(more(now=late))).expires_at == late + 60 * MICROSECONDS


COMMANDS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 4), st.sampled_from([NUMBER, NUMBER, NUMBER, UNPRICED])), max_size=30
)
"""Openings and extensions of five calls."""

INCREMENTS = st.sampled_from([(1, 1), (6, 6), (30, 6), (60, 60)])


def told(mine: SessionBooks, commands: Sequence[tuple[bool, int, str]]) -> list[object]:
    return [
        mine.open(wants(f"c{call}", e164=e164)) if opens else mine.extend(more(f"ses_c{call}"))
        for opens, call, e164 in commands
    ]


@settings(max_examples=150)
@given(
    available=st.integers(0, 8 * UNIT),
    by=INCREMENTS,
    connect=st.sampled_from([0, 1, UNIT]),
    slice_seconds=st.integers(1, 130),
    commands=COMMANDS,
)
def test_the_sum_held_is_what_the_calls_cost_and_never_more_than_there_is(
    available: int, by: tuple[int, int], connect: int, slice_seconds: int, commands: list[tuple[bool, int, str]]
) -> None:
    mine = books(available, by, slice_seconds=slice_seconds, connect=connect)
    for one in commands:
        told(mine, [one])
        held = mine.wallets["acc_1"].held
        assert held == sum(charge_of(session.granted, session.rate) for session in mine.by_id.values()) <= available
    assert all(session.amount == charge_of(session.granted, session.rate) for session in mine.by_id.values())
