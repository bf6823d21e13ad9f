"""Commands for compliance profiles: what carriers approved for accounts, by reference.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from numberdesk.carriers.compliance_store import list_profiles
from numberdesk.cli.output import print_list, print_object
from numberdesk.cli.session import AsJson, Limit, Yes, confirm, customer_called, services
from numberdesk.core.compliance import ComplianceProfile, ProfileState
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.periods import from_datetime
from numberdesk.core.rental import DAY
from numberdesk.flows.compliance.register_profiles import ProfileChange, change_registered, register_profiles
from numberdesk.views.compliance import admin_profile_view

compliance = typer.Typer(help="Papers that carriers approved for accounts, by reference.", no_args_is_help=True)

_OPTIONS: Final = {
    "account_id": "ACCOUNT",
    "carrier": "CARRIER",
    "iso_country": "COUNTRY",
    "number_type": "--type",
    "papers": "--paper",
    "valid_until": "--until",
    "status": "--status",
}
_COLUMNS: Final = ("id", "account_id", "carrier", "iso_country", "number_type", "status", "valid_until")
ProfileArgument = Annotated[str, typer.Argument(metavar="PROFILE_ID")]
Papers = Annotated[list[str] | None, typer.Option("--paper", help="The carrier's id of what it approved, as FIELD=ID")]
Until = Annotated[str | None, typer.Option("--until", help="When it ends, like 2027-03-20; none for no end")]
Status = Annotated[ProfileState | None, typer.Option("--status", help="How it stands with the carrier")]
Said = Annotated[str | None, typer.Option("--said", help="What is to be known of it")]


@compliance.command("add")
def add(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Whose papers: id or exact name")],
    carrier: Annotated[str, typer.Argument(metavar="CARRIER", help="Name of the account at the carrier")],
    country: Annotated[str, typer.Argument(metavar="COUNTRY", help="Of the numbers that they are for, like DE")],
    *,
    number_type: Annotated[str | None, typer.Option("--type", help="Of these numbers; left out, all types")] = None,
    paper: Papers = None,
    until: Until = None,
    status: Status = None,
    said: Said = None,
    as_json: AsJson = False,
) -> None:
    """Register what a carrier approved for an account; without --status it is approved."""
    with services(_OPTIONS) as running:
        now = running.now()
        new = ComplianceProfile(
            running.new_id("cmp"),
            customer_called(running, account).id,
            carrier,
            country.upper(),
            number_type or "",
            _papers(paper or ()),
            status or ProfileState.APPROVED,
            _instant(until),
            said or "",
            now,
            now,
        )
        print_object(admin_profile_view(running.writer.apply(register_profiles, new)), as_json=as_json)


@compliance.command("list")
def list_them(
    account: Annotated[str | None, typer.Argument(metavar="[ACCOUNT]", help="Only this account's")] = None,
    expiring: Annotated[int | None, typer.Option("--expiring", min=0, help="That end within so many days")] = None,
    limit: Limit = 1000,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """List compliance profiles."""
    with services(_OPTIONS) as running:
        owner = None if account is None else customer_called(running, account).id
        before = None if expiring is None else running.now() + expiring * DAY
        found = running.reader.read_now(
            lambda tx: list_profiles(tx, owner, ends_before=before, after_id=None, limit=limit)
        )
        print_list([admin_profile_view(one) for one in found], _COLUMNS, as_json=as_json)


@compliance.command("change")
def change(
    profile_id: ProfileArgument,
    *,
    paper: Papers = None,
    until: Until = None,
    status: Status = None,
    said: Said = None,
    as_json: AsJson = False,
) -> None:
    """Change a compliance profile; what is left out stays as it is."""
    with services(_OPTIONS) as running:
        command = ProfileChange(
            profile_id,
            running.now(),
            papers=None if paper is None else _papers(paper),
            state=status,
            valid_until=_instant(until),
            unlimited=until == _NONE,
            said=said,
        )
        print_object(admin_profile_view(running.writer.apply(change_registered, command)), as_json=as_json)


@compliance.command("remove")
def remove(profile_id: ProfileArgument, yes: Yes = False, as_json: AsJson = False) -> None:  # noqa: FBT002  flags
    """Remove a compliance profile: no further order is sent with it. Orders that are open go on."""
    with services(_OPTIONS) as running:
        confirm(f"Remove the compliance profile {profile_id}?", yes=yes)
        command = ProfileChange(profile_id, running.now(), remove=True)
        print_object(admin_profile_view(running.writer.apply(change_registered, command)), as_json=as_json)


_NONE: Final = "none"


def _papers(texts: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    if any(not name or not sign for name, sign, _ in pairs):
        raise InvalidRequest("papers", "must be like FIELD=ID")
    return {name: value for name, _, value in pairs}


def _instant(text: str | None) -> int | None:
    if text is None or text == _NONE:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest("valid_until", "must be like 2027-03-20 or 2027-03-20T14:30:00Z") from None
    return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
