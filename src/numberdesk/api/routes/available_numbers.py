"""GET /phone-numbers/available-numbers: what can be bought, at which prices.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from numberdesk.accounts.model import Caller
from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.paging import PageQuery
from numberdesk.api.shapes import E164, Currency, Price, stated
from numberdesk.catalog.listing_entry import LONGEST_PLACE
from numberdesk.catalog.model import CAPABILITIES, NumberType
from numberdesk.catalog.search import Offer, OfferQuery, QueryError, Sort
from numberdesk.catalog.search_parameters import LONGEST_AREA_CODE, MOST_EXPRESSIONS, offer_query
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.money import MoneyError, parse_currency
from numberdesk.core.pattern import LONGEST_TEXT, WRITTEN_PATTERN, MatchOn
from numberdesk.flows.catalog.find_near_numbers import check_like, find_near_numbers
from numberdesk.flows.usage.usual_billing import find_usual_billing
from numberdesk.usage.deck_store import find_deck_books
from numberdesk.views.numbers import OfferView, offer_view, suggestion_view

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
    "requires": [],
    "period_unit": "month",
    "period_every": 1,
    "increments": "60/60",
    "connect_fee": 0,
    "rounding": "up",
    "outbound_rate_deck": None,
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
    like: E164 | None = None


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
    if query.like is not None:
        return await _answer(request, await _near_numbers(request, wanted, query), {"next": None})
    found = await request.services.offer_search.search(wanted, request.caller.account_id)
    page: dict[str, Any] = {"next": found.next_token}
    if found.incomplete:  # whom the operator buys from is no customer's business
        page["incomplete"] = found.incomplete if "admin" in request.caller.scopes else True
    if not found.offers and found.next_token is None and not query.page_token:
        page |= await _suggestions(request, wanted, query)
    return await _answer(request, found.offers, page)


async def _answer(request: ApiRequest, offers: Sequence[Offer], page: dict[str, Any]) -> ApiResponse:
    expires_at = request.now + request.services.quote_lifetime
    account_id = request.caller.account_id
    usual, decks = await request.read(
        lambda tx: (find_usual_billing(tx, request.now), find_deck_books(tx, [account_id], ()))
    )
    deck = decks.told_at(account_id, request.now, request.now)
    shown = (offer._replace(prices=usual.filled(offer.carrier, offer.prices).told_of(deck)) for offer in offers)
    return ApiResponse([offer_view(offer, expires_at) for offer in shown], rest={"page": page})


async def _near_numbers(request: ApiRequest, wanted: OfferQuery, query: OffersQuery) -> Sequence[Offer]:
    """The page for `like`. Raises InvalidRequest for what cannot be sent with it."""
    like = query.like or ""
    for name in ("sort", "page_token"):
        if getattr(query, name):
            raise InvalidRequest(name, "cannot be sent with like, which is one page, the closest numbers first")
    try:
        check_like(wanted, like)
    except QueryError as error:
        raise InvalidRequest(error.field, error.reason) from None
    return await request.read(lambda tx: find_near_numbers(tx, wanted, like))


async def _suggestions(request: ApiRequest, wanted: OfferQuery, query: OffersQuery) -> dict[str, Any]:
    search, account_id = request.services.offer_search, request.caller.account_id
    found = await search.suggest(wanted.iso_country, wanted.currency, query, account_id)
    return {"suggestions": [suggestion_view(each, query.currency) for each in found]} if found else {}


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
