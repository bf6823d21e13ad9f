"""The rent decision: what becomes of a rental when its time comes, and of its periods when it ends.

Touches: nothing.

`look_at` takes a rental and its wallet as they are and gives both as they are afterwards, with what is to be written.
A period is due when it has begun by `past`, an instant that has surely passed (core/agreed_time.py): no clock that is
set charges a year, or takes a number away. In turn, for each period that has begun:

1. the rental is to end at its begin: it ends
2. the policy waives periods that went by unnoticed, and another one has begun: it is waived
3. those of three months were charged in one look: what is left waits for a person
4. the wallet covers it: it is charged
5. else it is past due: tried each day, and the rental ends when the grace is over, counted from when that was told;
   days on which nobody looked are added to it

Instants and spans are microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from numberdesk.core.lifecycle import RentalState, require_move
from numberdesk.core.periods import MICROSECONDS, PeriodUnit, Term
from numberdesk.core.purchase import Charge, Wallet
from numberdesk.core.rental import (
    DAY,
    ChargeState,
    MissedRule,
    NoticeState,
    Proration,
    Rental,
    RentCharge,
    RentNotice,
    RentPrice,
    RentRefund,
    charge_id,
    notice_id,
    refund_id,
)
from numberdesk.core.schedule import LONGEST_MESSAGE, resting

MOST_MISSED: Final = 3
"""Months that one look charges: more went by only where nobody looked for months. Of longer periods, as many."""

MOST_SHORT: Final = 36
"""Periods of days that one look charges at most, however many three months have."""

MOST_WAIVED: Final = 36
"""Periods that one look waives by the policy; what is left is due at once."""

LONGEST_WAIT: Final = 400 * DAY
"""How far ahead a rental's turn is ever set. One with longer periods is looked at in between."""


_LONGEST_MONTH: Final = 31
"""Days."""

NOTHING_ELSE: Final[Mapping[int, int]] = {}
"""Nothing of an account renews beside."""

RELEASE: Final = "release"
"""Who waives a period that began before a rental ended and is not paid."""


class EndReason(StrEnum):
    """Why a rental ended."""

    REQUESTED = "requested"
    PERIOD_END = "period_end"
    NOT_PAID = "not_paid"
    TAKEN_BACK = "taken_back"
    TRANSFERRED = "transferred"
    UNDONE = "undone"


class RentTerms(NamedTuple):
    """The policies that hold for an account. `reminders` are days before a period, the longest first.

    Without `auto_renew` a rental ends with its first period, unless its customer says otherwise.
    """

    grace: int = 2 * DAY
    missed: MissedRule = MissedRule.CHARGED
    reminders: tuple[int, ...] = (7, 1)
    notice_days: int = 30
    proration: Proration = Proration.NONE
    auto_renew: bool = True


class PaidCharge(NamedTuple):
    """A period that is charged, and the movement that pays it."""

    charge: RentCharge
    moved: Charge


