"""Events: facts told to customers, one row for each business change.

Touches: nothing.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from numberdesk.core.kept_json import fields_of
from numberdesk.core.periods import iso_seconds
from numberdesk.outbox.event_type import OPERATORS, Event, EventType
from numberdesk.outbox.operator_event_types import CARRIER_FAILING, FINDING_OPENED, ORDER_PARKED, VERIFY_FAILED
from numberdesk.outbox.rental_event_types import RENTAL_EVENT_TYPES

__all__ = ["CARRIER_FAILING", "FINDING_OPENED", "OPERATORS", "ORDER_PARKED", "VERIFY_FAILED", "Event", "EventType"]


class NumberedEvent(NamedTuple):
    """An event with its place in its account's stream."""

    id: str
    account_id: str
    kind: str
    payload: str
    created_at: int
    number: int


class EventStream(NamedTuple):
    """The numbered events of one account: up to `last_number`, of which those up to `pruned_to` are deleted.

    `pruned_until` is when the youngest of these was made; `look_at` when the oldest that is kept was made, or later
    where it was looked at and had to be kept. Instants in microseconds.
    """

    account_id: str
    last_number: int
    pruned_to: int = 0
    pruned_until: int = 0
    look_at: int | None = None


def as_told(event: NumberedEvent) -> dict[str, Any]:
    """An event as the API lists it and as webhooks carry it: the same object."""
    return {
        "type": event.kind,
        "timestamp": iso_seconds(event.created_at),
        "id": event.id,
        "account_id": event.account_id or None,
        "number": event.number,
        "data": fields_of(event.payload),
    }


ACCOUNT_RATES_CHANGING: Final = EventType(
    "account.rates_changing",
    id_prefix="evt_rates_",
    table="",
    column="",
    value=None,
    meaning="Outbound calls of the account go by another rate deck, from an instant on.",
    fields={
        "name": "the deck's name; empty for none, so that calls go by the rates of their rentals",
        "change_id": "the change",
        "currency": "its currency; empty where another deck is used, in that of the account",
        "from": "when it takes effect",
    },
)

