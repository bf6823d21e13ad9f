"""Announce other prices of all rentals whose numbers a price rule prices, a stretch of numbers in a transaction.

Touches: database.

A rental keeps its prices when its rule changes, until this is said: then its customer is told, and the notice runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from numberdesk.catalog.model import FROM_RULE, Stored
from numberdesk.catalog.offer_store import find_rates
from numberdesk.catalog.rule_store import find_rules, find_rules_by_id
from numberdesk.catalog.rules import PriceRule, RuleBook, exchange_of
from numberdesk.catalog.store import find_listings
from numberdesk.core.billing import in_words, term_of
from numberdesk.core.errors import NotFound, NumberdeskError, RentalConflict
from numberdesk.core.prices import Prices
from numberdesk.core.rent import RentTerms
from numberdesk.core.rental import Rental, RentPrice
from numberdesk.flows.part_way import Taken, part_way
from numberdesk.flows.rentals.announce_prices import Announcement, announce_prices
from numberdesk.infra.db import Tx
from numberdesk.infra.writer import Writer
from numberdesk.numbers.rent_store import find_rent_prices, list_live_rentals_of_prefix

AT_ONCE: Final = 100
"""Rentals of one transaction, so that a purchase that waits behind it hardly notices."""


MOST_SHOWN: Final = 100
"""Rentals whose prices cannot be announced, of which an answer tells by name."""

ANNOUNCED_ONCE: Final = "what is announced is not announced twice"
"""Why an announcement may be sent again."""


class AnnounceByRule(NamedTuple):
    """Announce at `now`, for the rentals after a number, what their rule says, or these prices; a rate left out stays.

    Without a `price` all is as the rule makes it. `usual` are the operator's terms.
    """

    rule_id: str
    after: str
    price: int | None
    inbound: int | None
    outbound: int | None
    now: int
    usual: RentTerms
    limit: int = AT_ONCE


class AnnouncedByRule(NamedTuple):
    """What came of a stretch: prices that were announced, and why not of which rentals.

    `last` is its last number; None when there are no more.
    """

    looked: int
    made: tuple[RentPrice, ...]
    refused: tuple[tuple[str, NumberdeskError], ...]
    last: str | None


class AnnouncedOfRule(NamedTuple):
    """What came of all stretches: how many rentals were looked at and announced, and why not the first of some."""

    looked: int
    announced: int
    refused_count: int
    refused: tuple[tuple[str, NumberdeskError], ...]


async def announce_all_of_rule(writer: Writer, first: AnnounceByRule) -> AnnouncedOfRule:
    """Announce stretch by stretch. Sent again it announces nothing twice.

    Raises NotFound, and Overloaded, which says how many rentals were looked at.
    """
    return await announce_all(writer, announce_by_rule, first)


async def announce_all(writer: Writer, flow: Callable[..., Any], first: Any) -> AnnouncedOfRule:
    """The same by a flow whose commands have what they begin `after`."""
    looked = made = count = 0
    refused: list[tuple[str, NumberdeskError]] = []
    after: str | None = first.after
    with part_way(Taken("rentals", ANNOUNCED_ONCE)) as taken:
        while after is not None:
            done: AnnouncedByRule = await writer.submit(flow, first._replace(after=after))
            looked, after = looked + done.looked, done.last
            made, count = made + len(done.made), count + len(done.refused)
            refused += done.refused[: MOST_SHOWN - len(refused)]
            taken.count = looked
    return AnnouncedOfRule(looked, made, count, tuple(refused))


def announce_by_rule(tx: Tx, commands: Sequence[AnnounceByRule]) -> list[AnnouncedByRule | NumberdeskError]:
    """The write flow: each command a stretch of numbers."""
    return [_announce(tx, command) for command in commands]


def _announce(tx: Tx, command: AnnounceByRule) -> AnnouncedByRule | NumberdeskError:
    rule = find_rules_by_id(tx, [command.rule_id]).get(command.rule_id)
    if rule is None:
        return NotFound("There is no such price rule.")
    found = list_live_rentals_of_prefix(tx, rule.prefix, after=command.after, limit=command.limit)
    listings = find_listings(tx, [rental.e164 for rental in found])
    book = RuleBook(find_rules(tx, [rule.carrier]), exchange_of(find_rates(tx)))
    covered = _covered(command, rule, book, found, listings)
    asked = [
        Announcement(rental.id, prices.monthly, prices.inbound, prices.outbound, command.now, command.usual)
        for rental, prices in differing(tx, [one for one in covered if one[0].term == one[1].term])
    ]
    outcomes = announce_prices(tx, asked) if asked else []
    made = tuple(one for one in outcomes if isinstance(one, RentPrice))
    refused = _of_other_periods(covered) + tuple(
        (one.rental_id, outcome)
        for one, outcome in zip(asked, outcomes, strict=True)
        if isinstance(outcome, NumberdeskError)
    )
    return AnnouncedByRule(len(found), made, refused, found[-1].e164 if len(found) == command.limit else None)


def _of_other_periods(covered: Sequence[tuple[Rental, Prices]]) -> tuple[tuple[str, NumberdeskError], ...]:
    """Rentals that keep the periods they began with, for which the rule has no price."""
    return tuple((rental.id, _other_period(rental, prices)) for rental, prices in covered if rental.term != prices.term)


def _other_period(rental: Rental, prices: Prices) -> RentalConflict:
    has, paid = in_words(prices.term), in_words(rental.term)
    return RentalConflict("period", f"The rule has a price for every {has}, and the number is paid for every {paid}.")


def _covered(
    command: AnnounceByRule, rule: PriceRule, book: RuleBook, found: Sequence[Rental], listings: Mapping[str, Stored]
) -> list[tuple[Rental, Prices]]:
    """The rentals that the rule prices, in its currency, with what they are to cost."""
    covered: list[tuple[Rental, Prices]] = []
    for rental in found:
        stored = listings[rental.e164]
        if stored.carrier != rule.carrier or stored.listing.price_source != FROM_RULE:
            continue
        if rental.prices.currency != rule.currency or book.rule_of(stored.listing) != rule:
            continue
        prices = book.price_of(stored.listing)
        if command.price is not None:
            term = term_of(rule.term)
            prices = Prices(rule.currency, command.price, command.inbound, command.outbound, 0, term)
        if prices is not None:
            covered.append((rental, prices))
    return covered


def differing(tx: Tx, covered: Sequence[tuple[Rental, Prices]]) -> list[tuple[Rental, Prices]]:
    """Those that would cost something else than they do, or than was announced last. A rate that is None stays."""
    announced = find_rent_prices(tx, [rental for rental, _ in covered])
    differing: list[tuple[Rental, Prices]] = []
    for rental, prices in covered:
        last = max(announced.get(rental.id, ()), key=lambda one: one.from_period, default=None)
        known = rental.prices[1:4] if last is None else (last.price, last.inbound, last.outbound)
        wanted = tuple(before if now is None else now for before, now in zip(known, prices[1:4], strict=True))
        if wanted != known:
            differing.append((rental, prices))
    return differing
