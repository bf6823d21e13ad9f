"""Rentals as values: an account has a number, period after period.

Touches: nothing.

Period 0 is charged by the purchase. Period k begins at the anchor and k terms; `period` is the last one that is
charged or waived, and `renews_at` when the next begins. Instants are microseconds.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from numberdesk.core.lifecycle import RentalState
from numberdesk.core.periods import MICROSECONDS, Term, begin_of
from numberdesk.core.prices import Prices
from numberdesk.core.purchase import Order

DAY: Final = 86_400 * MICROSECONDS
HOUR: Final = 3_600 * MICROSECONDS
LONGEST_REMINDER: Final = 7
"""Days before a period at which a rental is looked at for the first time."""


class ChargeState(StrEnum):
    """What became of a period: charged with the purchase, charged later, or not charged, which somebody answers for."""

    PURCHASED = "purchased"
    CHARGED = "charged"
    WAIVED = "waived"


class NoticeState(StrEnum):
    """What a customer was told of a period that is not paid: that it comes, or that it is past due."""

    UPCOMING = "upcoming"
    PAST_DUE = "past_due"


class MissedRule(StrEnum):
    """What is done with periods that went by while the service was down."""

    CHARGED = "charged"
    WAIVED = "waived"


class Proration(StrEnum):
    """What is given back of a paid period when a customer releases the number: nothing, or what is left of it."""

    NONE = "none"
    RELEASE = "release"


class Rental(NamedTuple):
    """An account having a number, at the prices of the period that is paid.

    `ends_at`: it ends then instead of being renewed. `past_due_since`: the wallet could not pay the next period.
    `reminded` counts reminders of the next period. From `next_at` on five are those of due work (core/schedule.py).
    `connection_id` is where its calls are to go, which has changed `connection_generation` times.
    """

    id: str
    order_id: str
    account_id: str
    e164: str
    state: RentalState
    prices: Prices
    anchor: int
    renews_at: int
    friendly_name: str
    agent_id: str
    tags: tuple[str, ...]
    created_at: int
    updated_at: int
    released_at: int | None
    period: int = 0
    ends_at: int | None = None
    past_due_since: int | None = None
    reminded: int = 0
    next_at: int | None = None
    attempts: int = 0
    message: str = ""
    parked_at: int | None = None
    leased_until: int | None = None
    connection_id: str | None = None
    connection_generation: int = 0

    @property
    def term(self) -> Term:
        """How long its periods are, which never changes."""
        return self.prices.term

    @property
    def auto_renew(self) -> bool:
        """Whether it goes on at the end of the period."""
        return self.ends_at is None

    def begin_of(self, period: int) -> int:
        """When a period begins."""
        return begin_of(self.anchor, self.term, period)


class RentCharge(NamedTuple):
    """One period of a rental: charged by a transfer, or waived."""

    id: str
    rental_id: str
    period: int
    account_id: str
    e164: str
    state: ChargeState
    amount: int
    transfer_id: str | None
    waived_by: str | None
    reason: str | None
    created_at: int


class RentNotice(NamedTuple):
    """What a customer was told of a period before it was paid; `days` before it, 0 where it is past due."""

    id: str
    rental_id: str
    period: int
    days: int
    account_id: str
    e164: str
    state: NoticeState
    created_at: int


class RentPrice(NamedTuple):
    """Prices that were announced: those of a rental from a period on. In micros."""

    id: str
    rental_id: str
    from_period: int
    account_id: str
    e164: str
    state: str
    price: int
    inbound: int | None
    outbound: int | None
    created_at: int


class RentRefund(NamedTuple):
    """What was given back of the last period of a rental as it ended, by a transfer of its own. In micros."""

    id: str
    rental_id: str
    period: int
    account_id: str
    e164: str
    amount: int
    transfer_id: str
    created_at: int


def rental_of(order: Order) -> Rental:
    """The rental that a completed order makes: period 0 begins when the order completed."""
    if order.completed_at is None or order.renews_at is None:
        raise ValueError("only a completed order makes a rental")
    return Rental(
        id=order.rental_id,
        order_id=order.id,
        account_id=order.account_id,
        e164=order.e164,
        state=RentalState.ACTIVE,
        prices=order.prices,
        anchor=order.completed_at,
        renews_at=order.renews_at,
        friendly_name="",
        agent_id="",
        tags=(),
        created_at=order.completed_at,
        updated_at=order.completed_at,
        released_at=None,
        next_at=first_look(order.completed_at, order.renews_at),
        connection_id=order.connection_id,
        connection_generation=0 if order.connection_id is None else 1,
    )


def first_look(begins_at: int, renews_at: int) -> int:
    """When a period that began is looked at first: as early as a reminder of the next one may go out."""
    return max(begins_at, renews_at - LONGEST_REMINDER * DAY)


def of_purchase(rental: Rental, transfer_id: str) -> RentCharge:
    """Period 0, charged by the purchase."""
    return RentCharge(
        charge_id(rental.id, 0),
        rental.id,
        0,
        rental.account_id,
        rental.e164,
        ChargeState.PURCHASED,
        rental.prices.monthly,
        transfer_id,
        None,
        None,
        rental.created_at,
    )


def charge_id(rental_id: str, period: int) -> str:
    """The id of what became of a period. Derived, so that a period has one."""
    return f"rch_{rental_id.partition('_')[2]}_{period}"


def notice_id(rental_id: str, period: int, days: int) -> str:
    """The id of what was told of a period so many days before. Derived, so that it is told once."""
    return f"rno_{rental_id.partition('_')[2]}_{period}_{days}"


def refund_id(rental_id: str) -> str:
    """The id of what was given back as a rental ended. Derived, so that it is given back once."""
    return f"rrf_{rental_id.partition('_')[2]}"


def price_id(rental_id: str, from_period: int) -> str:
    """The id of prices that were announced from a period on. Derived, so that a period has one."""
    return f"rpc_{rental_id.partition('_')[2]}_{from_period}"
