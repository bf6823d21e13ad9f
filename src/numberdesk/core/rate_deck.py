"""Rate decks: what outbound calls cost by the first digits of the number that is called.

Touches: nothing.

A deck is a list of prefixes as of an instant, and the next one of its name takes its place as a whole. An account uses
one from an instant on. A call goes by the deck that held when it began, however late its record comes; where no prefix
matches, by the rate that its rental confirmed. A confirmed rate gives way to decks where the offer told of them, and
else to what the account chose with notice after the rental had begun.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from numberdesk.core.money import MAX_PRICE, MoneyError, format_micros, parse_micros
from numberdesk.core.rating import BY_THE_MINUTE, CallRate, Increments, RatingError, deck_rate, parse_increments

DECK_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
PREFIX: Final = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)
CALLED: Final = re.compile(r"\+[1-9][0-9]{1,18}", re.ASCII)
"""Numbers that a deck is asked for: with their country, so that no local digits pass for another country's."""

COLUMNS: Final = ("prefix", "per_minute_price", "connect_fee", "increments")
MOST_ROWS: Final = 100_000


class RateDeck(NamedTuple):
    """A list of prefixes of a name that holds from `since` on. `published_at` is None as long as rows are missing."""

    id: str
    name: str
    currency: str
    since: int
    rows: int
    created_at: int
    published_at: int | None = None

    @property
    def place(self) -> str:
        """Where it stands in the list of decks."""
        return f"{self.name}.{self.since}"


class DeckRow(NamedTuple):
    """What calls to numbers with these first digits cost, in micros and seconds."""

    deck_id: str
    prefix: str
    per_minute: int
    connect: int
    minimum: int
    step: int


class DeckChoice(NamedTuple):
    """From `since` on an account uses the deck of this name; None is none. It was told so at `announced_at`."""

    account_id: str
    since: int
    name: str | None
    announced_at: int


@dataclass(slots=True)
class DeckBooks:
    """The decks of some accounts, oldest first, and those of their rows that may match the numbers called."""

    choices: Mapping[str, Sequence[DeckChoice]] = field(default_factory=dict)
    decks: Mapping[str, Sequence[RateDeck]] = field(default_factory=dict)
    rows: Mapping[str, Mapping[str, CallRate]] = field(default_factory=dict)

    def deck_at(self, account_id: str, instant: int, announced_from: int = 0) -> RateDeck | None:
        """The deck that an account has at an instant, by what it was told from `announced_from` on."""
        chosen = [
            choice
            for choice in self.choices.get(account_id, ())
            if choice.since <= instant and choice.announced_at >= announced_from
        ]
        if not chosen or chosen[-1].name is None:
            return None
        held = [deck for deck in self.decks.get(chosen[-1].name, ()) if deck.since <= instant]
        return held[-1] if held else None

    def told_at(self, account_id: str, instant: int, told_by: int) -> str:
        """The name of the deck of which an account had been told by `told_by`, for what it buys at an instant.

        It is the one that it uses then, else the one that it is going to use; empty where there is none.
        """
        told = [choice for choice in self.choices.get(account_id, ()) if choice.announced_at <= told_by]
        begun = [choice for choice in told if choice.since <= instant]
        return next((choice.name for choice in (*begun[-1:], *told[len(begun) :]) if choice.name is not None), "")

    def rate_of(self, account_id: str, called: str, instant: int, announced_from: int = 0) -> CallRate | None:
        """What a call to a number costs that began at an instant; None where no prefix of a deck matches.

        What the account was told of before `announced_from` does not count.
        """
        deck = None if CALLED.fullmatch(called) is None else self.deck_at(account_id, instant, announced_from)
        return None if deck is None else deck_rate(self.rows.get(deck.id, {}), called)


def prefixes_of(called: str) -> list[str]:
    """The prefixes by which a deck may know a number."""
    digits = called[1:] if CALLED.fullmatch(called) else ""
    return [digits[:length] for length in range(1, min(len(digits), 15) + 1)]


def parse_row(sent: Mapping[str, str | None]) -> tuple[str, CallRate]:
    """A prefix and its rate out of the columns of a line. Raises ValueError, in words for whoever wrote the file."""
    prefix = (sent.get("prefix") or "").strip().removeprefix("+")
    if PREFIX.fullmatch(prefix) is None:
        raise ValueError("prefix must be 1 to 15 digits beginning with the country code")
    amounts = [_amount(name, sent.get(name), least) for name, least in (("per_minute_price", None), ("connect_fee", 0))]
    written = (sent.get("increments") or "").strip()
    try:
        increments = parse_increments(written) if written else BY_THE_MINUTE
    except RatingError as error:
        raise ValueError(f"increments {error}") from None
    return prefix, CallRate(amounts[0], amounts[1], increments)


def _amount(name: str, text: str | None, default: int | None) -> int:
    written = (text or "").strip()
    if not written and default is not None:
        return default
    try:
        amount = parse_micros(written)
    except MoneyError as error:
        raise ValueError(f"{name} {error}") from None
    if not 0 <= amount <= MAX_PRICE:
        raise ValueError(f"{name} must be from 0 to {format_micros(MAX_PRICE)}")
    return amount


def raised_prefix(before: Mapping[str, CallRate], after: Mapping[str, CallRate]) -> str | None:
    """A prefix for which calls may cost more than before; None where there is none.

    A number without a prefix goes by the rate that its rental confirmed, which may be lower or higher: both ways count.
    """
    for prefix in sorted({*before, *after}):
        was, becomes = deck_rate(before, prefix), deck_rate(after, prefix)
        if was != becomes and (was is None or becomes is None or _is_dearer(was, becomes)):
            return prefix
    return None


def _is_dearer(before: CallRate, after: CallRate) -> bool:
    """Whether some call may cost more: a part of the rate is higher, or its increments are others."""
    others = before.increments != after.increments
    return after.per_minute > before.per_minute or after.connect > before.connect or others


def rates_of(rows: Iterable[DeckRow]) -> dict[str, CallRate]:
    """Rows of one deck as rates by prefix."""
    return {row.prefix: CallRate(row.per_minute, row.connect, Increments(row.minimum, row.step)) for row in rows}
