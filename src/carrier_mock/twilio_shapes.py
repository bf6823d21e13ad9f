"""How Twilio writes things: numbers for sale, numbers owned, prices, errors.

Touches: nothing.

As in production and in the examples of its specification (twilio/twilio-oai, api v2010 and pricing v1):
capabilities are `SMS` and `MMS` in what is for sale and `sms` and `mms` in what is owned; coordinates and
prices are texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import format_datetime
from typing import Any, Final

from carrier_mock.exchange import Response, json_answer
from carrier_mock.inventory import Found, Inventory
from carrier_mock.model import Account, Api, Holding, Kind, Place
from carrier_mock.prices import CURRENCY, price_of, shown
from numberdesk.core.periods import to_datetime

TYPES: Final = {
    "Local": Kind.LOCAL,
    "Mobile": Kind.MOBILE,
    "National": Kind.NATIONAL,
    "TollFree": Kind.TOLL_FREE,
    "SharedCost": None,
    "Voip": None,
    "MachineToMachine": None,
}
"""The last part of a search's path; None is a type that nobody has."""

_SPOKEN: Final = {Kind.LOCAL: "local", Kind.MOBILE: "mobile", Kind.NATIONAL: "national", Kind.TOLL_FREE: "toll free"}
_COUNTRIES: Final = {
    "US": ("United States", "1"),
    "CA": ("Canada", "1"),
    "GB": ("United Kingdom", "44"),
    "AU": ("Australia", "61"),
    "DE": ("Germany", "49"),
}
_ALASKA: Final = ("United States - Alaska", "1907", 90_000)
_FIRST_SEEN: Final = 1_438_298_344_000_000
_NORTH_AMERICAN_LENGTH: Final = len("+14155550100")


