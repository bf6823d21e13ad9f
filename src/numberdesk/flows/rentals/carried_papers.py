"""Papers of a number that goes to another account: one that stands under somebody's needs those of the next, too.

Touches: database.
"""

from __future__ import annotations

from numberdesk.carriers.compliance_store import find_profiles, profiles_of
from numberdesk.catalog.store import find_listings
from numberdesk.core.compliance import profile_for
from numberdesk.core.errors import RentalConflict
from numberdesk.core.purchase import Order
from numberdesk.infra.db import Tx


def papers_of_next(tx: Tx, order: Order, account_id: str, now: int) -> str | RentalConflict | None:
    """The profile of the account that a number goes to; None where the number was had without any."""
    if order.profile_id is None:
        return None
    before, listing = find_profiles(tx, [order.profile_id])[order.profile_id], find_listings(tx, [order.e164])
    kind = listing[order.e164].listing.number_type if order.e164 in listing else before.number_type
    theirs = profiles_of(tx, [account_id]).get(account_id, [])
    found = profile_for(theirs, order.carrier, before.iso_country, kind, now)
    if found is None:
        said = (
            f"The number stands under papers of its account. Register those of the other one for {before.iso_country}"
        )
        return RentalConflict("papers", f"{said} at {order.carrier} first.")
    return found.id
