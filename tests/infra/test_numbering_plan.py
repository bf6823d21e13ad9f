"""Numbering plans as compiled patterns say what phonenumbers says, in every country.

Touches: nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from random import Random

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from numberdesk.core.phone import PhoneError
from numberdesk.infra import numbering
from numberdesk.infra.numbering import Numbering, describe
from numberdesk.infra.numbering_plan import Looked, look_up, look_up_block

_COUNTRIES = sorted(phonenumbers.SUPPORTED_REGIONS)
_FICTIONAL = "55501"


def _examples(country: str) -> list[str]:
    kinds = [kind for kind in PhoneNumberType.values() if kind != PhoneNumberType.UNKNOWN]
    found = [phonenumbers.example_number_for_type(country, kind) for kind in kinds]
    return [phonenumbers.format_number(each, PhoneNumberFormat.E164) for each in found if each is not None]


def _like(e164: str, chance: Random) -> str:
    """A number of the same beginning, sometimes of another length."""
    kept = chance.randrange(len(e164) // 2, len(e164))
    end = kept + len(e164) - kept + chance.choice((0, 0, 0, 0, 0, -1, 1))
    return e164[:kept] + "".join(chance.choices("0123456789", k=max(0, end - kept)))


def _of_the_library(e164: str) -> Looked | None:
    """What the library says, asked in its own words; None for what is not valid or would be written otherwise."""
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return None
    kind, country = phonenumbers.number_type(number), phonenumbers.region_code_for_number(number)
    if kind == PhoneNumberType.UNKNOWN or phonenumbers.format_number(number, PhoneNumberFormat.E164) != e164:
        return None
    assert country is not None
    national = phonenumbers.national_significant_number(number)
    destination_code = phonenumbers.length_of_national_destination_code(number)
    return Looked(number.country_code or 0, country, kind, national, destination_code)


def _similar(times: int) -> Iterator[str]:
    """Numbers of every country and kind that are like the examples, so many for each."""
    for country in _COUNTRIES:
        chance = Random(country)
        for example in _examples(country):
            yield from (_like(example, chance) for _ in range(times))


def test_the_patterns_say_of_a_number_what_the_library_says() -> None:
    for e164 in [*itertools.chain(*map(_examples, _COUNTRIES)), *_similar(12)]:
        found = look_up(e164)
        if found is not None:
            assert found == _of_the_library(e164), e164


def test_a_number_is_described_as_the_library_describes_it() -> None:
    for e164 in _similar(1):
        told = _of_the_library(e164)
        if told is None or (e164.startswith("+1") and len(e164) != len("+13612738809")):
            continue
        found = describe(e164, with_region=False) if told.region != "001" else None
        if found is not None and not e164.startswith(_FICTIONAL, 5):
            expected = Numbering(told.region, "", "", "", told.national)
            assert found._replace(number_type="", area_code="") == expected, e164
            assert found.area_code in ("", told.national[: told.destination_code]), e164


def test_nearly_all_countries_are_answered_without_the_library() -> None:
    quick = {country for country in _COUNTRIES if any(look_up(example) for example in _examples(country))}
    assert len(quick) > 220
    assert {"US", "CA", "GB", "DE", "FR", "ES", "NL", "PL", "JP", "AU"} <= quick
    assert look_up("+80012345678") is None
    assert look_up("+4402079460958") is None
    assert look_up("+999123") is None


def _blocks(country: str, chance: Random) -> list[str]:
    """Beginnings of examples, and of numbers like them, without the last three digits."""
    return sorted({each[:-3] for example in _examples(country) for each in (example, _like(example, chance))})


@pytest.mark.parametrize("country", _COUNTRIES)
def test_the_answer_for_a_block_is_the_librarys_for_each_of_its_numbers(country: str) -> None:
    chance = Random(country)
    for block in _blocks(country, chance):
        found = look_up_block(block, 3)
        if found is not None:
            for rest in ("000", "999", f"{chance.randrange(1000):03}"):
                whole = found._replace(national=found.national[:-3] + rest)
                assert whole == _of_the_library(block + rest), block + rest


def test_nearly_all_countries_have_blocks_with_one_answer() -> None:
    answered = {country for country in _COUNTRIES if any(look_up_block(each[:-3], 3) for each in _examples(country))}
    assert len(answered) > 220
    assert {"US", "CA", "GB", "DE", "FR", "ES", "NL", "PL", "AU"} <= answered
    assert look_up_block("+4479", 8) is None  # some of them are Guernsey's
    assert look_up_block("+44207946", 3) is None  # too short


@pytest.mark.parametrize(
    "country", ["US", "CA", "BS", "GB", "GG", "DE", "FR", "IT", "AR", "MX", "BR", "RU", "KZ", "AU", "JP", "IN"]
)
def test_a_number_is_described_with_its_region_as_if_its_block_were_unknown(country: str) -> None:
    chance = Random(country)
    for block in _blocks(country, chance):
        for e164 in (f"{block}{chance.randrange(1000):03}" for _ in range(3)):
            try:
                alone = numbering._asked(e164, with_region=True)
            except PhoneError:
                continue
            if country not in ("US", "CA", "BS") or len(e164) == len("+13612738809"):
                assert describe(e164) == alone, e164
