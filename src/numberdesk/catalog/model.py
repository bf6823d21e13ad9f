"""Listings of numbers for sale, and what importing them changes.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from numberdesk.core.billing import billing_of, kept_billing, kept_term, term_of
from numberdesk.core.lifecycle import NumberState
from numberdesk.core.prices import Prices

CAPABILITIES: Final = ("voice", "sms", "mms", "fax")
"""What a number can do. Stored as a bit set: the first is bit 0."""


class NumberType(StrEnum):
    """The kinds of numbers."""

    LOCAL = "local"
    MOBILE = "mobile"
    TOLL_FREE = "toll_free"
    NATIONAL = "national"


NUMBER_TYPES: Final = tuple(kind.value for kind in NumberType)
"""The same as plain text."""

FROM_FILE: Final = "file"
"""The price source of a number whose prices came with it."""

FROM_RULE: Final = "rule"
"""The price source of a number that price rules price, or leave without a price."""


class Listing(NamedTuple):
    """A number for sale, as it stands in its row: the fields are the columns.

    Prices and costs are micros, per month or per minute. `price` and `currency` are both None
    for a number without a price, which is not offered. `capabilities` is a bit set. `term` and `billing`
    are how long a period is and how calls are billed, as they are kept (core/billing.py).
    """

    e164: str
    iso_country: str
    number_type: str
    region: str
    locality: str
    area_code: str
    national: str
    capabilities: int
    memorability: int
    price_source: str
    currency: str | None
    price: int | None
    inbound: int | None
    outbound: int | None
    setup: int
    cost_currency: str | None
    cost_monthly: int | None
    cost_inbound: int | None
    cost_outbound: int | None
    cost_setup: int | None
    term: str = ""
    billing: str = ""

    @property
    def prices(self) -> Prices | None:
        """The prices of the offer, None when there is none."""
        if self.currency is None or self.price is None:
            return None
        terms = term_of(self.term), billing_of(self.billing)
        return Prices(self.currency, self.price, self.inbound, self.outbound, self.setup, *terms)

    def priced(self, prices: Prices | None) -> Listing:
        """The same number at other prices."""
        if prices is None:
            return self._replace(currency=None, price=None, inbound=None, outbound=None, setup=0, term="", billing="")
        currency, price, inbound, outbound, setup, term, billing = prices
        return self._replace(
            currency=currency,
            price=price,
            inbound=inbound,
            outbound=outbound,
            setup=setup,
            term=kept_term(term),
            billing=kept_billing(billing),
        )


class Stored(NamedTuple):
    """A listing as the database has it, with the carrier it belongs to and the state of the number."""

    carrier: str
    listing: Listing
    state: NumberState = NumberState.AVAILABLE


class InventoryItem(NamedTuple):
    """A number of the inventory with its state. Instants in microseconds."""

    listing: Listing
    carrier: str
    state: NumberState
    created_at: int
    updated_at: int


class InventoryPage(NamedTuple):
    """Numbers that fit. `walked_to` is the last that was looked at, where more may fit behind it."""

    items: list[InventoryItem]
    walked_to: str | None


class BadLine(NamedTuple):
    """A line of an inventory file, counted from 1, that cannot be imported, and why."""

    line: int
    reason: str


class ListingChunk(NamedTuple):
    """Listings of one carrier to save in one transaction, by number, each with the line it came from.

    `absent` are the columns that the file does not have: there a number that is known stays as it is.
    """

    carrier: str
    listings: tuple[Listing, ...]
    lines: tuple[int, ...]
    absent: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ImportCounts:
    """What saving listings did. Each is new, changed, unchanged or in conflict (another carrier's, left alone).

    `unpriced` of those not in conflict have no price afterwards and are not offered.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    unpriced: int = 0
    conflicts: int = 0

    def plus(self, other: ImportCounts) -> ImportCounts:
        """The counts of two chunks together."""
        return ImportCounts(
            self.new + other.new,
            self.changed + other.changed,
            self.unchanged + other.unchanged,
            self.unpriced + other.unpriced,
            self.conflicts + other.conflicts,
        )


class SavedChunk(NamedTuple):
    """What saving a chunk did, and at which instant of its transaction, from which on former prices are superseded."""

    counts: ImportCounts
    saved_at: int


class ListingChanges(NamedTuple):
    """What is to be written: listings to insert and to update, and the prices that offers had until now.

    `taken_over` are listings of numbers that another carrier's offers had given their rows.
    """

    new: list[Listing]
    changed: list[Listing]
    superseded: list[tuple[str, Prices]]
    counts: ImportCounts
    taken_over: list[Listing] = []  # noqa: RUF012  read only


NO_CHANGES: Final = ListingChanges([], [], [], ImportCounts())


def decide_prices(listings: Iterable[Listing], price_of: Callable[[Listing], Prices | None]) -> ListingChanges:
    """Decide what pricing stored listings anew changes."""
    pairs = [(listing, listing.priced(price_of(listing))) for listing in listings]
    changed = [wanted for listing, wanted in pairs if wanted != listing]
    superseded = [former for listing, wanted in pairs for former in superseded_by(listing, wanted)]
    unpriced = sum(wanted.price is None for _, wanted in pairs)
    return ListingChanges(
        [], changed, superseded, ImportCounts(0, len(changed), len(pairs) - len(changed), unpriced, 0)
    )


def superseded_by(before: Listing, after: Listing) -> list[tuple[str, Prices]]:
    """The former prices of a number, when others take their place or they go away: quotes of them hold for a while."""
    former = before.prices
    if former is None or former == after.prices:
        return []
    return [(before.e164, former)]


def capability_bits(names: Iterable[str]) -> int:
    """The bit set of capabilities by name. Raises ValueError for an unknown name."""
    bits = 0
    for name in names:
        bits |= 1 << CAPABILITIES.index(name)
    return bits


def capability_names(bits: int) -> tuple[str, ...]:
    """The names of a bit set, in the order of CAPABILITIES."""
    return tuple(name for place, name in enumerate(CAPABILITIES) if bits >> place & 1)
