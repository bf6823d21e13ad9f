"""Commands for the accounts of customers.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, Final

import typer

from numberdesk.accounts.store import list_accounts
from numberdesk.cli.output import print_list, print_object
from numberdesk.cli.session import AccountArgument, AsJson, Limit, amount_of, customer_called, services
from numberdesk.core.lifecycle import AccountState
from numberdesk.flows.accounts.create_accounts import (
    SetAccountState,
    change_account_states,
    create_accounts,
    new_account,
)
from numberdesk.views import account_view

accounts = typer.Typer(help="Accounts: who pays.", no_args_is_help=True)

_OPTIONS: Final = {"name": "NAME", "currency": "--currency", "credit_limit": "--credit-limit"}


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
        print_object(account_view(running.writer.apply(create_accounts, command)), as_json=as_json)


@accounts.command("list")
def list_all_accounts(limit: Limit = 1000, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """List customers' accounts, oldest first."""
    with services(_OPTIONS) as running:
        found = running.reader.read_now(lambda tx: list_accounts(tx, after_id=None, limit=limit))
        print_list(
            [account_view(one) for one in found], ("id", "name", "currency", "status", "created_at"), as_json=as_json
        )


@accounts.command("suspend")
def suspend(account: AccountArgument, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Keep an account from buying; what it rents goes on."""
    _set_account_state(account, AccountState.SUSPENDED, as_json=as_json)


@accounts.command("reactivate")
def reactivate(account: AccountArgument, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Let a suspended account buy again."""
    _set_account_state(account, AccountState.ACTIVE, as_json=as_json)


def _set_account_state(account: str, state: AccountState, *, as_json: bool) -> None:
    with services(_OPTIONS) as running:
        owner = customer_called(running, account)
        changed = running.writer.apply(change_account_states, SetAccountState(owner.id, state))
        print_object(account_view(changed), as_json=as_json)
