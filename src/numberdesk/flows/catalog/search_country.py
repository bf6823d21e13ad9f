"""What searches of one country have to know of it.

Touches: database.
"""

from __future__ import annotations

from functools import cached_property

from numberdesk.catalog.place_store import find_calling_code, list_places
from numberdesk.catalog.search_plan import Place
from numberdesk.catalog.search_store import keep_to_indexes
from numberdesk.catalog.trigram_store import is_filled
from numberdesk.infra.db import Tx


class Country:
    """What searches of one country in one transaction have to know of it, asked for once and only when it is needed."""

    def __init__(self, tx: Tx, iso_country: str) -> None:
        self._tx = tx
        self._iso_country = iso_country
        self._places: dict[bool, tuple[int, list[Place], bool]] = {}
        keep_to_indexes(tx)

    @cached_property
    def has_index(self) -> bool:
        """Whether every number is in the index of trigrams."""
        return is_filled(self._tx)

    @cached_property
    def calling_code(self) -> str:
        """The digits before its national numbers; "" when none is for sale that would tell."""
        return find_calling_code(self._tx, self._iso_country) or ""

    def places(self, *, with_localities: bool, most: int) -> tuple[list[Place], bool]:
        """The places of its numbers, and whether that is all: at most `most` are read."""
        read = self._places.get(with_localities)
        if read is None or (read[0] < most and not read[2]):
            read = (most, *list_places(self._tx, self._iso_country, with_localities=with_localities, most=most))
            self._places[with_localities] = read
        _, found, complete = read
        return found[:most], complete and len(found) <= most
