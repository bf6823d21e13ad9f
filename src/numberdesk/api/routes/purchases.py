"""POST /phone-numbers/buy: the request that everything here exists for.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

import msgspec

from numberdesk.api.endpoint import BASE, ApiRequest, ApiResponse, RefusedResponse, endpoint
from numberdesk.api.shapes import E164, ConnectionId, Price, Rate, stated
from numberdesk.core.billing import MOST_UNITS, parse_billing
from numberdesk.core.connection import CONNECTION_ID
from numberdesk.core.errors import InvalidRequest, NumberdeskError
from numberdesk.core.lifecycle import OrderState
from numberdesk.core.periods import PeriodUnit
from numberdesk.core.prices import Confirmation
from numberdesk.core.purchase import Buy, Order, Refusal
from numberdesk.core.rating import INCREMENTS, Rounding
from numberdesk.flows.purchase.buy_number import buy_number
from numberdesk.views.numbers import OfferView, PendingView, PurchaseView, RentalView, pending_view, purchase_view
from numberdesk.wiring import Services

_ANSWER_MARGIN: Final = 0.2
"""Seconds of the time for an answer that are kept for sending it."""

_PENDING: Final = (
    "The carrier has not answered yet. The order goes on and ends by itself; the same request waits for it again."
)


class BuyBody(msgspec.Struct, frozen=True):
    """A confirmed quote: the prices are those that available-numbers returned.

    Of the quotes still honoured that agree with what is sent, the cheapest holds. Other fields are ignored, as those of
    an offer are; one that looks like a field misspelt is refused.
    """

    phone_number: E164
    price: Price
    per_minute_price_inbound: Rate | None = None
    per_minute_price_outbound: Rate | None = None
    setup_price: Rate | None = None
    period_unit: PeriodUnit | None = None
    period_every: Annotated[int, stated(minimum=1, maximum=MOST_UNITS)] | None = None
    increments: Annotated[str, stated(pattern=f"^{INCREMENTS.pattern}$")] | None = None
    connect_fee: Rate | None = None
    rounding: Rounding | None = None
    connection_id: Annotated[
        ConnectionId | None,
        msgspec.Meta(description="What to connect the number to once it is bought; it never makes a purchase fail."),
    ] = None

    ignores_others: ClassVar = (OfferView, PurchaseView, RentalView)


_EXAMPLE: Final = {
    "phone_number": "+13612738809",
    "price": 1.15,
    "per_minute_price_inbound": 0.0085,
    "per_minute_price_outbound": 0.0945,
    "setup_price": 0,
    "period_unit": "month",
    "period_every": 1,
}
_ANSWER_EXAMPLE: Final = {
    "phone_number": "+13612738809",
    "price": 1.15,
    "status": "active",
    "purchased_at": "2026-03-20T14:30:00Z",
    "id": "rnt_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "order_id": "ord_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "currency": "USD",
    "per_minute_price_inbound": 0.0085,
    "per_minute_price_outbound": 0.0945,
    "setup_price": 0,
    "charged": 1.15,
    "renews_at": "2026-04-20T14:30:00Z",
    "released_at": None,
    "period_unit": "month",
    "period_every": 1,
    "increments": "60/60",
    "connect_fee": 0,
    "rounding": "up",
    "outbound_rate_deck": None,
}
_PENDING_EXAMPLE: Final = {
    "phone_number": "+13612738809",
    "price": 1.15,
    "status": "pending",
    "order_id": "ord_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "currency": "USD",
    "per_minute_price_inbound": 0.0085,
    "per_minute_price_outbound": 0.0945,
    "setup_price": 0,
    "charged": 0,
    "period_unit": "month",
    "period_every": 1,
    "increments": "60/60",
    "connect_fee": 0,
    "rounding": "up",
    "outbound_rate_deck": None,
}


@endpoint(
    "POST",
    "/phone-numbers/buy",
    summary="Buy a number at confirmed prices; safe to send again",
    tag="Numbers",
    scope="numbers:buy",
    body=BuyBody,
    data=PurchaseView,
    errors=(
        "insufficient_balance",
        "spend_limit",
        "number_not_offered",
        "number_taken",
        "price_changed",
        "idempotency_conflict",
        "documents_required",
        "carrier_refused",
        "carrier_unavailable",
    ),
    example=_EXAMPLE,
    answer_example=_ANSWER_EXAMPLE,
    pending=PendingView,
    pending_example=_PENDING_EXAMPLE,
    takes_key=True,
)
async def buy(request: ApiRequest) -> ApiResponse | RefusedResponse:
    """Charge the wallet once and rent the number, or say why not."""
    services, body = request.services, request.body
    began, result = services.time.seconds(), "failed"
    try:
        outcome = await _bought(services, request, body)
        result = outcome.error.code if isinstance(outcome, Refusal) else outcome.state.value
    except NumberdeskError as error:
        result = error.code
        raise
    finally:
        services.observer.purchase(result, services.time.seconds() - began)
    if isinstance(outcome, Refusal):
        return RefusedResponse(outcome.error, outcome.request_id)
    if outcome.state is OrderState.ORDERING:
        headers = {"Location": f"{BASE}/orders/{outcome.id}"}
        return ApiResponse(pending_view(outcome), _PENDING, status=202, headers=headers)
    return ApiResponse(purchase_view(outcome), "Phone number purchased successfully")


async def _bought(services: Services, request: ApiRequest, body: BuyBody) -> Order | Refusal:
    return await buy_number(
        services.writer,
        services.open_orders,
        services.placement,
        Buy(
            account_id=request.caller.account_id,
            e164=body.phone_number,
            confirmed=_confirmed(body),
            idempotency_key=request.idempotency_key,
            request_id=request.request_id,
            order_id=services.new_id("ord"),
            now=request.now,
            connection_id=_connection_id(body.connection_id),
            key_id=request.caller.key_id,
        ),
        seconds=services.settings.answer_timeout_seconds - _ANSWER_MARGIN,
        failpoint=services.failpoint,
    )


def _confirmed(body: BuyBody) -> Confirmation:
    """What the body says of prices and terms. Raises InvalidRequest."""
    if body.period_every is not None and not 0 < body.period_every <= MOST_UNITS:
        raise InvalidRequest("period_every", f"must be from 1 to {MOST_UNITS}")
    parse_billing(body.increments, body.connect_fee)
    return Confirmation(
        body.price,
        body.per_minute_price_inbound,
        body.per_minute_price_outbound,
        body.setup_price,
        None if body.period_unit is None else body.period_unit.value,
        body.period_every,
        body.increments,
        body.connect_fee,
        None if body.rounding is None else body.rounding.value,
    )


def _connection_id(sent: str | None) -> str | None:
    """The id as it is kept. One that is none is refused before anything is held. Raises InvalidRequest."""
    if sent is not None and not CONNECTION_ID.fullmatch(sent):
        raise InvalidRequest(
            "connection_id", "must be the id of a connection, like con_0195b3a4c7e07d2f8a1b2c3d4e5f6071"
        )
    return sent