@dataclass(slots=True)
class RentLook:
    """A rental and its wallet as they are after a look, and what was decided in it.

    `renewing` is what a reminder tells that renews in all, in micros.
    """

    rental: Rental
    wallet: Wallet
    prices: Sequence[RentPrice] = ()
    renewing: int = 0
    paid: list[PaidCharge] = field(default_factory=list)
    waived: list[RentCharge] = field(default_factory=list)
    notices: list[RentNotice] = field(default_factory=list)
    ending: EndReason | None = None

    def charge(self, now: int, part: int | None = None) -> None:
        """Charge the period that comes next, or so much of it."""
        self._begin_prices()
        rental, amount = self.rental, self.rental.prices.monthly if part is None else part
        period = rental.period + 1
        moved = Charge("rental", amount, self.wallet.entries + 1, self.wallet.posted - amount)
        self.wallet = self.wallet._replace(posted=moved.balance_after, entries=moved.entry)
        charge = self._of_period(ChargeState.CHARGED, now)._replace(
            amount=amount, transfer_id=rent_transfer_id(rental.id, period)
        )
        self.paid.append(PaidCharge(charge, moved))
        self._advance(now)

    def waive(self, by: str, reason: str, now: int) -> None:
        """Waive the period that comes next."""
        self._begin_prices()
        self.waived.append(self._of_period(ChargeState.WAIVED, now)._replace(waived_by=by, reason=reason))
        self._advance(now)

    @property
    def covered(self) -> bool:
        """Whether the wallet covers the period that comes next."""
        return self.wallet.available >= self.next_price

    @property
    def next_price(self) -> int:
        """What the next period costs, in micros."""
        return self._prices_of(self.rental.period + 1).prices.monthly

    def _begin_prices(self) -> None:
        self.rental = self._prices_of(self.rental.period + 1)

    def _prices_of(self, period: int) -> Rental:
        begun = [one for one in self.prices if one.from_period <= period]
        if not begun:
            return self.rental
        last = max(begun, key=lambda one: one.from_period)
        prices = self.rental.prices._replace(monthly=last.price, inbound=last.inbound, outbound=last.outbound)
        return self.rental._replace(prices=prices)

    def _of_period(self, state: ChargeState, now: int) -> RentCharge:
        rental, period = self.rental, self.rental.period + 1
        return RentCharge(
            charge_id(rental.id, period),
            rental.id,
            period,
            rental.account_id,
            rental.e164,
            state,
            rental.prices.monthly,
            None,
            None,
            None,
            now,
        )

    def _advance(self, now: int) -> None:
        rental, period = self.rental, self.rental.period + 1
        state = RentalState.ACTIVE
        if rental.state is not state:
            require_move(rental.state, state)
        self.rental = rental._replace(
            state=state,
            period=period,
            renews_at=rental.begin_of(period + 1),
            past_due_since=None,
            reminded=0,
            attempts=0,
            message="",
            updated_at=now,
        )


def look_at(
    rental: Rental,
    wallet: Wallet,
    terms: RentTerms,
    prices: Sequence[RentPrice],
    *,
    past: int,
    now: int,
    others: Mapping[int, int] = NOTHING_ELSE,
) -> RentLook:
    """What becomes of a live rental at `past`. `now` is only written down.

    `others` is what the account's other rentals renew for, in micros, by the day of UTC on which their next periods
    begin.
    """
    look = RentLook(rental, wallet, prices)
    unnoticed = rental.state is RentalState.ACTIVE
    while look.rental.renews_at <= past:
        if look.rental.ends_at is not None and look.rental.ends_at <= look.rental.renews_at:
            look.ending = EndReason.PERIOD_END
            return look
        if unnoticed and terms.missed is MissedRule.WAIVED and look.rental.begin_of(look.rental.period + 2) <= past:
            if len(look.waived) == MOST_WAIVED:
                return _due_at(look, past, past)
            look.waive("policy", "it went by while nobody looked", now)
        elif len(look.paid) == most_missed(rental.term):
            return _parked(look, now)
        elif look.covered:
            look.charge(now)
        else:
            return _unpaid(look, terms, past, now)
    return _reminded(look, terms, past, now, others)


def may_remind(rental: Rental, terms: RentTerms, past: int) -> bool:
    """Whether a look at `past` may tell of a period to come, so that it has to know what else renews."""
    soonest = rental.renews_at if rental.renews_at > past else rental.begin_of(rental.period + 2)
    return any(soonest - days * DAY <= past for days in terms.reminders[:1])


def resolve_begun(look: RentLook, *, past: int, now: int, reason: EndReason) -> None:
    """Before a rental ends: charge the periods that began before, as far as the wallet reaches; waive the others."""
    rental = look.rental
    until = past if rental.ends_at is None else min(past, rental.ends_at - 1)
    while look.rental.renews_at <= until:
        if look.covered and len(look.paid) < most_missed(rental.term):
            look.charge(now)
        else:
            look.waive(RELEASE, f"the number was given back: {reason}", now)


