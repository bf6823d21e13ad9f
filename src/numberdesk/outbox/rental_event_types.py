"""The types of events that tell of a number's life: bought or given, renewed, due, priced anew, released.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

from numberdesk.outbox.event_type import TERM_FIELDS, EventType

_OF_RENTAL: Final = {"phone_number": "the number, E.164", "id": "the rental"}
_OF_NOTICE: Final = {**_OF_RENTAL, "notice_id": "the notice"}

NUMBER_PURCHASED: Final = EventType(
    "number.purchased",
    id_prefix="evt_",
    table="orders",
    column="state",
    value="completed",
    meaning="An order has completed: the wallet is charged and the number is rented.",
    fields={
        "phone_number": "the number, E.164",
        "order_id": "the order",
        "id": "the rental",
        "price": "what a period costs",
        "currency": "its currency",
        **TERM_FIELDS,
        "purchased_at": "when",
    },
)
NUMBER_ASSIGNED: Final = EventType(
    "number.assigned",
    id_prefix="evt_given_",
    table="orders",
    column="state",
    value="completed",
    meaning="The operator has given the account a number, which it rents from now on without having bought it.",
    fields={
        "phone_number": "the number, E.164",
        "order_id": "the order",
        "id": "the rental",
        "origin": "`assignment`, `transfer` from another account, `restoration` of a rental that ended, or `adoption`",
        "price": "what a period costs",
        "currency": "its currency",
        **TERM_FIELDS,
        "assigned_at": "when",
        "renews_at": "when the first period ends that is to be paid for, or was",
        "message": "why, in the operator's words",
    },
    bought=False,
)
ORDER_FAILED: Final = EventType(
    "order.failed",
    id_prefix="evt_fail_",
    table="orders",
    column="state",
    value="failed",
    meaning="An order has failed: nothing is charged, and what was held is free again.",
    fields={
        "phone_number": "the number, E.164",
        "order_id": "the order",
        "code": "the error code that its customer was given, as in [errors.md](errors.md)",
        "message": "the same in words",
        "failed_at": "when",
    },
)
NUMBER_RELEASED: Final = EventType(
    "number.released",
    id_prefix="evt_rel_",
    table="rentals",
    column="released_at",
    value=None,
    meaning="A rental has ended.",
    fields={
        **_OF_RENTAL,
        "order_id": "the order that began it",
        "reason": "`requested`, `period_end`, `not_paid`, `taken_back`, `transferred`, or `undone` as an adoption",
        "released_at": "when",
        "message": "why, in the operator's words, where it was taken back; else empty",
    },
)
RENTAL_RENEWED: Final = EventType(
    "rental.renewed",
    id_prefix="evt_renew_",
    table="rent_charges",
    column="state",
    value="charged",
    meaning="A further period of a rental is charged.",
    fields={
        **_OF_RENTAL,
        "charge_id": "the charge",
        "period": "the number of the period; the purchase paid period 0",
        "price": "what it cost",
        "currency": "its currency",
        **TERM_FIELDS,
        "began_at": "when the period began",
        "renews_at": "when the next one begins",
    },
)
RENTAL_PAST_DUE: Final = EventType(
    "rental.past_due",
    id_prefix="evt_due_",
    table="rent_notices",
    column="state",
    value="past_due",
    meaning="The wallet does not cover a period that has begun. The number works on, and is released after the grace.",
    fields={
        **_OF_NOTICE,
        "period": "the number of the period; the purchase paid period 0",
        "price": "what the period costs",
        "currency": "its currency",
        **TERM_FIELDS,
        "began_at": "when the period began",
        "released_from": "when it is released at the earliest, unless it is paid",
    },
)
RENEWAL_UPCOMING: Final = EventType(
    "renewal.upcoming",
    id_prefix="evt_soon_",
    table="rent_notices",
    column="state",
    value="upcoming",
    meaning="A period begins soon, and the wallet would not cover now what renews until the end of its day.",
    fields={
        **_OF_NOTICE,
        "period": "the number of the period; the purchase paid period 0",
        "price": "what the period costs",
        "currency": "its currency",
        **TERM_FIELDS,
        "available": "what the wallet has for it",
        "renewing": "what all numbers of the account cost that renew until the end of that day of UTC, or are past due",
        "renews_at": "when the period begins",
    },
)
RENTAL_PRICE_CHANGING: Final = EventType(
    "rental.price_changing",
    id_prefix="evt_price_",
    table="rent_prices",
    column="state",
    value="announced",
    meaning="Other prices of a rental are announced, from a period on. It may be released before.",
    fields={
        **_OF_RENTAL,
        "change_id": "the change",
        "period": "the number of the first period that costs it; the purchase paid period 0",
        "price": "what a period costs then",
        "price_before": "what it costs now",
        "currency": "its currency",
        **TERM_FIELDS,
        "from": "when that period begins",
    },
)

RENTAL_EVENT_TYPES: Final = (
    NUMBER_PURCHASED,
    NUMBER_ASSIGNED,
    ORDER_FAILED,
    NUMBER_RELEASED,
    RENTAL_RENEWED,
    RENTAL_PAST_DUE,
    RENEWAL_UPCOMING,
    RENTAL_PRICE_CHANGING,
)
"""All of them, in the order in which they happen."""
