"""Records as one might find them in any database, each made with named changes: many fields are written once, here."""

from __future__ import annotations

from typing import Any, Final

from numberdesk.carriers.finding_store import Finding
from numberdesk.carriers.port import Available, Cost
from numberdesk.catalog.model import FROM_FILE, Listing
from numberdesk.catalog.rules import PriceRule
from numberdesk.core.findings import FindingKind, FindingState
from numberdesk.core.purchase import POOL

PRICE: Final = 1_150_000
INBOUND: Final = 8_500
OUTBOUND: Final = 94_500


def listing_of(e164: str, **changes: Any) -> Listing:
    """A number of the US for sale, in Corpus Christi unless it is said where."""
    return Listing(
        e164=e164,
        iso_country="US",
        number_type="local",
        region="TX",
        locality="Corpus Christi",
        area_code="361",
        national=e164.removeprefix("+1"),
        capabilities=3,
        memorability=0,
        price_source=FROM_FILE,
        currency="USD",
        price=PRICE,
        inbound=INBOUND,
        outbound=OUTBOUND,
        setup=0,
        cost_currency=None,
        cost_monthly=None,
        cost_inbound=None,
        cost_outbound=None,
        cost_setup=None,
    )._replace(**changes)


def available(e164: str, cost: Cost | None, **changes: Any) -> Available:
    """The same number as a carrier offers it."""
    return Available(e164, "local", "TX", "Corpus Christi", ("voice", "sms"), cost)._replace(**changes)


def price_rule(rule_id: str = "prl_1", **changes: Any) -> PriceRule:
    """A fixed monthly price for all numbers of the own pool, without rates; for a margin `price` is None."""
    return PriceRule(
        id=rule_id,
        carrier=POOL,
        iso_country="",
        number_type="",
        prefix="",
        currency="USD",
        price=2_000_000,
        inbound=None,
        outbound=None,
        setup=None,
        margin_percent=None,
        margin_fixed=None,
        round_to=1,
        created_at=0,
    )._replace(**changes)


def finding(e164: str, seen_at: int, **changes: Any) -> Finding:
    """A number at the carrier acme that the books do not know, new and open."""
    return Finding(
        carrier="acme",
        e164=e164,
        kind=FindingKind.ORPHAN,
        state=FindingState.OPEN,
        carrier_reference="",
        order_reference="",
        message="",
        first_seen_at=seen_at,
        last_seen_at=seen_at,
    )._replace(**changes)
