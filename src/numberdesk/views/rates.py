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
from numberdesk.flows.rentals.announce_by_rule import AnnouncedOfRule
from numberdesk.views.formats import AccountId, Currency, Instant, RentalId


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


class RefusedRentalView(msgspec.Struct, frozen=True):
    """A rental whose prices were not announced, and why."""

    rental_id: RentalId
    reason: str


class RepricingView(msgspec.Struct, frozen=True):
    """What came of announcing what a price rule makes: how many rentals were looked at, and how many will cost else.

    `refused` are the first hundred of `refused_count`.
    """

    looked: int
    announced: int
    refused_count: int
    refused: tuple[RefusedRentalView, ...]


def repricing_view(done: AnnouncedOfRule) -> RepricingView:
    """All stretches of a rule."""
    refused = tuple(RefusedRentalView(rental_id, error.message) for rental_id, error in done.refused)
    return RepricingView(done.looked, done.announced, done.refused_count, refused)


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
