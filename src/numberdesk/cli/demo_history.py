"""What the demo's account did before today: it rents a number that has taken calls for four weeks.

Touches: nothing.

All of it goes by the flows that customers' requests and operators' commands go by, each told the time at which it is to
have happened. It is the same each time, counted from that day, and may be begun again where it was interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from numberdesk.core.call_charging import CUSTOMERS, CallTerms
from numberdesk.core.call_record import CallRecord, read_record
from numberdesk.core.money import MICROS
from numberdesk.core.periods import MICROSECONDS, iso_seconds
from numberdesk.core.prices import Confirmation
from numberdesk.core.purchase import POOL, Buy
from numberdesk.flows.accounts.fund_wallets import TOP_UP, fund_wallets, funding
from numberdesk.flows.usage.record_calls import RecordCalls, record_calls
from numberdesk.flows.usage.set_usage_terms import AppointSource, appoint_sources, set_call_terms
from numberdesk.ledger.store import find_wallet
from numberdesk.usage.store import find_call_terms, find_live_span, find_sources
from numberdesk.wiring import DAY, Services

DAYS: Final = 27
"""Days before today that it begins: less than any month has, so that no rent is due yet."""

RENTED: Final = "+19175550199"
_PRICE: Final = Confirmation(1_150_000, 8_500, 94_500)
_FIRST_TOP_UP: Final = 20 * MICROS
_SOURCE: Final = "demo"
_OTHERS: Final = ("+14155550142", "+15125550117", "+16175550188")
_BATCH_DAYS: Final = 7
_FIRST_HOUR: Final = 9 * 3_600
_APART: Final = 2_700
_CALLS_A_DAY: Final = 5
_LONGEST: Final = 240


def live_through(services: Services, account_id: str, began: int, now: int, balance: int) -> None:
    """Let the account do what it did since `began`, and pay in what it has now.

    Calls of the pool's numbers are charged as its own keys tell of them, so that the key that is printed can; those of
    the number that it has rented so far from now on.
    """
    apply, new_id = services.writer.apply, services.new_id
    first = funding(new_id("trf"), TOP_UP, account_id, _FIRST_TOP_UP, reference="demo-first", now=began)
    apply(fund_wallets, first)
    apply(
        services.open_orders,
        Buy(account_id, RENTED, _PRICE, "demo", new_id("req"), new_id("ord"), began + MICROSECONDS),
    )
    span = services.reader.read_now(lambda tx: find_live_span(tx, RENTED))
    if span is not None and not services.reader.read_now(lambda tx: find_sources(tx, [span])):
        apply(appoint_sources, AppointSource(RENTED, _SOURCE, began + MICROSECONDS))
    if POOL not in services.reader.read_now(find_call_terms):
        apply(set_call_terms, CallTerms(POOL, began, CUSTOMERS + account_id))
    for first_day in range(1, DAYS, _BATCH_DAYS):
        days = range(first_day, min(first_day + _BATCH_DAYS, DAYS))
        told_at = min(began + (days[-1] + 1) * DAY, now)
        read = [read_record(sent, _SOURCE, told_at) for day in days for sent in _calls_of(day, began)]
        records = tuple(record for record in read if isinstance(record, CallRecord))
        apply(record_calls, RecordCalls(new_id("bat"), records, told_at))
    if span is not None:
        appointed = services.reader.read_now(lambda tx: find_sources(tx, [span]))[span.rental_id]
        if appointed[-1][1] == _SOURCE:
            apply(appoint_sources, AppointSource(RENTED, CUSTOMERS + account_id, now))
    wallet = services.reader.read_now(lambda tx: find_wallet(tx, account_id))
    left = balance - (wallet.posted if wallet is not None else 0)
    apply(fund_wallets, funding(new_id("trf"), TOP_UP, account_id, left, reference="demo", now=now))


def _calls_of(day: int, began: int) -> Iterator[dict[str, Any]]:
    """The calls of a day: some more and longer, some fewer, by a rule that has no chance in it."""
    midnight = (began // DAY + day) * DAY
    for place in range(1 + day * 3 % _CALLS_A_DAY):
        started = midnight + (_FIRST_HOUR + place * _APART + day * 61) * MICROSECONDS
        yield {
            "call_id": f"demo-{day:02}-{place}",
            "direction": "outbound" if (day + place) % 3 == 0 else "inbound",
            "phone_number": RENTED,
            "other": _OTHERS[(day + place) % len(_OTHERS)],
            "started_at": iso_seconds(started),
            "seconds": (day * 37 + place * 53) % _LONGEST,
        }
