"""Price numbers anew after price rules changed, a bounded step at a time; forget prices long superseded.

Touches: database.

Where the work stands is written in the same transaction as the prices, so whoever comes after
a crash goes on there. A number that no rule prices any more loses its price and is not offered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from numberdesk.catalog.model import decide_prices
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
    """One step at `now`, over at most `limit` numbers."""

    now: int
    limit: int = MOST_PER_STEP


class Repriced(NamedTuple):
    """What a step did. `left` tells that another one is needed."""

    changed: int
    unpriced: int
    forgotten: int
    left: bool


def reprice(tx: Tx, commands: Sequence[Reprice]) -> list[Repriced]:
    """Do steps: the first carrier with a repricing to do is continued after the number it stands at."""
    return [_step(tx, command) for command in commands]


def _step(tx: Tx, command: Reprice) -> Repriced:
    changed, unpriced = _continue(tx, command)
    forgotten = forget_superseded(tx, command.now - SUPERSEDED_KEPT, command.limit)
    left = count_repricings(tx) > 0 or forgotten == command.limit
    return Repriced(changed, unpriced, forgotten, left)


def _continue(tx: Tx, command: Reprice) -> tuple[int, int]:
    pending = next_repricing(tx)
    if pending is None:
        return 0, 0
    carrier, after_e164 = pending
    book = RuleBook(find_rules(tx, [carrier]), exchange_of(find_rates(tx)))
    listings, reached = listings_to_price(tx, carrier, after_e164, command.limit)
    changes = decide_prices(listings, book.price_of)
    update_prices(tx, changes.changed, command.now)
    insert_superseded(tx, changes.superseded, command.now)
    if reached is None:
        end_repricing(tx, carrier)
    else:
        place_repricing(tx, carrier, reached)
    return changes.counts.changed, changes.counts.unpriced
