"""How an order at a carrier ends: what carriers say, what follows from it, and what that does to the books.

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
                                    customer waits and its carrier is in use, else void
    Absent, once it was Pending     proves nothing: the carrier has said that it has the order
    Unknown                         asked again; after the last look-up the order is left to a person

Instants and windows are microseconds.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from numberdesk.core.errors import CarrierRefused, CarrierUnavailable, NumberdeskError, NumberTaken
from numberdesk.core.lifecycle import NumberState, OrderState, require_move
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.purchase import POOL, Charge, Order, SaleNumber, Wallet, charges_of, completed
from numberdesk.core.schedule import LONGEST_MESSAGE, Schedule, leased, retried

DELAYS: Final = tuple(seconds * MICROSECONDS for seconds in (2, 8, 50, 240, 3300, *(86_400,) * 5))
"""Between look-ups: they come 2 s, 10 s, 1 min, 5 min and 1 h after the attempt, then daily for five days."""

SCHEDULE: Final = Schedule(DELAYS, endless=False)

LONGEST_DELAY: Final = SCHEDULE.longest

FEWEST_ABSENCES: Final = 4
"""Look-ups that must have found nothing, beside the window, so that no jump of a clock makes a proof."""

MOST_ATTEMPTS: Final = 2
"""Orders sent to a carrier for one purchase."""

LONGEST_SAID: Final = LONGEST_MESSAGE
"""Characters kept of what a carrier said."""


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
    """A definite no. `retry_after` in seconds, where the carrier named it."""

    reason: Reason
    message: str
    retry_after: int | None = None


class NotSent(NamedTuple):
    """Nothing of the order left this machine."""

    message: str
    retry_after: int | None = None


class Absent(NamedTuple):
    """Neither the number nor the reference is to be found at the carrier."""


class Unknown(NamedTuple):
    """Neither a yes nor a no."""

    message: str


ACCOUNT_PAUSE: Final = 300
"""Seconds after which a customer may try again what a carrier refused for the operator's account."""

OrderOutcome = Placed | Pending | Refused | NotSent | Absent | Unknown
"""What a carrier answered about an order, when it was sent or looked up."""


