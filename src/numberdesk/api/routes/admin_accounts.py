"""The operator's endpoints: accounts, their keys and wallets.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from numberdesk.accounts.model import Account
from numberdesk.accounts.store import find_accounts
from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.paging import PageQuery, page, position
from numberdesk.api.routes.api_keys import (
    KEY_REFUSAL,
    NEW_KEY_EXAMPLE,
    KeyBody,
    NewKeyBody,
    RevokeQuery,
    SpendLimitsBody,
    capped_key,
    created_key,
    listed_keys,
    revoked_key,
)
from numberdesk.api.shapes import Amount, Currency, Label, id_in_path, stated
from numberdesk.core.errors import NotFound
from numberdesk.core.lifecycle import AccountKind, AccountState
from numberdesk.core.request_keys import request_key
from numberdesk.core.text import VISIBLE_ASCII
from numberdesk.flows.accounts.change_accounts import LowBalance, account_change, change_accounts
from numberdesk.flows.accounts.create_accounts import LONGEST_NAME, create_accounts, new_account
from numberdesk.flows.accounts.describe_accounts import describe_account, describe_accounts
from numberdesk.flows.accounts.fund_wallets import ADJUSTMENT, LONGEST_REFERENCE, TOP_UP, fund_wallets, funding
from numberdesk.ledger.store import find_wallet
from numberdesk.views.accounts import (
    AccountView,
    BalanceView,
    KeyView,
    NewKeyView,
    TransactionView,
    account_view,
    balance_view,
    transaction_view,
)

_ACCOUNT_EXAMPLE: Final = {
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
}
_MOVEMENT_EXAMPLE: Final = {
    "id": "trf_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "entry": 1,
    "kind": "top_up",
    "amount": 100,
    "balance": 100,
    "currency": "USD",
    "order_id": None,
    "reference": "invoice-17",
    "created_at": "2026-03-20T14:30:00Z",
    "phone_number": None,
    "period": None,
}


class AccountsQuery(PageQuery, frozen=True):
    """Which accounts."""

    kind: AccountKind = AccountKind.CUSTOMER


AccountName = Annotated[Label, stated(minLength=1, maxLength=LONGEST_NAME)]
CreditLimit = Annotated[Amount, stated(minimum=0)]
Reference = Annotated[str, stated(minLength=1, maxLength=LONGEST_REFERENCE, pattern=VISIBLE_ASCII)]


class LowBalanceBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Below which balance the account is to be told; left out, it never is."""

    below: Amount | None = None


class NewAccountBody(msgspec.Struct, frozen=True):
    """An account to create. A credit limit lets its wallet go below zero by that much."""

    name: AccountName
    currency: Currency
    credit_limit: CreditLimit | None = None


class AccountBody(msgspec.Struct, frozen=True):
    """What to change of an account; what is left out stays as it is.

    A suspended account cannot buy; everything else goes on. A closed one stays closed, and has nothing any more.
    """

    name: AccountName | None = None
    status: AccountState | None = None
    credit_limit: CreditLimit | None = None
    low_balance: LowBalanceBody | None = None
    spend_limits: SpendLimitsBody | None = None
    time_zone: Annotated[str, stated(minLength=1, maxLength=64)] | None = None


class MovementBody(msgspec.Struct, frozen=True):
    """Money for a wallet. With a reference, or an Idempotency-Key, it is safe to send again."""

    amount: Amount
    reference: Reference | None = None


@endpoint(
    "GET",
    "/admin/accounts",
    summary="All accounts of customers, or of operators, oldest first",
    tag="Operators",
    scope="admin",
    query=AccountsQuery,
    data=list[AccountView],
    paged=True,
    answer_example=[_ACCOUNT_EXAMPLE],
)
async def accounts(request: ApiRequest) -> ApiResponse:
    """Page all accounts of a kind."""
    query: AccountsQuery = request.query
    after = position(query.page_token, "acc_")
    found = await request.read(
        lambda tx: describe_accounts(tx, after_id=after, limit=query.page_size + 1, kind=query.kind)
    )
    items, rest = page(found, query.page_size, "account.id")
    return ApiResponse([account_view(*item) for item in items], rest=rest)


@endpoint(
    "POST",
    "/admin/accounts",
    summary="Create an account with an empty wallet",
    tag="Operators",
    scope="admin",
    body=NewAccountBody,
    data=AccountView,
    example={"name": "Voice Agency", "currency": "USD"},
    answer_example=_ACCOUNT_EXAMPLE,
)
async def create_account(request: ApiRequest) -> ApiResponse:
    """Create an account."""
    body: NewAccountBody = request.body
    command = new_account(request.services.new_id("acc"), body.name, body.currency, body.credit_limit or 0, request.now)
    made = await request.services.writer.submit(create_accounts, command)
    return ApiResponse(account_view(made, command.credit_limit), "Account created")


@endpoint(
    "GET",
    "/admin/accounts/{account_id:str}",
    summary="One account",
    tag="Operators",
    scope="admin",
    data=AccountView,
    errors=("not_found",),
    answer_example=_ACCOUNT_EXAMPLE,
)
async def get_account(request: ApiRequest) -> ApiResponse:
    """Find one account."""
    wanted = id_in_path(request.path["account_id"])
    found = await request.read(lambda tx: describe_account(tx, wanted))
    if found is None:
        raise NotFound
    return ApiResponse(account_view(*found))


