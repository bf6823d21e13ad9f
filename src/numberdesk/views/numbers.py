"""Numbers: offers, purchases, rentals, orders.

Touches: nothing.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final

import msgspec

from numberdesk.catalog.model import capability_names
from numberdesk.catalog.search import Offer
from numberdesk.core.lifecycle import OrderOrigin, OrderState, RentalState
from numberdesk.core.money import as_decimal, format_micros
from numberdesk.core.periods import PeriodUnit, iso_or_none, iso_seconds
from numberdesk.core.prices import decimal_or_none
from numberdesk.core.purchase import Order
from numberdesk.core.rating import Rounding
from numberdesk.core.rental import Rental
from numberdesk.flows.catalog.suggest_searches import Suggestion
from numberdesk.numbers.model import RentedNumber
from numberdesk.views.formats import (
    AccountId,
    CapabilityNames,
    ConnectionId,
    Country,
    Currency,
    ErrorCode,
    Instant,
    NumberTypeName,
    OrderId,
    PhoneNumber,
    RentalId,
    RequirementNames,
)
from numberdesk.views.offer_terms import term_fields


class ShownOrderState(StrEnum):
    """What the state of an order is called in every answer, list and filter."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def state(self) -> OrderState:
        """The state that is called so."""
        return next(state for state, status in _STATUSES.items() if status is self)


_STATUSES: Final = {
    OrderState.ORDERING: ShownOrderState.PENDING,
    OrderState.COMPLETED: ShownOrderState.COMPLETED,
    OrderState.FAILED: ShownOrderState.FAILED,
}


class PurchaseView(msgspec.Struct, frozen=True):
    """A number that was bought. `charged` is what its order took from the wallet: the first period and the setup price.

    `status` is active, or released when the answer is given again after its rental ended, at `released_at`.
    """

    phone_number: PhoneNumber
    price: Decimal
    status: RentalState
    purchased_at: Instant
    id: RentalId
    order_id: OrderId
    currency: Currency
    per_minute_price_inbound: Decimal | None
    per_minute_price_outbound: Decimal | None
    setup_price: Decimal
    charged: Decimal
    renews_at: Instant
    released_at: Instant | None
    period_unit: PeriodUnit
    period_every: int
    increments: str | None
    connect_fee: Decimal | None
    rounding: Rounding
    outbound_rate_deck: str | None


class PendingView(msgspec.Struct, frozen=True):
    """A purchase whose carrier has not answered yet. Price and setup price are held, and nothing is charged."""

    phone_number: PhoneNumber
    price: Decimal
    status: ShownOrderState
    order_id: OrderId
    currency: Currency
    per_minute_price_inbound: Decimal | None
    per_minute_price_outbound: Decimal | None
    setup_price: Decimal
    charged: Decimal
    period_unit: PeriodUnit
    period_every: int
    increments: str | None
    connect_fee: Decimal | None
    rounding: Rounding
    outbound_rate_deck: str | None


def _text(description: str) -> msgspec.Meta:
    return msgspec.Meta(description=description)


class SuggestionView(msgspec.Struct, frozen=True):
    """A search that finds something, where the one that was sent found nothing."""

    query: Annotated[dict[str, str | tuple[str, ...]], _text("All parameters to send: those sent, but for `changed`.")]
    changed: Annotated[tuple[str, ...], _text("Names of the parameters that are others, or left out.")]
    at_least: Annotated[int, _text("So many of the operator's own numbers fit now, at least; counted up to ten.")]


class RentalView(msgspec.Struct, frozen=True):
    """A rented number."""

    id: RentalId
    number: PhoneNumber
    phone_number: PhoneNumber
    friendly_name: str
    price: Decimal
    per_minute_price_inbound: Decimal | None
    per_minute_price_outbound: Decimal | None
    currency: Currency
    region: str
    locality: str
    iso_country: Country
    number_type: NumberTypeName
    capabilities: CapabilityNames
    status: RentalState
    is_active: bool
    renews_at: Instant | None
    auto_renew: bool
    ends_at: Instant | None
    past_due_since: Instant | None
    created_at: Instant
    updated_at: Instant
    released_at: Instant | None
    agent_id: str
    tags: tuple[str, ...]
    connection_id: ConnectionId | None
    period_unit: PeriodUnit
    period_every: int
    increments: str | None
    connect_fee: Decimal | None
    rounding: Rounding
    outbound_rate_deck: str | None


