"""What public numbering data says of a number: country, type, region, area code. The only place that asks phonenumbers.

Touches: nothing.

The rules are those of the library's metadata. One exception is made: the fictional numbers of
the North American plan (exchange 555, lines 0100 to 0199, reserved for that by the ATIS
numbering guidelines) are taken in every area code that exists, also where the metadata leaves
the exchange 555 out, because demonstrations and tests sell them.

The metadata is as old as the library: new area codes and ranges are missing in it, and of a
calling code that countries share it may know another country than the one a number is sold in.
Who sells a number says what it is (`describe_as`); the metadata fills in the rest.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import Final, NamedTuple

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType

from numberdesk.core.phone import PhoneError, parse_e164
from numberdesk.core.text import folded
from numberdesk.infra.numbering_plan import Looked, divided_areas, look_up, look_up_block, regions_sharing

_NORTH_AMERICA: Final = 1
_NORTH_AMERICAN: Final = "+1"
_NORTH_AMERICAN_LENGTH: Final = len("+13612738809")
_BLOCK: Final = 3
"""Digits at the end of a number that blocks leave open."""

_AREA_CODE_LENGTH: Final = 3
_FICTIONAL: Final = "55501"
_ANOTHER_EXCHANGE: Final = "2345678"
_LOCAL: Final = "local"
_NEW_NORTH_AMERICAN: Final = re.compile(r"[2-9]\d\d[2-9]\d{6}")
_ONCE_DIALLED: Final = {52: "1"}
"""What stood between country code and number, by country code, and no longer does: mobile numbers of Mexico."""
_NO_COUNTRY: Final = phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY
_SUBDIVIDED: Final = frozenset({"US", "CA"})

# What is not here (premium rate, pager, voicemail) has no type of ours: its owner has to say what it is.
_TYPES: Final = {
    PhoneNumberType.FIXED_LINE: "local",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "local",
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.SHARED_COST: "national",
    PhoneNumberType.VOIP: "national",
    PhoneNumberType.PERSONAL_NUMBER: "national",
    PhoneNumberType.UAN: "national",
}

# As the geocoder spells them. A name for several provinces at once has no code and is left out.
_NAMED: Final = """
    AL Alabama; AK Alaska; AZ Arizona; AR Arkansas; CA California; CO Colorado; CT Connecticut; DE Delaware;
    DC Washington D.C.; FL Florida; GA Georgia; HI Hawaii; ID Idaho; IL Illinois; IN Indiana; IA Iowa; KS Kansas;
    KY Kentucky; LA Louisiana; ME Maine; MD Maryland; MA Massachusetts; MI Michigan; MN Minnesota; MS Mississippi;
    MO Missouri; MT Montana; NE Nebraska; NV Nevada; NH New Hampshire; NJ New Jersey; NM New Mexico; NY New York;
    NC North Carolina; ND North Dakota; OH Ohio; OK Oklahoma; OR Oregon; PA Pennsylvania; RI Rhode Island;
    SC South Carolina; SD South Dakota; TN Tennessee; TX Texas; UT Utah; VT Vermont; VA Virginia; WA Washington State;
    WV West Virginia; WI Wisconsin; WY Wyoming; AB Alberta; BC British Columbia; BC British Colombia; MB Manitoba;
    NB New Brunswick; NL Newfoundland and Labrador; NT Northwest Territories; NS Nova Scotia; NU Nunavut; ON Ontario;
    PE Prince Edward Island; QC Quebec; SK Saskatchewan; YT Yukon
"""
_SUBDIVISIONS: Final = {name: code for code, name in (entry.split(maxsplit=1) for entry in _NAMED.split(";"))}
_SUBDIVISION_CODES: Final = frozenset(_SUBDIVISIONS.values())
_ALSO_CALLED: Final = {
    "washington": "WA", "district of columbia": "DC", "washington dc": "DC", "newfoundland": "NL", "pei": "PE",
}  # fmt: skip

# Closed numbering plans without area codes, as the national plans notified to the ITU have them
# (https://www.itu.int/oth/T0202): the whole number is dialled everywhere, and its groups are for the eye.
_NO_AREAS: Final = """
    AD AW BF BH BI BJ BL CF CG CI CK CM CR CV CY DJ DK EE FJ FK FM FO GA GF GI GL GM GN GP GT GW HK HN HT IO IS KI KM KW
    LI LS LU LV MC MF ML MO MQ MR MT MU MV NC NE NI NO NR NU PA PF PG PM PW QA RE RW SB SC SG SJ SN SR ST SV SZ TD TG TK
    TL TO TV VU WF WS YT
