"""Telnyx's detail records of calls, one type after the other, by the time at which they began.

Touches: nothing.

It takes 40 requests a minute here (x-ratelimit-limit), so pages are asked for one after the other with a rest. Records
of a call without a cost may come first.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from numberdesk.carriers.adapters.http_api import Call, CarrierHttpApi, decoded, refused
from numberdesk.carriers.adapters.reading import e164_of
from numberdesk.carriers.adapters.reading_calls import DAY, cost_of, instant_text, page_of
from numberdesk.carriers.call_port import CallPage, CarrierCall
from numberdesk.carriers.port import CarrierError, Trouble

_TYPES: Final = ("sip-trunking", "call-control")
_PAGE: Final = 50
_REST_SECONDS: Final = 1.6
_OK: Final = range(200, 300)
_CURSOR: Final = re.compile(r"([a-z-]{1,20})\.([0-9]{1,6})", re.ASCII)


class _Record(msgspec.Struct):
    id: str
    direction: str | None = None
    cli: str | None = None
    cld: str | None = None
    started_at: str | None = None
    answered_at: str | None = None
    finished_at: str | None = None
    call_sec: int | str | None = None
    hangup_cause: str | int | None = None
    cost: Any = None
    currency: Any = None


class _Meta(msgspec.Struct):
    total_pages: int = 0


class _Records(msgspec.Struct):
    data: list[msgspec.Raw]
    meta: _Meta | None = None


class TelnyxCalls:
    """The part of the adapter that lists calls."""

    _api: CarrierHttpApi

    async def calls(self, day: int, cursor: str | None) -> CallPage:
        """A page of the calls that began on a day. Raises CarrierError."""
        kind, number = _place(cursor)
        query = [
            ("filter[record_type]", kind),
            ("filter[started_at][gte]", instant_text(day)),
            ("filter[started_at][lt]", instant_text(day + DAY)),
            ("sort", "started_at"),
            ("page[number]", str(number)),
            ("page[size]", str(_PAGE)),
        ]
        answer = await self._api.read(Call("GET", "/detail_records", query=query))
        if answer.status not in _OK:
            raise refused(answer)
        listed = decoded(answer, _Records)
        pages = listed.meta.total_pages if listed.meta is not None else 0
        goes_on = number < pages or (not pages and len(listed.data) >= _PAGE)
        following = f"{kind}.{number + 1}" if goes_on and listed.data else _next_type(kind)
        return page_of(listed.data, _Record, _call_of, following, rest=_REST_SECONDS)


def _place(cursor: str | None) -> tuple[str, int]:
    if cursor is None:
        return _TYPES[0], 1
    parts = _CURSOR.fullmatch(cursor)
    if parts is None or parts[1] not in _TYPES:
        raise CarrierError(Trouble.REFUSED, "the cursor is none of ours")
    return parts[1], int(parts[2])


def _next_type(kind: str) -> str | None:
    place = _TYPES.index(kind) + 1
    return f"{_TYPES[place]}.1" if place < len(_TYPES) else None


def _call_of(record: _Record) -> CarrierCall | None:
    if record.finished_at is None:
        return None
    ours, other = (record.cld, record.cli) if record.direction == "inbound" else (record.cli, record.cld)
    values = {
        "call_id": record.id,
        "direction": record.direction,
        "phone_number": None if ours is None else e164_of(ours) or ours,
        "other": other,
        "started_at": record.started_at,
        "answered_at": record.answered_at,
        "ended_at": record.finished_at,
        "seconds": 0 if record.call_sec is None and record.answered_at is None else record.call_sec,
        "disposition": None if record.hangup_cause is None else str(record.hangup_cause),
    }
    return CarrierCall(values, cost_of(record.cost, record.currency))
