"""Commands for the accounts of customers.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

import typer

from numberdesk.accounts.cap_store import find_caps_of
from numberdesk.accounts.model import Account
from numberdesk.cli.caps import cap_of, caps_given
from numberdesk.cli.output import print_list, print_object
from numberdesk.cli.session import (
    AccountArgument,
    AsJson,
    Limit,
    Yes,
    account_called,
    amount_of,
    confirm,
    customer_called,
    services,
)
from numberdesk.core.lifecycle import AccountState
from numberdesk.core.spending import SpendCaps
from numberdesk.flows.accounts.change_accounts import AccountChange, LowBalance, account_change, change_accounts
from numberdesk.flows.accounts.create_accounts import (
    create_accounts,
    new_account,
)
from numberdesk.flows.accounts.describe_accounts import describe_accounts
from numberdesk.views.accounts import account_view
from numberdesk.wiring import Services

accounts = typer.Typer(help="Accounts: who pays.", no_args_is_help=True)

_OPTIONS: Final = {"name": "NAME", "currency": "--currency", "credit_limit": "--credit-limit"}
_LIMITS: Final = {
    "per_purchase": "--per-purchase",
    "per_day": "--per-day",
    "per_month": "--per-month",
    "low_balance": "--low-balance",
}
_OR_NONE: Final = "none takes it away"
_CHANGES: Final = {"name": "NAME", "credit_limit": "AMOUNT", "time_zone": "ZONE"}


@accounts.command("create")
def create_account(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    currency: Annotated[str, typer.Option(help="The account's one currency, like USD")],
    credit_limit: Annotated[str, typer.Option(help="How far the wallet may go below zero")] = "0",
    as_json: AsJson = False,  # noqa: FBT002  a flag of the command line
) -> None:
    """Create an account with an empty wallet."""
    with services(_OPTIONS) as running:
        limit = amount_of(credit_limit, "credit_limit")
        command = new_account(running.new_id("acc"), name, currency, limit, running.now())
        made = running.writer.apply(create_accounts, command)
        print_object(account_view(made, limit), as_json=as_json)


@accounts.command("list")
def list_all_accounts(limit: Limit = 1000, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """List customers' accounts, oldest first."""
    with services(_OPTIONS) as running:
        found = running.reader.read_now(lambda tx: describe_accounts(tx, after_id=None, limit=limit))
        print_list(
            [account_view(*one) for one in found],
            ("id", "name", "currency", "status", "created_at"),
            as_json=as_json,
        )


@accounts.command("rename")
def rename(
    account: AccountArgument,
    name: Annotated[str, typer.Argument(metavar="NAME")],
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Give an account another name."""
    _change(account, lambda account_id, now: account_change(account_id, now, name=name), as_json=as_json)


@accounts.command("credit-limit")
def set_credit_limit(
    account: AccountArgument,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT")],
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Set how far an account's wallet may go below zero, from now on."""
    _change(
        account,
        lambda account_id, now: account_change(account_id, now, credit_limit=amount_of(amount, "credit_limit")),
        called=customer_called,
        as_json=as_json,
    )


@accounts.command("time-zone")
def set_time_zone(
    account: AccountArgument,
    zone: Annotated[str, typer.Argument(metavar="ZONE", help="An IANA name, like Europe/Berlin")],
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Set the time zone of an account's statements, from the next month on."""
    _change(
        account,
        lambda account_id, now: account_change(account_id, now, time_zone=zone),
        called=customer_called,
        as_json=as_json,
    )


@accounts.command("limit")
def set_limits(
    account: AccountArgument,
    per_purchase: Annotated[str | None, typer.Option(help=f"Most that a purchase may cost; {_OR_NONE}")] = None,
    per_day: Annotated[str | None, typer.Option(help=f"Most that purchases of a day may cost; {_OR_NONE}")] = None,
    per_month: Annotated[str | None, typer.Option(help=f"Most that purchases of a month may cost; {_OR_NONE}")] = None,
    low_balance: Annotated[str | None, typer.Option(help=f"Tell of a balance below this; {_OR_NONE}")] = None,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Limit what an account may spend on purchases, and say which balance is low. What is left out stays."""
    with services(_LIMITS) as running:
        owner = customer_called(running, account)
        known = running.reader.read_now(lambda tx: find_caps_of(tx, [owner.id])).get(owner.id, SpendCaps())
        command = account_change(
            owner.id,
            running.now(),
            caps=caps_given(known, per_purchase, per_day, per_month),
            low_balance=None if low_balance is None else LowBalance(cap_of(low_balance, "low_balance")),
        )
        print_object(account_view(*running.writer.apply(change_accounts, command)), as_json=as_json)


@accounts.command("suspend")
def suspend(account: AccountArgument, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Keep an account from buying and calling; it keeps its numbers, and their rent is charged."""
    _set_state(account, AccountState.SUSPENDED, as_json=as_json)


@accounts.command("reactivate")
def reactivate(account: AccountArgument, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Let a suspended account buy and call again."""
    _set_state(account, AccountState.ACTIVE, as_json=as_json)


@accounts.command("close")
def close(
    account: AccountArgument,
    yes: Yes = False,  # noqa: FBT002  a flag
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Close an account for ever: its keys stop working. It may have no money, open orders or numbers. Asks first."""
    with services(_OPTIONS) as running:
        found = account_called(running, account)
        if found.state is not AccountState.CLOSED:
            confirm(f"Close {found.name!r} ({found.id})? It cannot be opened again.", yes=yes)
    _change(
        account, lambda account_id, now: account_change(account_id, now, state=AccountState.CLOSED), as_json=as_json
    )


def _set_state(account: str, state: AccountState, *, as_json: bool) -> None:
    _change(
        account,
        lambda account_id, now: account_change(account_id, now, state=state),
        called=customer_called,
        as_json=as_json,
    )


def _change(
    account: str,
    command: Callable[[str, int], AccountChange],
    *,
    called: Callable[[Services, str], Account] = account_called,
    as_json: bool,
) -> None:
    with services(_CHANGES) as running:
        owner = called(running, account)
        changed = running.writer.apply(change_accounts, command(owner.id, running.now()))
        print_object(account_view(*changed), as_json=as_json)
