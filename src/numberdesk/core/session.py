"""Prepaid sessions: a call goes on only as long as its money is held, decided over a batch.

Touches: nothing.

A session holds what its call costs so far, slice by slice, so that calls of one account at the same time share what is
there and none can talk into debt. `SessionBooks` answers openings and extensions in their order; every answer sees the
wallet that the one before left. The order of the questions is the contract:

1. the same call again: its session as it is, or a conflict naming the field that differs
2. nobody rents the number now, or nobody whom this source may tell of
3. another source charges for the number's calls: only that one opens sessions
4. the call has ended already, as a record of it says
5. the account is suspended, the direction was never priced, the account owes
6. the wallet covers at least a second, by the rental's increments
7. open: as much of a slice as the wallet covers is held; of a call that is forwarded for both its legs, or for none
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from numberdesk.core.call_charging import CallBooks, RentedSpan
from numberdesk.core.call_record import MOST_SECONDS, CallRecord, Direction
from numberdesk.core.errors import IdempotencyConflict, NotFound, NumberdeskError, SessionEnded, WrongSource
from numberdesk.core.lifecycle import AccountState, SessionState, require_move
from numberdesk.core.money import MAX_PRICE
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.purchase import Wallet
from numberdesk.core.rating import (
    CallRate,
    Increments,
    charge_of,
    kept_rounding,
    longest_affordable,
    longest_of_legs,
    rounding_of,
)

Key = tuple[str, str, str]
"""What makes a call this one: its source, the source's name for it, and the leg."""

RINGING_SECONDS: Final = 180
"""A call may ring so long before it is answered (RFC 3261, timer C), and its seconds begin then."""

FORWARD_LEG: Final = "forward"
"""The leg on which a forwarded call goes on: outbound from the number that was called."""

NO_SESSION: Final = "There is no such session, or another source opened it."


class Denial(StrEnum):
    """Why a call is not to go on, or not to begin."""

    NOT_IN_SERVICE = "not_in_service"
    ENDED = "ended"
    SUSPENDED = "suspended"
    NOT_PRICED = "not_priced"
    IN_DEBT = "in_debt"
    NO_BALANCE = "no_balance"
    TOO_LONG = "too_long"


class UsageSession(NamedTuple):
    """A call that is paid for as it goes on, at the rate and increments of its beginning.

    `granted` seconds are held for so far, which cost `amount` micros. `expires_at` is when these seconds are over, if
    the call was answered at once; nobody waits for it from `next_at` on, since it may have rung. Instants in
    microseconds.
    """

    id: str
    account_id: str
    rental_id: str
    source: str
    call_id: str
    leg: str
    direction: Direction
    e164: str
    other: str
    currency: str
    per_minute: int
    connect: int
    minimum: int
    step: int
    granted: int
    amount: int
    state: SessionState
    opened_at: int
    expires_at: int
    ended_at: int | None = None
    next_at: int | None = None
    attempts: int = 0
    message: str = ""
    parked_at: int | None = None
    leased_until: int | None = None
    rounding: str | None = None

    @property
    def key(self) -> Key:
        """What makes its call this one."""
        return self.source, self.call_id, self.leg

    @property
    def rate(self) -> CallRate:
        """What the call costs."""
        return CallRate(self.per_minute, self.connect, Increments(self.minimum, self.step), rounding_of(self.rounding))

    def record(self, seconds: int, disposition: str) -> CallRecord:
        """The record of its call, as it ended after so many seconds."""
        return CallRecord(
            self.source, self.call_id, self.leg, self.direction, self.e164, self.other, self.opened_at, None, None,
            seconds, disposition,
        )  # fmt: skip

    def ended(self, state: SessionState, now: int) -> UsageSession:
        """The session as it has ended: nothing of it is due any more."""
        return self._replace(state=require_move(self.state, state), ended_at=now, next_at=None, leased_until=None)


