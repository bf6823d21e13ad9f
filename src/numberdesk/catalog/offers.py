"""Numbers that carriers offer, priced by the rules, and kept for as long as their quotes are good.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from numberdesk.catalog.model import Listing
from numberdesk.core.prices import Prices


class RemoteOffer(NamedTuple):
    """A number at a carrier, at the prices that it was shown at. Instants in microseconds.

    `requires` are the papers that it is sold with.
    """

    carrier: str
    listing: Listing
    offered_at: int
    expires_at: int
    requires: tuple[str, ...] = ()

    @property
    def prices(self) -> Prices:
        """What it was offered at. Raises ValueError for a listing without a price, which is no offer."""
        prices = self.listing.prices
        if prices is None:
            raise ValueError("an offer has a price")
        return prices

    @property
    def terms(self) -> str:
        """The prices, their terms and the papers as a text: equal for equal ones."""
        said = (f"({text})" for text in (self.listing.term, self.listing.billing) if text)
        parts = (*self.prices[:5], *said, *self.requires)
        return " ".join("-" if part is None else str(part) for part in parts)

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells offers apart: number, carrier, terms."""
        return self.listing.e164, self.carrier, self.terms


class OfferChanges(NamedTuple):
    """What is to be written: offers to insert, and offers whose end is put off."""

    new: list[RemoteOffer]
    longer: list[RemoteOffer]


def decide_offers(shown: Iterable[RemoteOffer], kept: Mapping[tuple[str, str, str], int]) -> OfferChanges:
    """What showing offers changes. `kept` are the ends of the offers that are there, by key.

    An offer that is good for as long as it was now shown to be is left as it is, so that the same
    search again and again writes nothing.
    """
    wanted: dict[tuple[str, str, str], RemoteOffer] = {}
    for offer in shown:
        known = wanted.get(offer.key)
        if known is None or offer.expires_at > known.expires_at:
            wanted[offer.key] = offer
    new = [offer for key, offer in wanted.items() if key not in kept]
    longer = [offer for key, offer in wanted.items() if key in kept and kept[key] < offer.expires_at]
    return OfferChanges(new, longer)
