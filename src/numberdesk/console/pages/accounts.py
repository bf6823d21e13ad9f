"""Customers' accounts, for operators: open, fund, limit, suspend, and give keys.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from numberdesk.accounts.model import SCOPES, Scope
from numberdesk.api.shapes import id_in_path
from numberdesk.console.pages.keys import CAPS, COLUMNS, key_body, show_key
from numberdesk.console.rendering import redirect
from numberdesk.console.screens import Deed, deed, perform, screen, show, show_again
from numberdesk.console.tables import Column, Filter, ScreenTable, csv_answer, load
from numberdesk.console.visit import Visit
from numberdesk.core.errors import InvalidRequest, NumberdeskError
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.text import folded
from numberdesk.flows.accounts.act_for_customers import ActFor, act_for_customers
from numberdesk.infra.attribution import attributed_to

_ONE: Final = "GET /admin/accounts/{account_id}"
_KEYS_OF: Final = "/admin/accounts/{account_id}/keys"
ACCOUNTS: Final = ScreenTable(
    "/console/accounts",
    "Accounts",
    "GET /admin/accounts",
    (
        Column("Name", "name", link="/console/accounts/{id}"),
        Column("State", "status", "state"),
        Column("Kind", "kind"),
        Column("Currency", "currency"),
        Column("Credit limit", "credit_limit", "money"),
        Column("Opened", "created_at", "time"),
        Column("Id", "id", "mono"),
    ),
    (Filter("Kind", "kind", ("customer", "operator")),),
    empty="No account yet. Open one for your first customer.",
    new="new/account.html",
)
KEYS: Final = ScreenTable(
    "/console/accounts/{account_id}",
    "Keys",
    f"GET {_KEYS_OF}",
    COLUMNS,
    empty="This account has no key: no program can use it yet. People are invited under People.",
    deeds="deeds/any_key.html",
)


@screen("GET", "/accounts", "GET /admin/accounts")
async def accounts(visit: Visit) -> Response:
    """All accounts, and a form for another."""
    return show(visit, "table.html", "/console/accounts", "Accounts", table=await load(visit, ACCOUNTS))


@screen("GET", "/accounts/csv", "GET /admin/accounts")
async def accounts_as_csv(visit: Visit) -> Response:
    """The same as CSV."""
    return await csv_answer(visit, ACCOUNTS)


@screen("POST", "/accounts", "POST /admin/accounts")
async def create(visit: Visit) -> Response:
    """Open an account."""
    try:
        made = await perform(
            visit, Deed("", "POST /admin/accounts", "", "", fields=("name", "currency", "credit_limit"))
        )
    except NumberdeskError as error:
        return await show_again(visit, error, accounts)
    return redirect(f"/console/accounts/{made.id}?said=created")


@screen("GET", "/accounts/{account_id}", _ONE, f"GET {_KEYS_OF}")
async def account(visit: Visit) -> Response:
    """One account, with its money and its keys."""
    found = (await visit.ask(_ONE, path=visit.path)).data
    customer = found.kind == AccountKind.CUSTOMER.value
    balance = (await visit.ask(f"{_ONE}/balance", path=visit.path)).data if customer else None
    of_kind = [scope for scope in SCOPES if (scope == Scope.ADMIN) is not customer or not customer]
    return show(
        visit,
        "account.html",
        "/console/accounts",
        found.name,
        account=found,
        balance=balance,
        table=await load(visit, KEYS, visit.path),
        scopes=of_kind,
        form_key=visit.sent("form_key") or visit.entry_point.services.new_id("pay"),
    )


@screen("GET", "/accounts/{account_id}/csv", f"GET {_KEYS_OF}")
async def account_keys_as_csv(visit: Visit) -> Response:
    """The account's keys as CSV."""
    return await csv_answer(visit, KEYS, visit.path)


@screen("POST", "/accounts/{account_id}/keys", f"POST {_KEYS_OF}")
async def create_key(visit: Visit) -> Response:
    """Make a key for the account, and show it this once."""
    try:
        made = (await visit.ask(f"POST {_KEYS_OF}", path=visit.path, body=key_body(visit))).data
    except NumberdeskError as error:
        return await show_again(visit, error, account)
    return show_key(visit, made.key, "/console/accounts", f"/console/accounts/{visit.path['account_id']}")