class OpenSession(NamedTuple):
    """A source asks whether a call may begin. `session_id` is new and used only if it may.

    One that is forwarded says `forward_to` which number, and has the new `forward_session_id` for that leg: it may
    begin only if both legs may.
    """

    session_id: str
    source: str
    call_id: str
    leg: str
    direction: Direction
    e164: str
    other: str
    now: int
    forward_to: str = ""
    forward_session_id: str = ""

    @property
    def key(self) -> Key:
        """What makes its call this one."""
        return self.source, self.call_id, self.leg

    @property
    def onward(self) -> OpenSession | None:
        """The leg on which a forwarded call goes on; None of a call that is not."""
        if not self.forward_to:
            return None
        return OpenSession(
            self.forward_session_id, self.source, self.call_id, FORWARD_LEG, Direction.OUTBOUND, self.e164,
            self.forward_to, self.now,
        )  # fmt: skip


class ExtendSession(NamedTuple):
    """The source of a session asks whether its call may go on for another slice.

    `known` are the seconds that it was told were granted: where more are, the same was asked before.
    """

    session_id: str
    source: str
    now: int
    known: int | None = None


class SessionAnswer(NamedTuple):
    """Whether a call may go on: it may without a `denial`. There is no session where none could be opened.

    `onward` is the session of the leg on which a forwarded call goes on.
    """

    session: UsageSession | None
    denial: Denial | None = None
    onward: UsageSession | None = None

    @property
    def allowed(self) -> bool:
        """Whether the call may begin, or go on after what was held before."""
        return self.denial is None


SessionOutcome = SessionAnswer | NumberdeskError

_CONTENT: Final = {"direction": "direction", "e164": "phone_number"}
_SAME_CALL: Final = "differs from the first request with this call_id"


