"""Bring rate decks in and let accounts use them.

Touches: database.

The rows of a deck come in batches, and count for nothing until it is published. A price is raised only with the notice
that an account has: neither by the next deck of a name that it uses, nor by another one. The past never changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, NamedTuple

from numberdesk.accounts.store import find_accounts
from numberdesk.core.errors import InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.money import MoneyError, parse_currency
from numberdesk.core.periods import iso_seconds
from numberdesk.core.rate_deck import DECK_NAME, MOST_ROWS, DeckChoice, DeckRow, RateDeck, raised_prefix, rates_of
from numberdesk.core.rating import CallRate
from numberdesk.core.rent import RentTerms
from numberdesk.core.rental import DAY
from numberdesk.flows.rentals.rent_records import find_terms
from numberdesk.infra.db import Tx
from numberdesk.ledger.store import lock_wallets
from numberdesk.numbers.rent_store import has_live_rental, has_untold_rental
from numberdesk.outbox.model import ACCOUNT_RATES_CHANGING, Event
from numberdesk.outbox.store import insert_events
from numberdesk.usage.deck_store import (
    count_deck_rows,
    find_choices,
    find_deck,
    find_decks_named,
    find_users,
    insert_choice,
    insert_deck,
    insert_deck_rows,
    list_deck_rows,
    publish_deck,
)

ROWS_AT_ONCE: Final = 500
"""Rows of one transaction, as many as records of calls."""


class AddDeckRows(NamedTuple):
    """The next rows of a deck that is coming in; the first ones bring it."""

    deck: RateDeck
    rows: tuple[DeckRow, ...]


class PublishDeck(NamedTuple):
    """All rows of a deck are there: it holds from its instant on. `usual` are the operator's terms."""

    deck_id: str
    now: int
    usual: RentTerms


class ChooseDeck(NamedTuple):
    """An account uses the deck of a name from `since` on, or none; None is as early as its notice allows."""

    account_id: str
    name: str | None
    since: int | None
    now: int
    usual: RentTerms


def checked_deck_name(name: str) -> str:
    """The name as it is, if decks can have it. Raises InvalidRequest."""
    if DECK_NAME.fullmatch(name) is None:
        raise InvalidRequest("name", "must be 1 to 32 lower-case letters, digits, - or _, a letter first")
    return name


def new_deck(deck_id: str, name: str, currency: str, *, since: int, rows: int, now: int) -> RateDeck:
    """Check what a person typed. Raises InvalidRequest naming the field."""
    checked_deck_name(name)
    try:
        parse_currency(currency)
    except MoneyError as error:
        raise InvalidRequest("currency", str(error)) from None
    if since < now:
        raise InvalidRequest("effective_from", "must not be in the past, in which calls have their prices")
    if not 0 < rows <= MOST_ROWS:
        raise InvalidRequest("file", f"must have from 1 to {MOST_ROWS} prefixes")
    return RateDeck(deck_id, name, currency, since, rows, now)


def add_deck_rows(tx: Tx, commands: Sequence[AddDeckRows]) -> list[int]:
    """The write flow: how many rows of each were added."""
    for command in commands:
        if find_deck(tx, command.deck.id) is None:
            insert_deck(tx, command.deck)
        insert_deck_rows(tx, command.rows)
    return [len(command.rows) for command in commands]


def publish_decks(tx: Tx, commands: Sequence[PublishDeck]) -> list[RateDeck | NumberdeskError]:
    """The write flow: the deck, or the same that there was; InvalidRequest where it would raise a price too soon."""
    return [_publish(tx, command) for command in commands]


def deck_batches(deck: RateDeck, rates: Mapping[str, CallRate]) -> Iterator[AddDeckRows]:
    """The rows of a deck, by prefix, as they are brought in."""
    left = iter(sorted(rates.items()))
    while some := list(islice(left, ROWS_AT_ONCE)):
        rows = (DeckRow(deck.id, prefix, rate.per_minute, rate.connect, *rate.increments) for prefix, rate in some)
        yield AddDeckRows(deck, tuple(rows))


def find_same_deck(tx: Tx, deck: RateDeck, rates: Mapping[str, CallRate], usual: RentTerms) -> RateDeck | None:
    """The deck that is there already in the place of one that may come in; asked before any of its rows is written.

    Raises InvalidRequest where it would be refused.
    """
    judged = _decide(tx, deck, rates, find_users(tx, deck.name, deck.since), deck.created_at, usual)
    if isinstance(judged, NumberdeskError):
        raise judged
    return judged


def _publish(tx: Tx, command: PublishDeck) -> RateDeck | NumberdeskError:
    deck = find_deck(tx, command.deck_id)
    if deck is None or count_deck_rows(tx, deck.id) != deck.rows:
        return NotFound("There is no such deck, or not all of its rows.")
    users = find_users(tx, deck.name, deck.since)
    lock_wallets(tx, users)  # who begins to use it meanwhile has locked its wallet
    judged = _decide(tx, deck, _rates(tx, deck), users, command.now, command.usual)
    if judged is not None:
        return judged
    published = deck._replace(published_at=command.now)
    publish_deck(tx, published)
    insert_events(tx, [_changing(account_id, published, deck.since, command.now) for account_id in users])
    return published


