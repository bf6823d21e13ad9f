"""The operator's endpoints for exchange rates, by which costs become prices in another currency.

Touches: nothing.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final

import msgspec

from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.shapes import Label, id_in_path, stated
from numberdesk.catalog.offer_store import find_rates
from numberdesk.catalog.rules import BILLIONTH_DIGITS, LONGEST_WHOLE
from numberdesk.core.money import CURRENCY_CODE
from numberdesk.flows.catalog.set_rates import Pair, new_rate, remove_rates, set_rates
from numberdesk.views.carriers import RateView, rate_view

_RATE_EXAMPLE: Final = {"base": "EUR", "quote": "USD", "rate": 1.08, "updated_at": "2026-03-20T14:30:00Z"}
_MOST_DIGITS: Final = 40


CurrencyLabel = Annotated[Label, stated(pattern=f"^{CURRENCY_CODE.pattern}$")]
_FINEST_RATE: Final = float(Decimal(1).scaleb(-BILLIONTH_DIGITS))
WrittenRate = Annotated[
    Decimal, stated(exclusiveMinimum=0, exclusiveMaximum=10**LONGEST_WHOLE, multipleOf=_FINEST_RATE)
]


class RateBody(msgspec.Struct, frozen=True):
    """One unit of `base` is worth `rate` units of `quote`: above zero, at most nine digits after the point."""

    base: CurrencyLabel
    quote: CurrencyLabel
    rate: WrittenRate


@endpoint(
    "GET",
    "/admin/exchange-rates",
    summary="Exchange rates, by currencies",
    tag="Operators",
    scope="admin",
    data=list[RateView],
    paged=True,
    answer_example=[_RATE_EXAMPLE],
)
async def exchange_rates(request: ApiRequest) -> ApiResponse:
    """List all: there are few."""
    found = await request.read(find_rates)
    return ApiResponse([rate_view(rate) for rate in found], rest={"page": {"next": None}})


@endpoint(
    "POST",
    "/admin/exchange-rates",
    summary="Set the rate by which costs in one currency become prices in another",
    tag="Operators",
    scope="admin",
    body=RateBody,
    data=RateView,
    example={"base": "EUR", "quote": "USD", "rate": 1.08},
    answer_example=_RATE_EXAMPLE,
)
async def set_exchange_rate(request: ApiRequest) -> ApiResponse:
    """Set a rate, in place of the one for the same pair if there is one."""
    body: RateBody = request.body
    rate = new_rate(body.base, body.quote, _plain(body.rate), request.now)
    stored = await request.services.writer.submit(set_rates, rate)
    return ApiResponse(rate_view(stored), "Exchange rate set")


@endpoint(
    "DELETE",
    "/admin/exchange-rates/{base:str}/{quote:str}",
    summary="Remove a rate; what only it could price is no longer offered",
    tag="Operators",
    scope="admin",
    data=RateView,
    errors=("not_found",),
    answer_example=_RATE_EXAMPLE,
)
async def remove_exchange_rate(request: ApiRequest) -> ApiResponse:
    """Remove a rate."""
    pair = Pair(id_in_path(request.path["base"]), id_in_path(request.path["quote"]))
    removed = await request.services.writer.submit(remove_rates, pair)
    return ApiResponse(rate_view(removed), "Exchange rate removed")


def _plain(rate: Decimal) -> str:
    """A decimal as a person writes it; one that would take more digits than any rate has stays as it is."""
    few = rate.is_finite() and rate.adjusted() < _MOST_DIGITS and len(rate.as_tuple().digits) < _MOST_DIGITS
    return f"{rate:f}" if few and rate.adjusted() > -_MOST_DIGITS else str(rate)
