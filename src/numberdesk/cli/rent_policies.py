"""Commands for the terms of rent of an account.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated

import typer

from numberdesk.cli.output import USAGE, fail, print_object
from numberdesk.cli.session import AsJson, customer_called, services
from numberdesk.core.errors import NumberdeskError
from numberdesk.flows.rentals.set_rent_policies import rent_policy, set_rent_policies
from numberdesk.numbers.rent_store import find_rent_policies
from numberdesk.views.rent import rent_policy_view

policies = typer.Typer(help="Terms of rent of an account.", no_args_is_help=True)

_Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id or name")]
_DEFAULT = "default"
"""What a person types for a term that is to be as the settings say."""


@policies.command("show")
def show_policy(
    account: _Account,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Show the terms of rent that hold for an account; `own` are those that differ from the settings."""
    with services() as running:
        account_id = customer_called(running, account).id
        found = running.reader.read_now(lambda tx: find_rent_policies(tx, [account_id]))
        print_object(rent_policy_view(account_id, found.get(account_id), running.rent_terms), as_json=as_json)


@policies.command("set")
def set_policy(
    account: _Account,
    grace: Annotated[str | None, typer.Option(help="Hours that a number is kept unpaid")] = None,
    reminders: Annotated[str | None, typer.Option(help="Days before a period, like 7,1")] = None,
    missed: Annotated[str | None, typer.Option(help="Periods nobody looked at: charged, or waived")] = None,
    notice: Annotated[str | None, typer.Option(help="Days before new prices hold")] = None,
    proration: Annotated[str | None, typer.Option(help="What a release gives back: none, or release")] = None,
    auto_renew: Annotated[str | None, typer.Option(help="Whether new rentals are renewed: on, or off")] = None,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Let terms of rent differ for an account. What is left out stays; `default` is as the settings say."""
    typed = {
        "grace_hours": grace,
        "reminder_days": reminders,
        "missed": missed,
        "notice_days": notice,
        "proration": proration,
        "auto_renew": auto_renew,
    }
    terms = {name: _term(name, text) for name, text in typed.items() if text is not None}
    if not terms:
        fail("say what is to differ, like --grace 72", USAGE)
    options = {
        "grace_hours": "--grace",
        "reminder_days": "--reminders",
        "missed": "--missed",
        "notice_days": "--notice",
        "proration": "--proration",
        "auto_renew": "--auto-renew",
    }
    with services(options) as running:
        account_id = customer_called(running, account).id
        policy = running.writer.apply(set_rent_policies, rent_policy(account_id, terms, running.now()))
        assert not isinstance(policy, NumberdeskError)  # noqa: S101  a refusal is raised
        print_object(rent_policy_view(account_id, policy, running.rent_terms), as_json=as_json)


def _term(name: str, text: str) -> int | str | None:
    if text == _DEFAULT:
        return None
    return int(text) if name in {"grace_hours", "notice_days"} and text.isascii() and text.isdigit() else text
