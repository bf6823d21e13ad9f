"""Rented numbers: list, get, label, release.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

import msgspec

from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.paging import PageQuery, page, position
from numberdesk.api.shapes import E164, Label, named_rental, stated
from numberdesk.core.errors import InvalidRequest, NotFound
from numberdesk.core.lifecycle import RentalState
from numberdesk.core.request_keys import request_key
from numberdesk.core.text import TextError, folded, parse_text
from numberdesk.flows.rentals.label_numbers import Labelling, label_numbers
from numberdesk.flows.rentals.release_numbers import Release
from numberdesk.numbers.model import Labels, RentedFilter
from numberdesk.numbers.store import find_rented, find_rented_by_id, list_rented
from numberdesk.views.numbers import ReleaseView, RentalView, release_view, rental_view

_RENTAL: Final = "rnt_"
_MOST_TAGS: Final = 20
_LONGEST_TAG: Final = 50

_EXAMPLE: Final = {
    "id": "rnt_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "number": "+13612738809",
    "phone_number": "+13612738809",
    "friendly_name": "Front desk",
    "price": 1.15,
    "per_minute_price_inbound": 0.0085,
    "per_minute_price_outbound": 0.0945,
    "currency": "USD",
    "region": "TX",
    "locality": "Corpus Christi",
    "iso_country": "US",
    "number_type": "local",
    "capabilities": ["voice", "sms"],
    "status": "active",
    "is_active": True,
    "renews_at": "2026-04-20T14:30:00Z",
    "auto_renew": True,
    "ends_at": None,
    "past_due_since": None,
    "created_at": "2026-03-20T14:30:00Z",
    "updated_at": "2026-03-20T14:30:00Z",
    "released_at": None,
    "agent_id": "agent-7",
    "tags": ["support"],
    "connection_id": None,
    "period_unit": "month",
    "period_every": 1,
    "increments": "60/60",
    "connect_fee": 0,
    "rounding": "up",
    "outbound_rate_deck": None,
}


class RentedQuery(PageQuery, frozen=True):
    """Filters of the list. Without is_active and status it holds the numbers that are rented now."""

    iso_country: Label | None = None
    region: Label | None = None
    is_active: bool | None = None
    status: RentalState | None = None
    phone_number: E164 | None = None


class ReleaseQuery(msgspec.Struct, frozen=True):
    """When to end: `now`, or at `period_end`, until when the number is paid for."""

    at: Annotated[
        Literal["now", "period_end"], msgspec.Meta(description="`now`, or when the month that is paid ends.")
    ] = "now"


Tag = Annotated[str, stated(minLength=1, maxLength=_LONGEST_TAG)]


class LabelBody(msgspec.Struct, frozen=True):
    """Labels to write; one left out stays as it is, an empty one is cleared. `inbound_agent_id` is `agent_id`.

    `auto_renew` false ends the rental when the paid month does, until it is set again.
    """

    friendly_name: Label | None = None
    agent_id: Label | None = None
    tags: (
        Annotated[
            list[Annotated[str, stated(minLength=1, maxLength=_LONGEST_TAG)]], msgspec.Meta(max_length=_MOST_TAGS)
        ]
        | None
    ) = None

    auto_renew: bool | None = None

    other_names: ClassVar = {"inbound_agent_id": "agent_id"}


@endpoint(
    "GET",
    "/phone-numbers",
    summary="The numbers that the account rents, newest first",
    tag="Numbers",
    scope="numbers:read",
    query=RentedQuery,
    data=list[RentalView],
    paged=True,
    answer_example=[_EXAMPLE],
    other_paths=("/phone-numbers/list",),
)
async def list_numbers(request: ApiRequest) -> ApiResponse:
    """Filter and page the account's rentals."""
    query: RentedQuery = request.query
    before, asked = position(query.page_token, _RENTAL), _filter_of(query)
    if asked is None:
        return ApiResponse([], rest={"page": {"next": None}})
    account_id = request.caller.account_id
    found = await request.read(
        lambda tx: list_rented(tx, account_id, asked, before_id=before, limit=query.page_size + 1)
    )
    items, rest = page(found.items, query.page_size, "rental.id", walked_to=found.walked_to)
    return ApiResponse([rental_view(item) for item in items], rest=rest)


