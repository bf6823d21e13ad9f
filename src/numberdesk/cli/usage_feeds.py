"""Commands for feeds, through which switches and platforms send call records in their own form.

Touches: environment.
"""

from __future__ import annotations

import os
from typing import Annotated, Final

import typer

from numberdesk.cli.call_files import mapping_text, shipped_mappings
from numberdesk.cli.output import note, print_list, print_object
from numberdesk.cli.session import AccountArgument, AsJson, Limit, account_called, services
from numberdesk.core.call_forms import CallForm
from numberdesk.core.errors import InvalidRequest
from numberdesk.flows.usage.change_feeds import RemoveFeed, checked_feed, remove_feeds, save_feeds
from numberdesk.usage.feed_store import list_feeds
from numberdesk.usage.model import CallFeed
from numberdesk.views.usage import feed_view

feeds = typer.Typer(help="Feeds of call records in forms of their own.", no_args_is_help=True)

_OPTIONS: Final = {"source": "NAME", "mapping": "--mapping", "secret": "--secret-env", "url": "--url", "form": "--form"}
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Records come to /api/v1/usage/in/NAME/")]


@feeds.command("set")
def set_feed(
    account: AccountArgument,
    name: NameArgument,
    form: Annotated[CallForm | None, typer.Option(help="What its records look like; a mapping needs none")] = None,
    mapping: Annotated[
        str | None, typer.Option(metavar="FILE|NAME", help=f"A mapping file, or {', '.join(shipped_mappings())}")
    ] = None,
    secret_env: Annotated[
        str | None, typer.Option(metavar="VARIABLE", help="Variable with what callbacks are signed with")
    ] = None,
    url: Annotated[str | None, typer.Option(help="Where they are sent, as the sender was told, without a key")] = None,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Say how records to /api/v1/usage/in/NAME/ are read; FreeSWITCH's and Twilio's are known without."""
    with services(_OPTIONS) as running:
        chosen = CallForm.MAPPING if form is None and mapping is not None else form
        if chosen is None or (chosen is CallForm.MAPPING) is not (mapping is not None):
            raise InvalidRequest("form", "must be given, or --mapping in its place")
        text = None if mapping is None else mapping_text(mapping)
        secret = None if secret_env is None else _from_environment(secret_env)
        owner = account_called(running, account)
        feed = checked_feed(CallFeed(owner.id, name, chosen, text, secret, url, running.now()))
        if feed.secret is not None:
            feed = feed._replace(secret=running.vault.seal(feed.seal_name, {"secret": feed.secret}))
        running.writer.apply(save_feeds, feed)
        print_object(feed_view(feed), as_json=as_json)


@feeds.command("list")
def list_all(
    account: Annotated[str | None, typer.Option(help="Only those of this account")] = None,
    limit: Limit = 1000,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """List feeds that were set."""
    with services(_OPTIONS) as running:
        owner = None if account is None else account_called(running, account).id
        found = running.reader.read_now(lambda tx: list_feeds(tx, owner, limit))
        columns = ("account_id", "name", "form", "signed")
        print_list([feed_view(feed) for feed in found], columns, as_json=as_json)


@feeds.command("remove")
def remove(account: AccountArgument, name: NameArgument) -> None:
    """Forget how records to /api/v1/usage/in/NAME/ are read; what came stays."""
    with services(_OPTIONS) as running:
        owner = account_called(running, account)
        running.writer.apply(remove_feeds, RemoveFeed(owner.id, name))
        note(f"{name} of {owner.id} is no feed any more")


def _from_environment(variable: str) -> str:
    value = os.environ.get(variable, "").strip()
    if not value:
        raise InvalidRequest("secret", f"names a variable that is not set: {variable}")
    return value