"""
_WITHOUT_AREA_CODES: Final = frozenset(_NO_AREAS.split())


class Numbering(NamedTuple):
    """What numbering data says of one number.

    `iso_country` is ISO 3166-1 alpha-2. `number_type` is local, mobile, toll_free, national, or ""
    where none of them fits. `region` is the two-letter state or province in the United States and
    Canada, elsewhere the English name of the area; "" where it is not known. `area_code` (the
    national destination code, "" when there is none) begins `national`, the digits after the
    country code.
    """

    iso_country: str
    number_type: str
    region: str
    area_code: str
    national: str


def describe(e164: str, *, with_region: bool = True) -> Numbering:
    """Look a number up. Raises PhoneError when it cannot exist or belongs to no single country.

    The first look-up of a region loads about 100 MB of geographical data, once for the process;
    without `with_region` it is left alone and `region` is "".
    """
    parse_e164(e164)
    if e164.startswith(_NORTH_AMERICAN) and len(e164) != _NORTH_AMERICAN_LENGTH:
        advice = _advice(e164, _NORTH_AMERICA) or ": after +1 there are ten digits"
        raise PhoneError(f"is not a number of its country's numbering plan{advice}")
    found = _of_block(e164[:-_BLOCK], with_region)
    if found is None:
        return _looked_up(e164, with_region=with_region)
    country, number_type, region, area_code, beginning = found
    return Numbering(country, number_type, region, area_code, e164[beginning:])


def describe_as(
    e164: str, iso_country: str, area_code: str = "", *, with_region: bool = True, known_only: bool = False
) -> Numbering:
    """Look up a number that its seller calls one of a country, and perhaps of an area code: the data fills in the rest.

    A number that the data does not know (yet) is taken when its length is one of the country's,
    unless `known_only`; then only what its digits say is filled in. An area code that the number
    cannot have is passed over. Raises PhoneError.
    """
    parse_e164(e164)
    code = calling_code(iso_country)
    if not code or not e164.startswith(f"+{code}"):
        raise PhoneError(f"does not start with +{code}, as numbers of {iso_country} do")
    try:
        found = describe(e164, with_region=with_region)._replace(iso_country=iso_country)
    except PhoneError:
        if known_only:
            raise
        found = _by_digits(e164, iso_country)
    return found._replace(area_code=area_code) if area_code and has_area_code(found, area_code) else found


def has_area_code(numbering: Numbering, area_code: str) -> bool:
    """Whether a number can have an area code: it begins with it, and its country has such."""
    if numbering.iso_country in _WITHOUT_AREA_CODES or not numbering.national.startswith(area_code):
        return False
    return calling_code(numbering.iso_country) != str(_NORTH_AMERICA) or len(area_code) == _AREA_CODE_LENGTH


def e164_of(text: str, iso_country: str) -> str:
    """The E.164 form of a number as people write it in a country, with or without country code. Raises PhoneError."""
    try:
        number = phonenumbers.parse(text, iso_country or None)
    except phonenumbers.NumberParseException:
        raise PhoneError("is no phone number") from None
    if number.extension:
        raise PhoneError("has an extension, which cannot be sold")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def main_country(e164: str) -> str:
    """The country that a number's calling code stands for, the largest of those that share it; "" for none."""
    try:
        country = phonenumbers.region_code_for_country_code(phonenumbers.parse(e164, None).country_code or 0)
    except phonenumbers.NumberParseException:
        return ""
    return country if is_country(country) else ""


@lru_cache(maxsize=1_024)
def area_codes(iso_country: str, text: str) -> tuple[str, ...]:
    """The area codes that somebody means who writes `text` for one, as numbers have them.

    020 is 20 in Great Britain; 11 is 11 and, for mobile numbers, 911 in Argentina. What is dialled
    first is left alone where numbers may begin with it, as with 8 in Russia.
    """
    before = phonenumbers.ndd_prefix_for_region(iso_country, True) or ""  # noqa: FBT003  the library's: without signs
    plain = text.removeprefix(before) if before and not _may_begin(iso_country, before) else text
    token = phonenumbers.country_mobile_token(phonenumbers.country_code_for_region(iso_country))
    if not plain:
        return (text,)
    return (plain, token + plain) if token and not plain.startswith(token) else (plain,)


