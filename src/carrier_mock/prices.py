"""What the simulated carriers charge: different from each other, so that choosing between them matters.

Touches: nothing.

The amounts are sample data in the order of magnitude of what carriers publish. Twilio asks nothing once;
Telnyx does, and less a month.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from carrier_mock.model import Api, Kind
from numberdesk.core.money import MICROS, format_micros, parse_price

CURRENCY: Final = "USD"
CREDIT: Final = 100_000 * MICROS
"""What an account has when it is first seen, in micros."""


class Price(NamedTuple):
    """Micros: once, for a month, for a minute of a call that comes in or goes out."""

    setup: int
    monthly: int
    inbound: int
    outbound: int

    @property
    def at_once(self) -> int:
        """What buying the number costs: once, and the first month."""
        return self.setup + self.monthly

    def times(self, factor: int) -> Price:
        """The same, so many times as high."""
        return Price(*(part * factor for part in self))


_TABLE: Final = """
twilio US local 0 1.15 0.0085 0.0140; twilio US toll_free 0 2.15 0.0220 0.0140; twilio CA local 0 1.15 0.0085 0.0140;
twilio GB local 0 1.15 0.0100 0.0158; twilio GB national 0 1.15 0.0100 0.0158; twilio GB toll_free 0 2.15 0.0600 0.0158;
twilio AU local 0 3.00 0.0100 0.0252; twilio AU mobile 0 6.50 0.0100 0.0252; twilio DE local 0 1.15 0.0100 0.0160;
telnyx US local 1.00 1.00 0.0055 0.0100; telnyx US toll_free 1.00 1.50 0.0180 0.0100;
telnyx CA local 1.00 1.00 0.0055 0.0100; telnyx GB local 1.00 0.90 0.0060 0.0120;
telnyx GB national 1.00 1.00 0.0060 0.0120; telnyx GB toll_free 2.00 1.80 0.0500 0.0120;
telnyx AU local 1.50 2.50 0.0080 0.0200; telnyx AU mobile 2.00 5.50 0.0080 0.0200;
telnyx DE local 1.20 1.00 0.0070 0.0130
"""
_ELSEWHERE: Final = {
    Api.TWILIO: Price(0, 4_000_000, 10_000, 30_000),
    Api.TELNYX: Price(1_500_000, 3_500_000, 9_000, 25_000),
}


def _parsed(text: str) -> dict[tuple[Api, str, Kind], Price]:
    table = {}
    for entry in text.split(";"):
        api, country, kind, *amounts = entry.split()
        price = Price(*(parse_price(amount, zero_allowed=True) for amount in amounts))
        table[Api(api), country, Kind(kind)] = price
    return table


_PRICES: Final = _parsed(_TABLE)


def price_of(api: Api, country: str, kind: Kind) -> Price:
    """What numbers of a type in a country cost at a carrier."""
    return _PRICES.get((api, country, kind), _ELSEWHERE[api])


def shown(micros: int) -> str:
    """An amount as carriers write it: "1.00", "0.0085"."""
    text = format_micros(micros)
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction:0<2}"
