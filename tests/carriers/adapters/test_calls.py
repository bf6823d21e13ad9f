"""Lists of finished calls: what is asked of each carrier that has one, and what is made of its answers."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import pytest

from numberdesk.carriers.adapters.reading_calls import cost_of
from numberdesk.carriers.call_port import CallCost, CallPage, ListsCalls
from numberdesk.carriers.port import CarrierError, Setup, Trouble
from numberdesk.carriers.registry import KINDS
from numberdesk.core.call_record import BadRecord, CallRecord, read_record
from numberdesk.infra.http import HttpRequest, HttpResponse

DAY: Final = 1_766_966_400_000_000
"""2025-12-29"""

SETUPS: Final = {
    "twilio": {"account_sid": "AC" + "1" * 32, "auth_token": "t"},
    "telnyx": {"api_key": "k"},
    "plivo": {"auth_id": "MA1", "auth_token": "t"},
    "signalwire": {"space": "acme", "project_id": "p", "api_token": "t"},
}


class Scripted:
    """Answers in order, and keeps what was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, str]]] = []

    async def send(self, request: HttpRequest) -> HttpResponse:
        parts = urlsplit(request.url)
        self.asked.append((parts.path, dict(parse_qsl(parts.query))))
        answer = self.answers.pop(0)
        return answer if isinstance(answer, HttpResponse) else HttpResponse(200, {}, json.dumps(answer).encode())


def page(kind: str, http: Scripted, cursor: str | None = None) -> CallPage:
    carrier = KINDS[kind].build(Setup(SETUPS[kind]), http)
    assert isinstance(carrier, ListsCalls)
    return asyncio.run(carrier.calls(DAY, cursor))


