"""What several planted faults are made with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numberdesk.core.purchase import Order
from numberdesk.core.rent import RentTerms
from numberdesk.flows.rentals.release_numbers import release_numbers
from numberdesk.infra.db import Tx
from simulation.product import Flow


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


def then(flow: Flow, sql: str) -> Flow:
    """A flow with a statement run after it."""

    def apply(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
        outcomes = flow(tx, commands)
        tx.run(sql, [])
        return outcomes

    return apply
