"""GET /phone-numbers/available-numbers: what can be bought, at which prices.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from numberdesk.accounts.model import Caller
from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.paging import PageQuery
from numberdesk.api.shapes import Currency, Price, stated
from numberdesk.catalog.listing_entry import LONGEST_PLACE
from numberdesk.catalog.model import CAPABILITIES, NumberType
from numberdesk.catalog.search import QueryError, Sort
from numberdesk.catalog.search_parameters import LONGEST_AREA_CODE, MOST_EXPRESSIONS, offer_query
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.money import MoneyError, parse_currency
from numberdesk.core.pattern import LONGEST_TEXT, WRITTEN_PATTERN, MatchOn
from numberdesk.views.numbers import OfferView, offer_view

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

_CAPABILITY: Final = "|".join(CAPABILITIES)
Place = Annotated[str, stated(maxLength=LONGEST_PLACE)]
AreaCode = Annotated[str, stated(maxLength=LONGEST_AREA_CODE + 1, pattern="^[0-9]*$", examples=["415"])]
"""With what is dialled before it, as the 0 of 020."""

Expression = Annotated[str, stated(minLength=1, maxLength=LONGEST_TEXT, pattern=WRITTEN_PATTERN)]
LongerExpression = Annotated[str, stated(minLength=2, maxLength=LONGEST_TEXT, pattern=WRITTEN_PATTERN)]
"""Of which two signs at least are digits or letters."""

Names = Annotated[str, stated(pattern=f"^(({_CAPABILITY})([, ]+|$))*$", examples=["voice", "sms,mms"])]


class OffersQuery(PageQuery, frozen=True):
    """Filters of the offers. A region equal to the country means anywhere in it."""

    region: Place | None = None
    locality: Place | None = None
    number_type: NumberType | None = None
    area_code: AreaCode | None = None
    starts_with: Expression | None = None
    ends_with: Expression | None = None
    contains: Annotated[list[LongerExpression], stated(maxItems=MOST_EXPRESSIONS)] | None = None
    pattern: LongerExpression | None = None
    excludes: Annotated[list[Expression], stated(maxItems=MOST_EXPRESSIONS)] | None = None
    match_on: MatchOn | None = None
    capabilities: list[Names] | None = None
    max_price: Price | None = None
    sort: Sort | None = None
    currency: Currency | None = None


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
