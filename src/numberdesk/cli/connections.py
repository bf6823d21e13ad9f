"""Commands for connections: of any account, and those that the operator shares with all.

Touches: environment.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from numberdesk.cli.output import fail, print_list, print_object
from numberdesk.cli.session import AsJson, Limit, Yes, confirm, customer_called, services
from numberdesk.connections.model import Connection, ConnectionPermit
from numberdesk.connections.sealing import route_of
from numberdesk.connections.store import find_connections, find_permits, list_connections, list_defaults
from numberdesk.core.connection import ConnectionKind, DefaultScope
from numberdesk.core.connection_presets import PRESETS
from numberdesk.core.connection_targets import OBJECT_KINDS, OFFERED_KINDS
from numberdesk.core.errors import InvalidRequest
from numberdesk.flows.connections.allow_connections import Permit, SetDefault, permit_connections, set_defaults
from numberdesk.flows.connections.set_up_connections import (
    ConnectionChange,
    change_connection,
    create_connections,
)
from numberdesk.flows.connections.typed_connections import TypedConnection, new_connection
from numberdesk.views.connections import (
    admin_connection_view,
    connection_permit_view,
    connection_test_view,
    default_connection_view,
)
from numberdesk.wiring import Services

connections = typer.Typer(help="Connections, where calls to numbers go.", no_args_is_help=True)

_OPTIONS: Final = {
    "targets": "--target",
    "targets[0].uri": "--target",
    "preset_values": "--value",
    "url": "--url",
    "fallback_url": "--fallback-url",
    "number_format": "--number-format",
    "object_kind": "--object",
    "object_id": "--object",
    "forward_to": "--forward-to",
    "connection_id": "CONNECTION_ID",
    "kind": "--kind",
    "preset": "--preset",
    "name": "NAME",
    "username": "--username",
    "password": "the password",
    "server_url": "--server-url",
    "api_key": "--api-key",
    "api_secret": "the secret of the API key",
    "trunk_id": "--trunk",
    "emergency_address": "--emergency-address",
    "caller_name": "--caller-name",
}
_COLUMNS: Final = ("id", "account_id", "kind", "preset", "name")
ConnectionArgument = Annotated[str, typer.Argument(metavar="CONNECTION_ID")]
OfAccount = Annotated[
    str | None, typer.Option("--account", help="Whose it is: id or exact name; else for all accounts")
]


@connections.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it")],
    *,
    account: OfAccount = None,
    preset: Annotated[str | None, typer.Option(help=f"A voice platform: {', '.join(PRESETS)}")] = None,
    value: Annotated[list[str] | None, typer.Option("--value", help="What the preset asks for, as NAME=VALUE")] = None,
    kind: Annotated[str | None, typer.Option(help=f"Without a preset: {', '.join(OFFERED_KINDS)}")] = None,
    target: Annotated[
        list[str] | None, typer.Option("--target", help="sip: URI and maybe ,tls or ,tcp; the first is tried first")
    ] = None,
    number_format: Annotated[str | None, typer.Option(help="e164, plain or national")] = None,
    username: Annotated[str | None, typer.Option(help="The user by whom calls are sent")] = None,
    url: Annotated[str | None, typer.Option(help="For webhook: where calls are asked about")] = None,
    fallback_url: Annotated[str | None, typer.Option(help="For webhook: where that fails")] = None,
    dialect: Annotated[str | None, typer.Option(help="For webhook: twiml, plivo, ncco, bxml or swml")] = None,
    native: Annotated[
        str | None, typer.Option("--object", help=f"For native: KIND:ID, of {', '.join(OBJECT_KINDS)}")
    ] = None,
    forward_to: Annotated[str | None, typer.Option(help="For forward: a number in E.164")] = None,
    server_url: Annotated[str | None, typer.Option(help="For livekit: https address of the server")] = None,
    api_key: Annotated[str | None, typer.Option(help="For livekit: an API key of that server")] = None,
    trunk: Annotated[str | None, typer.Option(help="For livekit: id of the inbound trunk for the numbers")] = None,
    as_json: AsJson = False,
) -> None:
    """Set up a connection. The password of --username and the secret of --api-key are asked for, or read from stdin."""
    object_kind, _, object_id = (native or "").partition(":")
    fields: dict[str, Any] = {
        "targets": None if target is None else [_target(place, text) for place, text in enumerate(target)],
        "number_format": number_format,
        "username": username,
        "password": None if username is None else _asked_password(),
        "url": url,
        "fallback_url": fallback_url,
        "dialect": dialect,
        "object_kind": object_kind if native else None,
        "object_id": object_id if native else None,
        "forward_to": forward_to,
        "server_url": server_url,
        "api_key": api_key,
        "api_secret": None if api_key is None else _asked_password("Secret of the API key"),
        "trunk_id": trunk,
    }
    with services(_OPTIONS) as running:
        owner = None if account is None else customer_called(running, account).id
        typed = TypedConnection(name, _kind(kind), preset or "", _values(value or ()), fields)
        new = asyncio.run(
            new_connection(
                typed, running.new_id("con"), owner, egress=running.egress, vault=running.vault, now=running.now()
            )
        )
        made = running.writer.apply(create_connections, new)
        print_object(admin_connection_view(made), as_json=as_json)


@connections.command("list")
def list_them(
    account: Annotated[str | None, typer.Argument(metavar="[ACCOUNT]", help="What this account may use")] = None,
    limit: Limit = 1000,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """List connections, without their secrets."""
    with services(_OPTIONS) as running:
        owner = None if account is None else customer_called(running, account).id
        found = running.reader.read_now(lambda tx: list_connections(tx, owner, after_id=None, limit=limit))
        print_list([admin_connection_view(one) for one in found], _COLUMNS, as_json=as_json)


@connections.command("show")
def show(connection_id: ConnectionArgument, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Show a connection, with the steps that remain at the other side."""
    with services(_OPTIONS) as running:
        print_object(admin_connection_view(_called(running, connection_id)), as_json=as_json)