TWILIO: Final = {
    "sid": "CA1", "status": "completed", "direction": "inbound", "to": "+13612738809", "from": "+13612738000",
    "start_time": "Mon, 29 Dec 2025 09:20:00 +0000", "end_time": "Mon, 29 Dec 2025 09:21:01 +0000", "duration": "61",
    "price": "-0.00850", "price_unit": "USD", "date_created": "Mon, 29 Dec 2025 09:19:58 +0000",
    "parent_call_sid": None,
}  # fmt: skip
TELNYX: Final = {
    "record_type": "sip-trunking", "id": "t-1", "direction": "outbound", "cli": "13612738809", "cld": "+13612738000",
    "started_at": "2025-12-29T09:20:00Z", "answered_at": "2025-12-29T09:20:00Z", "finished_at": "2025-12-29T09:21:01Z",
    "call_sec": 61, "billed_sec": 120, "cost": "0.0085", "currency": "USD", "hangup_cause": "16",
}  # fmt: skip
PLIVO: Final = {
    "call_uuid": "p-1", "call_direction": "inbound", "from_number": "13612738000", "to_number": "13612738809",
    "initiation_time": "2025-12-29 14:50:00+05:30", "answer_time": "2025-12-29 14:50:00+05:30",
    "end_time": "2025-12-29 14:51:01+05:30", "call_duration": 61, "bill_duration": 61, "billed_duration": 120,
    "total_amount": "0.00850", "hangup_cause_name": "Normal Hangup",
}  # fmt: skip
SIGNALWIRE: Final = {
    "id": "s-1", "from": "+13612738000", "to": "+13612738809", "source": "realtime_api", "charge": 0.0085,
    "charge_details": [], "created_at": "2025-12-29T09:20:00Z", "type": "relay_pstn_call", "url": None,
    "direction": "inbound", "status": "completed", "duration": 61, "duration_ms": 60_400, "billing_ms": 120_000,
    "parent_id": None,
}  # fmt: skip
ANSWERS: Final[dict[str, tuple[Any, dict[str, str]]]] = {
    "twilio": (
        {"calls": [TWILIO, {**TWILIO, "sid": "CA2", "status": "in-progress"}, {"sid": 5}], "next_page_uri": None},
        {"StartTime>": "2025-12-29", "StartTime<": "2025-12-30", "PageSize": "1000"},
    ),
    "telnyx": (
        {"data": [TELNYX, {**TELNYX, "id": "t-2", "finished_at": None}, {}], "meta": {"total_pages": 1}},
        {"filter[record_type]": "sip-trunking", "filter[started_at][gte]": "2025-12-29T00:00:00Z",
         "filter[started_at][lt]": "2025-12-30T00:00:00Z", "sort": "started_at",
         "page[number]": "1", "page[size]": "50"},
    ),
    "plivo": (
        {"objects": [PLIVO, {**PLIVO, "end_time": None}, []], "meta": {"total_count": 3}},
        {"end_time__gte": "2025-12-29 00:00:00", "end_time__lt": "2025-12-30 00:00:00", "limit": "20", "offset": "0"},
    ),
    "signalwire": (
        {"data": [SIGNALWIRE, {**SIGNALWIRE, "status": "ringing"}, {"id": "x"}], "links": {}},
        {"created_after": "2025-12-29T00:00:00Z", "created_before": "2025-12-30T00:00:00Z", "page_size": "1000"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ANSWERS)
def test_finished_calls_are_read_with_what_they_cost_and_others_are_not(kind: str) -> None:
    answer, query = ANSWERS[kind]
    http = Scripted(answer)
    found = page(kind, http)
    assert http.asked[0][1] == query
    assert (len(found.calls), found.unread) == (1, 1)
    (call,) = found.calls
    assert call.cost == CallCost("USD", 8_500)
    record = read_record(call.values, kind, DAY * 2)
    assert isinstance(record, CallRecord), record
    assert (record.e164, record.other.lstrip("+"), record.seconds) == ("+13612738809", "13612738000", 61)
    assert record.direction == ("outbound" if kind == "telnyx" else "inbound")
    assert (record.started_at - DAY) // 1_000_000 == 9 * 3600 + 20 * 60


def test_a_time_that_no_calendar_has_is_the_affair_of_its_call_alone() -> None:
    beyond = {**TWILIO, "start_time": "Mon, 29 Dec 99999999999999999999 09:20:00 +0000"}
    odd, good = page("twilio", Scripted({"calls": [beyond, TWILIO]})).calls
    assert isinstance(read_record(odd.values, "twilio", DAY * 2), BadRecord)
    assert isinstance(read_record(good.values, "twilio", DAY * 2), CallRecord)


@pytest.mark.parametrize(
    ("kind", "sent", "cursor", "following"),
    [
        ("twilio", {"calls": [], "next_page_uri": "/x?Page=1&PageToken=PACA9"}, None, "1.PACA9"),
        ("telnyx", {"data": [TELNYX], "meta": {"total_pages": 2}}, None, "sip-trunking.2"),
        ("telnyx", {"data": [TELNYX], "meta": {"total_pages": 2}}, "sip-trunking.2", "call-control.1"),
        ("telnyx", {"data": [], "meta": {"total_pages": 9}}, "call-control.1", None),
        ("telnyx", {"data": [TELNYX] * 50}, "call-control.1", "call-control.2"),
        ("plivo", {"objects": [PLIVO] * 20, "meta": {"total_count": 41}}, "20", "40"),
        ("plivo", {"objects": [PLIVO], "meta": {"total_count": 41}}, "40", None),
        ("plivo", {"objects": [], "meta": {"total_count": 41}}, "20", None),
        ("plivo", {"objects": [PLIVO] * 20}, None, "20"),
        ("signalwire", {"data": [], "links": {"next": "/api?page_number=1&page_token=PA1"}}, None, "1.PA1"),
    ],
)
def test_a_list_is_followed_to_its_end(kind: str, sent: Any, cursor: str | None, following: str | None) -> None:
    assert page(kind, Scripted(sent), cursor).cursor == following


@pytest.mark.parametrize("kind", ANSWERS)
def test_what_cannot_be_read_and_cursors_of_others_are_errors(kind: str) -> None:
    for answer, trouble in (
        (HttpResponse(200, {}, b"<html>"), Trouble.UNREADABLE),
        (HttpResponse(200, {}, b"{}"), Trouble.UNREADABLE),
        (HttpResponse(404, {}, b"{}"), Trouble.REFUSED),
        (HttpResponse(403, {}, b"{}"), Trouble.CREDENTIALS),
        (HttpResponse(429, {}, b"{}"), Trouble.THROTTLED),
        (HttpResponse(500, {}, b"{}"), Trouble.FAILING),
    ):
        with pytest.raises(CarrierError) as raised:
            page(kind, Scripted(answer))
        assert raised.value.trouble is trouble
    with pytest.raises(CarrierError):
        page(kind, Scripted(), "../x")


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_call_that_nobody_answered_has_no_seconds_and_none_of_unknown_length_is_guessed(kind: str) -> None:
    missed, unknown = {
        "twilio": ({**TWILIO, "status": "busy", "duration": None}, {**TWILIO, "duration": None}),
        "telnyx": ({**TELNYX, "answered_at": None, "call_sec": None}, None),
        "plivo": ({**PLIVO, "answer_time": None, "call_duration": None}, None),
        "signalwire": ({**SIGNALWIRE, "status": "no-answer", "duration": None}, {**SIGNALWIRE, "duration": None}),
    }[kind]
    name = {"twilio": "calls", "telnyx": "data", "plivo": "objects", "signalwire": "data"}[kind]
    (call,) = page(kind, Scripted({name: [missed]})).calls
    assert call.values["seconds"] == 0
    if unknown is not None:
        (call,) = page(kind, Scripted({name: [unknown]})).calls
        assert call.values["seconds"] is None


@pytest.mark.parametrize(
    ("amount", "currency", "cost"),
    [
        ("-0.0085", "USD", 8_500), (0.0085, "usd", 8_500), ("0.00000149", "USD", 1), ("0.0000015", "USD", 2),
        (0, "USD", 0),
        (None, "USD", None), ("0.01", None, None), ("", "USD", None), ("nan", "USD", None), ("1e99", "USD", None),
        ("9" * 40, "USD", None), ("0.01", "XX", None), ([], "USD", None), (True, "USD", None),
    ],
)  # fmt: skip
def test_a_cost_is_kept_without_its_sign_to_the_nearest_micro(amount: Any, currency: Any, cost: int | None) -> None:
    found = cost_of(amount, currency)
    assert (None if found is None else found.amount) == cost


def test_others_say_that_they_list_no_calls() -> None:
    values = {"vonage": {"api_key": "k", "api_secret": "s"}}
    assert not isinstance(KINDS["vonage"].build(Setup(values["vonage"]), Scripted()), ListsCalls)
