"""How an order at a carrier ends: what carriers say, and what follows from it (settlement.py: in the books).

Touches: nothing.

An order is sent to its carrier once, for one number. What comes back is one of the outcomes below.
Only an outcome that leaves no doubt ends the order: Placed captures, Refused and NotSent void. All
else keeps the order, the claim and the hold, and the carrier is asked again, by number and by
reference, at growing intervals (docs/decisions/0009-carriers.md):

    Placed                          the number is ours: captured
    Pending                         the carrier has the order and is not done: asked again
    Refused, first attempt          void; the customer is told why, unless it is our account's fault
    Refused, later attempt          like Absent, whatever it says and wherever it is found: "already", "no money
                                    left" or a code may be there because the attempt before bought the number
    NotSent                         void; nothing left this machine
    Absent, over the whole window   nothing is there to be seen any more: one attempt more while its
                                    customer waits and its carrier is in use, else void. The window passes by a clock
                                    that only goes forward, in one process: no step of the time of day is a proof
    Absent, once it was Pending     proves nothing: the carrier has said that it has the order
    Unknown                         asked again; after the last look-up the order is left to a person

Instants and windows are microseconds.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Final, NamedTuple

from numberdesk.core.errors import CarrierRefused, CarrierUnavailable, NumberdeskError, NumberTaken
from numberdesk.core.kept_json import rows_of
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.schedule import LONGEST_MESSAGE, Schedule, is_leased, leased, retried

DELAYS: Final = tuple(seconds * MICROSECONDS for seconds in (2, 8, 50, 240, 3300, *(3600,) * 23, *(86_400,) * 4))
"""Between look-ups: 2 s, 10 s, 1 min and 5 min after the attempt, then hourly on the first day, then daily for four."""

SCHEDULE: Final = Schedule(DELAYS, endless=False)

LONGEST_DELAY: Final = SCHEDULE.longest

FEWEST_ABSENCES: Final = 4
"""Look-ups that must have found nothing, a quarter of the window or more apart, the first and the last a whole one."""

LONG_WAIT: Final = 300 * MICROSECONDS
"""A look-up that is due later than this comes at once when the carrier answers again or the customer asks."""

_LOOKS_BEFORE_LONG_WAITS: Final = 3

MOST_COUNTS: Final = 8
"""Processes that count the absences of one order side by side: the last ones that did."""

MOST_ATTEMPTS: Final = 2
"""Orders sent to a carrier for one purchase."""


class Reason(StrEnum):
    """Why a carrier refuses."""

    TAKEN = "taken"  # the number is not available there
    THROTTLED = "throttled"  # too many requests; documented or defined as not processed
    ACCOUNT = "account"  # our account there may not order: credentials, permissions, money; nothing about the number
    OTHER = "other"  # anything else that is a definite no


class Placed(NamedTuple):
    """The number is on our account. `number_id` is the carrier's name for it, `reference` the order id it has there.

    `reference` is None at a carrier that keeps none.
    """

    number_id: str
    reference: str | None = None


class Pending(NamedTuple):
    """The carrier took the order and has not decided."""

    message: str = ""


class Refused(NamedTuple):
    """A definite no. `retry_after` in seconds, where the carrier named it. `of_search`: to a search before it."""

    reason: Reason
    message: str
    retry_after: int | None = None
    of_search: bool = False


class NotSent(NamedTuple):
    """Nothing of the order left this machine. `of_search`: a search before it did, and failed."""

    message: str
    retry_after: int | None = None
    of_search: bool = False


class Absent(NamedTuple):
    """Neither the number nor the reference is to be found at the carrier."""


class Unknown(NamedTuple):
    """Neither a yes nor a no."""

    message: str


ACCOUNT_PAUSE: Final = 300
"""Seconds after which a customer may try again what a carrier refused for the operator's account."""

OrderOutcome = Placed | Pending | Refused | NotSent | Absent | Unknown
"""What a carrier answered about an order, when it was sent or looked up."""


class Inquiry(NamedTuple):
    """When a carrier was asked and when it was heard, by the clock of one `process` that only goes forward.

    Microseconds since a moment that nobody else knows: two of them tell how long it was between them, if they are of
    one process.
    """

    process: str
    asked: int
    heard: int


class AbsenceCount(NamedTuple):
    """The absences that one process has counted, a quarter of the window or more apart.

    `first` and `last` are when the carrier was heard at the first and the last of them, by the clock of that process
    that only goes forward, `since` the former by the time of day. What another process counts is no part of it.
    """

    process: str
    absences: int
    since: int
    first: int
    last: int


def is_count(kept: object) -> bool:
    """Whether this is an AbsenceCount as it is kept: a process and whole numbers."""
    if not isinstance(kept, list) or len(kept) != len(AbsenceCount._fields):
        return False
    return isinstance(kept[0], str) and all(type(each) is int for each in kept[1:])


