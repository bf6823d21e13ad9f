"""The numbers that a mock begins with, and how they are searched."""

from __future__ import annotations

import re

import pytest

from carrier_mock.digits import Match
from carrier_mock.faults import MAGIC_NUMBERS
from carrier_mock.generate import generate
from carrier_mock.inventory import Found, Inventory, Query
from carrier_mock.model import Kind, Place
from carrier_mock.places import fictional
from numberdesk.infra.numbering import describe

SAFE = re.compile(
    r"\+(1[2-9][0-9]{2}55501[0-9]{2}|442079460[0-9]{3}|443069990[0-9]{3}|448081570[0-9]{3}|61270100[0-9]{3}|61491[0-9]{6}"
    r"|493023125[0-9]{3})"
)
AUSTIN = Place("US", "1", Kind.LOCAL, "512", "TX", "Austin")
BOSTON = Place("US", "1", Kind.LOCAL, "617", "MA", "Boston")
LONDON = Place("GB", "44", Kind.LOCAL, "20", locality="London")


def shelf(place: Place, *numbers: str) -> list[Found]:
    return [Found(number, place) for number in numbers]


@pytest.fixture
def inventory() -> Inventory:
    inventory = Inventory()
    inventory.stock(shelf(AUSTIN, "+15125550102", "+15125550100", "+15125550101"))
    inventory.stock(shelf(BOSTON, "+16175550100", "+16175550101"))
    inventory.stock(shelf(LONDON, "+442079460018"))
    return inventory


def everything(country: str | None = None, kind: Kind | None = None) -> Query:
    return Query(country, kind, Match())


def test_the_same_seed_gives_the_same_numbers_and_another_one_others() -> None:
    assert generate(1, 500) == generate(1, 500)
    assert generate(1, 500) != generate(2, 500)


@pytest.mark.parametrize("count", [1, 500, 9000])
def test_there_are_as_many_numbers_as_asked_for_and_the_magic_ones(count: int) -> None:
    found = [found.e164 for found in generate(3, count)]
    assert len(set(found)) == len(found) == count + len(MAGIC_NUMBERS)
    assert set(MAGIC_NUMBERS) < set(found)


def test_all_numbers_are_set_aside_for_fiction_while_there_are_enough_of_them() -> None:
    most = sum(len(part.numbers) for part in fictional())
    found = [found for found in generate(1, most) if found.e164 not in MAGIC_NUMBERS]
    assert [each for each in found if not SAFE.fullmatch(each.e164) or each.place.simulated] == []


def test_numbers_beyond_fiction_are_in_the_exchange_555_and_say_that_they_are_simulated() -> None:
    found = generate(1, 20_000)
    beyond = [each for each in found if each.place.simulated]
    assert len(beyond) > 9_000
    assert all(each.e164[5:8] == "555" and int(each.e164[8:]) >= 200 for each in beyond)
    assert not {"1212", "4334"} & {each.e164[8:] for each in beyond}


def test_every_place_is_what_numbering_data_says_of_its_numbers() -> None:
    one_of_each = {found.place: found.e164 for found in generate(1, 20_000) if found.e164 not in MAGIC_NUMBERS}
    for place, e164 in one_of_each.items():
        said = describe(e164)
        assert (said.iso_country, said.number_type) == (place.country, place.kind)
        if place.country in ("US", "CA"):
            assert (said.area_code, said.region) == (place.area_code, place.region)


def test_a_search_takes_from_all_places_in_turn(inventory: Inventory) -> None:
    found = [found.e164 for found in inventory.search(everything("US"), 4)]
    assert found == ["+15125550100", "+16175550100", "+15125550101", "+16175550101"]


def test_a_search_keeps_to_country_type_digits_and_place(inventory: Inventory) -> None:
    assert [each.place for each in inventory.search(everything("GB"), 9)] == [LONDON]
    assert inventory.search(everything("US", Kind.MOBILE), 9) == []
    query = Query("US", Kind.LOCAL, Match("50101\n"), wants=lambda place: place.region == "TX")
    assert [found.e164 for found in inventory.search(query, 9)] == ["+15125550101"]


def test_what_is_taken_is_not_found_until_it_is_put_back(inventory: Inventory) -> None:
    inventory.take("+442079460018")
    assert inventory.search(everything("GB"), 9) == []
    assert not inventory.is_for_sale("+442079460018")
    inventory.put_back("+442079460018")
    assert inventory.is_for_sale("+442079460018")
    assert len(inventory.search(everything("GB"), 9)) == 1


@pytest.mark.parametrize("e164", ["+442079460019", "442079460018", "", "+"])
def test_what_is_not_there_is_not_for_sale(inventory: Inventory, e164: str) -> None:
    assert not inventory.is_for_sale(e164)


def test_a_number_that_is_known_stays_where_it_is(inventory: Inventory) -> None:
    inventory.stock(shelf(BOSTON, "+15125550100"))
    assert inventory.place("+15125550100") == AUSTIN
    assert len(inventory) == 6


def test_hidden_numbers_are_found_by_who_names_them() -> None:
    inventory = Inventory()
    inventory.stock(shelf(AUSTIN._replace(hidden=True), "+15005550006"))
    assert inventory.search(everything("US", Kind.LOCAL), 9) == []
    named = Query("US", Kind.NATIONAL, Match("500555"), named=True)
    assert [found.e164 for found in inventory.search(named, 9)] == ["+15005550006"]
    assert inventory.offers("US") == frozenset()
