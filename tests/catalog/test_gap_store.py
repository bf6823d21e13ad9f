"""What numbers lack before they can be sold is found of each carrier, in every country; only so many are counted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from numberdesk.catalog.gap_store import count_unpriced, count_unrated, find_currencies_sold
from numberdesk.catalog.store import count_inventory, has_inventory, insert_listings
from numberdesk.core.lifecycle import NumberState
from numberdesk.infra.db import Database, Tx
from testbed.samples import listing_of

NOW = 1_750_000_000_000_000
UNPRICED = {"currency": None, "price": None, "inbound": None, "outbound": None}


@pytest.fixture
def tx(database: Database) -> Iterator[Tx]:
    with database.write() as opened:
        yield opened


def test_numbers_without_a_price_are_counted_by_carrier_in_every_country(tx: Tx) -> None:
    assert not has_inventory(tx)
    for carrier, country, e164 in (("pool", "US", "+13612000001"), ("pool", "GB", "+442079460001"),
                                   ("acme", "AU", "+61270100001")):  # fmt: skip
        insert_listings(tx, carrier, [listing_of(e164, iso_country=country, **UNPRICED)], NOW)
    insert_listings(tx, "pool", [listing_of("+13612000002", currency="EUR")], NOW)
    assert count_unpriced(tx, 10) == {"pool": 2, "acme": 1}
    assert sum(count_unpriced(tx, 2).values()) == 2
    assert find_currencies_sold(tx, {"EUR", "USD"}) == {"EUR"}
    assert has_inventory(tx)


def test_numbers_without_a_rate_are_looked_for_among_so_many(tx: Tx) -> None:
    numbers = [f"+1361200000{place}" for place in range(6)]
    insert_listings(tx, "pool", [listing_of(e164, inbound=None) for e164 in numbers], NOW)
    assert count_unrated(tx, 10) == {"pool": 6}
    assert count_unrated(tx, 4) == {"pool": 4}
    assert count_unrated(tx, 10, 3) == {"pool": 3}
    assert count_inventory(tx, 10) == {NumberState.AVAILABLE: 6}
    assert count_inventory(tx, 5) == {NumberState.AVAILABLE: 5}
