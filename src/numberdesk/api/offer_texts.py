"""What the terms of offers mean, beside their prices; see field_texts.py.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

OFFER_TEXTS: Final = {
    "OffersQuery.like": (
        "A number of the country: those of the operator's own that resemble it, the closest first, in one page and "
        "without `sort`."
    ),
    "period_unit": "What the length of a period is counted in; `price` is for each period.",
    "BuyBody.period_unit": "What the length of a period is counted in, as shown. Left out, it agrees with every quote.",
    "RuleBody.period_unit": "What the length of a period is counted in: month, day, or year for twelve months.",
    "period_every": "How many units a period has: 12 months, 28 days.",
    "BuyBody.period_every": "How many units a period has, as shown. Left out, it agrees with every quote.",
    "RuleBody.period_every": "How many units a period has; left out, one.",
    **{
        f"{shape}.increments": "Minimum and step in seconds that calls of the number are billed by."
        for shape in ("OfferView", "PurchaseView", "PendingView")
    },
    **{
        f"{shape}.increments": ("Minimum and step in seconds that calls are billed by; null as the usage terms say.")
        for shape in ("RentalView", "OrderView", "InventoryView", "RuleView")
    },
    **{
        f"{shape}.connect_fee": "Charged once for an answered call; null as the usage terms say."
        for shape in ("RentalView", "OrderView", "InventoryView", "RuleView")
    },
    "outbound_rate_deck": (
        "The rate deck by whose prefixes outbound calls are charged instead of `per_minute_price_outbound`, which "
        "holds where no prefix matches: `GET /usage/rates/` shows it. null: the confirmed price holds for all "
        "destinations."
    ),
    "rounding": "Which way the charge of a call is rounded to a millionth, once: up, half_up or down.",
    "BuyBody.rounding": "Which way charges of calls are rounded, as shown. Left out, it agrees with every quote.",
    "RuleBody.rounding": "Which way the charge of a call is rounded to a millionth, once; left out, up.",
    "BuyBody.increments": "How calls are billed, as shown. Left out, it agrees with every quote.",
    "RuleBody.increments": "How calls are billed: minimum and step in seconds; left out, as the usage terms say.",
    "BuyBody.connect_fee": "Charged once for an answered call, as shown. Left out, it agrees with every quote.",
    "RuleBody.connect_fee": "Charged once for an answered call; left out, as the usage terms say.",
}
