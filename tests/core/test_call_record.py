"""Call records: what is read as which call, and which field is named when one is wrong."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.core.call_record import (
    FIELDS,
    MOST_SECONDS,
    BadRecord,
    CallRecord,
    Direction,
    differing_field,
    read_record,
)
from numberdesk.core.periods import MICROSECONDS

NOW = 1_750_000_000 * MICROSECONDS
START = NOW - 3600 * MICROSECONDS
GOOD: dict[str, Any] = {
    "call_id": "c1",
    "direction": "inbound",
    "phone_number": "+13612738809",
    "other": "+13612738000",
    "started_at": "2025-06-15T14:06:40Z",
    "answered_at": "2025-06-15T14:06:45Z",
    "ended_at": "2025-06-15T14:07:16.4Z",
}


def read(**changes: Any) -> CallRecord | BadRecord:
    return read_record(GOOD | changes, "acme", NOW)


def test_a_record_is_read_and_its_seconds_run_from_the_answer_to_the_end_rounded_up() -> None:
    answered = START + 5 * MICROSECONDS
    ended = START + 36_400_000
    assert read() == CallRecord(
        "acme", "c1", "", Direction.INBOUND, "+13612738809", "+13612738000", START, answered, ended, 32, ""
    )
    assert read().key == ("acme", "c1", "")  # type: ignore[union-attr]  # it is good


@pytest.mark.parametrize(
    ("seconds", "means"), [(0, 0), (31, 31), ("31", 31), (Decimal("0.4"), 1), ("30.0", 30), ("0.000", 0), (91, 91)]
)
def test_seconds_are_taken_as_given_and_begun_ones_count(seconds: object, means: int) -> None:
    assert read(seconds=seconds).seconds == means  # type: ignore[union-attr]  # it is good


@pytest.mark.parametrize("absent", ["answered_at", "ended_at"])
def test_without_an_answer_or_an_end_nobody_knows_how_long_the_call_was(absent: str) -> None:
    assert read(**{absent: None}).seconds is None  # type: ignore[union-attr]  # it is good
    assert read(**{absent: None}, seconds=7).seconds == 7  # type: ignore[union-attr]  # it is good


@pytest.mark.parametrize(
    "written", ["2025-06-15T14:06:40Z", "2025-06-15T16:06:40+02:00", 1_749_996_400, "1749996400.0", None]
)
def test_an_instant_is_iso_8601_with_a_zone(written: object) -> None:
    if isinstance(written, str) and written.isascii() and "." in written:
        assert read(started_at=written) == BadRecord(
            "started_at", "must be like 2026-03-20T14:30:00Z, or seconds since 1970", "c1"
        )
    elif written is None:
        assert read(started_at=written) == BadRecord("started_at", "is required", "c1")
    else:
        assert read(started_at=written).started_at == START  # type: ignore[union-attr]  # it is good


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("call_id", None, "is required"),
        ("call_id", "", "must have 1 to 128 characters"),
        ("call_id", "x" * 129, "must have 1 to 128 characters"),
        ("call_id", 7, "must be text"),
        ("leg", "two legs", "must have visible ASCII characters only"),
        ("direction", None, "is required"),
        ("direction", "sideways", "must be inbound or outbound"),
        ("direction", ["inbound"], "must be inbound or outbound"),
        ("phone_number", "3612738809", "must start with + and the country code, like +13612738809"),
        ("other", "a\nb", "must not have control characters, line breaks or half characters"),
        ("started_at", "2025-06-15T14:06:40", "must say its zone, like 2026-03-20T14:30:00Z"),
        ("started_at", "yesterday", "must be like 2026-03-20T14:30:00Z, or seconds since 1970"),
        ("started_at", "2025-06-15T15:11:41Z", "is in the future"),
        ("started_at", 946_684_799, "is before the year 2000"),
        ("started_at", Decimal("NaN"), "must be a finite number"),
        ("answered_at", "2025-06-15T14:06:39Z", "is before started_at"),
        ("ended_at", "2025-06-15T14:06:44Z", "is before the call began"),
        ("ended_at", Decimal("1e30"), "is out of range"),
        ("seconds", -1, "must not be negative"),
        ("seconds", "nan", "must be a number"),
        ("seconds", Decimal("Infinity"), "must be a finite number"),
        ("seconds", 10**9, "must be at most 172800"),
        ("seconds", 2**65, "is out of range"),
        ("seconds", Decimal("1e-30"), "is out of range"),
        ("seconds", True, "must be a number"),
        ("seconds", 93, "is more than there are between the beginning and ended_at"),
        ("disposition", "no answer", "must have visible ASCII characters only"),
        ("billsec", 5, "is not a field"),
    ],
)
def test_a_wrong_record_is_refused_and_the_field_named(field: str, value: object, reason: str) -> None:
    bad = read(**{field: value})
    assert isinstance(bad, BadRecord)
    assert (bad.field, bad.reason) == (field, reason)
    assert bad.call_id == (
        value if field == "call_id" and isinstance(value, str) else None if field == "call_id" else "c1"
    )


def test_the_last_moment_that_is_not_the_future_is_taken() -> None:
    assert isinstance(read(started_at=NOW // MICROSECONDS + 300, answered_at=None, ended_at=None), CallRecord)
    assert isinstance(read(started_at=946_684_800, answered_at=None), CallRecord)


def test_a_call_that_lasts_for_days_is_a_mistake() -> None:
    began = "2025-06-10T14:06:40Z"
    assert read(started_at=began, answered_at=began) == BadRecord(
        "ended_at", f"makes a call of more than {MOST_SECONDS} seconds", "c1"
    )


@pytest.mark.parametrize("sent", [None, 5, "c1", [], [GOOD]])
def test_what_is_no_object_is_no_record(sent: object) -> None:
    assert read_record(sent, "acme", NOW) == BadRecord("record", "must be a JSON object")


def test_a_name_that_is_none_is_not_repeated() -> None:
    assert read(**{"a b": 1}) == BadRecord("record", "is not a field", "c1")


def test_two_legs_of_a_call_are_two_records() -> None:
    assert read(leg="a").key != read(leg="b").key  # type: ignore[union-attr]  # both are good


def test_the_field_that_differs_is_named_as_it_is_written() -> None:
    first = read()
    assert isinstance(first, CallRecord)
    assert differing_field(first, first._replace()) is None
    assert differing_field(first, first._replace(e164="+13612738801")) == "phone_number"
    assert differing_field(first, first._replace(seconds=33)) == "seconds"
    assert differing_field(first, first._replace(disposition="busy")) == "disposition"


JUNK: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=30) | st.just([]) | st.just({})
)


@given(st.dictionaries(st.sampled_from(FIELDS), JUNK))
def test_whatever_is_sent_gives_a_record_or_names_a_field(changes: dict[str, Any]) -> None:
    outcome = read_record(GOOD | changes, "acme", NOW)
    if isinstance(outcome, BadRecord):
        assert outcome.field in FIELDS
        assert outcome.reason
    else:
        assert outcome.seconds is None or 0 <= outcome.seconds <= MOST_SECONDS
