"""Commands for prepaid balances.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, Final

import typer

from numberdesk.cli.output import print_list, print_object
from numberdesk.cli.session import AccountArgument, AsJson, Limit, amount_of, customer_called, services
from numberdesk.flows.accounts.fund_wallets import ADJUSTMENT, TOP_UP, fund_wallets, funding
from numberdesk.flows.statements.read_statements import describe_lines
from numberdesk.ledger.store import find_wallet, list_statement
from numberdesk.views.accounts import balance_view, transaction_view

wallet = typer.Typer(help="Prepaid balances.", no_args_is_help=True)

_OPTIONS: Final = {"amount": "AMOUNT", "reference": "--reference"}


@wallet.command("top-up")
def top_up(
    account: AccountArgument,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT")],
    reference: Annotated[str | None, typer.Option(help="Makes the top-up safe to repeat")] = None,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Add paid-in money to a wallet."""
    _move(TOP_UP, account, amount, reference, as_json=as_json)


@wallet.command("adjust", context_settings={"ignore_unknown_options": True})
def adjust(
    account: AccountArgument,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="May be negative")],
    reference: Annotated[str | None, typer.Option(help="Makes the adjustment safe to repeat")] = None,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Correct a wallet, up or down."""
    _move(ADJUSTMENT, account, amount, reference, as_json=as_json)


@wallet.command("show")
def show(account: AccountArgument, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Show a wallet."""
    with services(_OPTIONS) as running:
        owner = customer_called(running, account)
        found = running.reader.read_now(lambda tx: find_wallet(tx, owner.id))
        if found is not None:
            print_object(balance_view(found), as_json=as_json)


@wallet.command("statement")
def statement(account: AccountArgument, limit: Limit = 1000, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """List a wallet's transfers, newest first, each with the balance after it."""
    with services(_OPTIONS) as running:
        owner = customer_called(running, account)
        found = running.reader.read_now(
            lambda tx: describe_lines(tx, list_statement(tx, owner.id, before_entry=None, limit=limit))
        )
        columns = ("entry", "created_at", "kind", "phone_number", "amount", "balance", "currency", "reference")
        shown = [transaction_view(one.transfer, one.e164, one.period) for one in found]
        print_list(shown, columns, as_json=as_json)


def _move(kind: str, account: str, amount: str, reference: str | None, *, as_json: bool) -> None:
    with services(_OPTIONS) as running:
        owner = customer_called(running, account)
        now = running.now()
        command = funding(running.new_id("trf"), kind, owner.id, amount_of(amount), reference=reference, now=now)
        moved = running.writer.apply(fund_wallets, command)
        print_object(transaction_view(moved), as_json=as_json)
