"""Twilio's list of calls, by the day of UTC on which they began.

Touches: nothing.

The price is null until some minutes after a call, and negative then. A leg that was dialled out of an inbound call
(outbound-dial) has the caller's number as `from` unless another was set, and is none of ours then.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from numberdesk.carriers.adapters.http_api import Call, CarrierHttpApi, decoded, refused
from numberdesk.carriers.adapters.reading import PageLinks
from numberdesk.carriers.adapters.reading_calls import DAY, cost_of, day_text, iso_of, page_of
from numberdesk.carriers.call_port import CallPage, CarrierCall

_PAGES: Final = PageLinks("Page", "PageToken")
_LARGEST_PAGE: Final = 1000
_OK: Final = 200
_ENDED: Final = ("completed", "busy", "failed", "no-answer", "canceled")
_INBOUND: Final = ("inbound", "trunking-originating")


class _Listed(msgspec.Struct):
    sid: str
    status: str
    direction: str | None = None
    to: str | None = None
    from_: str | None = msgspec.field(default=None, name="from")
    start_time: str | None = None
    end_time: str | None = None
    date_created: str | None = None
    duration: str | int | None = None
    price: Any = None
    price_unit: Any = None


class _Calls(msgspec.Struct):
    calls: list[msgspec.Raw]
    next_page_uri: str | None = None


class TwilioCalls:
    """The part of the adapter that lists calls."""

    _api: CarrierHttpApi
    _account: str

    async def calls(self, day: int, cursor: str | None) -> CallPage:
        """A page of the calls that began on a day. Raises CarrierError."""
        window = [("StartTime>", day_text(day)), ("StartTime<", day_text(day + DAY))]
        query = [*window, ("PageSize", str(_LARGEST_PAGE)), *_PAGES.query_of(cursor)]
        answer = await self._api.read(Call("GET", f"{self._account}/Calls.json", query=query))
        if answer.status != _OK:
            raise refused(answer)
        listed = decoded(answer, _Calls)
        return page_of(listed.calls, _Listed, _call_of, _PAGES.cursor_in(listed.next_page_uri))


def _call_of(listed: _Listed) -> CarrierCall | None:
    if listed.status not in _ENDED:
        return None
    is_inbound = listed.direction in _INBOUND
    ours, other = (listed.to, listed.from_) if is_inbound else (listed.from_, listed.to)
    seconds = listed.duration
    if seconds in (None, "") and listed.status != _ENDED[0]:
        seconds = 0
    values = {
        "call_id": listed.sid,
        "direction": "inbound" if is_inbound else "outbound",
        "phone_number": ours,
        "other": other,
        "started_at": iso_of(listed.start_time or listed.date_created),
        "ended_at": iso_of(listed.end_time),
        "seconds": seconds,
        "disposition": listed.status,
    }
    return CarrierCall(values, cost_of(listed.price, listed.price_unit))