NUMBER_CONNECTED: Final = EventType(
    "number.connected",
    id_prefix="evt_con_",
    table="",
    column="",
    value=None,
    meaning="Calls to a number go where they are wanted.",
    fields={
        "phone_number": "the number, E.164",
        "id": "the rental",
        "connection_id": "the connection",
        "connected_at": "when",
    },
)
NUMBER_CONNECTION_FAILED: Final = EventType(
    "number.connection_failed",
    id_prefix="evt_nocon_",
    table="",
    column="",
    value=None,
    meaning="Calls to a number do not go where they are wanted: its carrier has failed three times, or cannot do it.",
    fields={
        "phone_number": "the number, E.164",
        "id": "the rental",
        "connection_id": "the connection that is wanted",
        "message": "why, in words",
        "failed_at": "when",
    },
)
NUMBER_SETTINGS_SET: Final = EventType(
    "number.settings_set",
    id_prefix="evt_set_",
    table="",
    column="",
    value=None,
    meaning="A carrier has the emergency address and the caller name of a number as they are wanted.",
    fields={"phone_number": "the number, E.164", "id": "the rental", "set_at": "when"},
)
NUMBER_SETTINGS_FAILED: Final = EventType(
    "number.settings_failed",
    id_prefix="evt_noset_",
    table="",
    column="",
    value=None,
    meaning="Emergency address or caller name are not set: the carrier has failed three times, or cannot do it.",
    fields={
        "phone_number": "the number, E.164",
        "id": "the rental",
        "message": "why, in words",
        "failed_at": "when",
    },
)
_PROFILE_FIELDS: Final = {
    "id": "the compliance profile",
    "iso_country": "the country of the numbers that it is for",
    "number_type": "their type; empty for all types",
    "valid_until": "when it ends",
}
COMPLIANCE_EXPIRING: Final = EventType(
    "compliance_profile.expiring",
    id_prefix="evt_papers_",
    table="",
    column="",
    value=None,
    meaning="A compliance profile ends in a month: after that numbers which need one cannot be bought with it.",
    fields=_PROFILE_FIELDS,
)
COMPLIANCE_EXPIRED: Final = EventType(
    "compliance_profile.expired",
    id_prefix="evt_nopapers_",
    table="",
    column="",
    value=None,
    meaning="A compliance profile has ended. Numbers that are rented stay so, unless their carrier says otherwise.",
    fields=_PROFILE_FIELDS,
)
ACCOUNT_IN_DEBT: Final = EventType(
    "account.in_debt",
    id_prefix="evt_debt_",
    table="receivables",
    column="opened_at",
    value=None,
    meaning="Calls have cost more than the wallet covered: the account owes the rest, and pays it first.",
    fields={
        "id": "the receivable",
        "owed": "what is owed as it begins",
        "currency": "its currency",
        "since": "when",
    },
)
ACCOUNT_SUSPENDED: Final = EventType(
    "account.suspended",
    id_prefix="evt_susp_",
    table="receivables",
    column="suspended_at",
    value=None,
    meaning="The account has owed for longer than the operator's rule allows, and may not buy until it is reactivated.",
    fields={
        "id": "the receivable",
        "owed": "what is owed then",
        "currency": "its currency",
        "since": "since when it is owed",
        "suspended_at": "when",
    },
)
ACCOUNT_LOW_BALANCE: Final = EventType(
    "account.low_balance",
    id_prefix="evt_low_",
    table="balance_alerts",
    column="created_at",
    value=None,
    meaning="The balance has fallen below what its account wants to be told of; told again once it rose and fell.",
    fields={
        "id": "the alert",
        "balance": "what is posted less what is held",
        "below": "what it fell below",
        "available": "what may still be spent, with the credit limit",
        "currency": "its currency",
        "since": "when",
    },
)
ACCOUNT_CREDITED: Final = EventType(
    "account.credited",
    id_prefix="evt_credit_",
    table="transfers",
    column="credit",
    value=None,
    meaning="Money has come into the wallet: a top-up, an adjustment, or what is given back of rent or of calls.",
    fields={
        "id": "the transfer",
        "kind": "`top_up`, `adjustment`, `rental_refund` or `usage_reversal`",
        "amount": "how much",
        "currency": "its currency",
        "balance": "what is posted after it",
        "reference": "what it was given as a reference; empty for none",
        "credited_at": "when",
    },
)
CALL_RATED: Final = EventType(
    "call.rated",
    id_prefix="evt_call_",
    table="calls",
    column="state",
    value="charged",
    meaning=(
        "A call has been charged. Written only while an enabled webhook names this type among its kinds; a charge that "
        "is corrected later is not told again."
    ),
    fields={
        "id": "the call",
        "phone_number": "the number, E.164",
        "rental_id": "the rental",
        "direction": "`inbound` or `outbound`",
        "started_at": "when it began",
        "billed_seconds": "for how long it is charged",
        "amount": "what it cost",
        "currency": "its currency",
        "rated_at": "when it was charged",
    },
    on_demand=True,
)
WEBHOOK_DISABLED: Final = EventType(
    "webhook.disabled",
    id_prefix="evt_off_",
    table="",
    column="",
    value=None,
    meaning="A webhook is sent nothing any more, since its receiver failed for days or said that it is gone.",
    fields={
        "webhook_id": "the webhook",
        "url": "where its events were sent to",
        "reason": "why, in words",
        "disabled_at": "when",
    },
)

EVENT_TYPES: Final = RENTAL_EVENT_TYPES + tuple(
    sorted(
        (value for value in list(globals().values()) if isinstance(value, EventType)),
        key=lambda kind: kind.of_operators,
    )
)
"""Every kind there is: those of rentals, those above, and then those of operators."""

KINDS_OF_EVENTS: Final = tuple(kind.name for kind in EVENT_TYPES)
"""Their names."""

KINDS_OF_OPERATORS: Final = tuple(kind.name for kind in EVENT_TYPES if kind.of_operators)
"""The names of those that are about no account."""

ON_DEMAND: Final = frozenset(kind.name for kind in EVENT_TYPES if kind.on_demand)
"""The names of those that are only told to webhooks that name them."""
