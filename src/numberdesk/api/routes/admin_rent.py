"""The operator's endpoints for rent: rentals of all accounts, their periods, waivers, new prices, terms of accounts.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from numberdesk.accounts.store import find_accounts
from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.paging import PageQuery, page, position
from numberdesk.api.shapes import Price, Rate, id_in_path, stated
from numberdesk.core.errors import InvalidRequest, NotFound
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.rental import LONGEST_REMINDER, MissedRule, Proration
from numberdesk.flows.rentals.announce_by_rule import AnnounceByRule, announce_all_of_rule
from numberdesk.flows.rentals.announce_prices import announce_prices, announcement
from numberdesk.flows.rentals.announce_to_account import AnnounceToAccount, announce_all_of_account
from numberdesk.flows.rentals.resolve_rent import LONGEST_REASON, resume_rentals, waive_rent, waiver
from numberdesk.flows.rentals.set_rent_policies import MOST_DAYS, MOST_HOURS, Terms, rent_policy, set_rent_policies
from numberdesk.numbers.rent_store import find_rent_policies, find_rental, list_live_rentals, list_rent_charges
from numberdesk.views.rates import RepricingView, repricing_view
from numberdesk.views.rent import (
    AnyRentalView,
    RentChargeView,
    RentPolicyView,
    RentPriceView,
    any_rental_view,
    rent_charge_view,
    rent_policy_view,
    rent_price_view,
)

_MOST_PERIODS: Final = 1_000
_ONCE: Final = "is not taken by this request: what is announced is not announced twice"
RENTAL_EXAMPLE: Final = {
    "id": "rnt_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "account_id": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "phone_number": "+13612738809",
    "status": "past_due",
    "price": 1.15,
    "currency": "USD",
    "period_unit": "month",
    "period_every": 1,
    "period": 2,
    "renews_at": "2026-06-20T14:30:00Z",
    "ends_at": None,
    "past_due_since": "2026-06-20T14:30:04Z",
    "parked_at": None,
    "said": "the wallet does not cover it",
    "created_at": "2026-03-20T14:30:00Z",
    "released_at": None,
}
_PERIOD_EXAMPLE: Final = {
    "period": 1,
    "begins_at": "2026-04-20T14:30:00Z",
    "status": "charged",
    "amount": 1.15,
    "currency": "USD",
    "transfer_id": "trf_0195b3a4c7e07d2f8a1b2c3d4e5f6071_rent_1",
    "waived_by": None,
    "reason": None,
}
_PRICE_EXAMPLE: Final = {
    "rental_id": "rnt_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "phone_number": "+13612738809",
    "from_period": 4,
    "price": 1.35,
    "per_minute_price_inbound": 0.0085,
    "per_minute_price_outbound": 0.0945,
}
_REPRICING_EXAMPLE: Final = {
    "looked": 412,
    "announced": 411,
    "refused_count": 1,
    "refused": [
        {
            "rental_id": "rnt_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
            "reason": "The rule has a price for every 12 months, and the number is paid for every month.",
        }
    ],
}

_POLICY_EXAMPLE: Final = {
    "account_id": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "grace_hours": 72,
    "reminder_days": [7, 1],
    "missed": "charged",
    "notice_days": 30,
    "proration": "release",
    "auto_renew": True,
    "own": ["grace_hours", "proration"],
}


class AdminRentalsQuery(PageQuery, frozen=True):
    """`past_due` lists the rentals that are not paid, `parked` those that wait for a person."""

    status: Literal["past_due", "parked"] | None = None


class WaiverBody(msgspec.Struct, frozen=True):
    """Why the period that has begun and is not paid is not charged."""

    reason: Annotated[str, stated(minLength=1, maxLength=LONGEST_REASON)]


class RentalPricesBody(msgspec.Struct, frozen=True):
    """What the rental costs from the first period on that begins after the notice; a rate left out stays."""

    price: Price
    per_minute_price_inbound: Rate | None = None
    per_minute_price_outbound: Rate | None = None


class RepriceBody(msgspec.Struct, frozen=True):
    """What all of them cost; without a price what the rule makes of each. A rate left out stays as it is."""

    price: Price | None = None
    per_minute_price_inbound: Rate | None = None
    per_minute_price_outbound: Rate | None = None


ReminderDay = Annotated[int, stated(minimum=1, maximum=LONGEST_REMINDER)]


class RentPolicyBody(msgspec.Struct, frozen=True):
    """The terms that are the account's own; what is left out, or null, is as the settings say."""

    grace_hours: Annotated[int, stated(minimum=0, maximum=MOST_HOURS)] | None = None
    reminder_days: Annotated[list[ReminderDay], msgspec.Meta(max_length=LONGEST_REMINDER)] | None = None
    missed: MissedRule | None = None
    notice_days: Annotated[int, stated(minimum=0, maximum=MOST_DAYS)] | None = None
    proration: Proration | None = None
    auto_renew: bool | None = None

    @property
    def terms(self) -> Terms:
        """What is to be written."""
        days = None if self.reminder_days is None else ",".join(map(str, self.reminder_days))
        return {
            "grace_hours": self.grace_hours,
            "reminder_days": days,
            "missed": self.missed,
            "notice_days": self.notice_days,
            "proration": self.proration,
            "auto_renew": self.auto_renew,
        }


