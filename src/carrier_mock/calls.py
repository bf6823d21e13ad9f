"""Calls that were made to and from numbers at the simulated carriers, as Twilio and Telnyx list them.

Touches: nothing.

The price of a call is not told until some time after its end: null at Twilio, no cost at Telnyx.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import urlencode

from carrier_mock.exchange import Request, Response, json_answer
from carrier_mock.model import Account, MadeCall, as_uuid
from carrier_mock.prices import shown
from numberdesk.core.periods import MICROSECONDS, to_datetime

DETAIL_RECORDS: Final = "/detail_records"
"""Where Telnyx lists calls."""

CALL_TYPES: Final = ("sip-trunking", "call-control")
"""The types of Telnyx's records that are calls; those here are of the first."""

_MOST_DIGITS: Final = 9
_USUAL_PAGE, _LONGEST_PAGE = 50, 1000
_LONGEST_TELNYX_PAGE: Final = 50


def twilio_calls(request: Request, account: Account, calls: Iterable[MadeCall], now: int) -> Response:
    """A page of an account's calls at Twilio, the latest first, by StartTime> and StartTime<, days of UTC."""
    since, until = _day(request.first("StartTime>"), 0), _day(request.first("StartTime<"), 2**62)
    found = sorted((call for call in calls if since <= call.at < until), key=lambda call: -call.number)
    size = min(_LONGEST_PAGE, max(1, _whole(request.first("PageSize"), _USUAL_PAGE)))
    page = _whole(request.first("Page"), 0)
    shown_now = found[page * size : (page + 1) * size]
    following = None
    if len(found) > (page + 1) * size:
        own = [pair for pair in request.query if pair[0] not in ("Page", "PageToken")]
        token = f"PACA{shown_now[-1].number:032x}"
        following = f"{request.path}?{urlencode([*own, ('Page', str(page + 1)), ('PageToken', token)])}"
    body = {
        "calls": [_at_twilio(call, account, now) for call in shown_now],
        "page": page,
        "page_size": size,
        "start": page * size,
        "end": max(0, page * size + len(shown_now) - 1),
        "uri": request.path,
        "next_page_uri": following,
    }
    return json_answer(200, body)


def telnyx_calls(request: Request, calls: Iterable[MadeCall], now: int) -> Response:
    """A page of the records of a type at Telnyx, the earliest first, by when they began."""
    since = _instant(request.first("filter[started_at][gte]"), 0)
    until = _instant(request.first("filter[started_at][lt]"), 2**62)
    is_ours = request.first("filter[record_type]") == CALL_TYPES[0]
    found = [call for call in calls if is_ours and since <= call.at < until]
    size = min(_LONGEST_TELNYX_PAGE, max(1, _whole(request.first("page[size]"), 20)))
    page = max(1, _whole(request.first("page[number]"), 1))
    data = [_at_telnyx(call, now) for call in found[(page - 1) * size : page * size]]
    meta = {"page_number": page, "page_size": size, "total_pages": -(-len(found) // size), "total_results": len(found)}
    return json_answer(200, {"data": data, "meta": meta})


def _at_twilio(call: MadeCall, account: Account, now: int) -> dict[str, Any]:
    is_inbound = call.direction == "inbound"
    answered = call.seconds > 0
    return {
        "sid": f"CA{call.token}",
        "account_sid": account.name,
        "parent_call_sid": None,
        "date_created": _rfc2822(call.at),
        "date_updated": _rfc2822(call.ended_at),
        "from": call.other if is_inbound else call.e164,
        "to": call.e164 if is_inbound else call.other,
        "direction": "inbound" if is_inbound else "outbound-api",
        "status": ("completed" if answered else "no-answer") if now >= call.ended_at else "in-progress",
        "start_time": _rfc2822(call.at),
        "end_time": _rfc2822(call.ended_at) if now >= call.ended_at else None,
        "duration": str(call.seconds) if now >= call.ended_at else None,
        "price": f"-{shown(call.cost)}" if _is_told(call, now) else None,
        "price_unit": "USD",
    }


def _at_telnyx(call: MadeCall, now: int) -> dict[str, Any]:
    is_inbound, is_over = call.direction == "inbound", now >= call.ended_at
    return {
        "record_type": CALL_TYPES[0],
        "id": as_uuid(call.token),
        "sip_call_id": call.token,
        "direction": call.direction,
        "cli": call.other if is_inbound else call.e164,
        "cld": call.e164 if is_inbound else call.other,
        "started_at": _iso(call.at),
        "answered_at": _iso(call.at) if call.seconds else None,
        "finished_at": _iso(call.ended_at) if is_over else None,
        "call_sec": call.seconds if is_over else None,
        "billed_sec": -(-call.seconds // 60) * 60 if is_over else None,
        "connected": call.seconds > 0,
        "hangup_cause": "16" if is_over else None,
        "cost": shown(call.cost) if _is_told(call, now) else None,
        "currency": "USD",
    }


def _is_told(call: MadeCall, now: int) -> bool:
    return now >= call.ended_at + call.told_after


def _rfc2822(instant: int) -> str:
    return format_datetime(to_datetime(instant).replace(microsecond=0))


def _iso(instant: int) -> str:
    return to_datetime(instant).replace(microsecond=0).isoformat().replace("+00:00", "Z")


def _day(text: str, otherwise: int) -> int:
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()) * MICROSECONDS
    except ValueError:
        return otherwise


def _instant(text: str, otherwise: int) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp() * MICROSECONDS)
    except ValueError:
        return otherwise


def _whole(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else otherwise