class CarrierOrder(NamedTuple):
    """How an open order stands with its carrier: the row, which is due work. `sends` counts the orders that were sent.

    `attempts` and `absences` count look-ups since the last of them, all and those that found nothing;
    `absent_since` is the first of the latter. `accepted_at` is when the carrier first said that it has
    the last order sent. `next_at` is when its carrier is asked; it is None when the order is parked for a
    person or settled. `message` is what was learned last; `order_message` what the carrier answered to
    the orders themselves, one after the other, which no look-up covers.
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


class OutcomeReport(NamedTuple):
    """The outcome of one attempt of an order, known at `now`.

    `window` is how long its carrier may hide what it has, `lease` how long one attempt more would take.
    `looked_up` tells a look-up's outcome from the answer to the order itself; `may_send` whether the carrier
    is in use, so that it could be sent once more; `leased_until` the lease of a look-up.
    """

    order_id: str
    attempt: int
    outcome: OrderOutcome
    window: int
    lease: int
    now: int
    looked_up: bool = False
    may_send: bool = True
    leased_until: int | None = None


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
        return _owned(carrier_order, outcome, report.now)
    if report.attempt != carrier_order.sends:
        return Keep(carrier_order)  # about an attempt before: only that the number is ours would count
    if isinstance(outcome, Refused):
        return _refused(carrier_order, outcome, report)
    if isinstance(outcome, NotSent):
        return Void(_unavailable(outcome.retry_after), final=False)
    if isinstance(outcome, Absent):
        return _absent(carrier_order, report)
    seen = _accepted(carrier_order, report.now) if isinstance(outcome, Pending) else carrier_order
    return _ask_again(seen, outcome.message or "pending", report.now)


def answered(carrier_order: CarrierOrder, report: OutcomeReport) -> CarrierOrder:
    """An order with what its carrier answered to it, if that is what was reported; of each attempt the first words."""
    message = getattr(report.outcome, "message", "")
    if report.looked_up or report.attempt != carrier_order.sends or not message:
        return carrier_order
    shown = f"attempt {report.attempt}: {message}" if report.attempt > 1 else message
    if shown in carrier_order.order_message:
        return carrier_order
    kept = carrier_order.order_message[: LONGEST_SAID // 2] + "; " if carrier_order.order_message else ""
    return carrier_order._replace(order_message=f"{kept}{shown}"[:LONGEST_SAID])


def first_carrier_order(
    order_id: str, account_id: str, carrier: str, e164: str, *, now: int, wanted_for: int, lease: int
) -> CarrierOrder:
    """An order that is sent now, which takes no longer than `lease`. Whoever comes after that looks it up."""
    return CarrierOrder(
        order_id, account_id, carrier, e164, sends=1, attempted_at=now, wanted_until=now + wanted_for,
        next_at=now, leased_until=now + lease,
    )  # fmt: skip


def _owned(carrier_order: CarrierOrder, outcome: Placed, now: int) -> Step:
    if outcome.reference not in (None, carrier_order.order_id):
        message = f"the carrier has the number for us under the reference {outcome.reference!r}"
        return _ask_again(_seen_there(carrier_order), message, now)
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


def _seen_there(carrier_order: CarrierOrder) -> CarrierOrder:
    """A sign of the number at the carrier: whatever was absent before proves nothing."""
    return carrier_order._replace(absences=0, absent_since=None)


def _accepted(carrier_order: CarrierOrder, now: int) -> CarrierOrder:
    """The carrier has the order: from now on only it can say what becomes of it."""
    return _seen_there(carrier_order)._replace(
        accepted_at=now if carrier_order.accepted_at is None else carrier_order.accepted_at
    )


def _unavailable(retry_after: int | None) -> CarrierUnavailable:
    return CarrierUnavailable(details={} if retry_after is None else {"retry_after": retry_after})


def _absent(carrier_order: CarrierOrder, report: OutcomeReport) -> Step:
    if carrier_order.accepted_at is not None:
        return _ask_again(carrier_order, "absent, though the carrier said that it has the order", report.now)
    return _not_there(carrier_order, report)


def _not_there(carrier_order: CarrierOrder, report: OutcomeReport, message: str = "absent") -> Step:
    now = report.now
    since = now if carrier_order.absent_since is None else carrier_order.absent_since
    seen = carrier_order._replace(absences=carrier_order.absences + 1, absent_since=since)
    if now < since:  # the clock went back: the window begins anew
        return _ask_again(seen._replace(absent_since=now), message, now)
    proven_at = since + report.window
    if now < proven_at or seen.absences < FEWEST_ABSENCES:
        return _ask_again(seen, message, now, no_later=max(proven_at, now + DELAYS[0]))
    if report.may_send and now < carrier_order.wanted_until and carrier_order.sends < MOST_ATTEMPTS:
        return Again(
            leased(
                carrier_order._replace(
                    sends=carrier_order.sends + 1,
                    attempted_at=now,
                    attempts=0,
                    absences=0,
                    absent_since=None,
                    next_at=now,
                    message="absent over the whole window: sent once more",
                ),
                now + report.lease,
            )
        )
    return Void(CarrierUnavailable(), final=False)


def _ask_again(carrier_order: CarrierOrder, message: str, now: int, *, no_later: int | None = None) -> Keep:
    return Keep(retried(carrier_order, SCHEDULE, message, now, no_later=no_later))


class Settlement(NamedTuple):
    """An ended order, with its wallet and number as they are after it. `charges` are empty when it failed."""

    order: Order
    wallet: Wallet
    sale_number: SaleNumber
    charges: tuple[Charge, ...]


def capture(order: Order, wallet: Wallet, sale_number: SaleNumber, number_id: str, now: int) -> Settlement:
    """Complete an open order: what was held is charged, and the number assigned."""
    require_move(order.state, OrderState.COMPLETED)
    charges = charges_of(wallet, order.prices)
    last = charges[-1]
    return Settlement(
        completed(order, now)._replace(carrier_reference=number_id),
        wallet._replace(held=wallet.held - order.prices.total, posted=last.balance_after, entries=last.entry),
        _moved(sale_number, order, NumberState.ASSIGNED),
        charges,
    )


def void(order: Order, wallet: Wallet, sale_number: SaleNumber, error: NumberdeskError, now: int) -> Settlement:
    """Fail an open order: what was held is free again, and so is the number."""
    state = require_move(order.state, OrderState.FAILED)
    free = NumberState.AVAILABLE if sale_number.carrier == POOL else NumberState.WITHDRAWN
    return Settlement(
        order._replace(state=state, failure=error, failed_at=now),
        wallet._replace(held=wallet.held - order.prices.total),
        _moved(sale_number, order, free)._replace(account_id=None, order_id=None),
        (),
    )


def _moved(sale_number: SaleNumber, order: Order, state: NumberState) -> SaleNumber:
    if sale_number.order_id != order.id:
        raise ValueError(f"{sale_number.e164} is not claimed by {order.id}")
    return sale_number._replace(state=require_move(sale_number.state, state))
