"""Faults of rent, calls and connections, planted on purpose: a simulation of months must find every one of them.

`python -m tests.simulation.planted_months` finds them all anew and prints the table for docs/simulated-months.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from numberdesk.core.agreed_time import AgreedTime
from numberdesk.core.call_charging import RecordOutcome, RecordResult
from numberdesk.core.rent import RentTerms
from numberdesk.core.rental import Rental
from numberdesk.flows.rentals.renew_rentals import renew_rentals
from numberdesk.flows.usage.record_calls import RecordCalls
from numberdesk.infra.db import Tx
from simulation.product import Flow, Product
from simulation.runs import Kind
from tests.simulation.planted_audits import PLANTED as OF_AUDITS
from tests.simulation.planted_ringing import PLANTED as OF_RINGING
from tests.simulation.planted_tools import Wrapper, answering, asking, leaving, planted, print_found

DAY: Final = 86_400_000_000


def putting_back(table: str, key: str, column: str) -> Wrapper:
    """A flow that leaves a column as it was before."""

    def wrap(flow: Flow) -> Flow:
        def apply(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
            before = tx.fetch(f"SELECT {column}, {key} FROM {table}", [])  # noqa: S608
            outcomes = flow(tx, commands)
            for value, name in before:
                tx.run(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", [value, name])  # noqa: S608
            return outcomes

        return apply

    return wrap


def records(change: Callable[[Tx, RecordCalls], Iterable[Any]]) -> Wrapper:
    """Records that are changed on their way."""
    return asking(lambda tx, command: command._replace(records=tuple(change(tx, command))))


def _twice(flow: Flow) -> Flow:
    """What is charged is taken out of the wallet twice."""

    def apply(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
        known = {row[0] for row in tx.fetch("SELECT id FROM rent_charges", [])}
        outcomes = flow(tx, commands)
        query = "SELECT id, account_id, amount FROM rent_charges WHERE state = 'charged'"
        for name, account_id, amount in tx.fetch(query, []):
            if name not in known:
                tx.run("UPDATE wallets SET posted = posted - ? WHERE account_id = ?", [amount, account_id])
        return outcomes

    return apply


def _by_the_clock(_: Flow) -> Flow:
    """Whatever the time of day is has surely passed."""

    def apply(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
        tx.run("DELETE FROM agreed_time", [])
        return [AgreedTime(command.now) for command in commands]

    return apply


def _forgetful(flow: Flow) -> Flow:
    """Of a batch the last record is left out, and its sender is told that it came."""

    def apply(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
        whole = [command for command in commands if len(command.records) > 1]
        less = [command._replace(records=command.records[:-1]) if command in whole else command for command in commands]
        outcomes = [list(results) for results in flow(tx, less)]
        for command, results in zip(commands, outcomes, strict=True):
            if command in whole:
                last = command.records[-1]
                results.append(RecordResult(RecordOutcome.ACCEPTED, last.call_id, last.leg))
        return outcomes

    return apply


def _again(tx: Tx, command: RecordCalls) -> Iterable[Any]:
    """A record that is known is taken for another call."""
    known = {tuple(row) for row in tx.fetch("SELECT source, call_id FROM calls", [])}
    for record in command.records:
        there = (record.source, record.call_id) in known
        yield record._replace(call_id=f"{record.call_id}x") if there else record


def _kept_back(flow: Flow) -> Flow:
    """What a correction gives back is booked and stays with the house."""

    def apply(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
        outcomes = flow(tx, commands)
        for command in commands:
            name = f"trf_{command.batch_id.removeprefix('bat_')}_reversal"
            for account_id, amount in tx.fetch("SELECT account_id, amount FROM transfers WHERE id = ?", [name]):
                tx.run("UPDATE wallets SET posted = posted - ? WHERE account_id = ?", [amount, account_id])
        return outcomes

    return apply


def _paid_by_the_former(flow: Flow) -> Flow:
    """Who had a number until it was moved pays the next account's period, too."""

    def apply(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
        outcomes = flow(tx, commands)
        for rental in outcomes:
            query = """SELECT r.account_id, r.price FROM rentals r JOIN orders o ON o.from_rental_id = r.id
                WHERE o.id = ? AND o.origin = 'transfer'"""
            for account_id, price in tx.fetch(query, [getattr(rental, "order_id", "")]):
                tx.run("UPDATE wallets SET posted = posted - ? WHERE account_id = ?", [price, account_id])
        return outcomes

    return apply


def _charged_anew(flow: Flow) -> Flow:
    """A restoration has the period paid that was paid before."""

    def apply(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
        outcomes = flow(tx, commands)
        for rental in outcomes:
            if isinstance(rental, Rental):
                price = rental.prices.monthly
                tx.run("UPDATE wallets SET posted = posted - ? WHERE account_id = ?", [price, rental.account_id])
        return outcomes

    return apply


def _handed_on(flow: Flow) -> Flow:
    """Whoever gets a number gets what was set there for whom it was before."""

    def apply(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
        query = "SELECT emergency_address, caller_name FROM number_settings WHERE e164 = ? AND may_have = 1"
        before = {command.e164: tx.fetch(query, [command.e164]) for command in commands}
        outcomes = flow(tx, commands)
        for e164, rows in before.items():
            for address, name in rows:
                tx.run(
                    "UPDATE number_settings SET emergency_address = ?, caller_name = ? WHERE e164 = ? AND may_have = 1",
                    [address, name, e164],
                )
        return outcomes

    return apply


PLANTED: Final[dict[str, Product]] = {
    "a period is paid twice": planted(renew=_twice),
    "a period begins when the one before did and so many days": planted(
        renew=leaving("UPDATE rentals SET renews_at = renews_at - 432000000000 WHERE period > 0")
    ),
    "a period is passed over": planted(
        renew=leaving("UPDATE rentals SET period = 2, renews_at = renews_at + 2592000000000 WHERE period = 1")
    ),
    "the time of day alone lets periods begin": planted(agree_on_time=_by_the_clock),
    "a number is taken away at the first period that is not paid": planted(
        renew=lambda _: renew_rentals(RentTerms(grace=0), DAY)
    ),
    "new prices hold without notice": planted(
        announce=asking(lambda _, command: command._replace(usual=command.usual._replace(notice_days=0)))
    ),
    "a release is answered and not done": planted(release=answering(None)),
    "a record that comes again is another call": planted(record_calls=records(_again)),
    "whoever tells of a call charges it": planted(
        record_calls=records(lambda _, command: [one._replace(source="switch") for one in command.records])
    ),
    "a call is whose number it is when its record comes": planted(
        record_calls=records(lambda _, command: [one._replace(started_at=command.now) for one in command.records])
    ),
    "every minute that begins is a whole one": planted(
        record_calls=records(
            lambda _, command: [
                one if one.seconds is None else one._replace(seconds=-(-one.seconds // 60) * 60)
                for one in command.records
            ]
        )
    ),
    "the last record of a batch is lost": planted(record_calls=_forgetful),
    "a call is rounded down": planted(
        record_calls=leaving(
            "UPDATE calls SET amount = amount - 1 WHERE amount > 1 AND owed < amount AND state='charged'"
        )
    ),
    "what a rule rounds down is rounded up": planted(
        buy=leaving("UPDATE rentals SET billing = replace(replace(billing, ' down', ''), ' half_up', '')")
    ),
    "what is owed is forgotten when money comes": planted(
        fund=leaving("UPDATE receivables SET owed = 0, paid_at = opened_at WHERE paid_at IS NULL")
    ),
    "a correction gives nothing back": planted(correct=_kept_back),
    "what an expired session held stays held": planted(expire_sessions=putting_back("wallets", "account_id", "held")),
    "a session holds half of what it costs": planted(
        open_sessions=leaving("UPDATE usage_sessions SET amount = amount / 2 WHERE state = 'open' AND amount > 1")
    ),
    "a session is charged for what was held": planted(
        end_sessions=asking(lambda _, command: command._replace(seconds=-(-command.seconds // 60) * 60))
    ),
    "a day of a carrier's calls is read once": planted(
        note_pulls=asking(lambda _, command: command._replace(began_at=command.began_at + 10 * DAY))
    ),
    "what a call costs us is not kept": planted(note_costs=answering(0)),
    "nobody looks whether a carrier has what it says": planted(note_looks=answering("counts")),
    "who had a number before it was moved pays for it on": planted(transfer=_paid_by_the_former),
    "a restoration is charged for what was paid before": planted(restore=_charged_anew),
    "what is set for a number that is taken back stays at its carrier": planted(
        take_back=leaving(
            "UPDATE number_settings SET may_have = 0, emergency_address = '', caller_name = '' WHERE rental_id IN "
            "(SELECT id FROM rentals WHERE released_at IS NOT NULL)"
        )
    ),
    "a number keeps what was set for whom it was moved from": planted(transfer=_handed_on),
    **OF_RINGING,
    **OF_AUDITS,
}


if __name__ == "__main__":
    print_found(PLANTED, Kind.MONTHS, sys.argv[1:])