def most_missed(term: Term) -> int:
    """How many periods one look charges: three months of them, and three where they are longer."""
    if term.unit is PeriodUnit.MONTH:
        return MOST_MISSED
    return max(MOST_MISSED, min(MOST_SHORT, _LONGEST_MONTH * MOST_MISSED // term.every))


def unused_part(paid: int, begins: int, ends: int, left_at: int) -> int:
    """What a period that is paid is worth from `left_at` on: by begun seconds, rounded down to a micro."""
    length, left = (ends - begins) // MICROSECONDS, (ends - max(begins, left_at)) // MICROSECONDS
    return paid * max(0, left) // length


def refund_of(ended: Rental, paid: RentCharge) -> RentRefund | None:
    """What is given back of the last period of a rental that has ended; None for nothing, as of one that was waived."""
    if ended.released_at is None or paid.state is ChargeState.WAIVED or paid.period != ended.period:
        return None
    begins, ends = ended.begin_of(ended.period), ended.begin_of(ended.period + 1)
    # Of a period that was paid in part, from within it on, what is left is worth as much as if all of it had been.
    amount = min(paid.amount, unused_part(ended.prices.monthly, begins, ends, ended.released_at))
    if amount == 0:
        return None
    named = refund_id(ended.id)
    transfer_id = f"trf_{ended.id.partition('_')[2]}_refund"
    return RentRefund(
        named, ended.id, ended.period, ended.account_id, ended.e164, amount, transfer_id, ended.released_at
    )


def rent_transfer_id(rental_id: str, period: int) -> str:
    """The id of the transfer that pays a period. Derived, so that a period is paid once."""
    return f"trf_{rental_id.partition('_')[2]}_rent_{period}"


def _unpaid(look: RentLook, terms: RentTerms, past: int, now: int) -> RentLook:
    rental = look.rental
    if rental.past_due_since is None:
        period = rental.period + 1
        state = require_move(rental.state, RentalState.PAST_DUE)
        # After hours of downtime agreed time is behind for a day, and its customer is told now.
        since = min(max(now, past), past + DAY)
        look.rental = rental._replace(state=state, past_due_since=since, attempts=0, updated_at=now)
        look.notices.append(_notice(look, period, 0, NoticeState.PAST_DUE, now))
        return _due_at(look, min(since + DAY, since + terms.grace), past)
    since, tries = rental.past_due_since, rental.attempts
    ends = since + terms.grace
    due = min(since + (tries + 1) * DAY, ends)
    # One look of each day is its try, whoever had it looked at: money that comes, and is not enough, puts none off.
    tries += past >= due
    # Tries count beside the time: a clock that is set, or a service that was down, takes nobody's number.
    if past >= ends and tries * DAY >= terms.grace:
        look.ending = EndReason.NOT_PAID
        return look
    if past >= min(due + DAY, ends):  # days went by untried: the grace goes on where it was tried last
        since, tries = past - rental.attempts * DAY, rental.attempts
    look.rental = rental._replace(past_due_since=since, attempts=tries, message="the wallet does not cover it")
    return _due_at(look, min(since + (tries + 1) * DAY, since + terms.grace), past)


def _reminded(look: RentLook, terms: RentTerms, past: int, now: int, others: Mapping[int, int]) -> RentLook:
    """Tell of the next period where the wallet would not cover all that renews until the end of its day.

    It is looked at again at the next of these times.
    """
    rental = look.rental
    times = [rental.renews_at - days * DAY for days in terms.reminders]
    passed = sum(time <= past for time in times)
    if passed > rental.reminded:
        look.rental = rental._replace(reminded=passed)
        day = rental.renews_at // DAY
        renewing = look.next_price + sum(amount for other, amount in others.items() if other <= day)
        if rental.ends_at is None and look.wallet.available < renewing:
            look.renewing = renewing
            days = terms.reminders[passed - 1]
            look.notices.append(_notice(look, rental.period + 1, days, NoticeState.UPCOMING, now))
    following = [time for time in (*times[passed:], rental.renews_at) if time > past]
    return _due_at(look, min(following), past)


def _notice(look: RentLook, period: int, days: int, state: NoticeState, now: int) -> RentNotice:
    rental = look.rental
    named = notice_id(rental.id, period, days)
    return RentNotice(named, rental.id, period, days, rental.account_id, rental.e164, state, now)


def _parked(look: RentLook, now: int) -> RentLook:
    message = "more periods went by than are charged without a person"
    look.rental = resting(look.rental)._replace(parked_at=now, message=message[:LONGEST_MESSAGE])
    return look


def _due_at(look: RentLook, at: int, past: int) -> RentLook:
    look.rental = look.rental._replace(next_at=min(at, past + LONGEST_WAIT), parked_at=None, leased_until=None)
    return look