@lru_cache(maxsize=4_096)
def region_of(iso_country: str, name: str) -> str:
    """A region as it is stored: the code of a state or province of the US and Canada, whichever way it is spelled."""
    if iso_country not in _SUBDIVIDED:
        return name
    return _spelled().get(_plain(name), name)


def region_key(iso_country: str, region: str) -> str:
    """The form in which regions are compared: that of names, or the code of a state or province."""
    return folded(region_of(iso_country, region))


def calling_code(iso_country: str) -> str:
    """The digits that stand before the national numbers of a country; "" when it has no numbering plan."""
    code = phonenumbers.country_code_for_region(iso_country)
    return str(code) if code else ""


def is_country(iso_country: str) -> bool:
    """Whether a text is the ISO 3166-1 alpha-2 code of a country or territory with a numbering plan."""
    return iso_country in phonenumbers.SUPPORTED_REGIONS


def country_of(e164: str) -> str:
    """The country that a number most likely belongs to; "" where its calling code is no country's.

    A number that the data does not know yet is taken for one of the largest country with its calling code.
    """
    try:
        return describe(e164, with_region=False).iso_country
    except PhoneError:
        return _country_by_calling_code(e164)


def _country_by_calling_code(e164: str) -> str:
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return ""
    country = phonenumbers.region_code_for_number(number)
    country = country or phonenumbers.region_code_for_country_code(number.country_code or 0)
    return country if is_country(country) else ""


class _OfBlock(NamedTuple):
    """What holds for all numbers of a block; their national digits begin at `national_at`."""

    iso_country: str
    number_type: str
    region: str
    area_code: str
    national_at: int


@lru_cache(maxsize=16_384)
def _of_block(block: str, with_region: bool) -> _OfBlock | None:  # noqa: FBT001  by place, it is asked for every line
    """What numbering data says of all the thousand numbers that begin with `block`; None where they may differ.

    It takes less than twice the time of looking one of them up, and numbers come by the hundred.
    """
    found = look_up_block(block, _BLOCK)
    if found is None or (with_region and not _shares_area(block, found)):
        return None
    told = _told(found, with_region=with_region)
    # Where several regions share a calling code and areas say nothing, each number is held against all regions.
    alone = told.iso_country in _SUBDIVIDED or regions_sharing(found.calling_code) == 1
    if with_region and not told.region and not alone and _is_placed(found):
        return None
    return _OfBlock(*told[:-1], 1 + len(str(found.calling_code)))


def _shares_area(block: str, found: Looked) -> bool:
    """Whether geographical data looks at no digit behind a block's own."""
    if not _is_placed(found):
        return True
    # A token that only mobile numbers have is taken out before their area is looked for.
    return not phonenumbers.country_mobile_token(found.calling_code) and block[1:] not in divided_areas(len(block) - 1)


def _is_placed(found: Looked) -> bool:
    return bool(phonenumbers.is_number_type_geographical(found.kind, found.calling_code))


def _looked_up(e164: str, *, with_region: bool) -> Numbering:
    found = look_up(e164)
    return _asked(e164, with_region=with_region) if found is None else _told(found, with_region=with_region)


def _told(found: Looked, *, with_region: bool) -> Numbering:
    area_code = "" if found.region in _WITHOUT_AREA_CODES else found.national[: found.destination_code]
    number = PhoneNumber(country_code=found.calling_code, national_number=int(found.national))
    region = _region(number, found.kind, found.region) if with_region else ""
    return Numbering(found.region, _TYPES.get(found.kind, ""), region, area_code, found.national)


def _asked(e164: str, *, with_region: bool) -> Numbering:
    """The same, asked of the library itself."""
    number = _parsed(e164)
    national = phonenumbers.national_significant_number(number)
    kind = phonenumbers.number_type(number)
    country = phonenumbers.region_code_for_number(number)
    # The library calls a number valid exactly when it can tell its type.
    if kind == PhoneNumberType.UNKNOWN:
        country, kind = _fictional_country(number, national), PhoneNumberType.FIXED_LINE_OR_MOBILE
        if country is None:
            raise PhoneError(f"is not a number of its country's numbering plan{_advice(e164, number.country_code)}")
    if country is None or country == _NO_COUNTRY:
        raise PhoneError("belongs to no single country")
    return Numbering(
        country,
        _TYPES.get(kind, ""),
        _region(number, kind, country) if with_region else "",
        national[: _destination_code_length(number, country)],
        national,
    )


