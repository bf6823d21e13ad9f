"""Write a customer's labels on its rentals: friendly name, agent, tags.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from numberdesk.core.errors import NotFound, NumberdeskError
from numberdesk.core.rental import Rental
from numberdesk.infra.db import Tx
from numberdesk.numbers.model import Labels
from numberdesk.numbers.rental_store import change_rentals, label_rentals
from numberdesk.numbers.store import latest_rentals, lock_rentals


class Labelling(NamedTuple):
    """Labels for the number that an account rents, or for the rental named by `rental_id`; None leaves one as it is."""

    account_id: str
    e164: str
    labels: Labels
    now: int
    rental_id: str | None = None
    auto_renew: bool | None = None


def label_numbers(tx: Tx, commands: Sequence[Labelling]) -> list[Rental | NumberdeskError]:
    """Write labels on live rentals. NotFound when the account does not rent the number, or has no such rental."""
    latest = latest_rentals(
        tx, [(command.account_id, command.e164) for command in commands if command.rental_id is None]
    )
    by_id = lock_rentals(tx, [command.rental_id for command in commands if command.rental_id is not None])
    by_id.update((rental.id, rental) for rental in latest.values())
    changed: dict[str, Rental] = {}
    ending: dict[str, Rental] = {}
    outcomes: list[Rental | NumberdeskError] = []
    for command in commands:
        found = latest.get((command.account_id, command.e164)) if command.rental_id is None else None
        rental = by_id.get(found.id if found is not None else command.rental_id or "")
        if rental is None or rental.account_id != command.account_id or rental.released_at is not None:
            outcomes.append(NotFound("This account does not rent this number."))
            continue
        sent = {name: value for name, value in command.labels._asdict().items() if value is not None}
        if command.auto_renew is not None:
            rental = rental._replace(ends_at=None if command.auto_renew else rental.renews_at, updated_at=command.now)
            ending[rental.id] = by_id[rental.id] = rental
        if sent:
            rental = rental._replace(**sent, updated_at=command.now)
            changed[rental.id] = by_id[rental.id] = rental
        outcomes.append(rental)
    change_rentals(tx, [by_id[rental_id] for rental_id in ending])
    label_rentals(tx, list(changed.values()))
    return outcomes
