"""What orders leave in the books as they open and end: holds, transfers, events.

Touches: nothing.

Ids follow from the order's, so that nothing of it can be written twice.
"""

from __future__ import annotations

from collections.abc import Iterable

from numberdesk.core.billing import told_term
from numberdesk.core.lifecycle import HoldState, OrderState
from numberdesk.core.money import format_micros
from numberdesk.core.periods import iso_seconds
from numberdesk.core.purchase import Charge, Order
from numberdesk.core.rental import Rental, RentCharge, of_purchase
from numberdesk.ledger.model import REVENUE, Hold, Transfer, wallet_account
from numberdesk.outbox.model import Event
from numberdesk.outbox.rental_event_types import NUMBER_PURCHASED, ORDER_FAILED


def hold_of(order: Order) -> Hold:
    """The money set aside for an order as it opens; for one that completes at once it is captured already."""
    at_once = order.state is OrderState.COMPLETED
    return Hold(
        order.id,
        order.account_id,
        order.prices.total,
        HoldState.CAPTURED if at_once else HoldState.OPEN,
        order.created_at,
        order.completed_at,
    )


def transfers_of(order: Order, charges: Iterable[Charge]) -> list[Transfer]:
    """The charges of a completed order."""
    return [
        Transfer(
            id=_charge_id(order.id, charge.kind),
            kind=charge.kind,
            debit=wallet_account(order.account_id),
            credit=REVENUE[charge.kind],
            amount=charge.amount,
            currency=order.prices.currency,
            account_id=order.account_id,
            entry=charge.entry,
            balance_after=charge.balance_after,
            order_id=order.id,
            reference=None,
            created_at=order.completed_at or order.created_at,
        )
        for charge in charges
    ]


def first_charges(rentals: Iterable[Rental]) -> list[RentCharge]:
    """Period 0 of new rentals, which their orders charge."""
    return [of_purchase(rental, _charge_id(rental.order_id, "rental")) for rental in rentals]


def _charge_id(order_id: str, kind: str) -> str:
    return f"trf_{order_id.removeprefix('ord_')}_{kind}"


def purchased(order: Order) -> Event:
    """The event of a completed order."""
    payload = {
        "phone_number": order.e164,
        "order_id": order.id,
        "id": order.rental_id,
        "price": format_micros(order.prices.monthly),
        "currency": order.prices.currency,
        **told_term(order.prices.term),
        "purchased_at": iso_seconds(order.completed_at or order.created_at),
    }
    return NUMBER_PURCHASED.event(order.id, order.account_id, payload, order.completed_at or order.created_at)


def order_failed(order: Order) -> Event:
    """The event of a failed order."""
    payload = {
        "phone_number": order.e164,
        "order_id": order.id,
        "code": "" if order.failure is None else order.failure.code,
        "message": "" if order.failure is None else order.failure.message,
        "failed_at": iso_seconds(order.failed_at or order.created_at),
    }
    return ORDER_FAILED.event(order.id, order.account_id, payload, order.failed_at or order.created_at)