def _parsed(e164: str) -> PhoneNumber:
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        raise PhoneError("has a country code or length that does not exist") from None
    written = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if written != e164:
        # A national prefix was left in, like the 0 in +440207...
        raise PhoneError(f"must be written {written}")
    return number


def _fictional_country(number: PhoneNumber, national: str) -> str | None:
    """The country of a fictional number: that of its area code. None when it is not one, or the area code is none."""
    if number.country_code != _NORTH_AMERICA or not national.startswith(_FICTIONAL, _AREA_CODE_LENGTH):
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    sibling = PhoneNumber(country_code=1, national_number=int(national[:_AREA_CODE_LENGTH] + _ANOTHER_EXCHANGE))
    return phonenumbers.region_code_for_number(sibling)


def _destination_code_length(number: PhoneNumber, country: str) -> int:
    if country in _WITHOUT_AREA_CODES:
        return 0
    # Always three digits in the North American plan; elsewhere the library formats the number to find out.
    if number.country_code == _NORTH_AMERICA:
        return _AREA_CODE_LENGTH
    return phonenumbers.length_of_national_destination_code(number)


def _by_digits(e164: str, country: str) -> Numbering:
    """What the digits of a number say that the data does not know. Raises PhoneError for a length that none has."""
    number = _parsed(e164)
    national = phonenumbers.national_significant_number(number)
    if number.country_code == _NORTH_AMERICA:
        if not _NEW_NORTH_AMERICAN.fullmatch(national):
            raise PhoneError("is not a number of the North American plan")
        return Numbering(country, _LOCAL, "", national[:_AREA_CODE_LENGTH], national)
    if not phonenumbers.is_possible_number(number):
        raise PhoneError(f"has a length that no number of {country} has")
    return Numbering(country, "", "", "", national)


def _advice(e164: str, country_code: int | None) -> str:
    """What a number may have been meant to be: a digit is often left in that only callers within a country dial."""
    code = f"+{country_code}"
    rest = e164.removeprefix(code)
    before = phonenumbers.ndd_prefix_for_region(main_country(e164), True)  # noqa: FBT003  the library's: without signs
    for extra in (before, code[1:], _ONCE_DIALLED.get(country_code or 0)):
        if extra and rest.startswith(extra):
            meant = code + rest.removeprefix(extra)
            try:
                if phonenumbers.is_valid_number(phonenumbers.parse(meant, None)):
                    return f": write {code} instead of {code}{extra}, {meant}"
            except phonenumbers.NumberParseException:
                continue
    return ""


@lru_cache(maxsize=512)
def _may_begin(country: str, digits: str) -> bool:
    """Whether numbers of a country may begin with what is dialled before them, as far as its examples tell."""
    kinds = (*_TYPES, PhoneNumberType.PREMIUM_RATE)
    examples = (phonenumbers.example_number_for_type(country, kind) for kind in kinds)
    return any(each and phonenumbers.national_significant_number(each).startswith(digits) for each in examples)


@cache
def _spelled() -> dict[str, str]:
    names = {_plain(name): code for name, code in _SUBDIVISIONS.items()}
    return names | _ALSO_CALLED | {code.lower(): code for code in _SUBDIVISION_CODES}


def _plain(name: str) -> str:
    """A name without case, accents, points and hyphens."""
    letters = "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
    return " ".join(letters.replace(".", "").replace("-", " ").casefold().split())


def _region(number: PhoneNumber, kind: int, country: str) -> str:
    if number.country_code is None or not phonenumbers.is_number_type_geographical(kind, number.country_code):
        return ""
    from phonenumbers import geocoder  # noqa: PLC0415  its data is large and not everybody needs it

    area = geocoder.description_for_valid_number(number, "en")
    if country in _SUBDIVIDED:
        code = area.rpartition(", ")[2]
        return code if code in _SUBDIVISION_CODES else _SUBDIVISIONS.get(area, "")
    return "" if area == _country_name(country) else area


@cache
def _country_name(country: str) -> str:
    """What the geocoder says where it knows no more than the country."""
    from phonenumbers import geocoder  # noqa: PLC0415  its data is large and not everybody needs it

    example = phonenumbers.example_number(country)
    return "" if example is None else geocoder.country_name_for_number(example, "en")