class ReleaseView(msgspec.Struct, frozen=True):
    """A number given back, or to be given back at `ends_at`. `id` is that of its rental."""

    phone_number: PhoneNumber
    status: RentalState
    released_at: Instant | None
    ends_at: Instant | None
    id: RentalId


class OrderErrorView(msgspec.Struct, frozen=True):
    """Why an order failed."""

    code: ErrorCode
    message: str


class OrderView(msgspec.Struct, frozen=True):
    """One purchase attempt. `status` is pending, completed or failed; a failed one has its error.

    `charged` is what it took from the wallet so far: nothing, or the first period and the setup price.
    """

    id: OrderId
    phone_number: PhoneNumber
    status: ShownOrderState
    price: Decimal
    per_minute_price_inbound: Decimal | None
    per_minute_price_outbound: Decimal | None
    setup_price: Decimal
    charged: Decimal
    currency: Currency
    created_at: Instant
    completed_at: Instant | None
    failed_at: Instant | None
    error: OrderErrorView | None
    origin: OrderOrigin
    period_unit: PeriodUnit
    period_every: int
    increments: str | None
    connect_fee: Decimal | None
    rounding: Rounding
    outbound_rate_deck: str | None


class AdminOrderView(OrderView, frozen=True):
    """One purchase attempt as the operator sees it, with whose it is. `attempts`: how often its carrier was sent it."""

    account_id: AccountId
    account_name: str
    carrier: str
    attempts: int
    carrier_reference: str | None


class OfferView(msgspec.Struct, frozen=True):
    """A number that can be bought, with the prices to confirm."""

    phone_number: PhoneNumber
    iso_country: Country
    region: str
    locality: str
    number_type: NumberTypeName
    capabilities: CapabilityNames
    price: Decimal
    per_minute_price_inbound: Decimal | None
    per_minute_price_outbound: Decimal | None
    currency: Currency
    setup_price: Decimal
    offer_expires_at: Instant
    requires: RequirementNames
    period_unit: PeriodUnit
    period_every: int
    increments: str | None
    connect_fee: Decimal | None
    rounding: Rounding
    outbound_rate_deck: str | None


def purchase_view(order: Order) -> PurchaseView:
    """The answer to a purchase: from the order alone, so that it is the same as long as its rental goes on."""
    prices = order.prices
    return PurchaseView(
        phone_number=order.e164,
        price=as_decimal(prices.monthly),
        status=RentalState.ACTIVE if order.rental_ended_at is None else RentalState.RELEASED,
        purchased_at=iso_seconds(order.completed_at or order.created_at),
        id=order.rental_id,
        order_id=order.id,
        currency=prices.currency,
        per_minute_price_inbound=decimal_or_none(prices.inbound),
        per_minute_price_outbound=decimal_or_none(prices.outbound),
        setup_price=as_decimal(prices.setup),
        charged=as_decimal(_charged(order)),
        renews_at=iso_seconds(order.renews_at or order.created_at),
        released_at=iso_or_none(order.rental_ended_at),
        **term_fields(prices),
    )


def pending_view(order: Order) -> PendingView:
    """The answer to a purchase whose carrier has not answered yet."""
    prices = order.prices
    return PendingView(
        phone_number=order.e164,
        price=as_decimal(prices.monthly),
        status=_STATUSES[order.state],
        order_id=order.id,
        currency=prices.currency,
        per_minute_price_inbound=decimal_or_none(prices.inbound),
        per_minute_price_outbound=decimal_or_none(prices.outbound),
        setup_price=as_decimal(prices.setup),
        charged=as_decimal(0),
        **term_fields(prices),
    )


