"""What outbound calls of an account cost by the number that is called, where a rate deck says it.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.paging import PageQuery, page, position
from numberdesk.api.shapes import E164
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.rate_deck import PREFIX
from numberdesk.usage.deck_store import list_rates_of
from numberdesk.views.rates import DeckRateView, deck_rate_view

_EXAMPLE: Final = {"prefix": "1809", "rate": 0.2, "connect_fee": 0, "increments": "60/60", "currency": "USD"}


class RatesQuery(PageQuery, frozen=True):
    """Which rates: all by prefix, or those that match one number."""

    number: Annotated[E164, msgspec.Meta(description="Only prefixes of this number; the longest one holds.")] | None = (
        None
    )


@endpoint(
    "GET",
    "/usage/rates",
    summary="What outbound calls cost now by the first digits of the number called, by prefix",
    tag="Usage",
    scope="billing:read",
    query=RatesQuery,
    data=list[DeckRateView],
    paged=True,
    answer_example=[_EXAMPLE],
)
async def rates(request: ApiRequest) -> ApiResponse:
    """Page the rate deck of the account. Without one there is none, and each rental's own rate holds."""
    query: RatesQuery = request.query
    account_id, called = request.caller.account_id, query.number
    after, limit = _place(query.page_token), query.page_size + 1
    found = await request.read(lambda tx: list_rates_of(tx, account_id, called, request.now, after=after, limit=limit))
    items, rest = page([deck_rate_view(deck, row) for deck, row in found], query.page_size, "prefix")
    return ApiResponse(items, rest=rest)


def _place(token: str | None) -> str:
    text = position(token, "") or ""
    if text and PREFIX.fullmatch(text) is None:
        raise InvalidRequest("page_token", "is not a token of this list")
    return text
