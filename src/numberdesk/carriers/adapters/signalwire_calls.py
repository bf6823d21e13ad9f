"""SignalWire's voice logs, by the day on which they were made. The API token needs the scope Voice.

Touches: nothing.

A log tells when it was made and how long the call was, and neither an answer nor an end.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from numberdesk.carriers.adapters.http_api import Call, CarrierHttpApi, decoded, refused
from numberdesk.carriers.adapters.reading import PageLinks
from numberdesk.carriers.adapters.reading_calls import DAY, cost_of, instant_text, page_of
from numberdesk.carriers.call_port import CallPage, CarrierCall

_PAGES: Final = PageLinks("page_number", "page_token")
_LARGEST_PAGE: Final = 1000
_OK: Final = 200
_CURRENCY: Final = "USD"
_UNDER_WAY: Final = ("queued", "initiated", "ringing", "in-progress", "in_progress", "answered", "created", "ending")


class _Log(msgspec.Struct):
    id: str
    created_at: str
    from_: str | None = msgspec.field(default=None, name="from")
    to: str | None = None
    direction: str | None = None
    status: str | None = None
    duration: int | None = None
    charge: Any = None
    discarded_at: str | None = None


class _Links(msgspec.Struct):
    next: str | None = None


class _Logs(msgspec.Struct):
    data: list[msgspec.Raw]
    links: _Links | None = None


class SignalWireCalls:
    """The part of the adapter that lists calls."""

    _api: CarrierHttpApi

    async def calls(self, day: int, cursor: str | None) -> CallPage:
        """A page of the logs that were made on a day. Raises CarrierError."""
        window = [("created_after", instant_text(day)), ("created_before", instant_text(day + DAY))]
        query = [*window, ("page_size", str(_LARGEST_PAGE)), *_PAGES.query_of(cursor)]
        answer = await self._api.read(Call("GET", "/api/voice/logs", query=query))
        if answer.status != _OK:
            raise refused(answer)
        listed = decoded(answer, _Logs)
        following = _PAGES.cursor_in(listed.links.next if listed.links else None)
        return page_of(listed.data, _Log, _call_of, following)


def _call_of(log: _Log) -> CarrierCall | None:
    if log.status is None or log.status.lower() in _UNDER_WAY:
        return None
    is_inbound = log.direction == "inbound"
    ours, other = (log.to, log.from_) if is_inbound else (log.from_, log.to)
    values = {
        "call_id": log.id,
        "direction": "inbound" if is_inbound else "outbound",
        "phone_number": ours,
        "other": other,
        "started_at": log.created_at,
        "seconds": log.duration if log.duration is not None or log.status == "completed" else 0,
        "disposition": log.status,
    }
    return CarrierCall(values, cost_of(log.charge, _CURRENCY))
