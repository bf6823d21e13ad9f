"""Rent as operators see it: rentals of all accounts, their periods, prices that are announced, terms of accounts.

Touches: nothing.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from numberdesk.core.lifecycle import RentalState
from numberdesk.core.money import as_decimal
from numberdesk.core.periods import PeriodUnit, iso_or_none, iso_seconds
from numberdesk.core.prices import decimal_or_none
from numberdesk.core.rent import RentTerms
from numberdesk.core.rental import HOUR, ChargeState, MissedRule, Proration, Rental, RentCharge, RentPrice
from numberdesk.flows.rentals.rent_records import terms_of
from numberdesk.flows.rentals.set_rent_policies import TERMS
from numberdesk.numbers.rent_store import RentPolicy
from numberdesk.views.formats import AccountId, Currency, Instant, PhoneNumber, RentalId
from numberdesk.views.offer_terms import period_fields


class AnyRentalView(msgspec.Struct, frozen=True):
    """A rental of any account, and how its rent stands. `said` is what came of the last look at it."""

    id: RentalId
    account_id: AccountId
    phone_number: PhoneNumber
    status: RentalState
    price: Decimal
    currency: Currency
    period_unit: PeriodUnit
    period_every: int
    period: int
    renews_at: Instant
    ends_at: Instant | None
    past_due_since: Instant | None
    parked_at: Instant | None
    said: str
    created_at: Instant
    released_at: Instant | None


class RentChargeView(msgspec.Struct, frozen=True):
    """What became of a period: purchased, charged by a transfer, or waived by somebody who says why."""

    period: int
    begins_at: Instant
    status: ChargeState
    amount: Decimal
    currency: Currency
    transfer_id: str | None
    waived_by: str | None
    reason: str | None


class RentPriceView(msgspec.Struct, frozen=True):
    """Prices that are announced: what a rental costs from a period on."""

    rental_id: RentalId
    phone_number: PhoneNumber
    from_period: int
    price: Decimal
    per_minute_price_inbound: Decimal | None
    per_minute_price_outbound: Decimal | None


class RentPolicyView(msgspec.Struct, frozen=True):
    """The terms of rent that hold for an account; `own` names those that are its own, the others are the settings'."""

    account_id: AccountId
    grace_hours: int
    reminder_days: tuple[int, ...]
    missed: MissedRule
    notice_days: int
    proration: Proration
    auto_renew: bool
    own: tuple[str, ...]


def rent_policy_view(account_id: str, policy: RentPolicy | None, usual: RentTerms) -> RentPolicyView:
    """Terms of an account, with those that it has of its own in the place of the operator's."""
    terms = usual if policy is None else terms_of(policy, usual)
    own = () if policy is None else tuple(name for name in TERMS if getattr(policy, name) is not None)
    hours = terms.grace // HOUR
    rest = terms.missed, terms.notice_days, terms.proration, terms.auto_renew
    return RentPolicyView(account_id, hours, terms.reminders, *rest, own)


def any_rental_view(rental: Rental) -> AnyRentalView:
    """A rental as operators see it."""
    return AnyRentalView(
        id=rental.id,
        account_id=rental.account_id,
        phone_number=rental.e164,
        status=rental.state,
        price=as_decimal(rental.prices.monthly),
        currency=rental.prices.currency,
        **period_fields(rental.term),
        period=rental.period,
        renews_at=iso_seconds(rental.renews_at),
        ends_at=iso_or_none(rental.ends_at),
        past_due_since=iso_or_none(rental.past_due_since),
        parked_at=iso_or_none(rental.parked_at),
        said=rental.message,
        created_at=iso_seconds(rental.created_at),
        released_at=iso_or_none(rental.released_at),
    )


def rent_charge_view(rental: Rental, charge: RentCharge) -> RentChargeView:
    """A period as operators see it."""
    return RentChargeView(
        period=charge.period,
        begins_at=iso_seconds(rental.begin_of(charge.period)),
        status=charge.state,
        amount=as_decimal(charge.amount),
        currency=rental.prices.currency,
        transfer_id=charge.transfer_id,
        waived_by=charge.waived_by,
        reason=charge.reason,
    )


def rent_price_view(price: RentPrice) -> RentPriceView:
    """Prices that are announced, as operators see them."""
    return RentPriceView(
        rental_id=price.rental_id,
        phone_number=price.e164,
        from_period=price.from_period,
        price=as_decimal(price.price),
        per_minute_price_inbound=decimal_or_none(price.inbound),
        per_minute_price_outbound=decimal_or_none(price.outbound),
    )
