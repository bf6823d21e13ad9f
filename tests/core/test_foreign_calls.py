"""Foreign forms of call records: what FreeSWITCH and Twilio send, and what mapping files read."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest

from numberdesk.cli.call_files import mapping_of, shipped_mappings
from numberdesk.core.call_callback import read_callback, signed_by
from numberdesk.core.call_forms import PassedOver, SentFields, by_arrival, with_plus
from numberdesk.core.call_mapping import MappingError, parse_mapping
from numberdesk.core.call_record import BadRecord, CallRecord, read_record
from numberdesk.core.freeswitch_cdr import FreeswitchError, parse_cdr, read_cdr, unwrapped

NOW = 1_900_000_000_000_000
BEGAN = 1_767_000_000
"""2025-12-29T09:20:00Z"""

NOW_AFTER = NOW // 1_000_000 - BEGAN


def record_of(found: SentFields | PassedOver) -> CallRecord:
    assert isinstance(found, SentFields), found
    record = read_record(by_arrival(found.values, NOW) if found.by_arrival else found.values, "s", NOW)
    assert isinstance(record, CallRecord), record
    return record


def told(record: CallRecord) -> tuple[Any, ...]:
    """What counts of a record, its instants in seconds after BEGAN."""
    instants = (record.started_at, record.answered_at, record.ended_at)
    after = [None if one is None else (one - BEGAN * 1_000_000) / 1_000_000 for one in instants]
    return record.call_id, str(record.direction), record.e164, record.other, *after, record.seconds, record.disposition


def cdr(**changes: Any) -> dict[str, Any]:
    """A record as mod_json_cdr writes it, values URL-encoded."""
    variables = {
        "direction": "inbound",
        "uuid": "a3f1",
        "start_epoch": str(BEGAN),
        "answer_epoch": str(BEGAN + 5),
        "end_epoch": str(BEGAN + 66),
        "billsec": "61",
        "duration": "66",
        "hangup_cause": "NORMAL_CLEARING",
        "sip_from_uri": "%2B13612738000%40203.0.113.9",
        **changes,
    }
    profile = {"caller_id_number": "%2B13612738000", "destination_number": "13612738809"}
    return {
        "core-uuid": "x",
        "variables": {name: value for name, value in variables.items() if value is not None},
        "callflow": [
            {"caller_profile": {**profile, "destination_number": "1000"}},
            {"caller_profile": profile},
        ],
    }


def test_a_record_of_freeswitch_is_read_whatever_its_values_are_encoded_by() -> None:
    expected = ("a3f1", "inbound", "+13612738809", "+13612738000", 0, 5, 66, 61, "NORMAL_CLEARING")
    assert told(record_of(read_cdr(cdr()))) == expected
    plain = json.loads(json.dumps(cdr()).replace("%2B", "+").replace("%40", "@"))
    assert told(record_of(read_cdr(plain))) == expected


@pytest.mark.parametrize(
    ("changes", "direction", "ours", "other"),
    [
        ({"call_direction": "outbound", "effective_caller_id_number": "13612738809"}, "outbound", "+13612738809",
         "13612738809"),
        ({"numberdesk_number": "%2B4930123456", "numberdesk_direction": "outbound"}, "outbound", "+4930123456",
         "13612738809"),
        ({"numberdesk_number": "+49 30 123456"}, "inbound", "+4930123456", "+13612738000"),
    ],
)  # fmt: skip
def test_the_dialplan_may_say_what_is_ours(changes: dict[str, str], direction: str, ours: str, other: str) -> None:
    record = record_of(read_cdr(cdr(**changes)))
    assert (record.direction, record.e164, record.other) == (direction, ours, other)


def test_a_call_that_nobody_answered_has_no_answer_and_no_seconds() -> None:
    record = record_of(read_cdr(cdr(answer_epoch="0", billsec="0", hangup_cause="NO_ANSWER")))
    assert (record.answered_at, record.seconds) == (None, 0)


def test_of_two_legs_the_one_that_was_made_for_the_other_counts_nothing() -> None:
    assert read_cdr(cdr(uuid="b", originating_leg_uuid="a3f1")) == PassedOver(
        "is the leg that was made for another one, which counts", "b"
    )
    assert isinstance(read_cdr(cdr(originating_leg_uuid="a3f1")), SentFields)


@pytest.mark.parametrize("bare", [": nan", ":nan", ":-nan", ": inf", ": NaN"])
def test_a_bare_nan_is_nothing(bare: str) -> None:
    text = json.dumps(cdr(rtp_audio_in_mos="9")).replace(': "9"', bare)
    document = parse_cdr(text)
    assert document["variables"]["rtp_audio_in_mos"] is None
    assert record_of(read_cdr(document)).seconds == 61


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"a": ' + "9" * 5_000 + "}", "nan,"])
def test_what_is_no_json_is_told_so(text: str) -> None:
    with pytest.raises(FreeswitchError, match="is not JSON"):
        parse_cdr(text)


def test_a_record_is_unwrapped_from_a_form_and_from_base64() -> None:
    text = json.dumps(cdr()) + "~>~>~>" * 9
    packed = base64.b64encode(text.encode() + b"\0\0").decode()
    assert "+" in packed
    assert unwrapped("cdr=" + quote(text), in_base64=False) == text
    for body in (packed, quote(packed), packed.replace("+", " ")):
        assert unwrapped("cdr=" + body, in_base64=True) == text
    for body, reason in (("x=1", "begin with cdr="), ("cdr=%%%", "base64"), ("cdr=é", "base64")):
        with pytest.raises(FreeswitchError, match=reason):
            unwrapped(body, in_base64=True)


CALLBACK = {
    "CallSid": "CA1",
    "CallStatus": "completed",
    "Direction": "inbound",
    "From": "+13612738000",
    "To": "+13612738809",
    "CallDuration": "61",
    "Timestamp": "Mon, 29 Dec 2025 09:21:06 +0000",
}


def test_a_status_callback_tells_a_call_that_has_ended() -> None:
    expected = ("CA1", "inbound", "+13612738809", "+13612738000", 5, 5, 66, 61, "completed")
    assert told(record_of(read_callback(CALLBACK))) == expected
    iso = CALLBACK | {"Timestamp": "2025-12-29T09:21:06Z"}
    assert told(record_of(read_callback(iso))) == expected
    sent = CALLBACK | {"Direction": "outbound-dial", "From": "+13612738809", "To": "sip:bob@example.com"}
    record = record_of(read_callback(sent))
    assert (record.direction, record.e164, record.other) == ("outbound", "+13612738809", "sip:bob@example.com")


def test_a_status_callback_of_a_call_under_way_counts_nothing_and_one_without_an_answer_has_no_seconds() -> None:
    for status in ("initiated", "ringing", "answered", "in-progress"):
        assert read_callback(CALLBACK | {"CallStatus": status}) == PassedOver("has not ended", "CA1")
    missed = {name: value for name, value in CALLBACK.items() if name != "CallDuration"} | {"CallStatus": "busy"}
    record = record_of(read_callback(missed))
    assert (record.answered_at, record.seconds) == (None, 0)


def test_a_status_callback_without_a_time_ended_as_it_came_and_one_with_a_wrong_one_is_refused() -> None:
    found = read_callback({name: value for name, value in CALLBACK.items() if name != "Timestamp"})
    record = record_of(found)
    assert (NOW - record.started_at, record.ended_at) == (61_000_000, NOW)
    wrong = read_callback(CALLBACK | {"Timestamp": "yesterday"})
    assert isinstance(wrong, SentFields)
    assert read_record(wrong.values, "s", NOW) == BadRecord("started_at", "is required", "CA1", "")


def test_a_signature_is_over_the_address_and_the_fields_in_order() -> None:
    # the example of Twilio's documentation of its request validation
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    pairs = [
        ("Digits", "1234"),
        ("To", "+18005551212"),
        ("From", "+14158675309"),
        ("Caller", "+14158675309"),
        ("CallSid", "CA1234567890ABCDE"),
    ]
    assert signed_by("12345", ["https://other", url], pairs, "RSOYDt4T1cUTdK1PDd93/VVr8B8=")
    assert not signed_by("12346", [url], pairs, "RSOYDt4T1cUTdK1PDd93/VVr8B8=")
    assert not signed_by("12345", [url], pairs[1:], "RSOYDt4T1cUTdK1PDd93/VVr8B8=")
    assert not signed_by("12345", [url], pairs, "é")


@pytest.mark.parametrize(
    ("written", "read"),
    [("1 (361) 273-8809", "+13612738809"), ("0013612738809", "+13612738809"), ("+13612738809", "+13612738809"),
     ("0301234567", "0301234567"), ("1000", "1000"), ("sip:a@b", "sip:a@b"), (None, None)],
)  # fmt: skip
def test_a_number_gets_its_plus_sign_where_its_digits_say_the_country(written: Any, read: Any) -> None:
    assert with_plus(written) == read


SAMPLES: dict[str, tuple[dict[str, Any], tuple[Any, ...]]] = {
    "jambonz": (
        {"call_sid": "j1", "direction": "outbound", "from": "13612738809", "to": "+13612738000", "call_id": "x@y",
         "sip_status": 200, "call_status": "completed", "duration": 61, "account_sid": "a", "application_sid": "b"},
        ("j1", "outbound", "+13612738809", "+13612738000", NOW_AFTER - 61, None, NOW_AFTER, 61,
         "completed"),
    ),
    "retell": (
        {"event": "call_ended", "call": {"call_id": "r1", "call_type": "phone_call", "direction": "inbound",
         "from_number": "+13612738000", "to_number": "+13612738809", "start_timestamp": BEGAN * 1_000,
         "end_timestamp": BEGAN * 1_000 + 60_400, "duration_ms": 60_400, "disconnection_reason": "user_hangup"}},
        ("r1", "inbound", "+13612738809", "+13612738000", 0, None, 60.4, 61, "user_hangup"),
    ),
    "vapi": (
        {"message": {"type": "end-of-call-report", "startedAt": "2025-12-29T09:20:00.000Z",
         "endedAt": "2025-12-29T09:21:00.400Z", "endedReason": "customer-ended-call", "cost": 0.05,
         "phoneNumber": {"id": "p", "number": "+13612738809"},
         "call": {"id": "v1", "type": "outboundPhoneCall", "customer": {"number": "+13612738000"}}}},
        ("v1", "outbound", "+13612738809", "+13612738000", 0, 0, 60.4, 61, "customer-ended-call"),
    ),
    "livekit": (
        {"event": "participant_left", "id": "EV_1", "createdAt": str(BEGAN + 61), "room": {"name": "call-1"},
         "participant": {"sid": "PA_1", "identity": "sip_1", "kind": "SIP", "joinedAt": str(BEGAN), "attributes": {
             "sip.callID": "SCL_1", "sip.trunkPhoneNumber": "+13612738809", "sip.phoneNumber": "+13612738000",
             "sip.callStatus": "hangup"}}},
        ("SCL_1", "inbound", "+13612738809", "+13612738000", 0, 0, 61, 61, ""),
    ),
    "asterisk-csv": (
        dict(zip(mapping_of("asterisk-csv").columns, (
            "", "+13612738000", "13612738809", "from-trunk", '"Ann" <+13612738000>', "PJSIP/trunk-1", "PJSIP/100-2",
            "Dial", "PJSIP/100",
            "2025-12-29 09:20:00", "2025-12-29 09:20:05", "2025-12-29 09:21:06", "66", "61", "ANSWERED",
            "DOCUMENTATION", "1767000000.17", "", "", "1767000000.17", "4"), strict=True)),
        ("1767000000.17", "inbound", "+13612738809", "+13612738000", 0, 5, 66, 61, "ANSWERED"),
    ),
    "bandwidth": (
        {"eventType": "disconnect", "eventTime": "2025-12-29T09:21:06.000Z", "accountId": "9", "callId": "c-1",
         "from": "+13612738000", "to": "+13612738809", "direction": "inbound", "startTime": "2025-12-29T09:20:00.000Z",
         "answerTime": "2025-12-29T09:20:05.000Z", "endTime": "2025-12-29T09:21:06.000Z", "cause": "hangup",
         "tag": None},
        ("c-1", "inbound", "+13612738809", "+13612738000", 0, 5, 66, 61, "hangup"),
    ),
    "vonage": (
        {"status": "completed", "uuid": "u-1", "conversation_uuid": "CON-1", "from": "13612738000", "to": "13612738809",
         "direction": "inbound", "duration": "61", "rate": "0.0045", "price": "0.00457", "network": "US-FIXED",
         "start_time": "2025-12-29T09:20:05.000Z", "end_time": "2025-12-29T09:21:06.000Z"},
        ("u-1", "inbound", "+13612738809", "13612738000", 5, None, 66, 61, "completed"),
    ),
}  # fmt: skip
"""What each sender sends, by its documents, and what is made of it."""


@pytest.mark.parametrize("name", shipped_mappings())
def test_each_mapping_that_is_shipped_reads_what_its_sender_sends_and_passes_over_the_rest(name: str) -> None:
    sent, expected = SAMPLES[name]
    assert told(record_of(mapping_of(name).read(sent))) == expected
    if mapping_of(name).only:
        assert isinstance(mapping_of(name).read({"event": "other"}), PassedOver)


LEAST = '[fields]\ncall_id = "id"\ndirection = "way"\nphone_number = "n"\nstarted_at = "at"\n'


def read(text: str, **sent: Any) -> dict[str, Any]:
    found = parse_mapping(text).read({"id": "1", "way": "in", "n": "13612738809", "at": 5, **sent})
    assert isinstance(found, SentFields)
    return found.values


def test_times_are_read_in_each_form_and_what_is_none_is_refused_by_our_name() -> None:
    words = '[direction]\ninbound = ["in"]\n'
    for time, sent, instant in (
        ("seconds", BEGAN, 0), ("seconds", f"{BEGAN}.5", 0.5), ("milliseconds", BEGAN * 1_000 + 1, 0.001),
        ("microseconds", BEGAN * 1_000_000, 0), ("iso", "2025-12-29 09:20", 0),
        ("rfc2822", "Mon, 29 Dec 2025 09:20:00 +0000", 0),
        ("%d.%m.%Y %H:%M", "29.12.2025 09:20", 0),
    ):  # fmt: skip
        record = read_record(read(f'time = "{time}"\nzone = "UTC"\n{words}{LEAST}', at=sent), "s", NOW)
        assert isinstance(record, CallRecord), (time, record)
        assert record.started_at - BEGAN * 1_000_000 == instant * 1_000_000
        wrongs: tuple[Any, ...] = ("never", [], {}, True)
        for wrong in wrongs:
            bad = read_record(read(f'time = "{time}"\nzone = "UTC"\n{words}{LEAST}', at=wrong), "s", NOW)
            assert isinstance(bad, BadRecord), (time, wrong)
            assert bad.field == "started_at"
    berlin = read(f'zone = "Europe/Berlin"\n{words}{LEAST}', at="2025-12-29T10:20:00")
    assert berlin["started_at"] == "2025-12-29T10:20:00+01:00"
    naive = read_record(read(f"{words}{LEAST}", at="2025-12-29T10:20:00"), "s", NOW)
    assert isinstance(naive, BadRecord)
    assert naive.reason.startswith("must say its zone")


def test_documents_of_any_shape_are_records_that_are_refused() -> None:
    documents: tuple[Any, ...] = (None, 5, "x", [], {}, {"id": {}}, {"id": "1", "way": [], "n": {}, "at": None})
    for document in documents:
        found = parse_mapping(LEAST).read(document)
        assert isinstance(found, SentFields)
        assert isinstance(read_record(found.values, "s", NOW), BadRecord)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("= 5", "is not TOML"),
        ("times = 5\n" + LEAST, "no part called times"),
        ("[fields]\n", "does not say where call_id is"),
        (LEAST.replace('started_at = "at"', ""), "does not say where started_at is"),
        (LEAST + 'secnds = "x"\n', "fields.secnds is no field of ours"),
        (LEAST + "seconds = 5\n", "fields.seconds must name a place"),
        (LEAST + 'seconds = {path = "x", unit = "hours"}\n', "fields.seconds must be"),
        (LEAST.replace('"way"', '{inbound = "x"}'), "fields.direction must be one place"),
        ('time = "whenever"\n' + LEAST, "time must be"),
        ('zone = "Mars/Base"\n' + LEAST, "zone must be"),
        ('zone = "../../etc/passwd"\n' + LEAST, "zone must be"),
        ("columns = 5\n" + LEAST, "columns must be a list"),
        ("only = 5\n" + LEAST, "only must be a table"),
        ('[direction]\nup = ["x"]\n' + LEAST, "direction.up must be"),
        ("#" * 20_001, "more than 20,000"),
    ],
)
def test_what_is_no_mapping_is_told_where_and_why(text: str, reason: str) -> None:
    with pytest.raises(MappingError, match=reason):
        parse_mapping(text)
