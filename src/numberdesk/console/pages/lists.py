"""Pages that are a table and nothing more.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

from numberdesk.console.screens import listed
from numberdesk.console.tables import Column, Filter, ScreenTable

_NUMBER: Final = Column("Number", "phone_number", "phone")
_KNOWN: Final = Column("Number", "phone_number", "phone", "/console/all-numbers/{phone_number}")
_CARRIER: Final = Filter("Carrier", "carrier", hint="pool")

CALLS: Final = listed(
    ScreenTable(
        "/console/calls",
        "Calls",
        "GET /usage/calls",
        (
            Column("Began", "started_at", "time"),
            Column("Number", "phone_number", "phone", "/console/numbers/{phone_number}"),
            Column("Direction", "direction"),
            Column("Other side", "other", "phone"),
            Column("Seconds", "seconds", "count"),
            Column("Billed", "billed_seconds", "count"),
            Column("Rate", "rate", "money"),
            Column("Charge", "amount", "money", unit="currency"),
            Column("Owed", "owed", "money"),
            Column("State", "status", "state"),
            Column("Why", "reason"),
        ),
        (
            Filter("Since (UTC)", "since", form="datetime-local"),
            Filter("Until (UTC)", "until", form="datetime-local"),
        ),
        empty="No calls yet. They appear when call records arrive (see docs/usage.md).",
    )
)

CALL_RATES: Final = listed(
    ScreenTable(
        "/console/call-rates",
        "Call rates",
        "GET /usage/rates",
        (
            Column("Begins with", "prefix", "mono"),
            Column("Rate / min", "rate", "money", unit="currency"),
            Column("Each call", "connect_fee", "money"),
            Column("Billed in seconds", "increments"),
        ),
        (Filter("Number called", "number", form="tel", hint="+18095550123"),),
        empty="No rate fits: calls cost what stands with each number that you rent.",
        about="What calls that you make cost by the first digits of the number called: the longest that fits holds, "
        "and where none does, the rate of the number that you call from. Billed in seconds 60/6 is the first minute "
        "whole, then every six seconds.",
    )
)

ORDERS: Final = listed(
    ScreenTable(
        "/console/orders",
        "Orders",
        "GET /orders",
        (
            Column("When", "created_at", "time"),
            Column("Number", "phone_number", "phone", "/console/orders/{id}"),
            Column("State", "status", "state"),
            Column("Price", "price", "money"),
            Column("Every", "period_every"),
            Column("Unit", "period_unit", "words"),
            Column("Setup", "setup_price", "money"),
            Column("Charged", "charged", "money", unit="currency"),
            Column("Why it failed", "error.message"),
            Column("Order", "id", "mono"),
        ),
        (Filter("State", "status", ("pending", "completed", "failed")),),
        empty="No orders. Find a number to place the first one.",
    )
)

RELEASES: Final = listed(
    ScreenTable(
        "/console/releases",
        "Releases",
        "GET /admin/releases",
        (
            _KNOWN,
            Column("Carrier", "carrier"),
            Column("Asked", "asked_at", "time"),
            Column("Tries", "tries", "count"),
            Column("Next try", "next_try_at", "time"),
            Column("What the carrier said", "said"),
            Column("Its reference", "carrier_reference", "mono"),
        ),
        empty="Every number that was given back is confirmed by its carrier.",
        about="Numbers that carriers were told to take back and have not confirmed. They are told again until they do.",
    )
)

PARKED_CALLS: Final = listed(
    ScreenTable(
        "/console/parked-calls",
        "Parked calls",
        "GET /admin/usage/parked",
        (
            Column("Began", "started_at", "time"),
            _NUMBER,
            Column("Direction", "direction"),
            Column("Other side", "other", "phone"),
            Column("Seconds", "seconds", "count"),
            Column("Why it is not charged", "reason"),
            Column("Source", "source", "mono"),
            Column("Call", "call_id", "mono"),
            Column("Account", "account_id", "mono"),
        ),
        empty="No call waits for a person.",
        about="Calls that are recorded and could not be charged. Set what a number lacked, a source or a rate, and "
        "those that can be are charged at once; docs/usage.md says what each reason wants.",
        new="new/parked_calls.html",
    )
)

INVENTORY: Final = ScreenTable(
    "/console/inventory",
    "Inventory",
    "GET /admin/inventory",
    (
        _KNOWN,
        Column("State", "state", "state"),
        Column("Carrier", "carrier"),
        Column("Country", "iso_country"),
        Column("Type", "number_type", "words"),
        Column("Region", "region"),
        Column("Place", "locality"),
        Column("Can", "capabilities", "list"),
        Column("Price", "price", "money", unit="currency"),
        Column("Every", "period_every"),
        Column("Unit", "period_unit", "words"),
        Column("In / min", "per_minute_price_inbound", "money"),
        Column("Out / min", "per_minute_price_outbound", "money"),
        Column("Setup", "setup_price", "money"),
        Column("Price from", "price_source"),
    ),
    (
        _CARRIER,
        Filter("State", "state", ("available", "claimed", "assigned", "quarantined", "withdrawn")),
    ),
    empty="No number fits. Import a file of your own numbers, or connect a carrier.",
)

ALL_ORDERS: Final = listed(
    ScreenTable(
        "/console/all-orders",
        "All orders",
        "GET /admin/orders",
        (
            Column("When", "created_at", "time"),
            Column("Number", "phone_number", "phone", "/console/all-orders/{id}"),
            Column("State", "status", "state"),
            Column("Account", "account_name", link="/console/accounts/{account_id}"),
            Column("Carrier", "carrier"),
            Column("Charged", "charged", "money", unit="currency"),
            Column("Parked since", "at_carrier.parked_at", "time"),
            Column("What the carrier said", "at_carrier.said"),
        ),
        (Filter("State", "status", ("parked", "open", "pending", "completed", "failed")),),
        empty="No order fits.",
        about="Parked orders wait for a person: open one to see what is known of it, and to decide.",
    )
)

FINDINGS: Final = ScreenTable(
    "/console/findings",
    "Findings",
    "GET /admin/findings",
    (
        _NUMBER,
        Column("Carrier", "carrier"),
        Column("Kind", "kind", "words"),
        Column("State", "status", "state"),
        Column("What it means", "said"),
        Column("First seen", "first_seen_at", "time"),
        Column("Last seen", "last_seen_at", "time"),
        Column("At the carrier", "carrier_reference", "mono"),
    ),
    (_CARRIER, Filter("Ended", "ended", ("false", "true"))),
    empty="The carriers' lists and the books agree.",
    about="Where a carrier's list of our numbers and the books differ.",
    deeds="deeds/finding.html",
)

RENTS: Final = listed(
    ScreenTable(
        "/console/rents",
        "Rents",
        "GET /admin/rentals",
        (
            Column("Number", "phone_number", "phone", "/console/rents/{id}"),
            Column("State", "status", "state"),
            Column("Price", "price", "money", unit="currency"),
            Column("Every", "period_every"),
            Column("Unit", "period_unit", "words"),
            Column("Periods", "period", "count"),
            Column("Renews", "renews_at", "time"),
            Column("Past due since", "past_due_since", "time"),
            Column("Parked since", "parked_at", "time"),
            Column("What came of it", "said"),
            Column("Account", "account_id", "mono", "/console/accounts/{account_id}"),
        ),
        (Filter("Which", "status", ("past_due", "parked")),),
        empty="No rental fits.",
    )
)

PAPERS_COLUMNS: Final = (
    Column("Country", "iso_country"),
    Column("Type", "number_type", "words"),
    Column("State", "status", "state"),
    Column("Good until", "valid_until", "time"),
    Column("Since", "created_at", "time"),
    Column("Changed", "updated_at", "time"),
    Column("Id", "id", "mono"),
)

PAPERS: Final = listed(
    ScreenTable(
        "/console/papers",
        "Papers",
        "GET /compliance-profiles",
        PAPERS_COLUMNS,
        empty="Nothing is approved of you yet. Whoever runs this service registers it.",
        about="Some numbers are sold only with papers, as an address or a proof of who you are. Here is what was "
        "approved of you, by country and type of number; without a type it is good for all of them.",
    )
)
