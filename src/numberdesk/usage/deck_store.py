"""The SQL of rate decks: their rows, and which accounts use them since when.

Touches: rate_decks, rate_deck_rows, rate_deck_choices.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import and_, func, or_, select, update

from numberdesk.core.rate_deck import DeckBooks, DeckChoice, DeckRow, RateDeck, prefixes_of
from numberdesk.core.rating import CallRate, Increments
from numberdesk.infra.db import Tx
from numberdesk.infra.statements import InsertRows, SelectSet, in_set
from numberdesk.tables import rate_deck_choices, rate_deck_rows, rate_decks

_DECK: Final = [rate_decks.c[name] for name in RateDeck._fields]
_ROW: Final = [rate_deck_rows.c[name] for name in DeckRow._fields]
_CHOICE: Final = [rate_deck_choices.c[name] for name in DeckChoice._fields]
_INSERT_ROWS: Final = InsertRows(rate_deck_rows, DeckRow._fields)
_CHOICES: Final = SelectSet(
    select(*_CHOICE)
    .where(in_set(rate_deck_choices.c.account_id, "ids"))
    .order_by(rate_deck_choices.c.account_id, rate_deck_choices.c.since),
    "ids",
)
_PUBLISHED: Final = SelectSet(
    select(*_DECK)
    .where(in_set(rate_decks.c.name, "names"), rate_decks.c.published_at.is_not(None))
    .order_by(rate_decks.c.name, rate_decks.c.since),
    "names",
)
_MATCHING: Final = SelectSet(
    select(*_ROW).where(in_set(rate_deck_rows.c.deck_id, "decks"), in_set(rate_deck_rows.c.prefix, "prefixes")),
    "decks",
    "prefixes",
)


def find_deck_books(tx: Tx, account_ids: Iterable[str], called: Iterable[str]) -> DeckBooks:
    """What decides about calls of some accounts to some numbers. Accounts without a deck cost one look."""
    choices: dict[str, list[DeckChoice]] = {}
    for row in _CHOICES.run(tx, ids=set(account_ids)):
        choices.setdefault(row.account_id, []).append(DeckChoice._make(row))
    if not choices:
        return DeckBooks()
    names = {choice.name for chosen in choices.values() for choice in chosen if choice.name is not None}
    decks: dict[str, list[RateDeck]] = {}
    for row in _PUBLISHED.run(tx, names=names):
        decks.setdefault(row.name, []).append(RateDeck._make(row))
    prefixes = {prefix for number in set(called) for prefix in prefixes_of(number)}
    ids = {deck.id for found in decks.values() for deck in found}
    rows: dict[str, dict[str, CallRate]] = {}
    for row in _MATCHING.run(tx, decks=ids, prefixes=prefixes) if prefixes and ids else ():
        rows.setdefault(row.deck_id, {})[row.prefix] = _rate_of(row)
    return DeckBooks(choices, decks, rows)


def insert_deck(tx: Tx, deck: RateDeck) -> None:
    """Begin a deck, whose rows are still to come."""
    tx.execute(rate_decks.insert(), [deck._asdict()])


def insert_deck_rows(tx: Tx, rows: Sequence[DeckRow]) -> None:
    """Add rows to a deck that is not published."""
    _INSERT_ROWS.run(tx, rows)


def publish_deck(tx: Tx, deck: RateDeck) -> None:
    """Write that all rows of a deck are there."""
    tx.execute(update(rate_decks).where(rate_decks.c.id == deck.id).values(published_at=deck.published_at))


def find_deck(tx: Tx, deck_id: str) -> RateDeck | None:
    """A deck by its id, published or not."""
    row = tx.execute(select(*_DECK).where(rate_decks.c.id == deck_id)).first()
    return None if row is None else RateDeck._make(row)


def find_decks_named(tx: Tx, name: str) -> list[RateDeck]:
    """The published decks of a name, oldest first."""
    return [RateDeck._make(row) for row in _PUBLISHED.run(tx, names=[name])]


def list_decks(
    tx: Tx, *, name: str | None, limit: int, at: int | None = None, after: tuple[str, int] | None = None
) -> list[RateDeck]:
    """Published decks by name, the latest first; of those that begin later than `at` none.

    `after` is the name and the instant of the last one of the page before.
    """
    query = select(*_DECK).where(rate_decks.c.published_at.is_not(None))
    if name is not None:
        query = query.where(rate_decks.c.name == name)
    if at is not None:
        query = query.where(rate_decks.c.since <= at)
    if after is not None:
        earlier = and_(rate_decks.c.name == after[0], rate_decks.c.since < after[1])
        query = query.where(or_(rate_decks.c.name > after[0], earlier))
    ordered = query.order_by(rate_decks.c.name, rate_decks.c.since.desc()).limit(limit)
    return [RateDeck._make(row) for row in tx.execute(ordered)]


def list_deck_rows(tx: Tx, deck_id: str, *, after: str = "", limit: int) -> list[DeckRow]:
    """Rows of a deck by prefix, those after one."""
    query = select(*_ROW).where(rate_deck_rows.c.deck_id == deck_id, rate_deck_rows.c.prefix > after)
    return [DeckRow._make(row) for row in tx.execute(query.order_by(rate_deck_rows.c.prefix).limit(limit))]


def list_rates_of(
    tx: Tx, account_id: str, called: str | None, now: int, *, after: str, limit: int
) -> list[tuple[RateDeck, DeckRow]]:
    """What is in the deck that an account has now, by prefix, or what of it matches a number that is called."""
    deck = find_deck_books(tx, [account_id], ()).deck_at(account_id, now)
    if deck is None:
        return []
    if called is None:
        return [(deck, row) for row in list_deck_rows(tx, deck.id, after=after, limit=limit)]
    matching = find_deck_rows(tx, deck.id, prefixes_of(called))
    return [(deck, row) for row in matching if row.prefix > after][:limit]


def find_deck_rows(tx: Tx, deck_id: str, prefixes: Sequence[str]) -> list[DeckRow]:
    """The rows of a deck with some prefixes, by prefix."""
    found = _MATCHING.run(tx, decks=[deck_id], prefixes=prefixes) if prefixes else ()
    return sorted(map(DeckRow._make, found))


def count_deck_rows(tx: Tx, deck_id: str) -> int:
    """How many rows of a deck are there."""
    query = select(func.count()).select_from(rate_deck_rows).where(rate_deck_rows.c.deck_id == deck_id)
    return int(tx.execute(query).scalar_one())


def insert_choice(tx: Tx, choice: DeckChoice) -> None:
    """Keep which deck an account uses from an instant on."""
    tx.execute(rate_deck_choices.insert(), [choice._asdict()])


def find_choices(tx: Tx, account_id: str) -> list[DeckChoice]:
    """The decks that an account used and uses, oldest first."""
    return [DeckChoice._make(row) for row in _CHOICES.run(tx, ids=[account_id])]


def find_users(tx: Tx, name: str, since: int) -> list[str]:
    """The accounts that use the decks of a name at an instant, or will later."""
    query = select(rate_deck_choices.c.account_id).where(rate_deck_choices.c.name == name).distinct()
    ids = [row.account_id for row in tx.execute(query.order_by(rate_deck_choices.c.account_id))]
    chosen: dict[str, list[DeckChoice]] = {}
    for row in _CHOICES.run(tx, ids=ids) if ids else ():
        chosen.setdefault(row.account_id, []).append(DeckChoice._make(row))
    return [account_id for account_id in ids if _uses(chosen[account_id], name, since)]


def _uses(chosen: Sequence[DeckChoice], name: str, since: int) -> bool:
    before = [choice for choice in chosen if choice.since <= since]
    return any(choice.name == name for choice in (*before[-1:], *chosen[len(before) :]))


def _rate_of(row: Any) -> CallRate:
    return CallRate(row.per_minute, row.connect, Increments(row.minimum, row.step))
