"""Emergency addresses of Twilio's numbers.

Touches: nothing.

The address is one that Twilio validated for emergency calls. It is registered with the emergency services after it was
set, which the number shows as `emergency_address_status`; Twilio releases no number that has one.
https://www.twilio.com/docs/voice/tutorials/emergency-calling-for-programmable-voice
"""

from __future__ import annotations

import re
from typing import Any, Final, Protocol

from numberdesk.carriers.adapters.cannot_be_set import CannotBeSetError
from numberdesk.carriers.adapters.http_api import Call, CarrierHttpApi, succeeded
from numberdesk.carriers.adapters.number_settings import Kept
from numberdesk.core.number_settings import WantedSettings

_ADDRESS: Final = re.compile(r"AD[0-9a-fA-F]{32}", re.ASCII)
_NOT_YET: Final = ("pending-registration", "registration-failure", "pending-unregistration", "unregistration-failure")


class TwilioNumber(Protocol):
    """A number as it is looked up."""

    sid: str
    emergency_address_sid: str | None
    emergency_address_status: str | None


class FindsLine(Protocol):
    """Who finds a number of ours, whose SID can stand in a path."""

    async def line(self, e164: str, number_id: str | None) -> Any:
        """The number. Raises CarrierError."""
        ...


class TwilioSettings:
    """Sets and shows them. `numbers` is the path of the account's numbers, `connector` finds one."""

    def __init__(self, api: CarrierHttpApi, numbers: str, connector: FindsLine) -> None:
        self._api = api
        self._numbers = numbers
        self._connector = connector

    def require(self, wanted: WantedSettings) -> None:
        """Caller names are registered by its Trust Hub, with documents."""
        if wanted.caller_name:
            raise CannotBeSetError("this carrier registers caller names with documents: ask your operator")
        if wanted.emergency_address and not _ADDRESS.fullmatch(wanted.emergency_address):
            raise CannotBeSetError("at this carrier an emergency address is an id like AD and 32 hexadecimal digits")

    async def show(self, e164: str, number_id: str | None) -> Kept:
        """What the number shows."""
        line: TwilioNumber = await self._connector.line(e164, number_id)
        status = line.emergency_address_status or ""
        under_way = f"the registration of its emergency address stands at {status}" if status in _NOT_YET else ""
        return Kept(line.sid, WantedSettings(line.emergency_address_sid or ""), under_way)

    async def change(self, kept: Kept, wanted: WantedSettings) -> None:
        """Set the address, or take it off."""
        status = "Active" if wanted.emergency_address else "Inactive"
        form = [("EmergencyAddressSid", wanted.emergency_address), ("EmergencyStatus", status)]
        succeeded(
            await self._api.read(Call("POST", f"{self._numbers}/{kept.number_id}.json", form=form)), dict[str, Any]
        )
