"""The numbers that a mock begins with; the same seed gives the same ones.

Touches: randomness.

Up to some 10,000 they come from the ranges that are set aside for fiction. More are taken from the exchange
555 of North American area codes, 555-0200 and up, which has no subscribers, and are marked as simulated.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

from carrier_mock.faults import MAGIC_NUMBERS
from carrier_mock.inventory import Found
from carrier_mock.model import Place
from carrier_mock.places import MAGIC, fictional, north_american

MOST_NUMBERS: Final = 500_000

_LESS_CAPABLE: Final = {
    ("voice", "sms", "mms"): (("voice", "sms", "mms"),) * 7 + (("voice", "sms"), ("voice", "sms"), ("voice",)),
    ("voice", "sms"): (("voice", "sms"), ("sms",)),
}
_FIRST_OUTSIDE, _LAST = 200, 9999
_SERVICES: Final = frozenset({1212, 4334})
"""Lines of the exchange 555 that somebody answers."""


def generate(seed: int, numbers: int) -> list[Found]:
    """So many numbers, and the magic ones, which are always there. At most MOST_NUMBERS."""
    chance = random.Random(seed)  # noqa: S311  the same seed has to give the same numbers
    found = [
        Found(f"+{part.place.calling_code}{national}", part.place) for part in fictional() for national in part.numbers
    ]
    if numbers < len(found):
        found = sorted(chance.sample(found, numbers))
    else:
        found += _outside(numbers - len(found))
    stock = [Found(e164, _as_capable(place, chance)) for e164, place in found]
    return [*stock, *(Found(e164, MAGIC) for e164 in MAGIC_NUMBERS)]


def _as_capable(place: Place, chance: random.Random) -> Place:
    choices = _LESS_CAPABLE.get(place.capabilities)
    return place if choices is None else place._replace(capabilities=chance.choice(choices))


def _outside(count: int) -> Iterator[Found]:
    if count <= 0:
        return
    places = [place._replace(simulated=True) for place in north_american()]
    lines = [line for line in range(_FIRST_OUTSIDE, _LAST + 1) if line not in _SERVICES]
    per_place, more = divmod(count, len(places))
    for number, place in enumerate(places):
        for line in lines[: per_place + (number < more)]:
            yield Found(f"+1{place.area_code}555{line:04}", place)
