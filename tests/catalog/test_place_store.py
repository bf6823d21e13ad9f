"""The SQL of a country's places: on both engines it steps through their index, and gives what looking at all gives.

Touches: database, files.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from numberdesk.catalog.place_store import (
    calling_code_query,
    list_codes_around,
    list_regions,
    places_query,
    regions_query,
)
from numberdesk.catalog.search_store import keep_to_indexes
from numberdesk.catalog.store import insert_listings
from numberdesk.infra.db import Database
from testbed.databases import Databases
from tests.catalog.test_search_store import (
    ONLY_POSTGRESQL,
    ONLY_SQLITE,
    PLACE,
    Scan,
    codes_queries,
    number,
    plan,
    scans,
    searched,
)


@pytest.fixture(scope="module")
def database(made: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """An inventory as an import leaves it: the planner has no statistics."""
    url = made.prepared(tmp_path_factory.mktemp("places"))
    database = Database(url)
    with database.write() as tx:
        insert_listings(tx, "pool", [number(place) for place in range(5000)], now=1)
    yield database
    database.close()
    made.done(url)


@ONLY_SQLITE
@pytest.mark.parametrize("names", [PLACE, PLACE[:-1]])
def test_places_are_found_by_stepping_through_their_index(database: Database, names: tuple[str, ...]) -> None:
    steps = plan(database, places_query("US", names, 1000))
    leaps = [line for line in searched(steps) if "ahead" in line]
    assert len(leaps) == len(names) + 1
    assert all("USING COVERING INDEX ix_numbers_places (iso_country=? AND " in line for line in leaps)
    by_key = {f"SEARCH {alias} USING PRIMARY KEY (e164=?)" for alias in ("here", "there")}
    assert {line for line in searched(steps) if "here" in line} == by_key
    assert not [step for step in steps if "TEMP B-TREE" in step.says]


@ONLY_SQLITE
def test_regions_and_the_codes_around_one_are_found_by_stepping_through_the_same_index(database: Database) -> None:
    for asked, leaps in ((regions_query("US", ["361"], 100), 5), *((codes, 2) for codes in codes_queries())):
        steps = plan(database, asked)
        places = [line for line in searched(steps) if "ix_numbers_places" in line]
        assert all("USING COVERING INDEX ix_numbers_places (iso_country=? AND " in line for line in places)
        assert len(places) == leaps
        assert {line for line in searched(steps) if line not in places} <= {
            f"SEARCH {alias} USING PRIMARY KEY (e164=?)" for alias in ("here", "there", "region")
        }
        assert not [step for step in steps if "TEMP B-TREE" in step.says]


@ONLY_POSTGRESQL
def test_postgresql_steps_to_the_codes_around_one_by_the_index_of_places(database: Database) -> None:
    for asked, leaps in ((regions_query("US", ["361"], 100), 5), *((codes, 2) for codes in codes_queries())):
        found = scans(database, asked)
        assert {(scan.of, scan.bounded) for scan in found} == {("ix_numbers_places", True), ("pk_numbers", True)}
        assert sum(scan.of == "ix_numbers_places" for scan in found) == leaps


def test_the_codes_around_one_are_the_next_ones_of_these_regions_on_each_side(database: Database) -> None:
    held = sorted({(f"R{place % 7}", number(place).area_code) for place in range(5000)})
    with database.read() as tx:
        keep_to_indexes(tx)
        regions = list_regions(tx, "US", ["203", "204"], 100)
        assert [each[:3] for each in regions] == [("USD", "local", f"R{place}") for place in range(7)]
        assert [each.has_code for each in regions] == [
            bool({(each.region, "203"), (each.region, "204")} & set(held)) for each in regions
        ]
        assert list_regions(tx, "US", [], 3) == [each._replace(has_code=False) for each in regions[:3]]
        for code, most in (("361", 3), ("36", 2), ("200", 4), ("699", 1), ("999", 2)):
            expected = set()
            for region in regions[2:4]:
                codes = [other for name, other in held if name == region.region and other != code]
                expected |= set([other for other in codes if other > code][:most])
                expected |= set([other for other in codes if other < code][-most:])
            assert list_codes_around(tx, "US", regions[2:4], code, most) == expected
        assert list_codes_around(tx, "US", [], "361", 3) == set()
        assert list_regions(tx, "DE", ["361"], 100) == []


@ONLY_POSTGRESQL
def test_postgresql_steps_through_the_places_by_their_index(database: Database) -> None:
    found = scans(database, places_query("US", PLACE, 1000))
    assert {(scan.of, scan.bounded) for scan in found} == {("ix_numbers_places", True), ("pk_numbers", True)}
    assert sum(scan.of == "ix_numbers_places" for scan in found) == len(PLACE) + 1
    assert scans(database, calling_code_query("US")) == [Scan("Index Scan", "ix_numbers_sale_number", bounded=True)]
