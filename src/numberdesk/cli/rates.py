"""Commands for rate decks: what outbound calls cost by the first digits of the number that is called.

Touches: files.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import typer

from numberdesk.cli.bars import bars
from numberdesk.cli.output import fail, note, print_list, print_object
from numberdesk.cli.session import AsJson, Limit, customer_called, services
from numberdesk.core.errors import InvalidRequest, NumberdeskError
from numberdesk.core.periods import from_datetime
from numberdesk.core.rate_deck import COLUMNS, MOST_ROWS, DeckRow, parse_row, prefixes_of
from numberdesk.core.rating import CallRate
from numberdesk.flows.rates.change_decks import (
    ROWS_AT_ONCE,
    AddDeckRows,
    ChooseDeck,
    PublishDeck,
    add_deck_rows,
    choose_decks,
    new_deck,
    publish_decks,
)
from numberdesk.usage.deck_store import find_choices, find_deck_rows, list_deck_rows, list_decks
from numberdesk.views.rates import deck_choice_view, deck_rate_view, deck_view

rates = typer.Typer(help="Rate decks: outbound calls by the number called.", no_args_is_help=True)

_MOST_SHOWN: Final = 50
_OPTIONS: Final = {"from": "--from", "name": "NAME", "currency": "--currency", "rows": "FILE.csv"}
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
    rows, bad = _read(file)
    for line, reason in bad[:_MOST_SHOWN]:
        note(f"line {line}: {reason}")
    if bad:
        fail(f"{len(bad)} lines are wrong, and nothing was brought in")
    with services(_OPTIONS) as running, bars() as bar:
        now = running.now()
        begins = now if since is None else _instant(since)
        deck = new_deck(running.new_id("rdk"), name, currency, since=begins, rows=len(rows), now=now)
        done, left = 0, iter(sorted(rows.items()))
        while some := list(islice(left, ROWS_AT_ONCE)):
            made = tuple(
                DeckRow(deck.id, prefix, rate.per_minute, rate.connect, *rate.increments) for prefix, rate in some
            )
            done += running.writer.apply(add_deck_rows, AddDeckRows(deck, made))
            bar("bringing in prefixes", done, len(rows))
        published = running.writer.apply(publish_decks, PublishDeck(deck.id, now, running.rent_terms))
        assert not isinstance(published, NumberdeskError)  # noqa: S101  a refusal is raised
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
    with services(_OPTIONS | {"at": "--at"}) as running:
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


def _read(file: Path) -> tuple[dict[str, CallRate], list[tuple[int, str]]]:
    """The rows of a file, and the lines that are none with the reason."""
    rows: dict[str, CallRate] = {}
    bad: list[tuple[int, str]] = []
    for line, sent in _lines(file):
        try:
            prefix, rate = parse_row(sent)
        except ValueError as error:
            bad.append((line, str(error)))
            continue
        if prefix in rows:
            bad.append((line, f"prefix {prefix} is there already"))
        rows[prefix] = rate
    return rows, bad


def _lines(file: Path) -> Iterator[tuple[int, dict[str, str | None]]]:
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        reader = csv.DictReader(text)
        missing = [name for name in COLUMNS[:2] if name not in (reader.fieldnames or ())]
        unknown = [name for name in reader.fieldnames or () if name not in COLUMNS]
        if missing or unknown:
            fail(f"the columns are {', '.join(COLUMNS)}, of which the first two have to be there")
        try:
            for place, row in enumerate(reader):
                if place == MOST_ROWS:
                    fail(f"the file has more than {MOST_ROWS} prefixes")
                yield reader.line_num, {name: row[name] for name in COLUMNS if isinstance(row.get(name), str)}
        except csv.Error as error:
            fail(f"line {reader.line_num}: {error}")


def _instant(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
        return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise InvalidRequest("from", "must be a day like 2026-03-20, or an instant in ISO 8601") from None
