"""Price numbers anew after price rules changed, a bounded step at a time; forget prices long superseded.

Touches: database.

Where the work stands is written in the same transaction as the prices, so whoever comes after
a crash goes on there. A number that no rule prices any more loses its price and is not listed; quotes of
its former price hold for a while.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from numberdesk.catalog.model import NO_CHANGES, ListingChanges, decide_prices
from numberdesk.catalog.offer_store import find_rates
from numberdesk.catalog.rule_store import count_repricings, end_repricing, find_rules, next_repricing, place_repricing
from numberdesk.catalog.rules import RuleBook, exchange_of
from numberdesk.catalog.store import forget_superseded, insert_superseded, listings_to_price, update_prices
from numberdesk.core.periods import MICROSECONDS
from numberdesk.infra.db import Tx

MOST_PER_STEP: Final = 1000
"""Numbers looked at in one step: bounds how long a purchase waits behind it."""

SUPERSEDED_KEPT: Final = 24 * 3600 * MICROSECONDS
"""How long superseded prices are kept, in microseconds: no quote lives longer."""


class Reprice(NamedTuple):
    """One step, over at most `limit` numbers."""

    limit: int = MOST_PER_STEP


class Repriced(NamedTuple):
    """What a step did, at which instant of its transaction. `left` tells that another one is needed."""

    changed: int
    unpriced: int
    forgotten: int
    left: bool
    repriced_at: int


def reprice(now: Callable[[], int]) -> Callable[[Tx, Sequence[Reprice]], list[Repriced]]:
    """The write flow: the first carrier with a repricing to do is continued after the number it stands at.

    `now` gives microseconds, and is asked in the transaction that changes prices.
    """

    def apply(tx: Tx, commands: Sequence[Reprice]) -> list[Repriced]:
        return [_step(tx, command, now) for command in commands]

    return apply


def _step(tx: Tx, command: Reprice, now: Callable[[], int]) -> Repriced:
    pending = next_repricing(tx)
    if pending is None:
        changes, repriced_at = NO_CHANGES, now()
    else:
        changes, repriced_at = _continue(tx, pending, command.limit, now)
    forgotten = forget_superseded(tx, repriced_at - SUPERSEDED_KEPT, command.limit)
    left = count_repricings(tx) > 0 or forgotten == command.limit
    return Repriced(changes.counts.changed, changes.counts.unpriced, forgotten, left, repriced_at)


def _continue(tx: Tx, pending: tuple[str, str], limit: int, now: Callable[[], int]) -> tuple[ListingChanges, int]:
    carrier, after_e164 = pending
    book = RuleBook(find_rules(tx, [carrier]), exchange_of(find_rates(tx)))
    listings, reached = listings_to_price(tx, carrier, after_e164, limit)
    changes, repriced_at = decide_prices(listings, book.price_of), now()
    update_prices(tx, changes.changed, repriced_at)
    insert_superseded(tx, changes.superseded, repriced_at)
    if reached is None:
        end_repricing(tx, carrier)
    else:
        place_repricing(tx, carrier, reached)
    return changes, repriced_at