def error(status: int, code: int, message: str, *more: tuple[str, str]) -> Response:
    """An error in Twilio's body (https://www.twilio.com/docs/usage/twilios-response)."""
    body = {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return json_answer(status, body, *more)


def not_found(path: str) -> Response:
    """What a path gets that leads nowhere."""
    return error(404, 20404, f"The requested resource {path} was not found")


def friendly(e164: str) -> str:
    """What a number is called that nobody gave a name."""
    if e164.startswith("+1") and len(e164) == _NORTH_AMERICAN_LENGTH:
        return f"({e164[2:5]}) {e164[5:8]}-{e164[8:]}"
    return e164


def for_sale(found: Found) -> dict[str, Any]:
    """A number of a search."""
    e164, place = found
    capable = place.capabilities
    return {
        "friendly_name": friendly(e164),
        "phone_number": e164,
        "lata": None,
        "locality": place.locality or None,
        "rate_center": "SIMULATED" if place.simulated else place.locality.upper() or None,
        "latitude": None if place.latitude is None else f"{place.latitude:.6f}",
        "longitude": None if place.longitude is None else f"{place.longitude:.6f}",
        "region": place.region or None,
        "postal_code": place.postal_code or None,
        "iso_country": place.country,
        "address_requirements": place.address,
        "beta": False,
        "capabilities": {
            "voice": "voice" in capable,
            "SMS": "sms" in capable,
            "MMS": "mms" in capable,
            "fax": "fax" in capable,
        },
    }


def owned(holding: Holding, place: Place | None, wired: Mapping[str, Any]) -> dict[str, Any]:
    """A number on an account, with what was set for it. One that the inventory never had is taken for a local one."""
    capable = ("voice",) if place is None else place.capabilities
    kind = Kind.LOCAL if place is None else place.kind
    at = format_datetime(to_datetime(holding.at))
    return {
        "sid": holding.number_id,
        "account_sid": holding.account,
        "friendly_name": holding.reference or friendly(holding.e164),
        "phone_number": holding.e164,
        "capabilities": {name: name in capable for name in ("voice", "sms", "mms", "fax")},
        "address_requirements": "none" if place is None else place.address,
        "status": "in-use",
        "type": kind.value.replace("_", "-"),
        "beta": False,
        "origin": "twilio",
        "date_created": at,
        "date_updated": at,
        "uri": f"/2010-04-01/Accounts/{holding.account}/IncomingPhoneNumbers/{holding.number_id}.json",
        **_UNSET,
        **wired,
    }


_UNSET: Final = {
    "api_version": "2010-04-01",
    "address_sid": None,
    "bundle_sid": None,
    "identity_sid": None,
    "trunk_sid": None,
    "emergency_status": "Inactive",
    "emergency_address_sid": None,
    "emergency_address_status": "unregistered",
    "sms_application_sid": None,
    "sms_fallback_method": "POST",
    "sms_fallback_url": "",
    "sms_method": "POST",
    "sms_url": "",
    "status_callback": "",
    "status_callback_method": "POST",
    "voice_application_sid": None,
    "voice_caller_id_lookup": False,
    "voice_fallback_method": "POST",
    "voice_fallback_url": "",
    "voice_method": "POST",
    "voice_receive_mode": "voice",
    "voice_url": "",
}


def account(sid: str) -> dict[str, Any]:
    """An account. Unlike the real one it does not repeat the auth token."""
    base, at = f"/2010-04-01/Accounts/{sid}", format_datetime(to_datetime(_FIRST_SEEN))
    return {
        "sid": sid,
        "owner_account_sid": sid,
        "friendly_name": "Simulated account",
        "auth_token": None,
        "status": "active",
        "type": "Full",
        "date_created": at,
        "date_updated": at,
        "uri": f"{base}.json",
        "subresource_uris": {
            "available_phone_numbers": f"{base}/AvailablePhoneNumbers.json",
            "incoming_phone_numbers": f"{base}/IncomingPhoneNumbers.json",
            "balance": f"{base}/Balance.json",
        },
    }


def balance(of: Account, micros: int) -> dict[str, Any]:
    """What an account has left."""
    return {"account_sid": of.name, "balance": shown(micros), "currency": CURRENCY}


def number_prices(country: str, inventory: Inventory, times: int) -> dict[str, Any]:
    """What numbers cost a month in a country."""
    rows = [
        {"number_type": _SPOKEN[kind], "base_price": shown(monthly), "current_price": shown(monthly)}
        for kind in sorted(inventory.offers(country))
        for monthly in [price_of(Api.TWILIO, country, kind).times(times).monthly]
    ]
    return {**_country("PhoneNumbers", country), "phone_number_prices": rows}


def voice_prices(country: str, inventory: Inventory, times: int) -> dict[str, Any]:
    """What a minute of a call costs in a country."""
    kinds = sorted(inventory.offers(country))
    prices = {kind: price_of(Api.TWILIO, country, kind).times(times) for kind in kinds}
    inbound = [
        {"number_type": _SPOKEN[kind], "base_price": shown(price.inbound), "current_price": shown(price.inbound)}
        for kind, price in prices.items()
    ]
    outbound = []
    if kinds:
        name, prefix = _COUNTRIES.get(country, (country, ""))
        outbound.append(_outbound(name, prefix, prices[kinds[0]].outbound))
        if country == "US":
            alaska, longer, micros = _ALASKA
            outbound.append(_outbound(alaska, longer, micros * times))
    return {**_country("Voice", country), "outbound_prefix_prices": outbound, "inbound_call_prices": inbound}


def _outbound(name: str, prefix: str, micros: int) -> dict[str, Any]:
    return {
        "prefixes": [prefix] if prefix else [],
        "friendly_name": f"Programmable Outbound Minute - {name}",
        "base_price": shown(micros),
        "current_price": shown(micros),
    }


def _country(product: str, country: str) -> dict[str, Any]:
    return {
        "country": _COUNTRIES.get(country, (country, ""))[0],
        "iso_country": country,
        "price_unit": CURRENCY,
        "url": f"https://pricing.twilio.com/v1/{product}/Countries/{country}",
    }