@screen("POST", "/accounts/{account_id}/keys/{key_id}/limits", "PATCH /admin/keys/{key_id}")
async def limit_key(visit: Visit) -> Response:
    """Cap what a key of the account spends on purchases; what is empty is without."""
    try:
        await visit.ask("PATCH /admin/keys/{key_id}", path=visit.path, body={"spend_limits": visit.filled(*CAPS)})
    except NumberdeskError as error:
        return await show_again(visit, error, account)
    return redirect(f"/console/accounts/{visit.path['account_id']}?said=saved")


@screen("POST", "/accounts/{account_id}/limits", "PATCH /admin/accounts/{account_id}")
async def limit(visit: Visit) -> Response:
    """Cap what the account spends on purchases, and say when its balance is low; what is empty is without."""
    body = {"spend_limits": visit.filled(*CAPS), "low_balance": visit.filled("below")}
    try:
        await visit.ask("PATCH /admin/accounts/{account_id}", path=visit.path, body=body)
    except NumberdeskError as error:
        return await show_again(visit, error, account)
    return redirect(f"/console/accounts/{visit.path['account_id']}?said=saved")


@screen("POST", "/accounts/{account_id}/close", "PATCH /admin/accounts/{account_id}", _ONE)
async def close(visit: Visit) -> Response:
    """Close the account for good, once its name is typed."""
    try:
        name = (await visit.ask(_ONE, path=visit.path)).data.name
        if folded(visit.sent("name_again")) != folded(name):
            raise InvalidRequest("name_again", f"must be {name}")
        await visit.ask("PATCH /admin/accounts/{account_id}", path=visit.path, body={"status": "closed"})
    except NumberdeskError as error:
        return await show_again(visit, error, account)
    return redirect(f"/console/accounts/{visit.path['account_id']}?said=closed")


@screen("POST", "/accounts/{account_id}/act", _ONE)
async def act(visit: Visit) -> Response:
    """Act for the customer for an hour."""
    services, account_id = visit.entry_point.services, id_in_path(visit.path["account_id"])
    try:
        with attributed_to(visit.action("act for a customer", account_id)._replace(account_id=account_id)):
            await services.writer.submit(act_for_customers, ActFor(visit.signed.session.hash, account_id, visit.now))
    except NumberdeskError as error:
        return await show_again(visit, error, account)
    return redirect("/console/")


@screen("POST", "/me/act/end")
async def end_acting(visit: Visit) -> Response:
    """Be oneself again."""
    for_account, services = visit.signed.session.acting_for, visit.entry_point.services
    if for_account is None:
        return redirect("/console/")
    with attributed_to(visit.action("act for a customer no more", for_account)):
        await services.writer.submit(act_for_customers, ActFor(visit.signed.session.hash, None, visit.now))
    return redirect(f"/console/accounts/{for_account}")


_MONEY: Final = ("amount", "reference")
deed(
    Deed(
        "/accounts/{account_id}/top-ups",
        "POST /admin/accounts/{account_id}/top-ups",
        "/accounts/{account_id}",
        "topped-up",
        fields=_MONEY,
        keyed=True,
    ),
    account,
)
deed(
    Deed(
        "/accounts/{account_id}/adjustments",
        "POST /admin/accounts/{account_id}/adjustments",
        "/accounts/{account_id}",
        "adjusted",
        fields=_MONEY,
        keyed=True,
    ),
    account,
)
deed(
    Deed(
        "/accounts/{account_id}/change",
        "PATCH /admin/accounts/{account_id}",
        "/accounts/{account_id}",
        "saved",
        fields=("name", "status", "credit_limit", "time_zone"),
    ),
    account,
)
deed(
    Deed(
        "/accounts/{account_id}/keys/{key_id}/revoke",
        "DELETE /admin/keys/{key_id}",
        "/accounts/{account_id}",
        "revoked",
    ),
    account,
)
