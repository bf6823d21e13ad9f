"""Plivo's list of calls, by the time at which they ended; 20 of them a page.

Touches: nothing.

Times have an offset that depends on the account. A leg that was dialled out of another one names it as its parent.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from numberdesk.carriers.adapters.http_api import Call, CarrierHttpApi, decoded, refused
from numberdesk.carriers.adapters.reading import e164_of
from numberdesk.carriers.adapters.reading_calls import DAY, cost_of, day_text, page_of
from numberdesk.carriers.call_port import CallPage, CarrierCall
from numberdesk.carriers.port import CarrierError, Trouble

_PAGE: Final = 20
_LONGEST_OFFSET: Final = 9
_OK: Final = 200
_CURRENCY: Final = "USD"


class _Listed(msgspec.Struct):
    call_uuid: str
    call_direction: str | None = None
    from_number: str | None = None
    to_number: str | None = None
    initiation_time: str | None = None
    answer_time: str | None = None
    end_time: str | None = None
    call_duration: int | str | None = None
    call_state: str | None = None
    hangup_cause_name: str | None = None
    total_amount: Any = None


class _Meta(msgspec.Struct):
    total_count: int | None = None


class _Calls(msgspec.Struct):
    objects: list[msgspec.Raw]
    meta: _Meta | None = None


class PlivoCalls:
    """The part of the adapter that lists calls."""

    _api: CarrierHttpApi
    _account: str

    async def calls(self, day: int, cursor: str | None) -> CallPage:
        """A page of the calls that ended on a day; the cursor is an offset. Raises CarrierError."""
        offset = _offset(cursor)
        query = [
            ("end_time__gte", f"{day_text(day)} 00:00:00"),
            ("end_time__lt", f"{day_text(day + DAY)} 00:00:00"),
            ("limit", str(_PAGE)),
            ("offset", str(offset)),
        ]
        answer = await self._api.read(Call("GET", f"{self._account}Call/", query=query))
        if answer.status != _OK:
            raise refused(answer)
        listed = decoded(answer, _Calls)
        reached, total = offset + len(listed.objects), listed.meta.total_count if listed.meta else None
        is_last = len(listed.objects) < _PAGE if total is None else reached >= total or not listed.objects
        return page_of(listed.objects, _Listed, _call_of, None if is_last else str(reached))


def _offset(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= _LONGEST_OFFSET):
        raise CarrierError(Trouble.REFUSED, "the cursor is none of ours")
    return int(cursor)


def _call_of(listed: _Listed) -> CarrierCall | None:
    if listed.end_time is None:
        return None
    is_inbound = listed.call_direction == "inbound"
    ours, other = (listed.to_number, listed.from_number) if is_inbound else (listed.from_number, listed.to_number)
    seconds = listed.call_duration
    values = {
        "call_id": listed.call_uuid,
        "direction": listed.call_direction,
        "phone_number": None if ours is None else e164_of(ours) or ours,
        "other": other,
        "started_at": listed.initiation_time or listed.answer_time,
        "answered_at": listed.answer_time,
        "ended_at": listed.end_time,
        "seconds": 0 if seconds is None and not listed.answer_time else seconds,
        "disposition": _word(listed.hangup_cause_name or listed.call_state),
    }
    return CarrierCall(values, cost_of(listed.total_amount, _CURRENCY))


def _word(said: str | None) -> str | None:
    """The words of a cause as one, which is all that a disposition may be."""
    return None if said is None else "_".join(said.split())
