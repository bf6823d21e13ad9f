"""What Bandwidth says of orders, read to one of the words that an order can end with.

Touches: nothing.

An order has a status, and numbers that it completed and that failed: RECEIVED and PROCESSING are under
way, COMPLETE, PARTIAL and FAILED are the ends (https://dev.bandwidth.com/docs/numbers/webhooks/orderWebhook).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import Enum, auto
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element

from numberdesk.carriers.adapters.bandwidth_xml import all_numbers, numbers, text, texts
from numberdesk.carriers.adapters.http_api import UNDECIDED, refusal
from numberdesk.core.carrier_order import Absent, Pending, Placed, Reason, Refused, Unknown
from numberdesk.core.schedule import LONGEST_MESSAGE

_BAD_REQUEST: Final = 400
RUNNING: Final = ("received", "processing", "backordered")
_FAILED, _DONE, _PARTIAL = "failed", "complete", "partial"

# https://dev.bandwidth.com/docs/numbers/errors
_TAKEN: Final = frozenset({"5005", "5018", "5071"})
_UNCLEAR: Final = frozenset(map(str, (5003, 5006, 5010, *range(5013, 5016), 5017, 5019, 5086, 5148)))
"""Failures of provisioning, time-outs and "please resubmit": what the order came to is not said."""


class _Went(Enum):
    """How an order stands at Bandwidth."""

    RUNNING = auto()
    DONE = auto()
    FAILED = auto()


class BandwidthOrder(NamedTuple):
    """An order as Bandwidth tells it. `named` are all the numbers in it."""

    status: str
    reference: str
    named: frozenset[str]
    completed: frozenset[str]
    failed: frozenset[str]
    codes: frozenset[str]
    message: str


def put_together(
    number: str, reference: str, orders: Collection[BandwidthOrder], *, in_service: bool
) -> Placed | Pending | Refused | Absent | Unknown:
    """What the orders under our reference say, and whether the number is on our account."""
    went = {_went(order, number) for order in orders}
    if None in went:
        return Unknown("an order of ours is in a state that is not documented, or names another number")
    if _Went.RUNNING in went:
        return Pending("the order is being worked on")
    if in_service:
        # It is on our account; that an order of ours brought it there only a complete one says.
        return Placed(number, reference if _Went.DONE in went else "")
    if _Went.DONE in went:
        return Pending("the order is complete, and the number is not in service yet")
    return _failure(orders) if orders else Absent()


def taken(number: str, reference: str, order: BandwidthOrder) -> Placed | Pending | Refused | Unknown:
    """What the answer to an order says that was taken. It may leave the state of the new order out."""
    about = order.reference in ("", customer_order_id(reference)) and (order.reference or order.named)
    others = order.reference not in ("", customer_order_id(reference)) or order.named - {number}
    if not others and not order.status and order.codes:
        return refused_order(_BAD_REQUEST, order)  # a code inside a success counts as what it is beside an error
    if not about:
        return Unknown(f"an answer about another order, or none{order.message}")
    went = _went(order if order.status else order._replace(status=RUNNING[0]), number)
    if went is _Went.RUNNING:
        return Pending("ordered")
    if went is _Went.DONE:
        return Placed(number, reference)
    return Unknown(f"an order that is {order.status[:20]!r}{order.message}") if went is None else _failure([order])


def refused_order(status: int, order: BandwidthOrder) -> Refused | Unknown:
    """What an answer to an order means that is no success. One without a code says nothing that is documented."""
    message = f"HTTP {status}{order.message}"
    if not order.codes or order.codes & _UNCLEAR or status in UNDECIDED:
        return Unknown(message)
    return refusal(status, message, Reason.TAKEN if order.codes & _TAKEN else None)


def _failure(orders: Iterable[BandwidthOrder]) -> Refused:
    """What orders of ours say that failed."""
    failed = list(orders)
    unavailable = any(order.codes & _TAKEN for order in failed)
    message = "".join(order.message for order in failed)
    return Refused(Reason.TAKEN if unavailable else Reason.OTHER, f"the order failed{message}"[:LONGEST_MESSAGE])


def _went(order: BandwidthOrder, number: str) -> _Went | None:
    """How an order for one number stands. None where it is not for that number alone, or says what does not fit."""
    status = order.status.lower()
    if order.named - {number}:
        return None
    if status in RUNNING:
        return _Went.RUNNING
    if status in (_DONE, _PARTIAL) and number in order.completed:
        return _Went.DONE
    failed = status == _FAILED or (status == _PARTIAL and number in order.failed)
    return _Went.FAILED if failed and number not in order.completed else None


def order_of(found: Element) -> BandwidthOrder:
    """An order as it stands in a document."""
    return BandwidthOrder(
        text(found, "OrderStatus"),
        text(found, "CustomerOrderId"),
        all_numbers(found),
        numbers(found, "CompletedNumbers"),
        numbers(found, "FailedNumbers") | numbers(found, "ErrorList"),
        frozenset((*texts(found, "Code"), *texts(found, "ErrorCode"))),
        message_in(found),
    )


def message_in(found: Element) -> str:
    """The errors in a document, in printable signs, after a colon."""
    errors = " ".join((*texts(found, "Code"), *texts(found, "ErrorCode"), *texts(found, "Description")))
    shown = "".join(sign if sign.isprintable() else " " for sign in errors)[:200]
    return f": {shown}" if shown else ""


def customer_order_id(reference: str) -> str:
    """Our reference as it may be written there: letters, digits and dashes. Ours differ in more than underscores."""
    return reference.replace("_", "-")
