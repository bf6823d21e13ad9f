"""Write a customer's labels on its rentals: friendly name, agent, tags.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from numberdesk.core.errors import NotFound, NumberdeskError
from numberdesk.infra.db import Tx
from numberdesk.numbers.model import Labels, Rental
from numberdesk.numbers.store import change_rentals, latest_rentals


class Labelling(NamedTuple):
    """Labels for the number that an account rents; None leaves one as it is."""

    account_id: str
    e164: str
    labels: Labels
    now: int


def label_numbers(tx: Tx, commands: Sequence[Labelling]) -> list[Rental | NumberdeskError]:
    """Write labels on live rentals. NotFound when the account does not rent the number."""
    rentals = latest_rentals(tx, [(command.account_id, command.e164) for command in commands])
    changed: dict[str, Rental] = {}
    outcomes: list[Rental | NumberdeskError] = []
    for command in commands:
        rental = rentals.get((command.account_id, command.e164))
        if rental is None or rental.released_at is not None:
            outcomes.append(NotFound("This account does not rent this number."))
            continue
        sent = {name: value for name, value in command.labels._asdict().items() if value is not None}
        if sent:
            rental = rental._replace(**sent, updated_at=command.now)
            changed[rental.id] = rentals[rental.account_id, rental.e164] = rental
        outcomes.append(rental)
    change_rentals(tx, list(changed.values()))
    return outcomes
