"""What importing listings changes of the numbers that are there, and which lines cannot be imported for them.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet

from numberdesk.catalog.kept_columns import keep_columns, lost_columns
from numberdesk.catalog.model import (
    FROM_RULE,
    BadLine,
    ImportCounts,
    Listing,
    ListingChanges,
    ListingChunk,
    Stored,
    superseded_by,
)
from numberdesk.core.lifecycle import NumberState
from numberdesk.core.prices import Prices
from numberdesk.core.purchase import POOL

_NOBODY: AbstractSet[str] = frozenset()


def decide_listings(
    chunk: ListingChunk,
    stored: Mapping[str, Stored],
    price_of: Callable[[Listing], Prices | None],
    going_back: AbstractSet[str] = _NOBODY,
) -> ListingChanges:
    """Decide what saving a chunk changes. `price_of` prices the listings that came without prices.

    A number's state and holder are no part of its listing: what is rented stays rented. `going_back`
    are numbers that their carrier has not confirmed to have back.
    """
    changes = ListingChanges([], [], [], ImportCounts(), [])
    unpriced = conflicts = 0
    for listing in chunk.listings:
        known = stored.get(listing.e164)
        if known is not None and _conflict(chunk, listing, known, going_back) is not None:
            conflicts += 1
            continue
        is_ours = known is not None and known.carrier == chunk.carrier
        kept = keep_columns(known.listing, listing, chunk.absent) if known is not None and is_ours else listing
        wanted = kept.priced(price_of(kept)) if kept.price_source == FROM_RULE else kept
        unpriced += wanted.price is None
        if known is None:
            changes.new.append(wanted)
        elif not is_ours:
            changes.taken_over.append(wanted)
        elif known.listing != wanted:
            changes.changed.append(wanted)
            changes.superseded.extend(superseded_by(known.listing, wanted))
    new = len(changes.new) + len(changes.taken_over)
    unchanged = len(chunk.listings) - new - len(changes.changed) - conflicts
    return changes._replace(counts=ImportCounts(new, len(changes.changed), unchanged, unpriced, conflicts))


def conflicts_of(
    chunk: ListingChunk, stored: Mapping[str, Stored], going_back: AbstractSet[str] = _NOBODY
) -> list[BadLine]:
    """The lines of a chunk that cannot be imported for what the database has of their numbers."""
    found = []
    for listing, line in zip(chunk.listings, chunk.lines, strict=True):
        known = stored.get(listing.e164)
        reason = None if known is None else _conflict(chunk, listing, known, going_back)
        if reason is not None:
            found.append(BadLine(line, reason))
    return found


def _conflict(chunk: ListingChunk, listing: Listing, known: Stored, going_back: AbstractSet[str]) -> str | None:
    """Why a number cannot be imported. One that its carrier has back may have become one of the own pool."""
    number = f"phone_number {listing.e164}"
    if known.carrier == chunk.carrier:
        lost = lost_columns(known.listing, listing, chunk.absent)
        return None if lost is None else f"{number}: {lost}"
    belongs = f"{number} belongs to the carrier {known.carrier}"
    if chunk.carrier != POOL or known.carrier == POOL:
        return belongs
    if listing.e164 in going_back:
        return f"{belongs}, which has not confirmed yet that it has it back"
    if known.state is NumberState.WITHDRAWN:
        return None
    if known.state is NumberState.QUARANTINED:
        return f"{belongs}, where it rests until its quarantine is over"
    return belongs if known.state is NumberState.AVAILABLE else f"{belongs}, where it is sold"
