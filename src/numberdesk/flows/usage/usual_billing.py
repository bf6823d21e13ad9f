"""How calls are billed where neither a price rule nor a file says it: as the usage terms of their carrier do.

Touches: database.

Offers are shown and bought with what is usual filled in, so that a rental keeps what its customer saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from numberdesk.core.billing import Billing
from numberdesk.core.prices import Prices
from numberdesk.core.rating import BY_THE_MINUTE, Increments
from numberdesk.infra.db import Tx
from numberdesk.usage.store import find_call_terms

_NOWHERE_SAID: Final = Billing(BY_THE_MINUTE, 0)


class UsualBilling(NamedTuple):
    """What is usual at each carrier that has terms of its own."""

    by_carrier: Mapping[str, Billing]

    def filled(self, carrier: str, prices: Prices) -> Prices:
        """Prices of a carrier's number, with how its calls are billed."""
        return prices.billed(self.by_carrier.get(carrier, _NOWHERE_SAID))


def find_usual_billing(tx: Tx, now: int) -> UsualBilling:
    """How calls of rentals are billed that begin at `now`."""
    then = {carrier: [one for one in terms if one.since <= now] for carrier, terms in find_call_terms(tx).items()}
    return UsualBilling(
        {
            carrier: Billing(Increments(terms[-1].minimum, terms[-1].step), terms[-1].connect)
            for carrier, terms in then.items()
            if terms
        }
    )
