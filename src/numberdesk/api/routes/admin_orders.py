"""The operator's endpoints for orders: how they stand with their carriers, and what a person decides about them.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final, Literal

from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.paging import PageQuery, page, position
from numberdesk.api.routes.billing import ORDER_EXAMPLE, order_state
from numberdesk.api.shapes import id_in_path
from numberdesk.core.errors import NotFound
from numberdesk.flows.purchase.describe_orders import describe_order, describe_orders, describe_parked_orders
from numberdesk.flows.purchase.resolve_orders import OrderResolution, adopt_order, resolve_order
from numberdesk.views.carriers import CarrierOrderView, carrier_order_view

_OPEN_EXAMPLE: Final = {
    **ORDER_EXAMPLE,
    "status": "pending",
    "completed_at": None,
    "account_id": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "account_name": "Voice Agency",
    "carrier": "twilio",
    "attempts": 0,
    "carrier_reference": None,
    "at_carrier": {
        "attempt": 1,
        "attempted_at": "2026-03-20T14:30:00Z",
        "wanted_until": "2026-03-20T15:00:00Z",
        "looks": 3,
        "absences": 0,
        "absent_since": None,
        "accepted_at": None,
        "next_look_at": "2026-03-20T14:35:01Z",
        "said": "unreachable: api.twilio.com: no connection in time",
        "answer": "HTTP 502",
        "parked_at": None,
        "settled_at": None,
    },
}
_COMPLETED_EXAMPLE: Final = {
    **_OPEN_EXAMPLE,
    "status": "completed",
    "completed_at": "2026-03-25T09:00:00Z",
    "attempts": 1,
    "carrier_reference": "PN0123456789abcdef0123456789abcdef",
    "at_carrier": {
        **_OPEN_EXAMPLE["at_carrier"],  # type: ignore[dict-item]  # a dict among other values
        "next_look_at": None,
        "settled_at": "2026-03-25T09:00:00Z",
    },
}


class AdminOrdersQuery(PageQuery, frozen=True):
    """`pending`, or `open`, lists the orders that have not ended yet; `parked` those that wait for a person, too."""

    status: Literal["pending", "completed", "failed", "open", "parked"] | None = None


@endpoint(
    "GET",
    "/admin/orders",
    summary="Orders of all accounts, newest first; parked ones oldest first",
    tag="Operators",
    scope="admin",
    query=AdminOrdersQuery,
    data=list[CarrierOrderView],
    paged=True,
    answer_example=[_OPEN_EXAMPLE],
)
async def all_orders(request: ApiRequest) -> ApiResponse:
    """Page the orders of all accounts."""
    query: AdminOrdersQuery = request.query
    edge, limit = position(query.page_token, "ord_"), query.page_size + 1
    if query.status == "parked":
        found = await request.read(lambda tx: describe_parked_orders(tx, after_id=edge, limit=limit))
    else:
        state = None if query.status is None else order_state(query.status)
        found = await request.read(lambda tx: describe_orders(tx, state=state, before_id=edge, limit=limit))
    items, rest = page(found, query.page_size, "order.id")
    return ApiResponse([carrier_order_view(item) for item in items], rest=rest)


@endpoint(
    "GET",
    "/admin/orders/{order_id:str}",
    summary="One order of any account, with how it stands with its carrier",
    tag="Operators",
    scope="admin",
    data=CarrierOrderView,
    errors=("not_found",),
    answer_example=_OPEN_EXAMPLE,
)
async def any_order(request: ApiRequest) -> ApiResponse:
    """Find one order."""
    return ApiResponse(await _described(request, just_written=False))


@endpoint(
    "POST",
    "/admin/orders/{order_id:str}/adopt",
    summary="Complete an open order with the number that its carrier has for us; asks the carrier first",
    tag="Operators",
    scope="admin",
    data=CarrierOrderView,
    errors=("not_found", "order_ended", "carrier_refused"),
    answer_example=_COMPLETED_EXAMPLE,
)
async def adopt(request: ApiRequest) -> ApiResponse:
    """Take the number that is there: the customer is charged and rents it."""
    services = request.services
    await adopt_order(services.reader, services.carriers, services.placement, id_in_path(request.path["order_id"]))
    return ApiResponse(await _described(request), "Order adopted")


@endpoint(
    "POST",
    "/admin/orders/{order_id:str}/void",
    summary="Give an open order up: nothing is charged, the number is free again",
    tag="Operators",
    scope="admin",
    data=CarrierOrderView,
    errors=("not_found", "order_ended"),
    answer_example={**_OPEN_EXAMPLE, "status": "failed", "failed_at": "2026-03-25T09:00:00Z", "attempts": 1},
)
async def void(request: ApiRequest) -> ApiResponse:
    """Give up."""
    return await _resolved(request, OrderResolution.VOID, "Order given up")


@endpoint(
    "POST",
    "/admin/orders/{order_id:str}/retry",
    summary="Look an open order up anew, from the beginning",
    tag="Operators",
    scope="admin",
    data=CarrierOrderView,
    errors=("not_found", "order_ended"),
    answer_example=_OPEN_EXAMPLE,
)
async def retry(request: ApiRequest) -> ApiResponse:
    """Let the worker ask its carrier anew."""
    return await _resolved(request, OrderResolution.RETRY, "Order to be looked up anew")


async def _resolved(request: ApiRequest, resolution: OrderResolution, message: str) -> ApiResponse:
    services = request.services
    order_id = id_in_path(request.path["order_id"])
    patience = services.order_patience
    await resolve_order(
        services.writer, services.reader, services.carriers, order_id, resolution, request.now, patience
    )
    return ApiResponse(await _described(request), message)


async def _described(request: ApiRequest, *, just_written: bool = True) -> CarrierOrderView:
    wanted = id_in_path(request.path["order_id"])
    read = request.read_back if just_written else request.read
    found = await read(lambda tx: describe_order(tx, wanted))
    if found is None:
        raise NotFound
    return carrier_order_view(found)
