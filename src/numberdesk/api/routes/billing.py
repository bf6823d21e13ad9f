"""Balance, statement and orders of the caller's account.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final, Literal

from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.paging import PageQuery, numbered_position, page, position
from numberdesk.api.shapes import id_in_path
from numberdesk.core.errors import NotFound
from numberdesk.core.lifecycle import OrderState
from numberdesk.ledger.store import find_wallet, list_statement
from numberdesk.orders.store import find_orders, list_orders
from numberdesk.views.accounts import BalanceView, TransactionView, balance_view, transaction_view
from numberdesk.views.numbers import OrderView, ShownOrderState, order_view

ORDER_EXAMPLE: Final = {
    "id": "ord_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "phone_number": "+13612738809",
    "status": "completed",
    "price": 1.15,
    "per_minute_price_inbound": 0.0085,
    "per_minute_price_outbound": 0.0945,
    "setup_price": 0,
    "charged": 1.15,
    "currency": "USD",
    "created_at": "2026-03-20T14:30:00Z",
    "completed_at": "2026-03-20T14:30:00Z",
    "failed_at": None,
    "error": None,
}


def order_state(status: str) -> OrderState:
    """The state that orders are filtered by: a status, or `open`."""
    return (ShownOrderState.PENDING if status == "open" else ShownOrderState(status)).state


class OrdersQuery(PageQuery, frozen=True):
    """`pending` lists the orders that have not ended yet; `open` says the same."""

    status: Literal["pending", "completed", "failed", "open"] | None = None


@endpoint(
    "GET",
    "/balance",
    summary="The wallet",
    tag="Billing",
    scope="billing:read",
    data=BalanceView,
    answer_example={"currency": "USD", "posted": 98.85, "held": 0, "available": 98.85, "credit_limit": 0},
)
async def balance(request: ApiRequest) -> ApiResponse:
    """What is posted, held and available."""
    account_id = request.caller.account_id
    wallet = await request.read(lambda tx: find_wallet(tx, account_id))
    if wallet is None:
        raise NotFound
    return ApiResponse(balance_view(wallet))


@endpoint(
    "GET",
    "/transactions",
    summary="The statement: every transfer of the wallet, newest first",
    tag="Billing",
    scope="billing:read",
    query=PageQuery,
    data=list[TransactionView],
    paged=True,
    answer_example=[
        {
            "id": "trf_0195b3a4c7e07d2f8a1b2c3d4e5f6071_rental",
            "entry": 2,
            "kind": "rental",
            "amount": -1.15,
            "balance": 98.85,
            "currency": "USD",
            "order_id": "ord_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
            "reference": None,
            "created_at": "2026-03-20T14:30:00Z",
        }
    ],
)
async def transactions(request: ApiRequest) -> ApiResponse:
    """Page the wallet's transfers, each with the balance after it."""
    query: PageQuery = request.query
    before = numbered_position(query.page_token)
    account_id = request.caller.account_id
    found = await request.read(
        lambda tx: list_statement(tx, account_id, before_entry=before, limit=query.page_size + 1)
    )
    items, rest = page(found, query.page_size, "entry")
    return ApiResponse([transaction_view(item) for item in items], rest=rest)


@endpoint(
    "GET",
    "/orders",
    summary="The account's orders, newest first",
    tag="Orders",
    scope="numbers:read",
    query=OrdersQuery,
    data=list[OrderView],
    paged=True,
    answer_example=[ORDER_EXAMPLE],
)
async def orders(request: ApiRequest) -> ApiResponse:
    """Page the account's orders."""
    query: OrdersQuery = request.query
    before, account_id = position(query.page_token, "ord_"), request.caller.account_id
    state = None if query.status is None else order_state(query.status)
    found = await request.read(
        lambda tx: list_orders(tx, account_id, state=state, before_id=before, limit=query.page_size + 1)
    )
    items, rest = page(found, query.page_size, "id")
    return ApiResponse([order_view(item) for item in items], rest=rest)


@endpoint(
    "GET",
    "/orders/{order_id:str}",
    summary="One order",
    tag="Orders",
    scope="numbers:read",
    data=OrderView,
    errors=("not_found",),
    answer_example=ORDER_EXAMPLE,
)
async def order(request: ApiRequest) -> ApiResponse:
    """Find one order; another account's looks as if it were not there."""
    wanted = id_in_path(request.path["order_id"])
    found = (await request.read(lambda tx: find_orders(tx, [wanted]))).get(wanted)
    if found is None or found.account_id != request.caller.account_id:
        raise NotFound
    return ApiResponse(order_view(found))