def _filter_of(query: RentedQuery) -> RentedFilter | None:
    """What is asked for; None where nothing can be both. Those that ended have one state, so it need not be asked."""
    ended = query.status is RentalState.RELEASED
    if query.status is not None and query.is_active is ended:
        return None
    live = query.is_active is not False if query.status is None else not ended
    iso_country = None if query.iso_country is None else query.iso_country.upper()
    region = (query.region or "").strip() or None
    if region is not None and iso_country is not None and folded(region) == folded(iso_country):
        region = None  # clients send the country itself for "anywhere in it", as to the search
    return RentedFilter(live, None if ended else query.status, iso_country, region, query.phone_number)


@endpoint(
    "GET",
    "/phone-numbers/{number:str}",
    summary="One number that the account rents, or rented last",
    tag="Numbers",
    scope="numbers:read",
    data=RentalView,
    errors=("not_found",),
    answer_example=_EXAMPLE,
)
async def get_number(request: ApiRequest) -> ApiResponse:
    """Find one rental by its number, or by its id."""
    (e164, rental_id), account_id = named_rental(request.path["number"]), request.caller.account_id
    found = await request.read(
        lambda tx: (
            find_rented(tx, account_id, e164) if rental_id is None else find_rented_by_id(tx, account_id, rental_id)
        )
    )
    if found is None:
        raise NotFound
    return ApiResponse(rental_view(found))


@endpoint(
    "PATCH",
    "/phone-numbers/{number:str}",
    summary="Write friendly name, agent and tags, and whether the rental goes on",
    tag="Numbers",
    scope="numbers:manage",
    body=LabelBody,
    data=RentalView,
    errors=("not_found",),
    example={"friendly_name": "Front desk", "tags": ["support"]},
    answer_example=_EXAMPLE,
)
async def label_number(request: ApiRequest) -> ApiResponse:
    """Write labels on a live rental, named by its number or its id."""
    e164, rental_id = named_rental(request.path["number"])
    body: LabelBody = request.body
    labels = Labels(body.friendly_name, body.agent_id, None if body.tags is None else _tags(body.tags))
    account_id = request.caller.account_id
    rental = await request.services.writer.submit(
        label_numbers, Labelling(account_id, e164, labels, request.now, rental_id, body.auto_renew)
    )
    found = await request.read_back(lambda tx: find_rented_by_id(tx, account_id, rental.id))
    if found is None:
        raise NotFound
    return ApiResponse(rental_view(found), "Phone number updated")


@endpoint(
    "DELETE",
    "/phone-numbers/{number:str}/release",
    summary="Give a number back; safe to send again",
    tag="Numbers",
    scope="numbers:manage",
    query=ReleaseQuery,
    data=ReleaseView,
    errors=("not_found", "order_in_progress", "idempotency_conflict"),
    answer_example={
        "phone_number": "+13612738809",
        "status": "released",
        "released_at": "2026-04-02T09:00:00Z",
        "ends_at": None,
        "id": "rnt_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    },
    takes_key=True,
)
async def release_number(request: ApiRequest) -> ApiResponse:
    """End a rental, named by its number or its id; one that ended already is answered as it ended."""
    (e164, rental_id), account_id = named_rental(request.path["number"]), request.caller.account_id
    query: ReleaseQuery = request.query
    if query.at == "period_end":
        unchanged = Labels(None, None, None)
        ending = Labelling(account_id, e164, unchanged, request.now, rental_id, auto_renew=False)
        return ApiResponse(
            release_view(await request.services.writer.submit(label_numbers, ending)),
            "Phone number to be released when its month ends",
        )
    key = request_key(account_id, "release", request.idempotency_key, phone_number=rental_id or e164)
    rental = await request.services.writer.submit(
        request.services.release_numbers, Release(account_id, e164, request.now, rental_id, key)
    )
    return ApiResponse(release_view(rental), "Phone number released")


def _tags(sent: list[str]) -> tuple[str, ...]:
    """Tags in the order they came, each once. Raises InvalidRequest."""
    try:
        return tuple(dict.fromkeys(parse_text(tag, longest=_LONGEST_TAG) for tag in sent))
    except TextError as error:
        raise InvalidRequest("tags", str(error)) from None