def _decide(
    tx: Tx, deck: RateDeck, rates: Mapping[str, CallRate], users: Sequence[str], now: int, usual: RentTerms
) -> RateDeck | NumberdeskError | None:
    """None where a deck may begin to hold; else the same one that there is, or why it may not."""
    known = find_decks_named(tx, deck.name)
    same = next((one for one in known if one.since == deck.since), None)
    if same is not None:
        again = _rates(tx, same) == rates and same.currency == deck.currency
        return same if again else InvalidRequest("effective_from", "is when another deck of this name begins to hold")
    if known and known[0].currency != deck.currency:
        return InvalidRequest("currency", f"is {known[0].currency} for decks of this name")
    before = [one for one in known if one.since < deck.since]
    notice = max((_notice(tx, account_id, usual) for account_id in users), default=0)
    if users and deck.since < now + notice * DAY:
        raised = raised_prefix(_rates(tx, before[-1]) if before else {}, rates)
        if raised is not None:
            return InvalidRequest(
                "effective_from", f"leaves less than {notice} days of notice, and +{raised} may cost more"
            )
    return None


def choose_decks(tx: Tx, commands: Sequence[ChooseDeck]) -> list[DeckChoice | NumberdeskError]:
    """The write flow: the choice, or the same that there was."""
    return [_choose(tx, command) for command in commands]


def _choose(tx: Tx, command: ChooseDeck) -> DeckChoice | NumberdeskError:
    lock_wallets(tx, [command.account_id])
    account = find_accounts(tx, [command.account_id], lock=False).get(command.account_id)
    if account is None or account.kind is AccountKind.OPERATOR:
        return NotFound("There is no such account of a customer.")
    notice = _notice(tx, account.id, command.usual) if has_live_rental(tx, account.id) else 0
    earliest = command.now + notice * DAY
    known = find_choices(tx, account.id)
    last = known[-1] if known else None
    untold = (
        command.since is None
        and last is not None
        and last.name is not None
        and has_untold_rental(tx, account.id, last.announced_at)
    )
    if last is not None and last.name == command.name and command.since in (None, last.since) and not untold:
        return last
    if last is None and command.name is None:
        return InvalidRequest("name", "is none: the account uses no deck")
    since = max(earliest, 0 if last is None else last.since + 1) if command.since is None else command.since
    refused = _too_soon(last, since, earliest, notice) or _unusable(tx, command.name, account.currency, since)
    if refused is not None:
        return refused
    choice = DeckChoice(account.id, since, command.name, command.now)
    insert_choice(tx, choice)
    insert_events(tx, [_chosen(choice, command.now)])
    return choice


def _too_soon(last: DeckChoice | None, since: int, earliest: int, notice: int) -> NumberdeskError | None:
    """Why a choice cannot hold from an instant on."""
    if since < earliest:
        return InvalidRequest("effective_from", f"must be {notice} days ahead: it rents numbers at confirmed prices")
    if last is not None and since <= last.since:
        return InvalidRequest("effective_from", f"must be after {iso_seconds(last.since)}, when its last choice holds")
    return None


def _unusable(tx: Tx, name: str | None, currency: str, since: int) -> NumberdeskError | None:
    """Why an account cannot use the decks of a name."""
    if name is None:
        return None
    decks = [deck for deck in find_decks_named(tx, name) if deck.since <= since]
    if not decks:
        return NotFound(f"No deck {name!r} holds then.")
    if decks[-1].currency != currency:
        return InvalidRequest("name", f"is of a deck in {decks[-1].currency}, and the account pays in {currency}")
    return None


def _notice(tx: Tx, account_id: str, usual: RentTerms) -> int:
    return find_terms(tx, [account_id], usual).get(account_id, usual).notice_days


def _rates(tx: Tx, deck: RateDeck) -> dict[str, CallRate]:
    return rates_of(list_deck_rows(tx, deck.id, limit=MOST_ROWS))


def _changing(account_id: str, deck: RateDeck, since: int, now: int) -> Event:
    payload = {"name": deck.name, "change_id": deck.id, "currency": deck.currency, "from": iso_seconds(since)}
    return ACCOUNT_RATES_CHANGING.event(f"rdk_{deck.id.partition('_')[2]}_{account_id}", account_id, payload, now)


def _chosen(choice: DeckChoice, now: int) -> Event:
    named = f"rdc_{choice.account_id.partition('_')[2]}_{choice.since}"
    payload = {"name": choice.name or "", "change_id": named, "currency": "", "from": iso_seconds(choice.since)}
    return ACCOUNT_RATES_CHANGING.event(named, choice.account_id, payload, now)
