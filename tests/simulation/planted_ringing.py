"""Faults of papers, adoptions and LiveKit trunks, planted on purpose: simulated months must find every one of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from numberdesk.core.adoption import Began
from numberdesk.core.rental import Rental
from numberdesk.flows.carriers.run_adoption import Batch
from numberdesk.infra.db import Tx
from simulation.product import Flow, Product
from tests.simulation.planted_tools import Wrapper, answering, leaving, planted

_LEFT: Final = """DELETE FROM trunk_numbers WHERE NOT EXISTS
    (SELECT 1 FROM rentals r WHERE r.e164 = trunk_numbers.e164 AND r.released_at IS NULL)"""


def seeing_papers(change: str) -> Wrapper:
    """A flow to which papers look otherwise than they are; `change` may name the account that asks."""

    def wrap(flow: Flow) -> Flow:
        def apply(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
            before = tx.fetch("SELECT account_id, state, valid_until, id FROM compliance_profiles", [])
            tx.run(change, [commands[0].account_id] if "?" in change else [])
            outcomes = flow(tx, commands)
            for row in before:
                tx.run("UPDATE compliance_profiles SET account_id = ?, state = ?, valid_until = ? WHERE id = ?", row)
            return outcomes

        return apply

    return wrap


def _adopted(outcomes: Sequence[Any]) -> Iterator[Rental]:
    """The rentals that adoptions made."""
    return (one.rental for batch in outcomes for one in batch if getattr(one, "rental", None) and one.anew)


def _from_today(flow: Flow) -> Flow:
    """Whatever a file says, an adopted rental begins now."""

    def begun(command: Any) -> Any:
        return command._replace(began=Began(command.warrant.now, 0))

    return lambda tx, batches: flow(tx, [Batch([begun(one) for one in batch.commands]) for batch in batches])


def _charged_at_once(flow: Flow) -> Flow:
    """The period that runs when a number is adopted is paid."""

    def apply(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
        outcomes = flow(tx, commands)
        for rental in _adopted(outcomes):
            price = rental.prices.monthly
            tx.run("UPDATE wallets SET posted = posted - ? WHERE account_id = ?", [price, rental.account_id])
        return outcomes

    return apply


def _told_to_its_carrier(flow: Flow) -> Flow:
    """The carrier of an adopted number is told at once that it is connected to nothing."""

    def apply(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
        outcomes = flow(tx, commands)
        for rental in _adopted(outcomes):
            if rental.connection_id is None and not rental.connection_generation:
                tx.run("UPDATE rentals SET connection_generation = 1 WHERE id = ?", [rental.id])
                tx.run(
                    "INSERT INTO rental_connections (rental_id, account_id, carrier, e164, state, applied_generation, "
                    "next_at, attempts, message) VALUES (?, ?, 'north', ?, 'pending', 0, ?, 0, '')",
                    [rental.id, rental.account_id, rental.e164, rental.created_at],
                )
        return outcomes

    return apply


def _given_back(flow: Flow) -> Flow:
    """A number whose adoption is undone goes back to its carrier."""

    def apply(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
        outcomes = flow(tx, commands)
        for command, outcome in zip(commands, outcomes, strict=True):
            if isinstance(outcome, Rental):
                tx.run(
                    "INSERT INTO carrier_releases (id, carrier, e164, asked_at, next_at, attempts, message) "
                    "VALUES (?, 'north', ?, ?, ?, 0, '')",
                    [f"rel_{outcome.id}", outcome.e164, command.warrant.now, command.warrant.now],
                )
        return outcomes

    return apply


PLANTED: Final[dict[str, Product]] = {
    "papers that have ended are good": planted(
        buy=seeing_papers(
            "UPDATE compliance_profiles SET state = 'approved', valid_until = NULL "
            "WHERE state IN ('approved', 'expired')"
        )
    ),
    "anybody's papers are good": planted(buy=seeing_papers("UPDATE compliance_profiles SET account_id = ?")),
    "an order forgets its papers": planted(buy=leaving("UPDATE orders SET profile_id = NULL WHERE state = 'ordering'")),
    "that papers end is told to nobody": planted(
        tell_expiry=leaving("DELETE FROM events WHERE kind LIKE 'compliance_profile.%'")
    ),
    "an adopted number is rented since today": planted(adopt=_from_today),
    "the period in which a number is adopted is paid": planted(adopt=_charged_at_once),
    "the carrier of an adopted number is told to lead it nowhere": planted(adopt=_told_to_its_carrier),
    "a number whose adoption is undone goes back": planted(undo_adoption=_given_back),
    "a number that is given back stays in its trunk": planted(
        release=leaving(_LEFT), take_back=leaving(_LEFT), renew=leaving(_LEFT)
    ),
    "nobody looks whether a trunk has what it says": planted(note_trunk_looks=answering(outcome=False)),
}
