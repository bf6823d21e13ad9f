"""Rate decks as entry points show them: which there are, what is in one, and what one number costs.

Touches: nothing.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from numberdesk.core.money import as_decimal
from numberdesk.core.periods import iso_seconds
from numberdesk.core.rate_deck import DeckChoice, DeckRow, RateDeck
from numberdesk.core.rating import Increments
from numberdesk.views.formats import AccountId, Currency, Instant


class DeckView(msgspec.Struct, frozen=True):
    """A rate deck of a name, and from when on it holds."""

    name: str
    effective_from: Instant
    currency: Currency
    prefixes: int


class DeckRateView(msgspec.Struct, frozen=True):
    """What calls to numbers that begin with a prefix cost, where no longer one matches."""

    prefix: str
    rate: Decimal
    connect_fee: Decimal
    increments: str
    currency: Currency


class DeckChoiceView(msgspec.Struct, frozen=True):
    """Which deck an account uses from an instant on; null is none."""

    account_id: AccountId
    effective_from: Instant
    name: str | None


def deck_view(deck: RateDeck) -> DeckView:
    """A deck without its rows."""
    return DeckView(deck.name, iso_seconds(deck.since), deck.currency, deck.rows)


def deck_rate_view(deck: RateDeck, row: DeckRow) -> DeckRateView:
    """A row of a deck."""
    return DeckRateView(
        row.prefix,
        as_decimal(row.per_minute),
        as_decimal(row.connect),
        str(Increments(row.minimum, row.step)),
        deck.currency,
    )


def deck_choice_view(choice: DeckChoice) -> DeckChoiceView:
    """A choice as operators see it."""
    return DeckChoiceView(choice.account_id, iso_seconds(choice.since), choice.name)
