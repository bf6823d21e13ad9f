"""The rentals that completed orders make, by the terms of their accounts.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence

from numberdesk.core.purchase import Order
from numberdesk.core.rental import Rental, rental_of
from numberdesk.infra.db import Tx
from numberdesk.numbers.rent_store import find_not_renewing


def begun(tx: Tx, completed: Sequence[Order]) -> list[Rental]:
    """Rentals as they begin; those of accounts whose policy renews none end with the period that is paid."""
    rentals = [rental_of(order) for order in completed]
    ending = find_not_renewing(tx, {rental.account_id for rental in rentals}) if rentals else set()
    if not ending:
        return rentals
    return [rental._replace(ends_at=rental.renews_at) if rental.account_id in ending else rental for rental in rentals]
