"""What a number that is there already keeps when the file it is imported from again lacks columns.

Touches: nothing.

A column that the header has says what holds from now on, also where a line is empty. One that it
lacks says nothing, so what the number has there stays.
"""

from __future__ import annotations

from typing import Any, Final

from numberdesk.catalog.model import FROM_FILE, Listing
from numberdesk.core.billing import Billing, billing_of, kept_billing

_FACTS: Final = ("iso_country", "area_code", "number_type", "region", "locality", "capabilities")
_RATES: Final = {
    "per_minute_price_inbound": "inbound",
    "per_minute_price_outbound": "outbound",
    "setup_price": "setup",
}
_PRICES: Final = ("price_source", "currency", "price", "inbound", "outbound", "setup", "term", "billing")
_PERIOD: Final = frozenset({"period_unit", "period_every"})
_COSTS: Final = ("cost_monthly", "cost_inbound", "cost_outbound", "cost_setup")


def keep_columns(known: Listing, listing: Listing, absent: frozenset[str]) -> Listing:
    """A listing as a line says, with what the number has in the columns that the file lacks."""
    if not absent:
        return listing
    facts: dict[str, Any] = {name: getattr(known, name) for name in _FACTS if name in absent}
    return listing._replace(**facts, **_prices(known, listing, absent), **_costs(known, listing, absent))


def lost_columns(known: Listing, listing: Listing, absent: frozenset[str]) -> str | None:
    """Why a line cannot be imported without more columns: amounts that stay would change their currency."""
    if _keeps_rates(known, listing) and known.currency != listing.currency:
        lost = [column for column, name in _RATES.items() if column in absent and getattr(known, name)]
        if lost:
            return f"currency changes from {known.currency} to {listing.currency}, which needs {' and '.join(lost)}"
    if listing.cost_currency is not None and known.cost_currency not in (None, listing.cost_currency):
        lost = [name for name in _COSTS if name in absent and getattr(known, name)]
        if lost:
            changes = f"cost_currency changes from {known.cost_currency} to {listing.cost_currency}"
            return f"{changes}, which needs {' and '.join(lost)}"
    return None


def _keeps_rates(known: Listing, listing: Listing) -> bool:
    """Whether rates of the number go on beside the price of the line: not those that a price rule gave it."""
    return listing.price is not None and known.price_source == FROM_FILE and known.price is not None


def _prices(known: Listing, listing: Listing, absent: frozenset[str]) -> dict[str, Any]:
    if "monthly_price" in absent:
        kept = known.price_source == FROM_FILE
        return {name: getattr(known, name) for name in _PRICES} if kept else {}
    if not _keeps_rates(known, listing):
        return {}
    rates = {name: getattr(known, name) for column, name in _RATES.items() if column in absent}
    return rates | _terms(known, listing, absent)


def _terms(known: Listing, listing: Listing, absent: frozenset[str]) -> dict[str, Any]:
    """The period, which two columns say together, and each part of how calls are billed."""
    before, said = billing_of(known.billing), billing_of(listing.billing)
    billing = Billing(
        before.increments if "increments" in absent else said.increments,
        before.connect if "connect_fee" in absent else said.connect,
        before.rounding if "rounding" in absent else said.rounding,
    )
    return {"term": known.term if absent >= _PERIOD else listing.term, "billing": kept_billing(billing)}


def _costs(known: Listing, listing: Listing, absent: frozenset[str]) -> dict[str, Any]:
    kept: dict[str, Any] = {name: getattr(known, name) for name in _COSTS if name in absent}
    if listing.cost_currency is None and any(cost is not None for cost in kept.values()):
        kept["cost_currency"] = known.cost_currency
    return kept
