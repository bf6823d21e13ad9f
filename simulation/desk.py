"""Requests that have no endpoint: offers read plainly, imports and price rules without their files, and a defect.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from numberdesk.api.endpoint import ApiRequest, ApiResponse
from numberdesk.carriers.port import CarrierAccount, Setup
from numberdesk.carriers.store import insert_carriers
from numberdesk.catalog.model import FROM_RULE, Listing, ListingChunk
from numberdesk.catalog.rules import PriceRule
from numberdesk.core.errors import NumberdeskError
from numberdesk.core.purchase import POOL
from numberdesk.flows.carriers.connect_carriers import CarrierSetup, set_up_carriers
from numberdesk.flows.carriers.note_audits import resolve_findings
from numberdesk.flows.catalog.set_price_rules import new_price_rule, remove_price_rules, set_price_rules
from numberdesk.flows.purchase.resolve_orders import adopt_order, resolve_orders
from numberdesk.infra.db import Tx
from numberdesk.infra.vault import Vault
from simulation.carriers import CREDENTIALS_KEY
from testbed.samples import INBOUND, OUTBOUND, listing_of, price_rule

_OFFERS: Final = """SELECT e164, price, inbound, outbound, setup FROM numbers
    WHERE state = 'available' AND price IS NOT NULL AND (currency = ? OR e164 LIKE '%3')"""


def connect_carriers(tx: Tx, accounts: Sequence[CarrierAccount]) -> Sequence[CarrierAccount]:
    """Store accounts at the simulated carriers, which are of no kind that the product knows."""
    insert_carriers(tx, accounts)
    return accounts


set_standings: Final = set_up_carriers(Vault(CREDENTIALS_KEY))
"""The write flow that disables and enables carriers."""


class DefectiveError(RuntimeError):
    """What the defective flow raises."""


async def offers(ask: ApiRequest) -> ApiResponse:
    """The numbers for sale out of the books, with their prices; a few that another currency pays, too."""
    currency = ask.caller.currency
    return ApiResponse(await ask.services.reader.read(lambda tx: tx.fetch(_OFFERS, [currency]), for_account=None))


async def import_numbers(ask: ApiRequest) -> ApiResponse:
    """Save listings as one chunk of an import."""
    listings: tuple[Listing, ...] = ask.body
    chunk = ListingChunk(POOL, listings, tuple(range(1, len(listings) + 1)))
    await ask.services.writer.submit(ask.services.save_listings, chunk)
    return ApiResponse(None)


async def set_rule(ask: ApiRequest) -> ApiResponse:
    """Set a price rule."""
    rule: PriceRule = ask.body
    await ask.services.writer.submit(set_price_rules, new_price_rule(rule))
    return ApiResponse(None)


async def remove_rule(ask: ApiRequest) -> ApiResponse:
    """Remove a price rule; one that is gone already is no matter."""
    try:
        await ask.services.writer.submit(remove_price_rules, ask.body)
    except NumberdeskError as error:
        if error.code != "not_found":
            raise
    return ApiResponse(None)


async def set_carrier(ask: ApiRequest) -> ApiResponse:
    """Disable or enable a carrier."""
    name, state = ask.body
    await ask.services.writer.submit(set_standings, CarrierSetup(name, None, Setup({}), state, ask.now))
    ask.services.carriers.forget()
    return ApiResponse(None)


async def resolve(ask: ApiRequest) -> ApiResponse:
    """A person's decision about an open order; one that has ended meanwhile is no matter."""
    try:
        await ask.services.writer.submit(resolve_orders, ask.body)
    except NumberdeskError as error:
        if error.code != "order_ended":
            raise
    return ApiResponse(None)


async def adopt(ask: ApiRequest) -> ApiResponse:
    """Take the number that a carrier has for us, under whatever reference, for an order."""
    services = ask.services
    try:
        await adopt_order(services.reader, services.carriers, services.placement, ask.body)
    except NumberdeskError as error:
        if error.code != "carrier_refused":
            raise
    return ApiResponse(None)


async def resolve_finding(ask: ApiRequest) -> ApiResponse:
    """A person's decision about a finding; one that has ended meanwhile is no matter."""
    try:
        await ask.services.writer.submit(resolve_findings, ask.body)
    except NumberdeskError as error:
        if error.code != "not_found":
            raise
    return ApiResponse(None)


async def meet_defect(ask: ApiRequest) -> ApiResponse:
    """Ask for the defective flow and bear it."""
    try:
        await ask.services.writer.submit(defective, None)
    except DefectiveError:
        return ApiResponse("defective")
    raise AssertionError("a flow that raises cannot succeed")


def defective(tx: Tx, _commands: Sequence[Any]) -> Sequence[Any]:
    """A flow that damages the books and then raises: nothing of it may be kept, nobody beside it may notice."""
    tx.run("UPDATE wallets SET posted = posted + 1", [])
    raise DefectiveError


def listing(
    e164: str, price: int | None, *, setup: int = 0, currency: str = "USD", inbound: int | None = INBOUND
) -> Listing:
    """A number for sale; without a price, price rules price it."""
    if price is None:
        return listing_of(e164, price_source=FROM_RULE, currency=None, price=None, inbound=None, outbound=None)
    return listing_of(e164, currency=currency, price=price, setup=setup, inbound=inbound)


def rule_for(rule_id: str, prefix: str, price: int, now: int, **changes: Any) -> PriceRule:
    """A rule with a fixed price for the local numbers below a prefix."""
    return price_rule(
        rule_id, iso_country="US", number_type="local", prefix=prefix, price=price, inbound=INBOUND, outbound=OUTBOUND,
        setup=0, round_to=10_000, created_at=now,
    )._replace(**changes)  # fmt: skip
