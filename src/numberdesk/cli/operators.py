"""Commands for the accounts of operators.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, Final

import typer

from numberdesk.cli.output import print_list, print_object
from numberdesk.cli.session import AsJson, Limit, services
from numberdesk.core.lifecycle import AccountKind
from numberdesk.flows.accounts.create_accounts import create_accounts, new_operator_account
from numberdesk.flows.accounts.describe_accounts import describe_accounts
from numberdesk.views.accounts import account_view

operators = typer.Typer(help="Accounts of operators: who runs the service.", no_args_is_help=True)

_OPTIONS: Final = {"name": "NAME"}


@operators.command("create")
def create_operator(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    as_json: AsJson = False,  # noqa: FBT002  a flag of the command line
) -> None:
    """Create an operators' account: for keys of the admin API, without a wallet."""
    with services(_OPTIONS) as running:
        command = new_operator_account(running.new_id("acc"), name, running.now())
        print_object(account_view(running.writer.apply(create_accounts, command), None), as_json=as_json)


@operators.command("list")
def list_operators(limit: Limit = 1000, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """List operators' accounts, oldest first."""
    with services(_OPTIONS) as running:
        found = running.reader.read_now(
            lambda tx: describe_accounts(tx, after_id=None, limit=limit, kind=AccountKind.OPERATOR)
        )
        print_list([account_view(*one) for one in found], ("id", "name", "status", "created_at"), as_json=as_json)
