"""The inventory, price rules, and what an import did.

Touches: nothing.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from numberdesk.catalog.model import InventoryItem, capability_names
from numberdesk.catalog.rules import PriceRule
from numberdesk.core.billing import billing_of, term_of
from numberdesk.core.lifecycle import NumberState
from numberdesk.core.money import as_decimal
from numberdesk.core.periods import PeriodUnit, iso_seconds
from numberdesk.core.prices import decimal_or_none
from numberdesk.core.rating import Rounding
from numberdesk.flows.catalog.run_import import ImportReport
from numberdesk.views.formats import (
    CapabilityNames,
    Country,
    CountryOrAny,
    Currency,
    Instant,
    NumberTypeName,
    NumberTypeOrAny,
    PhoneNumber,
    PriceSourceName,
    RuleId,
)
from numberdesk.views.offer_terms import billing_fields, period_fields


class InventoryView(msgspec.Struct, frozen=True):
    """A number of the inventory, as its operator sees it."""

    phone_number: PhoneNumber
    state: NumberState
    carrier: str
    iso_country: Country
    number_type: NumberTypeName
    region: str
    locality: str
    area_code: str
    capabilities: CapabilityNames
    price: Decimal | None
    per_minute_price_inbound: Decimal | None
    per_minute_price_outbound: Decimal | None
    setup_price: Decimal
    currency: Currency | None
    period_unit: PeriodUnit
    period_every: int
    increments: str | None
    connect_fee: Decimal | None
    rounding: Rounding
    price_source: PriceSourceName
    created_at: Instant
    updated_at: Instant


class RuleView(msgspec.Struct, frozen=True):
    """A price rule. Empty fields match every number of the carrier; margin_percent is in percent."""

    id: RuleId
    carrier: str
    iso_country: CountryOrAny
    number_type: NumberTypeOrAny
    prefix: str
    currency: Currency
    price: Decimal | None
    per_minute_price_inbound: Decimal | None
    per_minute_price_outbound: Decimal | None
    setup_price: Decimal | None
    margin_percent: Decimal | None
    margin_fixed: Decimal | None
    round_to: Decimal
    period_unit: PeriodUnit
    period_every: int
    increments: str | None
    connect_fee: Decimal | None
    rounding: Rounding
    created_at: Instant


class BadLineView(msgspec.Struct, frozen=True):
    """A line of a file that cannot be imported."""

    line: int
    reason: str


class ImportView(msgspec.Struct, frozen=True):
    """What an import did, or for a `dry_run` would do. `bad_lines` lists the first thousand of `bad`."""

    imported: bool
    dry_run: bool
    good: int
    bad: int
    new: int
    changed: int
    unchanged: int
    unpriced: int
    bad_lines: tuple[BadLineView, ...]


def inventory_view(item: InventoryItem) -> InventoryView:
    """A number of the inventory."""
    listing = item.listing
    return InventoryView(
        phone_number=listing.e164,
        state=item.state,
        carrier=item.carrier,
        iso_country=listing.iso_country,
        number_type=listing.number_type,
        region=listing.region,
        locality=listing.locality,
        area_code=listing.area_code,
        capabilities=capability_names(listing.capabilities),
        price=decimal_or_none(listing.price),
        per_minute_price_inbound=decimal_or_none(listing.inbound),
        per_minute_price_outbound=decimal_or_none(listing.outbound),
        setup_price=as_decimal(listing.setup),
        currency=listing.currency,
        **period_fields(term_of(listing.term)),
        **billing_fields(billing_of(listing.billing)),
        price_source=listing.price_source,
        created_at=iso_seconds(item.created_at),
        updated_at=iso_seconds(item.updated_at),
    )


def rule_view(rule: PriceRule) -> RuleView:
    """A price rule."""
    return RuleView(
        id=rule.id,
        carrier=rule.carrier,
        iso_country=rule.iso_country,
        number_type=rule.number_type,
        prefix=rule.prefix,
        currency=rule.currency,
        price=decimal_or_none(rule.price),
        per_minute_price_inbound=decimal_or_none(rule.inbound),
        per_minute_price_outbound=decimal_or_none(rule.outbound),
        setup_price=decimal_or_none(rule.setup),
        margin_percent=None if rule.margin_percent is None else as_decimal(rule.margin_percent * 100),
        margin_fixed=decimal_or_none(rule.margin_fixed),
        round_to=as_decimal(rule.round_to),
        **period_fields(term_of(rule.term)),
        **billing_fields(billing_of(rule.billing)),
        created_at=iso_seconds(rule.created_at),
    )


def import_view(report: ImportReport) -> ImportView:
    """What an import did."""
    counts = report.counts
    return ImportView(
        imported=report.saved,
        dry_run=report.dry_run,
        good=report.good,
        bad=report.bad_count,
        new=counts.new,
        changed=counts.changed,
        unchanged=counts.unchanged,
        unpriced=counts.unpriced,
        bad_lines=tuple(BadLineView(line.line, line.reason) for line in report.bad),
    )