class CarrierOrder(NamedTuple):
    """How an open order stands with its carrier: the row, which is due work. `sends` counts the orders that were sent.

    `attempts` counts look-ups since the last of them. `counts` are the absences that each process has counted since
    (`AbsenceCount`, as JSON); `absences` and `absent_since` are those of `counted_by`, the process that counted last,
    and when its first was, by the time of day. `accepted_at` is when the carrier first said that it has the last order
    sent. `next_at` is when its carrier is asked; it is None when the order is parked for a person or settled.
    `message` is what was learned last; `order_message` what the carrier answered to the orders themselves, one after
    the other, which no look-up covers.
    """

    order_id: str
    account_id: str
    carrier: str
    e164: str
    sends: int
    attempted_at: int
    wanted_until: int
    absences: int = 0
    absent_since: int | None = None
    accepted_at: int | None = None
    next_at: int | None = None
    attempts: int = 0
    message: str = ""
    parked_at: int | None = None
    leased_until: int | None = None
    settled_at: int | None = None
    order_message: str = ""
    counted_by: str | None = None
    counts: str | None = None


class OutcomeReport(NamedTuple):
    """The outcome of one attempt of an order, known at `now`; `inquiry` has when its carrier was asked for it.

    `window` is how long its carrier may hide what it has, `lease` how long one attempt more would take.
    `looked_up` tells a look-up's outcome from the answer to the order itself; `may_send` whether the carrier
    is in use, so that it could be sent once more; `leased_until` the lease of a look-up; `schedule` when to look.
    """

    order_id: str
    attempt: int
    outcome: OrderOutcome
    window: int
    lease: int
    now: int
    inquiry: Inquiry
    looked_up: bool = False
    may_send: bool = True
    leased_until: int | None = None
    schedule: Schedule = SCHEDULE


class Capture(NamedTuple):
    """The order is completed: the number is ours under this id at the carrier."""

    number_id: str


class Void(NamedTuple):
    """The order failed. A `final` error is its customer's answer for ever; else the same request begins anew."""

    error: NumberdeskError
    final: bool


class Again(NamedTuple):
    """One attempt more is to be sent, by whoever holds the order."""

    carrier_order: CarrierOrder


class Keep(NamedTuple):
    """The order stays open. Without a `next_at` it is parked for a person."""

    carrier_order: CarrierOrder


Step = Capture | Void | Again | Keep


def step(carrier_order: CarrierOrder, report: OutcomeReport) -> Step:
    """What follows from an outcome of an open order."""
    outcome = report.outcome
    carrier_order = answered(carrier_order, report)
    if isinstance(outcome, Placed):
        return _owned(carrier_order, outcome, report)
    if report.attempt != carrier_order.sends:
        return Keep(carrier_order)  # about an attempt before: only that the number is ours would count
    if isinstance(outcome, Refused):
        return _refused(carrier_order, outcome, report)
    if isinstance(outcome, NotSent):
        return _not_sent(carrier_order, outcome, report)
    if isinstance(outcome, Absent):
        return _absent(carrier_order, report)
    seen = _accepted(carrier_order, report.now) if isinstance(outcome, Pending) else carrier_order
    return _ask_again(seen, outcome.message or "pending", report)


