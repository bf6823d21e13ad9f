"""The commands by name, each with its line of help and the module that has it, which is loaded when it is asked for.

Touches: nothing.

So `numberdesk --help`, `--version` and completion of the first word load none of them, nor the database or the
carriers that they need.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group_from_info
from typer.models import TyperInfo

from numberdesk.cli.examples import EXAMPLES

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter
    from typer._click.shell_completion import CompletionItem

PROGRAM: Final = "numberdesk"
_MOST_OF_A_GROUP: Final = 3


class CommandPlace(NamedTuple):
    """Where a command is: the last part of its module's name, what it is called there, and its line of help."""

    module: str
    name: str
    help: str


COMMANDS: Final[dict[str, CommandPlace]] = {
    "serve": CommandPlace("serve", "serve", "Serve the API, with the worker beside it, until SIGTERM or SIGINT."),
    "worker": CommandPlace("serve", "work", "Do only the background work, until SIGTERM or SIGINT."),
    "verify": CommandPlace(
        "verify", "verify_books", "Check every invariant of the books; exit status 1 when one is broken."
    ),
    "carrier-sim": CommandPlace(
        "carrier_sim",
        "carrier_sim",
        "Simulate the number APIs of Twilio and Telnyx, on loopback only, until SIGTERM or SIGINT.",
    ),
    "doctor": CommandPlace(
        "doctor",
        "doctor",
        "Look settings, database, carriers, prices and work over, and say what to do; exit status 1 for a problem.",
    ),
    "explain": CommandPlace(
        "explain",
        "explain",
        "Say why a customer sees a number or not, and may buy it or not; exit status 1 when it may not.",
    ),
    "backup": CommandPlace(
        "backup",
        "backup",
        "Copy the books of an SQLite file beside a running server, and verify the copy; exit status 1 if it is broken.",
    ),
    "db": CommandPlace("db", "db", "The schema of the database."),
    "accounts": CommandPlace("accounts", "accounts", "Accounts: who pays."),
    "operators": CommandPlace("operators", "operators", "Accounts of operators: who runs the service."),
    "keys": CommandPlace("keys", "keys", "API keys of accounts."),
    "people": CommandPlace("people", "people", "People who sign in to the console."),
    "wallet": CommandPlace("wallet", "wallet", "Prepaid balances."),
    "statements": CommandPlace("statements", "statements", "Statements of months."),
    "inventory": CommandPlace("inventory", "inventory", "The operator's own numbers."),
    "prices": CommandPlace("prices", "prices", "Price rules for numbers that came without prices."),
    "orders": CommandPlace("orders", "orders", "Purchase attempts."),
    "rent": CommandPlace("rent", "rent", "Rent of numbers, period by period."),
    "rentals": CommandPlace("rent", "rentals", "Rented numbers of all accounts."),
    "usage": CommandPlace("usage", "usage", "Calls and how they are charged."),
    "rates": CommandPlace("rates", "rates", "Rate decks: outbound calls by the number called."),
    "routing": CommandPlace("routing", "routing", "Where calls to rented numbers go."),
    "carriers": CommandPlace("carriers", "carriers", "Accounts at carriers that numbers are bought from."),
    "compliance": CommandPlace("compliance", "compliance", "Papers that carriers approved for accounts, by reference."),
    "webhooks": CommandPlace("webhooks", "webhooks", "Webhooks, to which events are sent."),
    "connections": CommandPlace("connections", "connections", "Connections, where calls to numbers go."),
    "numbers": CommandPlace("numbers", "numbers", "Rented numbers of any account."),
}
"""Every command of the first level, in the order in which help lists them. A new one is named here."""


class CommandsOnDemand(MutableMapping[str, Any]):
    """The commands of the first level by name. What is looked up is loaded, with the examples of its help."""

    def __init__(self) -> None:
        self._loaded: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            place = COMMANDS[name]
            found = getattr(importlib.import_module(f"{__package__}.{place.module}"), place.name)
            self._loaded[name] = with_examples(_command(name, found), f"{PROGRAM} {name}")
        return self._loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in COMMANDS

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Program(TyperGroup):
    """The program: what it says of all its commands it says without loading them."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = CommandsOnDemand()

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:  # noqa: ARG002  what Typer calls
        """List the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.help) for name, place in COMMANDS.items()])

    def shell_complete(self, ctx: Context, incomplete: str) -> list[CompletionItem]:
        """What the first word may go on as."""
        from typer._click.shell_completion import CompletionItem  # noqa: PLC0415  only where it is asked for

        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        begun = [name for name in COMMANDS if name.startswith(incomplete)]
        return [CompletionItem(name, help=COMMANDS[name].help) for name in begun]


def _command(name: str, found: Any) -> Any:
    if isinstance(found, typer.Typer):
        command: Any = get_group_from_info(
            TyperInfo(found), pretty_exceptions_short=True, rich_markup_mode=None, suggest_commands=True
        )
        command.name = name
        return command
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name)(found)
    return get_command(alone)


def with_examples(command: Any, path: str) -> Any:
    """A command whose help ends in its examples, as that of all below it; a group has the first of some of these."""
    lines = _examples(command, path)
    if lines:
        command.epilog = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
    return command


def _examples(command: Any, path: str) -> tuple[str, ...]:
    below = getattr(command, "commands", None)
    if below is None:
        return EXAMPLES.get(path, ())
    found = [_examples(with_examples(below[name], f"{path} {name}"), f"{path} {name}") for name in below]
    return tuple(lines[0] for lines in found if lines)[:_MOST_OF_A_GROUP]
