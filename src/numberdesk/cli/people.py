"""Commands for accounts, keys and wallets.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated

import typer

from numberdesk.accounts.model import CUSTOMER_SCOPES, RANDOM_BYTES, SCOPES, new_key
from numberdesk.accounts.store import list_accounts, list_keys
from numberdesk.cli.output import print_list, print_object
from numberdesk.cli.session import AsJson, Limit, account_called, services
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.lifecycle import AccountState
from numberdesk.core.money import MoneyError, parse_micros
from numberdesk.core.periods import MICROSECONDS
from numberdesk.flows.accounts.create_accounts import (
    SetAccountState,
    change_account_states,
    create_accounts,
    new_account,
)
from numberdesk.flows.accounts.fund_wallets import ADJUSTMENT, TOP_UP, fund_wallets, funding
from numberdesk.flows.accounts.issue_keys import NewKey, Revocation, issue_keys, new_key_record, revoke
from numberdesk.ledger.store import find_wallet, list_statement
from numberdesk.views import account_view, balance_view, key_view, new_key_view, transaction_view

accounts = typer.Typer(help="Accounts: who pays.", no_args_is_help=True)
keys = typer.Typer(help="API keys of accounts.", no_args_is_help=True)
wallet = typer.Typer(help="Prepaid balances.", no_args_is_help=True)

AccountArgument = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id or exact name")]


def amount_of(text: str, field: str = "amount") -> int:
    """Micros of an amount that a person typed. Raises InvalidRequest naming the field."""
    try:
        return parse_micros(text)
    except MoneyError as error:
        raise InvalidRequest(field, str(error)) from None


@accounts.command("create")
def create_account(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    currency: Annotated[str, typer.Option(help="The account's one currency, like USD")],
    credit_limit: Annotated[str, typer.Option(help="How far the wallet may go below zero")] = "0",
    as_json: AsJson = False,  # noqa: FBT002  a flag of the command line
) -> None:
    """Create an account with an empty wallet."""
    with services() as running:
        limit = amount_of(credit_limit, "credit_limit")
        command = new_account(running.new_id("acc"), name, currency, limit, running.now())
        print_object(account_view(running.writer.apply(create_accounts, command)), as_json=as_json)


@accounts.command("list")
def list_all_accounts(limit: Limit = 1000, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """List accounts, oldest first."""
    with services() as running:
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


@keys.command("create")
def create_key(
    account: AccountArgument,
    scope: Annotated[list[str] | None, typer.Option(help=f"May be given several times: {', '.join(SCOPES)}")] = None,
    name: Annotated[str, typer.Option(help="To tell keys apart")] = "",
    expires_days: Annotated[int | None, typer.Option(min=1, max=36_500, help="Expire after so many days")] = None,
    test: Annotated[bool, typer.Option("--test", help="Mark it nd_test_ instead of nd_live_")] = False,  # noqa: FBT002
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Create a key. It is printed this once and stored only as a hash."""
    with services() as running:
        owner = account_called(running, account)
        secret = new_key(running.random_bytes(RANDOM_BYTES), test=test)
        now = running.now()
        record = new_key_record(
            running.new_id("key"),
            secret,
            account_id=owner.id,
            name=name,
            scopes=scope or CUSTOMER_SCOPES,
            expires_at=None if expires_days is None else now + expires_days * 86_400 * MICROSECONDS,
            now=now,
        )
        made = running.writer.apply(issue_keys, NewKey(record))
        print_object(new_key_view(made, secret), as_json=as_json)


@keys.command("list")
def list_all_keys(
    account: Annotated[str | None, typer.Argument(metavar="[ACCOUNT]", help="Only this account's")] = None,
    limit: Limit = 1000,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """List keys without their secrets."""
    with services() as running:
        owner = None if account is None else account_called(running, account).id
        found = running.reader.read_now(lambda tx: list_keys(tx, owner, after_id=None, limit=limit))
        columns = ("id", "account_id", "name", "starts_with", "scopes", "created_at", "revoked_at")
        print_list([key_view(one) for one in found], columns, as_json=as_json)


@keys.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID")],
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Revoke a key; it stops working within a second."""
    with services() as running:
        revoked = running.writer.apply(revoke, Revocation(key_id, None, running.now()))
        print_object(key_view(revoked), as_json=as_json)


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
    with services() as running:
        owner = account_called(running, account)
        found = running.reader.read_now(lambda tx: find_wallet(tx, owner.id))
        if found is not None:
            print_object(balance_view(found), as_json=as_json)


@wallet.command("statement")
def statement(account: AccountArgument, limit: Limit = 1000, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """List a wallet's transfers, newest first, each with the balance after it."""
    with services() as running:
        owner = account_called(running, account)
        found = running.reader.read_now(lambda tx: list_statement(tx, owner.id, before_entry=None, limit=limit))
        columns = ("entry", "created_at", "kind", "amount", "balance", "currency", "order_id", "reference")
        print_list([transaction_view(one) for one in found], columns, as_json=as_json)


def _set_account_state(account: str, state: AccountState, *, as_json: bool) -> None:
    with services() as running:
        owner = account_called(running, account)
        changed = running.writer.apply(change_account_states, SetAccountState(owner.id, state))
        print_object(account_view(changed), as_json=as_json)


def _move(kind: str, account: str, amount: str, reference: str | None, *, as_json: bool) -> None:
    with services() as running:
        owner = account_called(running, account)
        now = running.now()
        command = funding(running.new_id("trf"), kind, owner.id, amount_of(amount), reference=reference, now=now)
        moved = running.writer.apply(fund_wallets, command)
        print_object(transaction_view(moved), as_json=as_json)
