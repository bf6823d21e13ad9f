"""What several planted faults are made with."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from numberdesk.core.purchase import Order
from numberdesk.core.rent import RentTerms
from numberdesk.flows.rentals.release_numbers import release_numbers
from numberdesk.infra.db import Tx
from simulation.product import Flow, Product
from simulation.runs import Kind, Outcome, run_seeds

MOST_SEEDS: Final = 2000
Wrapper = Callable[[Flow], Flow]
_SHOWN: Final = {Kind.HOURS: 4, Kind.MONTHS: 1}
"""Findings whose rules are put into the table."""


def charge(tx: Tx, order: Order, transfer_id: str, now: int) -> None:
    """One more charge for an order, with an id that does not follow from the order's."""
    amount, account_id = order.prices.monthly, order.account_id
    query = "SELECT posted, held, credit_limit, entries, currency FROM wallets WHERE account_id = ?"
    ((posted, held, limit, entries, currency),) = tx.fetch(query, [account_id])
    if posted - held + limit < amount:
        return
    tx.run(
        "INSERT INTO transfers VALUES (?, 'rental', ?, 'revenue:rental', ?, ?, ?, ?, ?, ?, NULL, ?, NULL, NULL)",
        [
            transfer_id, f"wallet:{account_id}", amount, currency, account_id, entries + 1, posted - amount, order.id,
            now,
        ],
    )  # fmt: skip
    tx.run("UPDATE wallets SET posted = posted - ?, entries = entries + 1 WHERE account_id = ?", [amount, account_id])


def after_releasing(sql: str) -> Callable[[int, RentTerms], Flow]:
    """The release flow, with a statement run for each number after it."""

    def build(quarantine: int, usual: RentTerms) -> Flow:
        flow = release_numbers(quarantine, usual)

        def apply(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
            outcomes = flow(tx, commands)
            for command in commands:
                tx.run(sql, [command.e164])
            return outcomes

        return apply

    return build


def print_found(planted: Mapping[str, Product], kind: Kind, faults: Sequence[str]) -> None:
    """Print the lines for the table: where each is found first, and the rules by which it is found at first."""
    for fault in faults or planted:
        found = list(itertools.islice(_finding(planted[fault], kind), _SHOWN[kind]))
        rules = dict.fromkeys(outcome.violation.partition(":")[0] for outcome in found)
        sys.stdout.write(f"| {fault} | {found[0].seed if found else '-'} | {'; '.join(rules)} |\n")
        sys.stdout.flush()


def _finding(product: Product, kind: Kind) -> Iterator[Outcome]:
    """The first seeds that find something."""
    return (outcome for outcome in run_seeds(range(1, MOST_SEEDS + 1), product, kind) if outcome.violation)


def then(flow: Flow, sql: str) -> Flow:
    """A flow with a statement run after it."""

    def apply(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
        outcomes = flow(tx, commands)
        tx.run(sql, [])
        return outcomes

    return apply


def leaving(sql: str) -> Wrapper:
    """A flow with statements run after it."""

    def wrap(flow: Flow) -> Flow:
        def apply(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
            outcomes = flow(tx, commands)
            for statement in sql.split(";"):
                tx.run(statement, [])
            return outcomes

        return apply

    return wrap


def answering(outcome: Any) -> Wrapper:
    """A flow that does nothing and says so and so."""
    return lambda _: lambda _tx, commands: [outcome] * len(commands)


def asking(change: Callable[[Tx, Any], Any]) -> Wrapper:
    """A flow that is asked for something else."""

    def wrap(flow: Flow) -> Flow:
        return lambda tx, commands: flow(tx, [change(tx, command) for command in commands])

    return wrap


def planted(**wrapped: Wrapper) -> Product:
    """A product with faulty flows, by their names with underscores."""
    return Product(wrapped={name.replace("_", " "): wrapper for name, wrapper in wrapped.items()})
