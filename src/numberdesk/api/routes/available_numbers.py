"""GET /phone-numbers/available-numbers: what can be bought, at which prices.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from numberdesk.accounts.model import Caller
from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.paging import PageQuery
from numberdesk.api.shapes import Price
from numberdesk.catalog.model import NumberType
from numberdesk.catalog.search import QueryError, Sort
from numberdesk.catalog.search_parameters import offer_query
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.money import MoneyError, parse_currency
from numberdesk.core.pattern import MatchOn
from numberdesk.views import OfferView, offer_view

_PATTERN: Final = "Digits, letters as on a keypad, * or ? for one digit, % for any run"
_EXAMPLE: Final = {
    "phone_number": "+13612738809",
    "iso_country": "US",
    "region": "TX",
    "locality": "Corpus Christi",
    "number_type": "local",
    "capabilities": ["voice", "sms"],
    "price": 1.15,
    "per_minute_price_inbound": 0.0085,
    "per_minute_price_outbound": 0.0945,
    "currency": "USD",
    "setup_price": 0,
    "offer_expires_at": "2026-03-20T14:40:00Z",
}

Text = Annotated[str, msgspec.Meta(max_length=1000)]
Expression = Annotated[str, msgspec.Meta(max_length=1000, description=_PATTERN)]
Expressions = Annotated[list[str], msgspec.Meta(description=f"{_PATTERN}; may be sent several times")]


class OffersQuery(PageQuery, frozen=True):
    """Filters of the offers. A region equal to the country means anywhere in it."""

    region: Text | None = None
    locality: Text | None = None
    number_type: NumberType | None = None
    area_code: Annotated[str, msgspec.Meta(max_length=1000, description="1 to 6 digits")] | None = None
    starts_with: Expression | None = None
    ends_with: Expression | None = None
    contains: Expressions | None = None
    pattern: Expression | None = None
    excludes: Expressions | None = None
    match_on: MatchOn | None = None
    capabilities: Annotated[list[str], msgspec.Meta(description="voice, sms, mms, fax; comma separated")] | None = None
    max_price: Annotated[Price, msgspec.Meta(description="Highest monthly price")] | None = None
    sort: Sort | None = None
    currency: Annotated[str, msgspec.Meta(description="For keys of operators' accounts, which have none")] | None = None


@endpoint(
    "GET",
    "/phone-numbers/available-numbers/{iso_country:str}",
    summary="Numbers that can be bought now, with the prices to confirm",
    tag="Numbers",
    scope="numbers:read",
    query=OffersQuery,
    data=list[OfferView],
    paged=True,
    answer_example=[_EXAMPLE],
    operators_too=True,
)
async def available_numbers(request: ApiRequest) -> ApiResponse:
    """Search the offers in the account's currency; operators name one."""
    query: OffersQuery = request.query
    currency = _currency(request.caller, query.currency)
    try:
        wanted = offer_query(request.path["iso_country"], currency, query)
    except QueryError as error:
        raise InvalidRequest(error.field, error.reason) from None
    found = await request.services.offer_search.search(wanted, request.caller.account_id)
    expires_at = request.now + request.services.quote_lifetime
    page: dict[str, Any] = {"next": found.next_token}
    if found.incomplete:  # whom the operator buys from is no customer's business
        page["incomplete"] = found.incomplete if "admin" in request.caller.scopes else True
    return ApiResponse([offer_view(offer, expires_at) for offer in found.offers], rest={"page": page})


def _currency(caller: Caller, asked: str | None) -> str:
    """The account's currency, or the one asked for where it has none. Raises InvalidRequest."""
    if caller.currency:
        if asked not in (None, caller.currency):
            raise InvalidRequest("currency", f"must be {caller.currency}, the account's, or be left out")
        return caller.currency
    if asked is None:
        raise InvalidRequest("currency", "must be given, like USD: an operators' account has none")
    try:
        return parse_currency(asked)
    except MoneyError as error:
        raise InvalidRequest("currency", str(error)) from None
