"""The types of events that are about no account: what operators are to look at.

Touches: nothing.

Their ids follow from facts (`serial_of`), so that each is told once however many processes notice it.
"""

from __future__ import annotations

from typing import Final

from numberdesk.outbox.event_type import EventType

CARRIER_FAILING: Final = EventType(
    "carrier.failing",
    id_prefix="evt_failing_",
    table="",
    column="",
    value=None,
    meaning=(
        "A carrier fails: five orders or five searches in a row came to nothing, so that it is left alone for a while, "
        "or it orders nothing for the operator's account. Told as it begins, not for each failure; where it goes on "
        "and off, at most once in ten minutes."
    ),
    fields={
        "carrier": "the carrier",
        "of": "what fails: `orders`, `searches`, or the `account` there",
        "message": "what it said, or why, in words",
        "since": "when",
    },
    of_operators=True,
)
ORDER_PARKED: Final = EventType(
    "order.parked",
    id_prefix="evt_parked_",
    table="",
    column="",
    value=None,
    meaning="An order at a carrier waits for a person: nobody could find out what became of it.",
    fields={
        "order_id": "the order",
        "account_id": "whose it is",
        "phone_number": "the number, E.164",
        "carrier": "the carrier",
        "message": "what it said last, in words",
        "parked_at": "since when",
    },
    of_operators=True,
)
FINDING_OPENED: Final = EventType(
    "finding.opened",
    id_prefix="evt_finding_",
    table="",
    column="",
    value=None,
    meaning="A carrier's list of numbers and the books differ about a number, as they did not before.",
    fields={
        "carrier": "the carrier",
        "phone_number": "the number, E.164",
        "kind": "how they differ, as in [carriers.md](carriers.md)",
        "message": "the same in words",
        "found_at": "when",
    },
    of_operators=True,
)
VERIFY_FAILED: Final = EventType(
    "verify.failed",
    id_prefix="evt_verify_",
    table="",
    column="",
    value=None,
    meaning=(
        "`numberdesk verify` found a row that breaks an invariant. Each finding is told once until the books were in "
        "order again, at most twenty in a run; what is left over by the next run."
    ),
    fields={
        "invariant": "which it breaks",
        "table": "the table of the row",
        "row": "its id; empty where the damage has no row",
        "message": "what is wrong, in words",
        "violations": "how many rows the run found in all",
        "found_at": "when",
    },
    of_operators=True,
)
