"""Commands for rate decks: what outbound calls cost by the first digits of the number that is called.

Touches: files.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from numberdesk.cli.bars import bars
from numberdesk.cli.output import fail, note, print_list, print_object
from numberdesk.cli.session import AsJson, Limit, customer_called, services
from numberdesk.core.deck_file import DeckFileError, read_deck
from numberdesk.core.errors import InvalidRequest, NumberdeskError
from numberdesk.core.periods import from_datetime
from numberdesk.core.rate_deck import prefixes_of
from numberdesk.core.rating import CallRate
from numberdesk.flows.rates.change_decks import (
    ChooseDeck,
    PublishDeck,
    add_deck_rows,
    choose_decks,
    deck_batches,
    find_same_deck,
    new_deck,
    publish_decks,
)
from numberdesk.usage.deck_store import find_choices, find_deck_rows, list_deck_rows, list_decks
from numberdesk.views.rates import deck_choice_view, deck_rate_view, deck_view

rates = typer.Typer(help="Rate decks: outbound calls by the number called.", no_args_is_help=True)

_MOST_SHOWN: Final = 50
_OPTIONS: Final = {"effective_from": "--from", "name": "NAME", "currency": "--currency", "file": "FILE.csv"}
_Name = Annotated[str, typer.Argument(metavar="NAME", help="The deck's name")]
_From = Annotated[str | None, typer.Option("--from", metavar="TIME", help="Day or instant, UTC, from which it holds")]


@rates.command("import")
def import_deck(
    name: _Name,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", exists=True, dir_okay=False, readable=True)],
    currency: Annotated[str, typer.Option(help="Currency of its prices")],
    since: _From = None,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Bring in a deck that takes the place of the one of its name; all of a file, or nothing."""
    rows = _read(file)
    with services(_OPTIONS) as running, bars() as bar:
        now = running.now()
        begins = now if since is None else _instant(since)
        deck = new_deck(running.new_id("rdk"), name, currency, since=begins, rows=len(rows), now=now)
        published = running.reader.read_now(lambda tx: find_same_deck(tx, deck, rows, running.rent_terms))
        if published is None:
            done = 0
            for some in deck_batches(deck, rows):
                done += running.writer.apply(add_deck_rows, some)
                bar("bringing in prefixes", done, len(rows))
            outcome = running.writer.apply(publish_decks, PublishDeck(deck.id, now, running.rent_terms))
            assert not isinstance(outcome, NumberdeskError)  # noqa: S101  a refusal is raised
            published = outcome
    print_object(deck_view(published), as_json=as_json)


@rates.command("list")
def list_rates(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only decks of this name")] = None,
    limit: Limit = 1000,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """List decks by name, the latest of each first."""
    with services() as running:
        found = running.reader.read_now(lambda tx: list_decks(tx, name=name, limit=limit))
        columns = ("name", "effective_from", "currency", "prefixes")
        print_list([deck_view(deck) for deck in found], columns, as_json=as_json)


@rates.command("show")
def show_rates(
    name: _Name,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="As it holds then; now when left out")] = None,
    number: Annotated[str | None, typer.Option(help="Only prefixes of this number, +18095550123")] = None,
    limit: Limit = 1000,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Show what is in a deck, by prefix; for a number the prefixes that match, of which the longest holds."""
    with services(_OPTIONS | {"effective_from": "--at"}) as running:
        then = running.now() if at is None else _instant(at)
        decks = running.reader.read_now(lambda tx: list_decks(tx, name=name, limit=1, at=then))
        if not decks:
            fail(f"no deck {name!r} holds then; `numberdesk rates list` lists them")
        (deck,) = decks
        if number is None:
            rows = running.reader.read_now(lambda tx: list_deck_rows(tx, deck.id, limit=limit))
        else:
            prefixes = prefixes_of(number)
            rows = running.reader.read_now(lambda tx: find_deck_rows(tx, deck.id, prefixes))
        columns = ("prefix", "rate", "connect_fee", "increments", "currency")
        print_list([deck_rate_view(deck, row) for row in rows], columns, as_json=as_json)


@rates.command("use")
def use_rates(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account's id or name")],
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The deck; what it used when left out")] = None,
    since: _From = None,
    none: Annotated[bool, typer.Option("--none", help="Use no deck any more")] = False,  # noqa: FBT002  a flag
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Let an account use the decks of a name, as soon as its notice allows; without one, list what it used."""
    with services(_OPTIONS) as running:
        account_id = customer_called(running, account).id
        if name is not None or none:
            begins = None if since is None else _instant(since)
            asked = ChooseDeck(account_id, None if none else name, begins, running.now(), running.rent_terms)
            running.writer.apply(choose_decks, asked)
        chosen = running.reader.read_now(lambda tx: find_choices(tx, account_id))
        columns = ("account_id", "effective_from", "name")
        print_list([deck_choice_view(choice) for choice in chosen], columns, as_json=as_json)


def _read(file: Path) -> dict[str, CallRate]:
    """The rates of a file by prefix; lines that say none are told, and end it."""
    try:
        with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
            rows, bad = read_deck(text)
    except DeckFileError as error:
        fail(str(error))
    for line, reason in bad[:_MOST_SHOWN]:
        note(f"line {line}: {reason}")
    if bad:
        fail(f"{len(bad)} lines are wrong, and nothing was brought in")
    return rows


def _instant(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
        return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise InvalidRequest("effective_from", "must be a day like 2026-03-20, or an instant in ISO 8601") from None
