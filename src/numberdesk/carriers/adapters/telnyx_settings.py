"""Emergency addresses and caller names of Telnyx's numbers.

Touches: nothing.

An address is provisioned and deprovisioned after it was set, which the number shows as `emergency_status`. A caller
name is the number's CNAM listing, among its voice settings.
https://developers.telnyx.com, under Phone Number Configurations
"""

from __future__ import annotations

from typing import Any, Final, Protocol

import msgspec

from numberdesk.carriers.adapters.http_api import Call, CarrierHttpApi, succeeded
from numberdesk.carriers.adapters.number_settings import Kept
from numberdesk.carriers.adapters.telnyx_search import TelnyxPage, checked_id
from numberdesk.core.number_settings import WantedSettings

_NUMBERS: Final = "/phone_numbers"
_UNDER_WAY: Final = ("provisioning", "deprovisioning", "provisioning-failed")


class TelnyxNumber(Protocol):
    """A number as it is looked up."""

    id: str
    emergency_address_id: str | None
    emergency_enabled: bool | None
    emergency_status: str | None


class FindsTelnyxNumber(Protocol):
    """Who finds a number of ours."""

    async def line(self, e164: str, number_id: str | None) -> Any:
        """The number. Raises CarrierError."""
        ...


class _Listing(msgspec.Struct):
    cnam_listing_enabled: bool | None = None
    cnam_listing_details: str | None = None


class _Voice(msgspec.Struct):
    cnam_listing: _Listing | None = None


class TelnyxSettings:
    """Sets and shows them. `connector` finds a number."""

    def __init__(self, api: CarrierHttpApi, connector: FindsTelnyxNumber) -> None:
        self._api = api
        self._connector = connector

    def require(self, wanted: WantedSettings) -> None:
        """Both can be had."""

    async def show(self, e164: str, number_id: str | None) -> Kept:
        """What the number and its voice settings show."""
        line: TelnyxNumber = await self._connector.line(e164, number_id)
        path = f"{_NUMBERS}/{checked_id(line.id)}/voice"
        listing = succeeded(await self._api.read(Call("GET", path)), TelnyxPage[_Voice]).data.cnam_listing
        named = listing is not None and listing.cnam_listing_enabled is not False
        name = (listing.cnam_listing_details or "") if named and listing is not None else ""
        address = "" if line.emergency_enabled is False else line.emergency_address_id or ""
        status = line.emergency_status or ""
        under_way = f"its emergency address stands at {status}" if status in _UNDER_WAY else ""
        return Kept(line.id, WantedSettings(address, name), under_way)

    async def change(self, kept: Kept, wanted: WantedSettings) -> None:
        """Set what differs."""
        path = f"{_NUMBERS}/{checked_id(kept.number_id)}"
        if kept.settings.emergency_address != wanted.emergency_address:
            address = wanted.emergency_address or kept.settings.emergency_address
            body: dict[str, Any] = {
                "emergency_enabled": bool(wanted.emergency_address),
                "emergency_address_id": address,
            }
            call = Call("POST", f"{path}/actions/enable_emergency", json=body)
            succeeded(await self._api.read(call), dict[str, Any])
        if kept.settings.caller_name != wanted.caller_name:
            listing = {"cnam_listing_enabled": bool(wanted.caller_name), "cnam_listing_details": wanted.caller_name}
            call = Call("PATCH", f"{path}/voice", json={"cnam_listing": listing})
            succeeded(await self._api.read(call), dict[str, Any])