@connections.command("test")
def try_it(connection_id: ConnectionArgument, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Try each place of a connection at once, and say what came back; fails where one did not answer."""
    with services(_OPTIONS) as running:
        route = route_of(_called(running, connection_id), running.vault)

        async def told() -> Any:
            try:
                return await running.connection_tests.run("", route)
            finally:
                await running.connection_tests.close()

        tested = connection_test_view(asyncio.run(told()))
        if as_json:
            print_object(tested, as_json=True)
        else:
            print_list(list(tested.places), ("place", "reached", "said"), as_json=False)
        if not tested.reached:
            raise typer.Exit(1)


@connections.command("remove")
def remove(connection_id: ConnectionArgument, yes: Yes = False, as_json: AsJson = False) -> None:  # noqa: FBT002  flags
    """Delete a connection that no number is connected to."""
    with services(_OPTIONS) as running:
        found = _called(running, connection_id)
        confirm(f"Delete the connection {found.name}?", yes=yes)
        command = ConnectionChange(found.id, found.account_id, running.now(), delete=True)
        print_object(admin_connection_view(running.writer.apply(change_connection, command)), as_json=as_json)


@connections.command("default")
def default(
    connection_id: Annotated[str | None, typer.Argument(metavar="[CONNECTION_ID]", help="Left out: none")] = None,
    carrier: Annotated[str | None, typer.Option(help="For numbers of this account at a carrier, or of pool")] = None,
    account: Annotated[str | None, typer.Option(help="For numbers of this account; goes before a carrier's")] = None,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Set what numbers are connected to that are bought from now on without saying. Alone, lists what is set."""
    with services(_OPTIONS) as running:
        if carrier is not None and account is not None:
            fail("--carrier and --account: give one of them")
        if carrier is None and account is None:
            if connection_id is not None:
                fail("say --carrier or --account")
        else:
            scope = DefaultScope.ACCOUNT if carrier is None else DefaultScope.CARRIER
            name = carrier if carrier is not None else customer_called(running, account or "").id
            running.writer.apply(set_defaults, SetDefault(scope, name, connection_id, running.now()))
        found = running.reader.read_now(list_defaults)
        columns = ("scope", "name", "connection_id")
        print_list([default_connection_view(one) for one in found], columns, as_json=as_json)


@connections.command("allow")
def allow(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT")],
    forward: Annotated[bool, typer.Option("--forward", help="Phone numbers, as the kind forward")] = False,  # noqa: FBT002  a flag
    native: Annotated[str | None, typer.Option("--object", help="A carrier's own object, by its id")] = None,
    no: Annotated[bool, typer.Option("--no", help="No longer; what is connected stays so")] = False,  # noqa: FBT002  a flag
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Let an account connect to phone numbers or to a carrier's own object. Alone, lists what it may."""
    with services(_OPTIONS) as running:
        owner = customer_called(running, account).id
        wanted = [(ConnectionKind.FORWARD, "")] if forward else []
        wanted += [(ConnectionKind.NATIVE, native)] if native else []
        for kind, object_id in wanted:
            permit = ConnectionPermit(owner, kind, object_id, running.now())
            running.writer.apply(permit_connections, Permit(permit, not no))
        found = running.reader.read_now(lambda tx: find_permits(tx, [owner]))
        columns = ("account_id", "kind", "object_id")
        print_list([connection_permit_view(one) for one in found], columns, as_json=as_json)


def _asked_password(what: str = "Password") -> str:
    """A secret, typed without an echo, or the line that is piped in."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    return str(typer.prompt(what, hide_input=True, err=True)).strip()


def _called(running: Services, connection_id: str) -> Connection:
    found = running.reader.read_now(lambda tx: find_connections(tx, [connection_id])).get(connection_id)
    if found is None or found.deleted_at is not None:
        fail(f"there is no connection {connection_id}; numberdesk connections list has all")
    return found


def _target(place: int, text: str) -> dict[str, Any]:
    uri, _, transport = text.partition(",")
    return {"uri": uri, "transport": transport or None, "priority": 10 * (place + 1)}


def _kind(text: str | None) -> ConnectionKind | None:
    if text is None:
        return None
    try:
        return ConnectionKind(text)
    except ValueError:
        raise InvalidRequest("kind", f"must be one of {', '.join(OFFERED_KINDS)}") from None


def _values(texts: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    if any(not name or not sign for name, sign, _ in pairs):
        raise InvalidRequest("preset_values", "must be like NAME=VALUE")
    return {name: value for name, _, value in pairs}
