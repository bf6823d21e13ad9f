"""Tell operators of what they are to look at: failing carriers, parked orders, findings, broken books.

Touches: database.

Each event follows from facts of its row, so that `numberdesk verify` can ask for it and nobody is told twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from numberdesk.carriers.finding_store import Finding
from numberdesk.carriers.store import lock_carriers
from numberdesk.carriers.trouble_store import CarrierTrouble
from numberdesk.core.carrier_order import CarrierOrder
from numberdesk.core.invariants import RunOutcome, VerifyReport, VerifyRun, Violation
from numberdesk.core.periods import MICROSECONDS, iso_seconds
from numberdesk.infra.db import Tx
from numberdesk.outbox.model import CARRIER_FAILING, FINDING_OPENED, ORDER_PARKED, VERIFY_FAILED, Event
from numberdesk.outbox.store import find_told, insert_events, insert_untold
from numberdesk.verify.run_store import find_verify_runs, keep_verify_runs

QUIET: Final = 600 * MICROSECONDS
"""A carrier that fails again within this time is not told of again: it goes on and off, or several processes notice."""

MOST_TOLD: Final = 20
"""Findings of one run of verify that are told of."""

_LONGEST: Final = 300


class CarrierFailing(NamedTuple):
    """A carrier began to fail at `now`, at what is `of` it."""

    carrier: str
    of: str
    message: str
    now: int


class VerifyResult(NamedTuple):
    """What a run of verify came to, at `now`."""

    report: VerifyReport
    now: int


def tell_failing(tx: Tx, commands: Sequence[CarrierFailing]) -> list[bool]:
    """The write flow: whether it was told, since it had been well for a while before."""
    lock_carriers(tx, [command.carrier for command in commands])
    outcomes = []
    for command in commands:
        stretch = command.now // QUIET
        ids = [_failing(command, each).id for each in (stretch - 1, stretch)]
        is_new = not find_told(tx, ids)
        insert_events(tx, [_failing(command, stretch)] if is_new else [])
        outcomes.append(is_new)
    return outcomes


def _failing(command: CarrierFailing, stretch: int) -> Event:
    payload = {
        "carrier": command.carrier,
        "of": command.of,
        "message": command.message,
        "since": iso_seconds(command.now),
    }
    return CARRIER_FAILING.about((command.carrier, command.of, stretch), payload, command.now)


def tell_troubles(tx: Tx, began: Iterable[CarrierTrouble]) -> None:
    """Tell of carriers that order nothing for the operator's account since just now."""
    insert_untold(tx, [_trouble(one) for one in began])


def _trouble(trouble: CarrierTrouble) -> Event:
    since = iso_seconds(trouble.since)
    payload = {"carrier": trouble.carrier, "of": "account", "message": trouble.said, "since": since}
    return CARRIER_FAILING.about((trouble.carrier, "account", trouble.since), payload, trouble.since)


def tell_parked(tx: Tx, parked: Iterable[CarrierOrder]) -> None:
    """Tell of orders that wait for a person since just now."""
    insert_events(tx, [_parked(one, one.parked_at) for one in parked if one.parked_at is not None])


def _parked(order: CarrierOrder, at: int) -> Event:
    payload = {
        "order_id": order.order_id,
        "account_id": order.account_id,
        "phone_number": order.e164,
        "carrier": order.carrier,
        "message": order.message,
        "parked_at": iso_seconds(at),
    }
    return ORDER_PARKED.about((order.order_id, at), payload, at)


def tell_findings(tx: Tx, opened: Iterable[tuple[Finding, int]]) -> None:
    """Tell of findings that are new or open again, each since when."""
    insert_untold(tx, [_found(finding, at) for finding, at in opened])


def _found(finding: Finding, at: int) -> Event:
    payload = {
        "carrier": finding.carrier,
        "phone_number": finding.e164,
        "kind": finding.kind.value,
        "message": finding.message,
        "found_at": iso_seconds(at),
    }
    return FINDING_OPENED.about((*finding.key, at), payload, at)


def note_verify(tx: Tx, commands: Sequence[VerifyResult]) -> list[VerifyRun]:
    """The write flow: keep that the books were checked, and tell what was found since they were in order last."""
    outcomes = []
    for command in commands:
        report = command.report
        run = VerifyRun(RunOutcome.OK if report.ok else RunOutcome.BROKEN, command.now, report.violations_total)
        (kept,) = keep_verify_runs(tx, [run])  # which locks: two runs at once tell nothing twice
        last = find_verify_runs(tx).get(RunOutcome.OK)
        events = [_broken(one, run, 0 if last is None else last.ran_at) for one in report.violations]
        told = find_told(tx, [event.id for event in events])
        untold = {event.id: event for event in events if event.id not in told}
        insert_events(tx, list(untold.values())[:MOST_TOLD])
        outcomes.append(kept)
    return outcomes


def _broken(violation: Violation, run: VerifyRun, well_at: int) -> Event:
    payload = {
        "invariant": violation.invariant,
        "table": violation.table,
        "row": violation.row[:_LONGEST],
        "message": violation.message[:_LONGEST],
        "violations": str(run.violations),
        "found_at": iso_seconds(run.ran_at),
    }
    return VERIFY_FAILED.about((well_at, violation.invariant, violation.table, violation.row), payload, run.ran_at)