@endpoint(
    "GET",
    "/admin/rentals",
    summary="Rentals of all accounts that go on, oldest first",
    tag="Operators",
    scope="admin",
    query=AdminRentalsQuery,
    data=list[AnyRentalView],
    paged=True,
    answer_example=[RENTAL_EXAMPLE],
)
async def all_rentals(request: ApiRequest) -> ApiResponse:
    """Page the rentals of all accounts."""
    query: AdminRentalsQuery = request.query
    after, limit = position(query.page_token, "rnt_"), query.page_size + 1
    past_due, parked = query.status == "past_due", query.status == "parked"
    found = await request.read(
        lambda tx: list_live_rentals(tx, past_due=past_due, parked=parked, after_id=after, limit=limit)
    )
    items, rest = page(found, query.page_size, "id")
    return ApiResponse([any_rental_view(item) for item in items], rest=rest)


@endpoint(
    "GET",
    "/admin/rentals/{rental_id:str}/periods",
    summary="What became of the latest thousand periods of a rental, the last one first",
    tag="Operators",
    scope="admin",
    data=list[RentChargeView],
    errors=("not_found",),
    answer_example=[_PERIOD_EXAMPLE],
)
async def rental_periods(request: ApiRequest) -> ApiResponse:
    """Charged, or waived by whom and why."""
    rental_id = id_in_path(request.path["rental_id"])
    rental = await request.read(lambda tx: find_rental(tx, rental_id))
    if rental is None:
        raise NotFound
    charges = await request.read(lambda tx: list_rent_charges(tx, rental.account_id, rental_id, limit=_MOST_PERIODS))
    return ApiResponse([rent_charge_view(rental, charge) for charge in charges])


@endpoint(
    "POST",
    "/admin/rentals/{rental_id:str}/waive",
    summary="Do not charge the period of a rental that has begun and is not paid",
    tag="Operators",
    scope="admin",
    body=WaiverBody,
    data=AnyRentalView,
    errors=("not_found",),
    example={"reason": "our outage"},
    answer_example={**RENTAL_EXAMPLE, "status": "active", "period": 3, "past_due_since": None, "said": ""},
)
async def waive_period(request: ApiRequest) -> ApiResponse:
    """Waive what is next; nothing that is charged can be waived."""
    body: WaiverBody = request.body
    command = waiver(id_in_path(request.path["rental_id"]), request.caller.account_id, body.reason, request.now)
    return ApiResponse(any_rental_view(await request.services.writer.submit(waive_rent, command)), "Period waived")


@endpoint(
    "POST",
    "/admin/rentals/{rental_id:str}/run",
    summary="Let a parked rental go on; the worker charges up to three more of its periods at its next round",
    tag="Operators",
    scope="admin",
    data=AnyRentalView,
    errors=("not_found",),
    answer_example={**RENTAL_EXAMPLE, "said": ""},
)
async def run_rental(request: ApiRequest) -> ApiResponse:
    """One that is not parked stays as it is, so this may be sent again."""
    rental_id = id_in_path(request.path["rental_id"])
    return ApiResponse(any_rental_view(await request.services.writer.submit(resume_rentals, rental_id)), "Goes on")