def answered(carrier_order: CarrierOrder, report: OutcomeReport) -> CarrierOrder:
    """An order with what its carrier answered to it, if that is what was reported; of each attempt the first words."""
    message = getattr(report.outcome, "message", "")
    if report.looked_up or report.attempt != carrier_order.sends or not message:
        return carrier_order
    shown = f"attempt {report.attempt}: {message}" if report.attempt > 1 else message
    if shown in carrier_order.order_message:
        return carrier_order
    kept = carrier_order.order_message[: LONGEST_MESSAGE // 2] + "; " if carrier_order.order_message else ""
    return carrier_order._replace(order_message=f"{kept}{shown}"[:LONGEST_MESSAGE])


def first_carrier_order(
    order_id: str, account_id: str, carrier: str, e164: str, *, now: int, wanted_for: int, lease: int
) -> CarrierOrder:
    """An order that is sent now, which takes no longer than `lease`. Whoever comes after that looks it up."""
    return CarrierOrder(
        order_id, account_id, carrier, e164, sends=1, attempted_at=now, wanted_until=now + wanted_for,
        next_at=now, leased_until=now + lease,
    )  # fmt: skip


def _owned(carrier_order: CarrierOrder, outcome: Placed, report: OutcomeReport) -> Step:
    if outcome.reference not in (None, carrier_order.order_id):
        message = f"the carrier has the number for us under the reference {outcome.reference!r}"
        return _ask_again(uncounted(carrier_order), message, report)
    return Capture(outcome.number_id)


def _refused(carrier_order: CarrierOrder, outcome: Refused, report: OutcomeReport) -> Step:
    if carrier_order.sends > 1:
        return _not_there(carrier_order, report, f"refused after an earlier attempt of ours: {outcome.message}")
    if outcome.reason is Reason.TAKEN:
        return Void(NumberTaken(), final=True)
    if outcome.reason is Reason.ACCOUNT:  # only the operator can mend that: the same again in a second is of no use
        return Void(_unavailable(ACCOUNT_PAUSE), final=False)
    if outcome.reason is Reason.THROTTLED:
        return Void(_unavailable(outcome.retry_after), final=False)
    return Void(CarrierRefused(), final=True)


def uncounted(carrier_order: CarrierOrder) -> CarrierOrder:
    """An order whose absences so far prove nothing: there was a sign of its number, or it is sent or looked up anew."""
    return carrier_order._replace(absences=0, absent_since=None, counted_by=None, counts=None)


def _not_sent(carrier_order: CarrierOrder, outcome: NotSent, report: OutcomeReport) -> Step:
    if carrier_order.sends > 1:  # the attempt before may have bought
        return _not_there(carrier_order, report, f"not sent after an earlier attempt of ours: {outcome.message}")
    return Void(_unavailable(outcome.retry_after), final=False)


def _accepted(carrier_order: CarrierOrder, now: int) -> CarrierOrder:
    """The carrier has the order: from now on only it can say what becomes of it."""
    return uncounted(carrier_order)._replace(
        accepted_at=now if carrier_order.accepted_at is None else carrier_order.accepted_at
    )


def _unavailable(retry_after: int | None) -> CarrierUnavailable:
    return CarrierUnavailable(details={} if retry_after is None else {"retry_after": retry_after})


def _absent(carrier_order: CarrierOrder, report: OutcomeReport) -> Step:
    if carrier_order.accepted_at is not None:
        return _ask_again(carrier_order, "absent, though the carrier said that it has the order", report)
    return _not_there(carrier_order, report)


def _not_there(carrier_order: CarrierOrder, report: OutcomeReport, message: str = "absent") -> Step:
    counts = _counts_of(carrier_order)
    before = counts.pop(report.inquiry.process, None)
    count = _counted(before, report)
    counts_now = before is None or count.absences > before.absences
    if counts_now and count.absences >= FEWEST_ABSENCES and report.inquiry.asked - count.first >= report.window:
        return _proven_absent(carrier_order, report)
    others = list(counts.values())[1 - MOST_COUNTS :]
    seen = carrier_order._replace(
        absences=count.absences, absent_since=count.since, counted_by=count.process,
        counts=json.dumps([*others, count]),
    )  # fmt: skip
    if before is not None:  # a count that goes on comes to its end, however many look-ups there were before
        seen = seen._replace(attempts=min(seen.attempts, len(report.schedule.delays) - 1))
    wait = max(_until_next(count, report), report.schedule.delays[0])
    return _ask_again(seen, message, report, no_later=report.now + wait)


def _counts_of(carrier_order: CarrierOrder) -> dict[str, AbsenceCount]:
    """What each process has counted, by process, the one that counted last at the end; what cannot be read is not."""
    return {count[0]: AbsenceCount._make(count) for count in rows_of(carrier_order.counts) if is_count(count)}


def _counted(before: AbsenceCount | None, report: OutcomeReport) -> AbsenceCount:
    """One absence more, if it is far enough from the last that this process counted."""
    inquiry = report.inquiry
    if before is None:
        return AbsenceCount(inquiry.process, 1, report.now, inquiry.heard, inquiry.heard)
    if 4 * (inquiry.asked - before.last) < report.window:
        return before
    return before._replace(absences=before.absences + 1, last=inquiry.heard)


def _until_next(count: AbsenceCount, report: OutcomeReport) -> int:
    """How long until an absence counts again; the one that may be the proof comes at the end of the window."""
    quarter = count.last + -(-report.window // 4)
    proof = quarter if count.absences + 1 < FEWEST_ABSENCES else max(quarter, count.first + report.window)
    return proof - report.inquiry.heard


def _proven_absent(carrier_order: CarrierOrder, report: OutcomeReport) -> Again | Void:
    now = report.now
    if not report.may_send or now >= carrier_order.wanted_until or carrier_order.sends >= MOST_ATTEMPTS:
        return Void(CarrierUnavailable(), final=False)
    return Again(
        leased(
            uncounted(carrier_order)._replace(
                sends=carrier_order.sends + 1,
                attempted_at=now,
                attempts=0,
                next_at=now,
                message="absent over the whole window: sent once more",
            ),
            now + report.lease,
        )
    )


def soon(carrier_order: CarrierOrder, now: int) -> CarrierOrder:
    """An order that is looked up at once instead of after a long wait, since its carrier answers again.

    What is due soon anyway, is being looked up, or waits for a person, is left as it is.
    """
    next_at = carrier_order.next_at
    if next_at is None or next_at <= now + LONG_WAIT or is_leased(carrier_order, now):
        return carrier_order
    return carrier_order._replace(next_at=now)


def asked_for(carrier_order: CarrierOrder, now: int) -> CarrierOrder:
    """The same, since its customer asks. Waits grow from minutes on again: asking often has it looked up seldom."""
    hurried = soon(carrier_order, now)
    if hurried == carrier_order:
        return carrier_order
    return hurried._replace(attempts=min(hurried.attempts, _LOOKS_BEFORE_LONG_WAITS))


def _ask_again(
    carrier_order: CarrierOrder, message: str, report: OutcomeReport, *, no_later: int | None = None
) -> Keep:
    return Keep(retried(carrier_order, report.schedule, message, report.now, no_later=no_later))
