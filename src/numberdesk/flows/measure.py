"""What the database says of the work that there is, for metrics: bounded reads by indexes, whatever its size.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from numberdesk.carriers.finding_store import count_open_findings
from numberdesk.carriers.store import list_carriers
from numberdesk.carriers.trouble_store import list_troubles
from numberdesk.core.invariants import RunOutcome
from numberdesk.core.periods import MICROSECONDS
from numberdesk.flows.examine import MOST_COUNTED, find_work
from numberdesk.infra.db import Tx
from numberdesk.infra.observer import Family, Labels
from numberdesk.ledger.store import count_open_holds
from numberdesk.numbers.carrier_release_store import count_unconfirmed
from numberdesk.numbers.rent_store import count_past_due
from numberdesk.orders.carrier_order_store import count_unsettled
from numberdesk.orders.store import find_oldest_open
from numberdesk.verify.run_store import find_verify_runs

_SECOND: Final = float(MICROSECONDS)


def measure(tx: Tx, now: int) -> list[Family]:
    """Readings of the database. `now` is in microseconds."""
    return [*_of_orders(tx, now), *_of_carriers(tx), *_of_work(tx, now), *_of_verify(tx)]


def _of_orders(tx: Tx, now: int) -> list[Family]:
    unsettled = count_unsettled(tx)
    waiting: dict[Labels, float] = {(name, "waiting"): one.orders - one.parked for name, one in unsettled.items()}
    parked: dict[Labels, float] = {(name, "parked"): one.parked for name, one in unsettled.items()}
    oldest = find_oldest_open(tx)
    age = 0 if oldest is None else max(0, now - oldest)
    return [
        Family("orders_open", "Orders that carriers have not answered", ("carrier", "state"), waiting | parked),
        _one("oldest_open_order_seconds", "How long the oldest open order is open", age / _SECOND),
        _one("holds_open", "Holds that are open, counted up to a bound", count_open_holds(tx, MOST_COUNTED)),
        _one("rents_past_due", "Rentals that are past due, counted up to a bound", count_past_due(tx, MOST_COUNTED)),
    ]


def _of_carriers(tx: Tx) -> list[Family]:
    names = [account.name for account in list_carriers(tx)]
    releases, findings, troubles = count_unconfirmed(tx), count_open_findings(tx), list_troubles(tx)
    return [
        Family("releases_unconfirmed", "Numbers that carriers have not confirmed", ("carrier",), _by(names, releases)),
        Family("findings_open", "Differences that audits found", ("carrier",), _by(names, findings)),
        Family(
            "carrier_trouble",
            "1 while the carrier orders nothing for our account",
            ("carrier",),
            _by(names, dict.fromkeys(troubles, 1)),
        ),
    ]


def _of_work(tx: Tx, now: int) -> list[Family]:
    work = find_work(tx, now)
    return [
        Family(
            "due_work_backlog",
            "Rows due now, counted up to a bound",
            ("work",),
            {(k,): b.rows for k, b in work.items()},
        ),
        Family(
            "due_work_late_seconds",
            "How long the first is due",
            ("work",),
            {(k,): b.late / _SECOND for k, b in work.items()},
        ),
        Family(
            "due_work_tries", "The most that one of them was tried", ("work",), {(k,): b.tries for k, b in work.items()}
        ),
    ]


def _of_verify(tx: Tx) -> list[Family]:
    runs = find_verify_runs(tx)
    ok, broken = runs.get(RunOutcome.OK), runs.get(RunOutcome.BROKEN)
    last_broken = broken is not None and (ok is None or broken.ran_at > ok.ran_at)
    return [
        _one(
            "verify_last_success_timestamp_seconds",
            "When the books were found in order last; 0 for never",
            0 if ok is None else ok.ran_at / _SECOND,
        ),
        _one(
            "verify_violations",
            "Violations that the last check found",
            broken.violations if last_broken and broken else 0,
        ),
    ]


def _one(name: str, meaning: str, value: float) -> Family:
    return Family(name, meaning, (), {(): value})


def _by(names: list[str], counts: Mapping[str, int]) -> dict[Labels, float]:
    return {(name,): counts.get(name, 0) for name in {*names, *counts}}
