"""What an offer says beside its prices, as every answer shows it: the period, and how calls are billed.

Touches: nothing.
"""

from __future__ import annotations

from typing import Any

from numberdesk.core.billing import Billing
from numberdesk.core.periods import Term
from numberdesk.core.prices import Prices, decimal_or_none


def period_fields(term: Term) -> dict[str, Any]:
    """The fields that say how long a period is."""
    return {"period_unit": term.unit, "period_every": term.every}


def billing_fields(billing: Billing) -> dict[str, Any]:
    """The fields that say how calls are billed; null is as the usage terms of the carrier say."""
    increments = None if billing.increments is None else str(billing.increments)
    return {"increments": increments, "connect_fee": decimal_or_none(billing.connect), "rounding": billing.rounding}


def term_fields(prices: Prices) -> dict[str, Any]:
    """All of them."""
    deck = prices.billing.deck or None
    return period_fields(prices.term) | billing_fields(prices.billing) | {"outbound_rate_deck": deck}