def rental_view(rented: RentedNumber) -> RentalView:
    """A rented number as its customer sees it."""
    rental = rented.rental
    return RentalView(
        id=rental.id,
        number=rental.e164,
        phone_number=rental.e164,
        friendly_name=rental.friendly_name,
        price=as_decimal(rental.prices.monthly),
        per_minute_price_inbound=decimal_or_none(rental.prices.inbound),
        per_minute_price_outbound=decimal_or_none(rental.prices.outbound),
        currency=rental.prices.currency,
        region=rented.region,
        locality=rented.locality,
        iso_country=rented.iso_country,
        number_type=rented.number_type,
        capabilities=capability_names(rented.capabilities),
        status=rental.state,
        is_active=rental.released_at is None,
        renews_at=None if rental.released_at is not None else iso_seconds(rental.renews_at),
        auto_renew=rental.released_at is None and rental.auto_renew,
        ends_at=iso_or_none(rental.ends_at),
        past_due_since=iso_or_none(rental.past_due_since),
        created_at=iso_seconds(rental.created_at),
        updated_at=iso_seconds(rental.updated_at),
        released_at=iso_or_none(rental.released_at),
        agent_id=rental.agent_id,
        tags=rental.tags,
        connection_id=rental.connection_id if rental.released_at is None else None,
        **term_fields(rental.prices),
    )


def release_view(rental: Rental) -> ReleaseView:
    """A number given back."""
    ended, ends = iso_or_none(rental.released_at), iso_or_none(rental.ends_at)
    return ReleaseView(rental.e164, rental.state, ended, ends, rental.id)


def order_view(order: Order) -> OrderView:
    """An order as its customer sees it."""
    return OrderView(
        id=order.id,
        phone_number=order.e164,
        status=_STATUSES[order.state],
        price=as_decimal(order.prices.monthly),
        per_minute_price_inbound=decimal_or_none(order.prices.inbound),
        per_minute_price_outbound=decimal_or_none(order.prices.outbound),
        setup_price=as_decimal(order.prices.setup),
        charged=as_decimal(_charged(order)),
        currency=order.prices.currency,
        created_at=iso_seconds(order.created_at),
        completed_at=iso_or_none(order.completed_at),
        failed_at=iso_or_none(order.failed_at),
        error=None if order.failure is None else OrderErrorView(order.failure.code, order.failure.message),
        origin=order.origin,
        **term_fields(order.prices),
    )


def _charged(order: Order) -> int:
    """What an order took from the wallet. Where the operator gave the number, its rent was charged, or waived."""
    bought = order.origin is OrderOrigin.PURCHASE and order.state is OrderState.COMPLETED
    return order.prices.total if bought else 0


def admin_order_view(order: Order, account_name: str) -> AdminOrderView:
    """An order as the operator sees it, of the account of that name."""
    seen = msgspec.structs.asdict(order_view(order))
    return AdminOrderView(
        **seen,
        account_id=order.account_id,
        account_name=account_name,
        carrier=order.carrier,
        attempts=order.attempts,
        carrier_reference=order.carrier_reference,
    )


def suggestion_view(suggestion: Suggestion, currency: str | None) -> SuggestionView:
    """A suggestion; `currency` is what was sent for it, if anything was."""
    sent = suggestion.sent
    values = sent.given()
    query: dict[str, str | tuple[str, ...]] = {
        name: value if isinstance(value, str) else str(value) if isinstance(value, int) else tuple(value)
        for name, value in values.items()
    }
    if sent.max_price is not None:
        query["max_price"] = format_micros(sent.max_price)
    if currency is not None:
        query["currency"] = currency
    return SuggestionView(query, suggestion.changed, suggestion.at_least)


def offer_view(offer: Offer, expires_at: int) -> OfferView:
    """An offer, told how its calls are billed; until `expires_at` its prices are honoured at least."""
    prices = offer.prices
    return OfferView(
        phone_number=offer.e164,
        iso_country=offer.iso_country,
        region=offer.region,
        locality=offer.locality,
        number_type=offer.number_type,
        capabilities=capability_names(offer.capabilities),
        price=as_decimal(prices.monthly),
        per_minute_price_inbound=decimal_or_none(prices.inbound),
        per_minute_price_outbound=decimal_or_none(prices.outbound),
        currency=prices.currency,
        setup_price=as_decimal(prices.setup),
        offer_expires_at=iso_seconds(expires_at),
        requires=offer.requires,
        **term_fields(prices),
    )
