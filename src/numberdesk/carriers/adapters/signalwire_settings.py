"""Emergency addresses of SignalWire's numbers.

Touches: nothing.

An address is assigned and removed by calls of its own; the carrier confirms later, which the number shows as
`e911_status`. One can be removed while it is active only.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from numberdesk.carriers.adapters.cannot_be_set import CannotBeSetError
from numberdesk.carriers.adapters.http_api import Call, CarrierHttpApi, succeeded
from numberdesk.carriers.adapters.number_settings import Kept
from numberdesk.core.number_settings import WantedSettings

_NUMBERS: Final = "/api/relay/rest/phone_numbers"
_NO_ADDRESS: Final = ("removed", "inactive")


class FindsSignalwireNumber(Protocol):
    """Who finds a number of ours."""

    async def line(self, e164: str, number_id: str | None) -> dict[str, Any]:
        """The number; its id can stand in a path. Raises CarrierError."""
        ...


class SignalWireSettings:
    """Sets and shows them. `connector` finds a number."""

    def __init__(self, api: CarrierHttpApi, connector: FindsSignalwireNumber) -> None:
        self._api = api
        self._connector = connector

    def require(self, wanted: WantedSettings) -> None:
        """Caller names cannot be had: the label of an address is shown to those who answer emergency calls only."""
        if wanted.caller_name:
            raise CannotBeSetError("this carrier has no setting for the name of a caller")

    async def show(self, e164: str, number_id: str | None) -> Kept:
        """What the number shows."""
        line = await self._connector.line(e164, number_id)
        address, status = line.get("e911_address_id"), line.get("e911_status")
        has = isinstance(address, str) and status not in _NO_ADDRESS
        is_settled = status in (None, "active", *_NO_ADDRESS)
        under_way = "" if is_settled else f"its emergency address stands at {str(status)[:40]}"
        return Kept(line["id"], WantedSettings(str(address) if has else ""), under_way)

    async def change(self, kept: Kept, wanted: WantedSettings) -> None:
        """Assign the address, or remove it."""
        path = f"{_NUMBERS}/{kept.number_id}/e911_address"
        body = {"e911_address_id": wanted.emergency_address}
        call = Call("POST", path, json=body) if wanted.emergency_address else Call("DELETE", path)
        succeeded(await self._api.read(call), dict[str, Any])
