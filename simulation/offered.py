"""What must become of offers of carriers' numbers: kept as they were shown, for as long as they were promised.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from numberdesk.catalog.offers import RemoteOffer
from numberdesk.core.lifecycle import CarrierState
from numberdesk.core.purchase import Buy
from numberdesk.flows.catalog.keep_offers import Shown
from simulation.books import Books, Offer, Row
from simulation.plan import MINUTE
from simulation.world import MICROSECONDS

_SLACK: Final = MINUTE * MICROSECONDS
"""How much longer than promised an offer is kept."""


def keep(books: Books, commands: Iterable[Shown]) -> None:
    """Offers that are about to be shown are kept; one that is good for long enough is left as it is."""
    shown: dict[Row, RemoteOffer] = {}
    for offer in (offer for command in commands for offer in command.offers):
        known = shown.get(_key(offer))
        if known is None or offer.expires_at > known.expires_at:
            shown[_key(offer)] = offer
    for key, offer in shown.items():
        kept = books.offers.get(key)
        if kept is None:
            books.offers[key] = Offer(offer.carrier, offer.listing, offer.offered_at, offer.expires_at + _SLACK)
        elif kept.expires_at < offer.expires_at:
            kept.offered_at, kept.expires_at = offer.offered_at, offer.expires_at + _SLACK


def good_offers(books: Books, command: Buy) -> list[Offer]:
    """The offers of a number that a buy may mean, the latest first: none of a carrier that it is going back to."""
    going = {one.carrier for one in books.releases.values() if one.e164 == command.e164 and one.confirmed_at is None}
    good = [
        offer
        for offer in books.offers.values()
        if offer.listing.e164 == command.e164
        and offer.expires_at > command.now
        and offer.carrier not in going
        and books.carriers[offer.carrier].state is CarrierState.ACTIVE
    ]
    return sorted(good, key=lambda offer: (-offer.offered_at, offer.carrier, _terms(offer)))


def _key(offer: Any) -> Row:
    return offer.listing.e164, offer.carrier, *offer.prices[:5]


def _terms(offer: Offer) -> str:
    return " ".join("-" if part is None else str(part) for part in offer.prices)
