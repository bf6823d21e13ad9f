"""Balance, statement and orders of the caller's account.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

import msgspec

from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.instants import Written, instant_of
from numberdesk.api.paging import PageQuery, numbered_position, page, position
from numberdesk.api.shapes import E164, id_in_path
from numberdesk.core.errors import InvalidRequest, NotFound
from numberdesk.core.lifecycle import OrderState
from numberdesk.flows.accounts.describe_accounts import describe_account
from numberdesk.flows.statements.read_statements import list_transactions
from numberdesk.ledger.line_store import LineFilter
from numberdesk.ledger.store import find_wallet
from numberdesk.orders.store import find_orders, list_orders
from numberdesk.views.accounts import (
    AccountView,
    BalanceView,
    TransactionView,
    account_view,
    balance_view,
    transaction_view,
)
from numberdesk.views.formats import KINDS_OF_TRANSFERS, TransferKind
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
    "origin": "purchase",
    "period_unit": "month",
    "period_every": 1,
    "increments": "60/60",
    "connect_fee": 0,
    "rounding": "up",
    "outbound_rate_deck": None,
}


def order_state(status: str) -> OrderState:
    """The state that orders are filtered by: a status, or `open`."""
    return (ShownOrderState.PENDING if status == "open" else ShownOrderState(status)).state


class OrdersQuery(PageQuery, frozen=True):
    """`pending` lists the orders that have not ended yet; `open` says the same."""

    status: Literal["pending", "completed", "failed", "open"] | None = None


class TransactionsQuery(PageQuery, frozen=True):
    """Which lines: of a kind, a number, posted from `since` to before `until`; also taken as `from` and `to`."""

    other_names: ClassVar = {"from": "since", "to": "until"}

    kind: Annotated[TransferKind, msgspec.Meta(description="Only lines of this kind.")] | None = None
    since: Annotated[Written, msgspec.Meta(description="Only lines posted then or later; ISO 8601.")] | None = None
    until: Annotated[Written, msgspec.Meta(description="Only lines posted before; ISO 8601.")] | None = None
    phone_number: E164 | None = None


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
    "/account",
    summary="The account of the key: its state and its limits",
    tag="Billing",
    scope="billing:read",
    data=AccountView,
    answer_example={
        "id": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
        "name": "Voice Agency",
        "currency": "USD",
        "status": "active",
        "credit_limit": 0,
        "created_at": "2026-03-20T14:30:00Z",
        "closed_at": None,
        "kind": "customer",
        "low_balance": {"below": 10},
        "spend_limits": {"per_purchase": 5, "per_day": None, "per_month": 500},
        "time_zone": "Europe/Berlin",
        "time_zone_from": "2026-04",
    },
)
async def own_account(request: ApiRequest) -> ApiResponse:
    """What limits the account, which its operator sets."""
    account_id = request.caller.account_id
    found = await request.read(lambda tx: describe_account(tx, account_id))
    if found is None:
        raise NotFound
    return ApiResponse(account_view(*found))


@endpoint(
    "GET",
    "/transactions",
    summary="The statement: every transfer of the wallet, newest first",
    tag="Billing",
    scope="billing:read",
    query=TransactionsQuery,
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
            "phone_number": "+13612738809",
            "period": {
                "period": 0,
                "begins_at": "2026-03-20T14:30:00Z",
                "ends_at": "2026-04-20T14:30:00Z",
                "length": "month",
            },
        }
    ],
)
async def transactions(request: ApiRequest) -> ApiResponse:
    """Page the wallet's transfers that fit, each with the balance after it and what it is for."""
    query: TransactionsQuery = request.query
    if query.kind is not None and query.kind not in KINDS_OF_TRANSFERS:
        raise InvalidRequest("kind", f"must be one of {', '.join(KINDS_OF_TRANSFERS)}")
    before = numbered_position(query.page_token)
    since, until = instant_of("since", query.since), instant_of("until", query.until)
    wanted = LineFilter(query.kind, since, until, query.phone_number)
    account_id, limit = request.caller.account_id, query.page_size + 1
    found, walked_to = await request.read(
        lambda tx: list_transactions(tx, account_id, wanted, before=before, limit=limit)
    )
    items, rest = page(found, query.page_size, "transfer.entry", walked_to=walked_to)
    return ApiResponse([transaction_view(item.transfer, item.e164, item.period) for item in items], rest=rest)


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
