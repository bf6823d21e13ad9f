"""Commands for the keys of accounts.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, Final

import typer

from numberdesk.accounts.cap_store import find_caps_of
from numberdesk.accounts.model import RANDOM_BYTES, SCOPES, default_scopes, new_key
from numberdesk.accounts.store import list_keys
from numberdesk.cli.caps import caps_given
from numberdesk.cli.output import note, print_list, print_object
from numberdesk.cli.session import AccountArgument, AsJson, Limit, account_called, services
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.spending import SpendCaps
from numberdesk.flows.accounts.cap_spending import CapKey, cap_keys, check_caps
from numberdesk.flows.accounts.issue_keys import NewKey, Revocation, issue_keys, new_key_record, revoke
from numberdesk.views.accounts import key_view, new_key_view

keys = typer.Typer(help="API keys of accounts.", no_args_is_help=True)

_LIMITS: Final = {"per_purchase": "--per-purchase", "per_day": "--per-day", "per_month": "--per-month"}
_OPTIONS: Final = {"name": "--name", "scopes": "--scope", "expires_at": "--expires-days"}


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
    with services(_OPTIONS) as running:
        owner = account_called(running, account)
        secret = new_key(running.random_bytes(RANDOM_BYTES), test=test)
        now = running.now()
        record = new_key_record(
            running.new_id("key"),
            secret,
            account_id=owner.id,
            name=name,
            scopes=scope or default_scopes(owner.kind),
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
    with services(_OPTIONS) as running:
        owner = None if account is None else account_called(running, account).id
        found = running.reader.read_now(lambda tx: list_keys(tx, owner, after_id=None, limit=limit))
        columns = ("id", "account_id", "name", "starts_with", "scopes", "created_at", "revoked_at", "created_by")
        caps = running.reader.read_now(lambda tx: find_caps_of(tx, [one.id for one in found]))
        print_list([key_view(one, caps.get(one.id, SpendCaps())) for one in found], columns, as_json=as_json)


@keys.command("limit")
def limit_key(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID")],
    per_purchase: Annotated[str | None, typer.Option(help="Most that a purchase may cost; none takes it away")] = None,
    per_day: Annotated[str | None, typer.Option(help="Most that purchases of a day may cost")] = None,
    per_month: Annotated[str | None, typer.Option(help="Most that purchases of a month may cost")] = None,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Limit what a key may spend on purchases, beside what limits its account. What is left out stays."""
    with services(_LIMITS) as running:
        known = running.reader.read_now(lambda tx: find_caps_of(tx, [key_id])).get(key_id, SpendCaps())
        caps = caps_given(known, per_purchase, per_day, per_month) or known
        check_caps(caps)
        capped = running.writer.apply(cap_keys, CapKey(key_id, caps, running.now()))
        print_object(key_view(capped.key, capped.caps), as_json=as_json)


@keys.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(metavar="KEY_ID")],
    with_descendants: Annotated[  # noqa: FBT002  a flag
        bool, typer.Option("--with-descendants", help="Keys made with it, at any remove, too")
    ] = False,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Revoke a key; it stops working within a second."""
    with services(_OPTIONS) as running:
        command = Revocation(key_id, None, running.now(), with_descendants=with_descendants)
        revoked = running.writer.apply(revoke, command)
        print_object(key_view(revoked.key), as_json=as_json)
        if with_descendants:
            note(f"numberdesk: {revoked.descendants} keys that were made with it are revoked, too")
