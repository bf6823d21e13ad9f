"""The filters of Twilio's searches for numbers.

Touches: nothing.

Of the 21, `Page` and `PageToken` say nothing here, since a search has one page, and `InLata` finds nothing,
since no number here has a LATA.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from carrier_mock.digits import BadPatternError, Match, twilio_pattern
from carrier_mock.exchange import Request
from carrier_mock.inventory import Inventory
from carrier_mock.model import Place

_CAPABILITIES: Final = {"SmsEnabled": "sms", "MmsEnabled": "mms", "VoiceEnabled": "voice", "FaxEnabled": "fax"}
_EXCLUDED: Final = {
    "ExcludeAllAddressRequired": ("any", "local", "foreign"),
    "ExcludeLocalAddressRequired": ("local",),
    "ExcludeForeignAddressRequired": ("foreign",),
}
_SAME: Final[dict[str, Callable[[Place], str]]] = {
    "InRegion": lambda place: place.region,
    "InLocality": lambda place: place.locality,
    "InPostalCode": lambda place: place.postal_code,
    "InRateCenter": lambda place: "SIMULATED" if place.simulated else place.locality,
    "InLata": lambda _place: "",
}
_AREA_CODE: Final = re.compile(r"[0-9]{1,5}", re.ASCII)
_COORDINATE: Final = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,12})?", re.ASCII)
_USUAL_DISTANCE, _LONGEST_DISTANCE = 25, 500
_EARTH_MILES: Final = 3958.8
_MAGIC_DIGITS: Final = "500555"

Test = Callable[[Place], bool]


class TwilioFilterError(ValueError):
    """A filter has a value that it cannot have; the text names it."""


class Filters(NamedTuple):
    """What a search asks for. `named` when it names digits that hidden numbers are found by."""

    match: Match
    wants: Test
    named: bool


def read_filters(request: Request, inventory: Inventory) -> Filters:
    """The filters of a search. Raises TwilioFilterError."""
    tests: list[Test] = []
    match, named = Match(), False
    for name, value in request.query:
        if name == "Contains":
            match = _pattern(value)
            named = named or _MAGIC_DIGITS in match.digits
        elif name == "AreaCode":
            tests.append(_area_code(value))
            named = named or value == _MAGIC_DIGITS[:3]
        elif name in _CAPABILITIES:
            tests.append(_capability(_CAPABILITIES[name], wanted=_flag(name, value)))
        elif name in _EXCLUDED and _flag(name, value):
            tests.append(_not_excluded(_EXCLUDED[name]))
        elif name in _SAME:
            tests.append(_same(_SAME[name], value))
    tests += _near(request, inventory)
    return Filters(match, lambda place: all(test(place) for test in tests), named)


def _pattern(text: str) -> Match:
    try:
        return twilio_pattern(text)
    except BadPatternError:
        raise TwilioFilterError("Contains is not a valid pattern") from None


def _area_code(text: str) -> Test:
    if not _AREA_CODE.fullmatch(text):
        raise TwilioFilterError("AreaCode must be a whole number")
    return lambda place: place.area_code == text and place.calling_code == "1"


def _flag(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise TwilioFilterError(f"{name} must be true or false")
    return text.lower() == "true"


def _capability(name: str, *, wanted: bool) -> Test:
    return lambda place: (name in place.capabilities) is wanted


def _not_excluded(addresses: tuple[str, ...]) -> Test:
    return lambda place: place.address not in addresses


def _same(read: Callable[[Place], str], text: str) -> Test:
    return lambda place: read(place).casefold() == text.casefold()


def _near(request: Request, inventory: Inventory) -> list[Test]:
    """Within `Distance` miles of a number or of coordinates; numbers without coordinates are near nothing."""
    number, coordinates = request.first("NearNumber"), request.first("NearLatLong")
    if number:
        place = inventory.place(number)
        here = None if place is None else _coordinates(place)
    elif coordinates:
        here = _read_coordinates(coordinates)
    else:
        return []
    text = request.first("Distance") or str(_USUAL_DISTANCE)
    if not _AREA_CODE.fullmatch(text) or not 0 < int(text) <= _LONGEST_DISTANCE:
        raise TwilioFilterError(f"Distance must be a whole number from 1 to {_LONGEST_DISTANCE}")
    return [lambda place: here is not None and _miles(here, _coordinates(place)) <= int(text)]


def _coordinates(place: Place) -> tuple[float, float] | None:
    return None if place.latitude is None or place.longitude is None else (place.latitude, place.longitude)


def _read_coordinates(text: str) -> tuple[float, float]:
    latitude, comma, longitude = text.partition(",")
    if not comma or not _COORDINATE.fullmatch(latitude.strip()) or not _COORDINATE.fullmatch(longitude.strip()):
        raise TwilioFilterError("NearLatLong must be a latitude and a longitude, like 37.84,-122.29")
    return float(latitude), float(longitude)


def _miles(here: tuple[float, float], there: tuple[float, float] | None) -> float:
    if there is None:
        return math.inf
    (first, east), (second, west) = (tuple(math.radians(part) for part in point) for point in (here, there))
    half = math.sin((second - first) / 2) ** 2
    half += math.cos(first) * math.cos(second) * math.sin((west - east) / 2) ** 2
    return 2 * _EARTH_MILES * math.asin(min(1.0, math.sqrt(half)))
