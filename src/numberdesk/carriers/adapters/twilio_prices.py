"""What Twilio's numbers cost: asked for per country and kept for some hours.

Touches: nothing.

https://www.twilio.com/docs/phone-numbers/pricing and https://www.twilio.com/docs/voice/pricing, the
first version of both: monthly prices and those of inbound calls, by type of number. Its
specification has prices as numbers and its answers as texts; either is read exactly.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import quote

import msgspec

from numberdesk.carriers.adapters.http_api import Call, CarrierHttpApi, decoded, each, refused
from numberdesk.carriers.adapters.reading import price_of
from numberdesk.carriers.port import CarrierError, Cost, Trouble
from numberdesk.core.money import MoneyError, parse_currency
from numberdesk.core.schedule import LONGEST_MESSAGE

_PRICING: Final = "https://pricing.twilio.com"
_OK, _NOT_FOUND = 200, 404
_PRICES_KEPT: Final = 6 * 3600.0
_FAILURE_KEPT: Final = 60.0
_PRICES_PATIENCE: Final = 2.0
_LATE: Final = "they did not come in time"
_EXAMPLE: Final = "US"


class _Price(msgspec.Struct):
    number_type: str
    current_price: msgspec.Raw = msgspec.Raw(b"null")
    base_price: msgspec.Raw = msgspec.Raw(b"null")


class _PriceList(msgspec.Struct):
    price_unit: str | None = None
    phone_number_prices: list[msgspec.Raw] | None = None
    inbound_call_prices: list[msgspec.Raw] | None = None


class Costs(NamedTuple):
    """What numbers of a country cost, by type. `missed` says why some costs are not known that Twilio has."""

    by_type: Mapping[str, Cost]
    missed: CarrierError | None = None


class _Kept(NamedTuple):
    costs: Costs
    until: float


class TwilioPrices:
    """What numbers cost, per country and type; a country that is being asked for is not asked for twice."""

    def __init__(self, api: CarrierHttpApi, seconds: Callable[[], float]) -> None:
        self._api = api
        self._seconds = seconds
        self._kept: dict[str, _Kept] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}

    def ask(self, country: str) -> None:
        """See to it that the prices of a country are known soon."""
        kept, task = self._kept.get(country), self._asking.get(country)
        if (kept is None or kept.until <= self._seconds()) and (task is None or task.done()):
            self._kept.pop(country, None)
            self._asking[country] = asyncio.create_task(self._learn(country))

    async def of(self, country: str) -> Costs:
        """The costs of a country that was asked for. None are known when they do not come in time."""
        if country not in self._kept:
            await asyncio.wait({self._asking[country]}, timeout=_PRICES_PATIENCE)
        kept = self._kept.get(country)
        return Costs({}, _missed(CarrierError(Trouble.UNREACHABLE, _LATE))) if kept is None else kept.costs

    async def check(self) -> str:
        """Ask for the prices of one country. What is wrong, in words for an operator; "" when nothing is."""
        costs = await self._both(_EXAMPLE)
        if costs.by_type:
            return ""
        error = costs.missed or _missed(CarrierError(Trouble.REFUSED, f"there are none for {_EXAMPLE}"))
        advice = "; the API key must be allowed to read them" if error.trouble is Trouble.CREDENTIALS else ""
        return f"Twilio knows the account, but does not tell its prices, so no cost is known{advice}: {error}"

    async def _learn(self, country: str) -> None:
        costs = await self._both(country)
        seconds = _PRICES_KEPT if costs.missed is None else _FAILURE_KEPT
        self._kept[country] = _Kept(costs, self._seconds() + seconds)

    async def _both(self, country: str) -> Costs:
        lists = (self._list(_path(kind, country)) for kind in ("PhoneNumbers", "Voice"))
        numbers, voice = await asyncio.gather(*lists)
        return _costs(numbers, voice)

    async def _list(self, path: str) -> _PriceList | CarrierError:
        """A list of prices, an empty one where there is none for the country."""
        try:
            answer = await self._api.read(Call("GET", path), base_url=_PRICING)
            if answer.status == _NOT_FOUND:
                return _PriceList()
            return decoded(answer, _PriceList) if answer.status == _OK else refused(answer)
        except CarrierError as error:
            return error


def _path(kind: str, country: str) -> str:
    return f"/v1/{kind}/Countries/{quote(country, safe='')}"


def _missed(error: CarrierError) -> CarrierError:
    """That prices are missing, which the same error in a search would not say."""
    return CarrierError(error.trouble, f"prices: {error.message}"[:LONGEST_MESSAGE])


def _costs(numbers: _PriceList | CarrierError, voice: _PriceList | CarrierError) -> Costs:
    """The costs out of both lists. None unless both came: a rental keeps the rates that it was sold at for good."""
    if isinstance(numbers, CarrierError):
        return Costs({}, _missed(numbers))
    if isinstance(voice, CarrierError):
        return Costs({}, _missed(voice))
    by_type = _by_type(numbers, voice)
    if numbers.phone_number_prices and not by_type:
        return Costs({}, _missed(CarrierError(Trouble.UNREADABLE, "none of them can be read")))
    return Costs(by_type)


def _by_type(numbers: _PriceList, voice: _PriceList) -> dict[str, Cost]:
    """Costs by type, of those whose monthly price can be read. Inbound calls count in the same currency only.

    Twilio takes the rent and nothing once.
    """
    try:
        currency = parse_currency((numbers.price_unit or "").upper())
    except MoneyError:
        return {}
    inbound = _prices_in(voice.inbound_call_prices) if (voice.price_unit or "").upper() == currency else {}
    monthly = _prices_in(numbers.phone_number_prices)
    return {kind: Cost(currency, price, inbound.get(kind), setup=0) for kind, price in monthly.items()}


def _prices_in(items: Sequence[msgspec.Raw] | None) -> dict[str, int]:
    """Micros by type. A type is written "toll free"; prices are texts in the answers, numbers in the specification."""
    found = {}
    for item in each(items or (), _Price):
        if item is not None:
            with contextlib.suppress(MoneyError, msgspec.MsgspecError):
                current = price_of(item.current_price)
                price = price_of(item.base_price) if current is None else current
                if price is not None:
                    found[item.number_type.lower().replace(" ", "_")] = price
    return found
