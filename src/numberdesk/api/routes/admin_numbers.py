"""The operator's hands on rented numbers: who rents what; give, move, take back and restore; and who did what.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from numberdesk.accounts.intervention_store import list_interventions
from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.paging import PageQuery, page, position
from numberdesk.api.routes.admin_rent import RENTAL_EXAMPLE
from numberdesk.api.shapes import ConnectionId, Label, Price, Rate, e164_in_path, named_rental, stated
from numberdesk.core.connection import CONNECTION_ID
from numberdesk.core.errors import InvalidRequest, NotFound
from numberdesk.core.interventions import LONGEST_REASON, InterventionKind, Warrant, warrant
from numberdesk.core.phone import E164_PATTERN
from numberdesk.core.rental import Rental
from numberdesk.core.request_keys import RequestKey, request_key
from numberdesk.flows.connections.assign_connections import NO_CONNECTION
from numberdesk.flows.rentals.assign_numbers import Assign, assign_numbers, given_prices
from numberdesk.flows.rentals.describe_numbers import describe_named
from numberdesk.flows.rentals.restore_rentals import Restore, restore_rentals
from numberdesk.flows.rentals.take_back_numbers import TakeBack
from numberdesk.flows.rentals.transfer_numbers import NumberTransfer, transfer_numbers
from numberdesk.numbers.rent_store import list_live_rentals
from numberdesk.views.formats import RentalId
from numberdesk.views.hands import HeldNumberView, InterventionView, held_number_view, intervention_view
from numberdesk.views.rent import AnyRentalView, any_rental_view

_TAG: Final = "Operators"
_RENTAL: Final = {**RENTAL_EXAMPLE, "status": "active", "period": 0, "past_due_since": None, "said": ""}
_INTERVENTION: Final = {
    "id": "itv_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "made_at": "2026-03-20T14:30:00Z",
    "made_by": "key_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "action": "assign",
    "account_id": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "phone_number": "+13612738809",
    "rental_id": "rnt_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "reason": "as agreed on the phone",
}
Reason = Annotated[
    str,
    stated(minLength=1, maxLength=LONGEST_REASON),
    msgspec.Meta(description="Why. It is kept with who did it, and the customer is told."),
]
ThisRental = Annotated[
    RentalId | None,
    msgspec.Meta(
        description="The rental that it is about: where the number is of another by now, nothing is done (409)."
    ),
]
_CONNECTION: Final = "Where its calls are to go: a connection of the account, or a shared one; else nowhere."


class HeldNumbersQuery(PageQuery, frozen=True):
    """Of one account, or of all."""

    account_id: Label | None = None


class InterventionsQuery(PageQuery, frozen=True):
    """Of one number, or of all."""

    phone_number: Annotated[str, stated(pattern=E164_PATTERN)] | None = None


class AssignBody(msgspec.Struct, frozen=True):
    """Who is given the number, and at which prices; what is left out is as the number is offered.

    The wallet pays the first period where `charge` says so; else it is waived. A setup price is never charged.
    """

    account_id: Label
    reason: Reason
    price: Price | None = None
    per_minute_price_inbound: Rate | None = None
    per_minute_price_outbound: Rate | None = None
    charge: Annotated[bool, msgspec.Meta(description="Whether the wallet pays the first period.")] = False
    connection_id: Annotated[ConnectionId | None, msgspec.Meta(description=_CONNECTION)] = None


class TransferBody(msgspec.Struct, frozen=True):
    """Who is to have the number."""

    account_id: Label
    reason: Reason
    connection_id: Annotated[ConnectionId | None, msgspec.Meta(description=_CONNECTION)] = None
    rental_id: ThisRental = None


class ReasonBody(msgspec.Struct, frozen=True):
    """Why it is done, and to which rental."""

    reason: Reason
    rental_id: ThisRental = None


@endpoint(
    "GET",
    "/admin/phone-numbers",
    summary="Numbers that are rented, by whom, oldest rental first",
    tag=_TAG,
    scope="admin",
    query=HeldNumbersQuery,
    data=list[AnyRentalView],
    paged=True,
    answer_example=[_RENTAL],
)
async def held_numbers(request: ApiRequest) -> ApiResponse:
    """Page the rentals that go on."""
    query: HeldNumbersQuery = request.query
    after, limit = position(query.page_token, "rnt_"), query.page_size + 1
    found = await request.read(
        lambda tx: list_live_rentals(
            tx, past_due=False, parked=False, account_id=query.account_id, after_id=after, limit=limit
        )
    )
    items, rest = page(found, query.page_size, "id")
    return ApiResponse([any_rental_view(item) for item in items], rest=rest)


@endpoint(
    "GET",
    "/admin/phone-numbers/{number:str}",
    summary="A number: who rents it, who did, and what operators did with it",
    tag=_TAG,
    scope="admin",
    data=HeldNumberView,
    errors=("not_found",),
    answer_example={
        "phone_number": "+13612738809",
        "carrier": "pool",
        "status": "assigned",
        "quarantined_until": None,
        "rental": _RENTAL,
        "rentals": [],
        "interventions": [_INTERVENTION],
    },
)
async def held_number(request: ApiRequest) -> ApiResponse:
    """Find all that is known of it, by its digits or the id of a rental of it."""
    named, rental_id = named_rental(request.path["number"])
    found = await request.read(lambda tx: describe_named(tx, rental_id or named))
    if found is None:
        raise NotFound
    return ApiResponse(held_number_view(found))


@endpoint(
    "POST",
    "/admin/phone-numbers/{number:str}/assign",
    summary="Give a number of the own pool to an account without its buying; safe to send again",
    tag=_TAG,
    scope="admin",
    body=AssignBody,
    data=AnyRentalView,
    takes_key=True,
    errors=("not_found", "number_not_offered", "number_taken", "insufficient_balance", "idempotency_conflict"),
    example={"account_id": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071", "price": 1.15, "reason": "as agreed on the phone"},
    answer_example=_RENTAL,
)
async def assign_number(request: ApiRequest) -> ApiResponse:
    """The account rents it from now on; one that does already is answered the same."""
    body: AssignBody = request.body
    prices = given_prices(body.price, body.per_minute_price_inbound, body.per_minute_price_outbound)
    e164, order_id = e164_in_path(request.path["number"]), request.services.new_id("ord")
    connection_id, why = _connection(body.connection_id), _warrant(request, body.reason)
    key = _key(request, InterventionKind.ASSIGN, e164)
    command = Assign(body.account_id, e164, prices, body.charge, connection_id, order_id, why, key)
    return _answer(await request.services.writer.submit(assign_numbers, command), "Number assigned")


@endpoint(
    "POST",
    "/admin/phone-numbers/{number:str}/transfer",
    summary="Move a rented number to another account with its anchor and paid period; safe to send again",
    tag=_TAG,
    scope="admin",
    body=TransferBody,
    data=AnyRentalView,
    takes_key=True,
    errors=("not_found", "rental_conflict", "idempotency_conflict"),
    example={"account_id": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071", "reason": "the agency handed its client over"},
    answer_example=_RENTAL,
)
async def transfer_number(request: ApiRequest) -> ApiResponse:
    """The rental of the one ends as that of the other begins."""
    body: TransferBody = request.body
    e164, order_id = e164_in_path(request.path["number"]), request.services.new_id("ord")
    connection_id, why = _connection(body.connection_id), _warrant(request, body.reason)
    usual = request.services.rent_terms
    key = _key(request, InterventionKind.TRANSFER, e164)
    command = NumberTransfer(e164, body.account_id, connection_id, order_id, why, usual, body.rental_id, key)
    return _answer(await request.services.writer.submit(transfer_numbers, command), "Number transferred")


@endpoint(
    "POST",
    "/admin/phone-numbers/{number:str}/take-back",
    summary="Take a rented number back from its account; safe to send again",
    tag=_TAG,
    scope="admin",
    body=ReasonBody,
    data=AnyRentalView,
    takes_key=True,
    errors=("not_found", "rental_conflict", "idempotency_conflict"),
    example={"reason": "reported for fraud"},
    answer_example={**_RENTAL, "status": "released", "released_at": "2026-03-25T09:00:00Z"},
)
async def take_back_number(request: ApiRequest) -> ApiResponse:
    """The rental ends, the number rests, and its carrier is told after a while."""
    body: ReasonBody = request.body
    e164 = e164_in_path(request.path["number"])
    command = TakeBack(
        e164, _warrant(request, body.reason), body.rental_id, _key(request, InterventionKind.TAKE_BACK, e164)
    )
    return _answer(await request.services.writer.submit(request.services.take_back, command), "Number taken back")


@endpoint(
    "POST",
    "/admin/phone-numbers/{number:str}/restore",
    summary="Let the rental of a number that ended last go on, while the number is still to be had; safe to send again",
    tag=_TAG,
    scope="admin",
    body=ReasonBody,
    data=AnyRentalView,
    takes_key=True,
    errors=("not_found", "rental_conflict", "insufficient_balance", "idempotency_conflict"),
    example={"reason": "taken back by mistake"},
    answer_example=_RENTAL,
)
async def restore_number(request: ApiRequest) -> ApiResponse:
    """Its account rents it again, from its old anchor on."""
    body: ReasonBody = request.body
    e164, order_id = e164_in_path(request.path["number"]), request.services.new_id("ord")
    key = _key(request, InterventionKind.RESTORE, e164)
    command = Restore(e164, order_id, _warrant(request, body.reason), body.rental_id, key)
    return _answer(await request.services.writer.submit(restore_rentals, command), "Number restored")


@endpoint(
    "GET",
    "/admin/interventions",
    summary="What operators did with numbers: who, when and why, the latest first",
    tag=_TAG,
    scope="admin",
    query=InterventionsQuery,
    data=list[InterventionView],
    paged=True,
    answer_example=[_INTERVENTION],
)
async def interventions(request: ApiRequest) -> ApiResponse:
    """Page what was done."""
    query: InterventionsQuery = request.query
    before, limit = position(query.page_token, "itv_"), query.page_size + 1
    e164 = None if query.phone_number is None else e164_in_path(query.phone_number)
    found = await request.read(lambda tx: list_interventions(tx, e164=e164, before_id=before, limit=limit))
    items, rest = page(found, query.page_size, "id")
    return ApiResponse([intervention_view(item) for item in items], rest=rest)


def _connection(connection_id: str | None) -> str | None:
    """What may be a connection. Raises InvalidRequest."""
    if connection_id is not None and not CONNECTION_ID.fullmatch(connection_id):
        raise InvalidRequest("connection_id", NO_CONNECTION)
    return connection_id


def _warrant(request: ApiRequest, reason: str) -> Warrant:
    return warrant(request.services.new_id("itv"), request.caller.key_id, reason, request.now)


def _key(request: ApiRequest, verb: InterventionKind, e164: str) -> RequestKey | None:
    """The key of a request, of its operators' account, with all that the request says."""
    said = {name: _said(value) for name, value in msgspec.structs.asdict(request.body).items()}
    return request_key(request.caller.account_id, verb.value, request.idempotency_key, phone_number=e164, **said)


def _said(value: object) -> object:
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def _answer(rental: Rental, message: str) -> ApiResponse:
    return ApiResponse(any_rental_view(rental), message)