@dataclass(slots=True)
class SessionBooks:
    """What the next command of a batch sees.

    `spans` are the rentals that numbers have now, `calls` the terms of their calls, `indebted` the accounts that owe,
    `recorded` the calls that there are records of. `slice_seconds` is what is held for at a time. `changed` are
    the sessions that have to be written.
    """

    spans: Mapping[str, RentedSpan]
    calls: CallBooks
    wallets: dict[str, Wallet]
    indebted: Collection[str]
    recorded: Collection[Key]
    by_key: dict[Key, UsageSession]
    by_id: dict[str, UsageSession]
    slice_seconds: int
    changed: dict[str, UsageSession] = field(default_factory=dict)

    def open(self, command: OpenSession) -> SessionOutcome:
        """Ask the questions in their order; the first that ends the matter does."""
        known = self.by_key.get(command.key)
        onward = command.onward
        if known is not None:
            return _again(known, command, None if onward is None else self.by_key.get(onward.key))
        span = self.spans.get(command.e164)
        if span is None or not self.calls.may_tell(command.source, span):
            return SessionAnswer(None, Denial.NOT_IN_SERVICE)
        begins = max(command.now, span.began_at)  # a clock that went back begins no call before its rental
        if self.calls.source_of(span, begins) != command.source:
            return WrongSource()
        return self._begin([command] if onward is None else [command, onward], span, begins)

    def _begin(self, legs: Sequence[OpenSession], span: RentedSpan, begins: int) -> SessionAnswer:
        """Hold for all legs of a call, or for none."""
        if any(leg.key in self.recorded or leg.key in self.by_key for leg in legs):
            return SessionAnswer(None, Denial.ENDED)
        rates = [self.calls.rate_of(span, leg.direction, begins, leg.other) for leg in legs]
        priced = [rate for rate in rates if rate is not None]
        denial = self._barred(span.account_id, is_priced=len(priced) == len(legs))
        if denial is not None:
            return SessionAnswer(None, denial)
        room = min(self.wallets[span.account_id].available, MAX_PRICE)
        seconds = longest_of_legs(room, priced, min(self.slice_seconds, MOST_SECONDS))
        if not seconds:
            return SessionAnswer(None, Denial.NO_BALANCE)
        first, *others = [_opened(leg, span, rate, begins, seconds) for leg, rate in zip(legs, priced, strict=True)]
        for session in (first, *others):
            self._keep(session, session.amount)
        return SessionAnswer(first, None, others[0] if others else None)

    def extend(self, command: ExtendSession) -> SessionOutcome:
        """Hold the next slice, or as much of it as the wallet covers."""
        session = self.by_id.get(command.session_id)
        if session is None or session.source != command.source:
            return NotFound(NO_SESSION)
        if session.state is not SessionState.OPEN:
            return SessionEnded(details={"status": session.state.value})
        if command.known is not None and command.known < session.granted:
            return SessionAnswer(session)
        return self._go_on(session, command.now)

    def _go_on(self, session: UsageSession, now: int) -> SessionAnswer:
        wallet, span = self.wallets[session.account_id], self.spans.get(session.e164)
        if span is None or span.rental_id != session.rental_id:
            return SessionAnswer(session, Denial.NOT_IN_SERVICE)
        if wallet.state is not AccountState.ACTIVE:
            return SessionAnswer(session, Denial.SUSPENDED)
        wanted, room = session.granted + self.slice_seconds, wallet.available + session.amount
        seconds = longest_affordable(min(room, MAX_PRICE), session.rate, min(wanted, MOST_SECONDS))
        if seconds <= session.granted:
            can_pay = charge_of(session.granted + 1, session.rate) <= room
            return SessionAnswer(session, Denial.TOO_LONG if can_pay else Denial.NO_BALANCE)
        later = max(session.expires_at, now) + (seconds - session.granted) * MICROSECONDS
        grown = session._replace(
            granted=seconds,
            amount=charge_of(seconds, session.rate),
            expires_at=later,
            next_at=later + RINGING_SECONDS * MICROSECONDS,
            leased_until=None,
        )
        self._keep(grown, grown.amount - session.amount)
        return SessionAnswer(grown)

    def _barred(self, account_id: str, *, is_priced: bool) -> Denial | None:
        """Refusals that no money of the moment changes."""
        if self.wallets[account_id].state is not AccountState.ACTIVE:
            return Denial.SUSPENDED
        if not is_priced:
            return Denial.NOT_PRICED
        return Denial.IN_DEBT if account_id in self.indebted else None

    def _keep(self, session: UsageSession, more: int) -> None:
        wallet = self.wallets[session.account_id]
        self.wallets[session.account_id] = wallet._replace(held=wallet.held + more)
        self.by_key[session.key] = self.by_id[session.id] = self.changed[session.id] = session


def _again(session: UsageSession, command: OpenSession, onward: UsageSession | None) -> SessionOutcome:
    for name, shown in _CONTENT.items():
        if getattr(session, name) != getattr(command, name):
            return IdempotencyConflict(shown, _SAME_CALL)
    is_open = session.state is SessionState.OPEN and (onward is None or onward.state is SessionState.OPEN)
    return SessionAnswer(session, None if is_open else Denial.ENDED, onward)


def _opened(command: OpenSession, span: RentedSpan, rate: CallRate, begins: int, seconds: int) -> UsageSession:
    expires_at = begins + seconds * MICROSECONDS
    return UsageSession(
        id=command.session_id,
        account_id=span.account_id,
        rental_id=span.rental_id,
        source=command.source,
        call_id=command.call_id,
        leg=command.leg,
        direction=command.direction,
        e164=command.e164,
        other=command.other,
        currency=span.currency,
        per_minute=rate.per_minute,
        connect=rate.connect,
        minimum=rate.increments.minimum,
        step=rate.increments.step,
        granted=seconds,
        amount=charge_of(seconds, rate),
        state=SessionState.OPEN,
        opened_at=begins,
        expires_at=expires_at,
        next_at=expires_at + RINGING_SECONDS * MICROSECONDS,
        rounding=kept_rounding(rate.rounding),
    )
