"""What every command starts with: settings, services, an account by its id or name.

Touches: environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from typer._click.globals import get_current_context

from numberdesk.accounts.actions import Action, kept_details
from numberdesk.accounts.model import Account
from numberdesk.accounts.store import find_accounts_named
from numberdesk.cli.output import NO_OPTIONS, fail, note, reported
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.money import MoneyError, parse_micros
from numberdesk.core.roles import Via
from numberdesk.flows.carriers.describe_carriers import is_carrier
from numberdesk.infra import log
from numberdesk.infra.attribution import attributed_to
from numberdesk.infra.settings import Settings, load_settings, unknown_variables
from numberdesk.wiring import OF_COMMANDS, Services, build

Result = TypeVar("Result")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output and nothing else there")]
_PATIENCE_SECONDS = 30.0  # a person's command may wait for a busy server

AccountArgument = Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id or exact name")]

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask first")]

Limit = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="At most so many")]


def read_settings(**given: Any) -> Settings:
    """The settings of a command, having told of variables that none of them reads. Raises SettingsError."""
    for name, nearest in unknown_variables(os.environ):
        meant = f"; {nearest} is one" if nearest else ""
        note(f"numberdesk: {name} is no setting, so nothing reads it{meant}")
    return load_settings(**given)


@contextlib.contextmanager
def services(options: Mapping[str, str] = NO_OPTIONS) -> Iterator[Services]:
    """Services for one command, closed at its end; errors become exit statuses, and name `options` for fields."""
    with reported(options):
        running = build(read_settings(), OF_COMMANDS, lock_seconds=_PATIENCE_SECONDS)
        try:
            with attributed_to(_action(running)):
                yield running
        finally:
            running.close()


def _action(running: Services) -> Action:
    """What the command does, for the record: its words, the user of the machine, and what it was given."""
    context = get_current_context(silent=True)
    words = "" if context is None else context.command_path.partition(" ")[2]
    given = {} if context is None else {name: value for name, value in context.params.items() if name != "as_json"}
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as containers have
        user = str(os.getuid()) if hasattr(os, "getuid") else "somebody"
    details = kept_details(given)
    return Action(running.new_id("act"), running.now(), "", Via.COMMAND, user, words, details=details)


def asking_carriers(running: Services, story: Callable[[], Awaitable[Result]]) -> Result:
    """Run what asks carriers: with the writer's thread, in an event loop, its connections closed at the end.

    What such commands find they say themselves; the log is for those who look for defects (log_level debug).
    """
    log.configure("debug" if running.settings.log_level == "debug" else "critical")
    running.writer.start()

    async def told() -> Result:
        try:
            return await story()
        finally:
            await running.hang_up()

    return asyncio.run(told())


def amount_of(text: str, field: str = "amount") -> int:
    """Micros of an amount that a person typed. Raises InvalidRequest naming the field."""
    try:
        return parse_micros(text)
    except MoneyError as error:
        raise InvalidRequest(field, str(error)) from None


def confirm(question: str, *, yes: bool) -> None:
    """Ask the person at the terminal before what cannot be taken back; end the command unless the answer is yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        fail(f"{question} Nothing was changed; say --yes to do it")
    if not typer.confirm(question, err=True):
        fail("nothing was changed")


def check_carrier(running: Services, name: str | None) -> None:
    """Let a carrier that there is pass, and none; end the command for a name that stands for nothing."""
    if name is not None and not running.reader.read_now(lambda tx: is_carrier(tx, name)):
        fail_unknown_carrier(name)


def fail_unknown_carrier(name: str) -> NoReturn:
    """End the command."""
    fail(f"there is no carrier {name!r}; `numberdesk carriers list` lists them")


def customer_called(running: Services, text: str) -> Account:
    """The customer's account with this id or exact name; ends the command when there is none."""
    account = account_called(running, text)
    if account.kind is AccountKind.OPERATOR:
        fail(f"{account.name!r} is an operators' account, which has no wallet and buys nothing")
    return account


def account_called(running: Services, text: str) -> Account:
    """The account with this id, else with this exact name; ends the command when there is none."""
    found = running.reader.read_now(lambda tx: find_accounts_named(tx, text))
    exact = [account for account in found if account.id == text]
    chosen = exact or found
    if not chosen:
        fail(f"there is no account {text!r}")
    return chosen[0]