@endpoint(
    "POST",
    "/admin/rentals/{rental_id:str}/prices",
    summary="Announce other prices of a rental, from the first period on that begins after the notice",
    tag="Operators",
    scope="admin",
    body=RentalPricesBody,
    data=RentPriceView,
    errors=("not_found",),
    example={"price": 1.35},
    answer_example=_PRICE_EXAMPLE,
)
async def announce_rental_prices(request: ApiRequest) -> ApiResponse:
    """The customer is told at once."""
    body: RentalPricesBody = request.body
    command = announcement(
        id_in_path(request.path["rental_id"]),
        body.price,
        body.per_minute_price_inbound,
        body.per_minute_price_outbound,
        now=request.now,
        usual=request.services.rent_terms,
    )
    made = await request.services.writer.submit(announce_prices, command)
    return ApiResponse(rent_price_view(made), "Prices announced")


@endpoint(
    "GET",
    "/admin/accounts/{account_id:str}/rent-policy",
    summary="The terms of rent that hold for an account",
    tag="Operators",
    scope="admin",
    data=RentPolicyView,
    errors=("not_found",),
    answer_example=_POLICY_EXAMPLE,
)
async def get_rent_policy(request: ApiRequest) -> ApiResponse:
    """Those of its own, and the settings' for the rest."""
    account_id = id_in_path(request.path["account_id"])
    account = (await request.read(lambda tx: find_accounts(tx, [account_id], lock=False))).get(account_id)
    if account is None or account.kind is AccountKind.OPERATOR:
        raise NotFound
    found = await request.read(lambda tx: find_rent_policies(tx, [account_id]))
    return ApiResponse(rent_policy_view(account_id, found.get(account_id), request.services.rent_terms))


@endpoint(
    "PUT",
    "/admin/accounts/{account_id:str}/rent-policy",
    summary="Let terms of rent differ for an account",
    tag="Operators",
    scope="admin",
    body=RentPolicyBody,
    data=RentPolicyView,
    errors=("not_found",),
    example={"grace_hours": 72, "proration": "release"},
    answer_example=_POLICY_EXAMPLE,
)
async def put_rent_policy(request: ApiRequest) -> ApiResponse:
    """All of them at once, so that it is safe to send again."""
    body: RentPolicyBody = request.body
    command = rent_policy(id_in_path(request.path["account_id"]), body.terms, request.now)
    policy = await request.services.writer.submit(set_rent_policies, command)
    view = rent_policy_view(policy.account_id, policy, request.services.rent_terms)
    return ApiResponse(view, "Terms of rent written")


@endpoint(
    "POST",
    "/admin/accounts/{account_id:str}/reprice",
    summary="Announce other prices of all rentals of an account",
    tag="Operators",
    scope="admin",
    body=RentalPricesBody,
    data=RepricingView,
    errors=("not_found",),
    example={"price": 1.35},
    answer_example={"looked": 12, "announced": 12, "refused_count": 0, "refused": []},
    key_refusal=_ONCE,
)
async def reprice_account(request: ApiRequest) -> ApiResponse:
    """The customer is told at once; each rental keeps its prices until the notice is over."""
    body: RentalPricesBody = request.body
    rates = body.per_minute_price_inbound, body.per_minute_price_outbound
    announcement("", body.price, *rates, now=request.now, usual=request.services.rent_terms)
    account_id = id_in_path(request.path["account_id"])
    first = AnnounceToAccount(account_id, "", body.price, *rates, request.now, request.services.rent_terms)
    done = await announce_all_of_account(request.services.writer, first)
    return ApiResponse(repricing_view(done), "Prices announced")


@endpoint(
    "POST",
    "/admin/price-rules/{rule_id:str}/reprice",
    summary="Announce what a price rule makes of all rentals that it covers, or prices that are sent",
    tag="Operators",
    scope="admin",
    body=RepriceBody,
    data=RepricingView,
    errors=("not_found",),
    example={"price": 1.35, "per_minute_price_inbound": 0.0085},
    answer_example=_REPRICING_EXAMPLE,
    key_refusal=_ONCE,
)
async def reprice_by_rule(request: ApiRequest) -> ApiResponse:
    """Their customers are told at once; each rental keeps its prices until the notice is over."""
    body: RepriceBody = request.body
    rates = body.per_minute_price_inbound, body.per_minute_price_outbound
    if body.price is not None:
        announcement("", body.price, *rates, now=request.now, usual=request.services.rent_terms)
    elif rates != (None, None):
        raise InvalidRequest("price", "must be sent with rates")
    rule_id = id_in_path(request.path["rule_id"])
    first = AnnounceByRule(rule_id, "", body.price, *rates, request.now, request.services.rent_terms)
    done = await announce_all_of_rule(request.services.writer, first)
    return ApiResponse(repricing_view(done), "Prices announced")
