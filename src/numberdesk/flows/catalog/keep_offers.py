"""Keep what was offered of carriers' numbers, so that what is bought was offered, at the prices that were shown.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from numberdesk.catalog.offer_store import insert_offers, lock_offers, prolong_offers
from numberdesk.catalog.offers import RemoteOffer, decide_offers
from numberdesk.core.periods import MICROSECONDS
from numberdesk.infra.db import Tx

SLACK: Final = 60 * MICROSECONDS
"""How much longer than promised an offer is kept, so that the same search again soon writes nothing."""


class Shown(NamedTuple):
    """Offers that are about to be shown, each good at least until its `expires_at`."""

    offers: tuple[RemoteOffer, ...]


def keep_offers(tx: Tx, commands: Sequence[Shown]) -> list[None]:
    """The write flow."""
    shown = [offer for command in commands for offer in command.offers]
    there = lock_offers(tx, {offer.listing.e164 for offer in shown})
    kept = {offer.key: offer.expires_at for offers in there.values() for offer in offers}
    changes = decide_offers(shown, kept)
    insert_offers(tx, [_longer(offer) for offer in changes.new])
    prolong_offers(tx, [_longer(offer) for offer in changes.longer])
    return [None] * len(commands)


def _longer(offer: RemoteOffer) -> RemoteOffer:
    return offer._replace(expires_at=offer.expires_at + SLACK)