@endpoint(
    "PATCH",
    "/admin/accounts/{account_id:str}",
    summary="Rename, suspend, reactivate or close an account, or change its limits, its low balance and its time zone",
    tag="Operators",
    scope="admin",
    body=AccountBody,
    data=AccountView,
    errors=("not_found", "account_in_use"),
    example={"status": "suspended"},
    answer_example={**_ACCOUNT_EXAMPLE, "status": "suspended"},
)
async def change_account(request: ApiRequest) -> ApiResponse:
    """Change an account, all that was sent or nothing."""
    body: AccountBody = request.body
    command = account_change(
        id_in_path(request.path["account_id"]),
        request.now,
        name=body.name,
        state=body.status,
        credit_limit=body.credit_limit,
        caps=None if body.spend_limits is None else body.spend_limits.caps,
        low_balance=None if body.low_balance is None else LowBalance(_whole(body.low_balance.below)),
        time_zone=body.time_zone,
    )
    changed = await request.services.writer.submit(change_accounts, command)
    return ApiResponse(account_view(*changed), "Account updated")


@endpoint(
    "GET",
    "/admin/accounts/{account_id:str}/balance",
    summary="An account's wallet",
    tag="Operators",
    scope="admin",
    data=BalanceView,
    errors=("not_found",),
    answer_example={"currency": "USD", "posted": 100, "held": 0, "available": 100, "credit_limit": 0},
)
async def account_balance(request: ApiRequest) -> ApiResponse:
    """What is posted, held and available."""
    wanted = id_in_path(request.path["account_id"])
    wallet = await request.read(lambda tx: find_wallet(tx, wanted))
    if wallet is None:
        raise NotFound
    return ApiResponse(balance_view(wallet))


@endpoint(
    "POST",
    "/admin/accounts/{account_id:str}/top-ups",
    summary="Add paid-in money to a wallet",
    tag="Operators",
    scope="admin",
    body=MovementBody,
    data=TransactionView,
    errors=("not_found", "idempotency_conflict"),
    example={"amount": 100, "reference": "invoice-17"},
    answer_example=_MOVEMENT_EXAMPLE,
    takes_key=True,
)
async def top_up(request: ApiRequest) -> ApiResponse:
    """Top a wallet up."""
    return await _moved(request, TOP_UP, "Balance topped up")


@endpoint(
    "POST",
    "/admin/accounts/{account_id:str}/adjustments",
    summary="Correct a wallet, up or down",
    tag="Operators",
    scope="admin",
    body=MovementBody,
    data=TransactionView,
    errors=("not_found", "idempotency_conflict", "insufficient_balance"),
    example={"amount": -2.5, "reference": "ticket-9"},
    answer_example={**_MOVEMENT_EXAMPLE, "kind": "adjustment", "amount": -2.5, "balance": 97.5, "entry": 2},
    takes_key=True,
)
async def adjust(request: ApiRequest) -> ApiResponse:
    """Adjust a wallet."""
    return await _moved(request, ADJUSTMENT, "Balance adjusted")


@endpoint(
    "GET",
    "/admin/accounts/{account_id:str}/keys",
    summary="An account's keys, without their secrets",
    tag="Operators",
    scope="admin",
    query=PageQuery,
    data=list[KeyView],
    paged=True,
    answer_example=[{name: value for name, value in NEW_KEY_EXAMPLE.items() if name != "key"}],
)
async def account_keys(request: ApiRequest) -> ApiResponse:
    """Page an account's keys."""
    return await listed_keys(request, id_in_path(request.path["account_id"]))


@endpoint(
    "POST",
    "/admin/accounts/{account_id:str}/keys",
    summary="Create a key for an account; its secret is shown this once",
    tag="Operators",
    scope="admin",
    body=NewKeyBody,
    data=NewKeyView,
    errors=("not_found",),
    example={"name": "shop"},
    answer_example=NEW_KEY_EXAMPLE,
    key_refusal=KEY_REFUSAL,
)
async def create_account_key(request: ApiRequest) -> ApiResponse:
    """Create a key with any scopes that its kind of account may have."""
    account = await _account(request)
    return await created_key(request, account.id, account.kind)


@endpoint(
    "PATCH",
    "/admin/keys/{key_id:str}",
    summary="Limit what any key may spend on purchases",
    tag="Operators",
    scope="admin",
    body=KeyBody,
    data=KeyView,
    errors=("not_found",),
    example={"spend_limits": {"per_day": 20}},
    answer_example={name: value for name, value in NEW_KEY_EXAMPLE.items() if name != "key"},
)
async def change_any_key(request: ApiRequest) -> ApiResponse:
    """Cap a key of any account."""
    return await capped_key(request, None)


@endpoint(
    "DELETE",
    "/admin/keys/{key_id:str}",
    summary="Revoke any key",
    tag="Operators",
    scope="admin",
    query=RevokeQuery,
    data=KeyView,
    errors=("not_found",),
    answer_example={name: value for name, value in NEW_KEY_EXAMPLE.items() if name != "key"},
)
async def revoke_any_key(request: ApiRequest) -> ApiResponse:
    """Revoke a key of any account."""
    return await revoked_key(request, None)


def _whole(amount: int | None) -> int | None:
    return None if amount is None else int(amount)


async def _account(request: ApiRequest) -> Account:
    """The account that the path names. Raises NotFound."""
    wanted = id_in_path(request.path["account_id"])
    found = (await request.read(lambda tx: find_accounts(tx, [wanted], lock=False))).get(wanted)
    if found is None:
        raise NotFound
    return found


async def _moved(request: ApiRequest, kind: str, message: str) -> ApiResponse:
    body: MovementBody = request.body
    command = funding(
        request.services.new_id("trf"),
        kind,
        id_in_path(request.path["account_id"]),
        body.amount,
        reference=body.reference,
        now=request.now,
        request_key=request_key(
            request.caller.account_id,
            kind,
            request.idempotency_key,
            account=request.path["account_id"],
            amount=str(body.amount),
            reference=body.reference,
        ),
    )
    transfer = await request.services.writer.submit(fund_wallets, command)
    return ApiResponse(transaction_view(transfer), message)
