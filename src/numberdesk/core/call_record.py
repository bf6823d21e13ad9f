"""Call records: the one form that every source is brought to, and what makes one good.

Touches: nothing.

A record that is wrong is an outcome and names its field, so that the others of a batch go on. What is
missing is never guessed: a record that does not say how long the call was is kept, and waits for a person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from enum import StrEnum
from functools import partial
from typing import Any, Final, NamedTuple

from numberdesk.core.periods import MICROSECONDS, from_datetime
from numberdesk.core.phone import PhoneError, parse_e164
from numberdesk.core.text import TextError, parse_text, parse_token

MOST_SECONDS: Final = 2 * 86_400
"""The longest call there is: what is above it is a mistake of whoever counted."""

LONGEST_CALL_ID: Final = 128
LONGEST_LEG: Final = 32
ERASED: Final = "erased"
"""What stands in the place of the other party of a call once it is old."""

LONGEST_OTHER: Final = 128
LONGEST_DISPOSITION: Final = 40

_EARLIEST: Final = 946_684_800 * MICROSECONDS  # 2000-01-01: before it clocks were not set
_AHEAD: Final = 300 * MICROSECONDS
_ROUNDED_BY: Final = 60
_LONGEST_NUMBER: Final = 20
_LONGEST_WHOLE: Final = 64  # bits: far past every bound
_LONGEST_NAME: Final = 40


class Direction(StrEnum):
    """Which way a call went, seen from our number."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


_DIRECTIONS: Final = {direction.value: direction for direction in Direction}


class CallRecord(NamedTuple):
    """One leg of a call as its source told it. Instants in microseconds; `seconds` is None where nobody said."""

    source: str
    call_id: str
    leg: str
    direction: Direction
    e164: str
    other: str
    started_at: int
    answered_at: int | None
    ended_at: int | None
    seconds: int | None
    disposition: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it this record for ever."""
        return self.source, self.call_id, self.leg


class BadRecord(NamedTuple):
    """A record that is refused: the field that is wrong, and why. `call_id` and `leg` as far as they could be read."""

    field: str
    reason: str
    call_id: str | None = None
    leg: str = ""


FIELDS: Final = (
    "call_id",
    "leg",
    "direction",
    "phone_number",
    "other",
    "started_at",
    "answered_at",
    "ended_at",
    "seconds",
    "disposition",
)
"""The fields of a record, as sources write them."""

_NAMES: Final = frozenset(FIELDS)
_WRITTEN: Final = {"e164": "phone_number"}


_SLIP: Final = 0.8
"""From this likeness on (difflib's ratio) a name is one of ours misspelt."""

_MOST_COMPARED: Final = 100
"""Names that are not ours, of one sender at a time, which are held against ours; more are ignored without it."""


class SentNames:
    """The names that a source uses in its records: ours, slips, and others, which are ignored as sources have many."""

    def __init__(self) -> None:
        self._are_slips: dict[str, bool] = {}

    def ours(self, record: Any) -> Any:
        """A record without the fields that are not ours; slips stay, and are refused when it is read."""
        if not isinstance(record, Mapping) or record.keys() <= _NAMES:
            return record
        return {name: value for name, value in record.items() if name in _NAMES or self._is_slip(name)}

    def _is_slip(self, name: str) -> bool:
        if name not in self._are_slips:
            if len(self._are_slips) == _MOST_COMPARED or len(name) > _LONGEST_NAME:
                return False
            self._are_slips[name] = bool(get_close_matches(name, FIELDS, n=1, cutoff=_SLIP))
        return self._are_slips[name]


class _FieldError(ValueError):
    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


def read_records(sent: Sequence[Any], source: str, now: int) -> list[CallRecord | BadRecord]:
    """Read what one source sent at a time, as `read_record` does, past the names that are nobody's slip."""
    names = SentNames()
    return [read_record(names.ours(record), source, now) for record in sent]


def read_record(sent: Any, source: str, now: int) -> CallRecord | BadRecord:
    """Read what a source sent: texts, whole numbers and decimals by the names in FIELDS; null means absent.

    Instants are ISO 8601 with a zone, or seconds since 1970. Without `seconds` it is the time from the answer to the
    end, begun seconds counting as whole; without an answer nobody knows.
    """
    if not isinstance(sent, Mapping):
        return BadRecord("record", "must be a JSON object")
    try:
        return _record(sent, source, now)
    except _FieldError as error:
        call_id, leg = sent.get("call_id"), sent.get("leg")
        named = (call_id if isinstance(call_id, str) else None, leg if isinstance(leg, str) else "")
        return BadRecord(error.field, str(error), *named)


def differing_field(first: CallRecord, again: CallRecord) -> str | None:
    """The first field in which two records with one key differ, as sources write it; None when they say the same.

    An other party that was erased says nothing any more.
    """
    for name in CallRecord._fields:
        if name == "other" and first.other == ERASED:
            continue
        if getattr(first, name) != getattr(again, name):
            return _WRITTEN.get(name, name)
    return None


def _record(fields: Mapping[str, Any], source: str, now: int) -> CallRecord:
    if not fields.keys() <= _NAMES:
        for name, value in fields.items():
            if name not in _NAMES and value is not None:
                raise _FieldError(name if name.isidentifier() else "record", "is not a field")
    call_id = _text(fields, "call_id", _CALL_ID)
    leg = _text(fields, "leg", _LEG, absent="")
    direction = _direction(fields)
    e164 = _text(fields, "phone_number", parse_e164)
    other = _text(fields, "other", _OTHER, absent="")
    started_at = _instant(fields, "started_at", now) or _required("started_at")
    answered_at = _instant(fields, "answered_at", now)
    ended_at = _instant(fields, "ended_at", now)
    seconds = _seconds(fields)
    disposition = _text(fields, "disposition", _DISPOSITION, absent="")
    if answered_at is not None and answered_at < started_at:
        raise _FieldError("answered_at", "is before started_at")
    if ended_at is not None:
        seconds = _lasted(started_at, answered_at, ended_at, seconds)
    return CallRecord(
        source, call_id, leg, direction, e164, other, started_at, answered_at, ended_at, seconds, disposition
    )


def _lasted(started_at: int, answered_at: int | None, ended_at: int, seconds: int | None) -> int | None:
    """The seconds of a call that has ended, as they were said or as its instants make them."""
    begun = started_at if answered_at is None else answered_at
    if ended_at < begun:
        raise _FieldError("ended_at", "is before the call began")
    lasted = -(-(ended_at - begun) // MICROSECONDS)
    if seconds is not None:
        if seconds > lasted + _ROUNDED_BY:
            raise _FieldError("seconds", "is more than there are between the beginning and ended_at")
        return seconds
    if answered_at is None:
        return None
    if lasted > MOST_SECONDS:
        raise _FieldError("ended_at", f"makes a call of more than {MOST_SECONDS} seconds")
    return lasted


def _required(name: str) -> Any:
    raise _FieldError(name, "is required")


_CALL_ID: Final = partial(parse_token, longest=LONGEST_CALL_ID)
_LEG: Final = partial(parse_token, longest=LONGEST_LEG)
_OTHER: Final = partial(parse_text, longest=LONGEST_OTHER, empty_allowed=True)
_DISPOSITION: Final = partial(parse_token, longest=LONGEST_DISPOSITION)


def _text(fields: Mapping[str, Any], name: str, parse: Callable[[str], str], *, absent: str | None = None) -> str:
    value = fields.get(name)
    if value is None:
        return _required(name) if absent is None else absent
    if not isinstance(value, str):
        raise _FieldError(name, "must be text")
    if value == "" and absent is not None:
        return absent
    try:
        return parse(value)
    except (TextError, PhoneError) as error:
        raise _FieldError(name, str(error)) from None


def _direction(fields: Mapping[str, Any]) -> Direction:
    written = fields.get("direction") or _required("direction")
    direction = _DIRECTIONS.get(written) if isinstance(written, str) else None
    if direction is None:
        raise _FieldError("direction", "must be inbound or outbound")
    return direction


def _instant(fields: Mapping[str, Any], name: str, now: int) -> int | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    instant = _written_instant(name, value)
    if instant > now + _AHEAD:
        raise _FieldError(name, "is in the future")
    if instant < _EARLIEST:
        raise _FieldError(name, "is before the year 2000")
    return instant


def _written_instant(name: str, value: object) -> int:
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise _FieldError(name, "must be like 2026-03-20T14:30:00Z, or seconds since 1970") from None
        if moment.tzinfo is None:
            raise _FieldError(name, "must say its zone, like 2026-03-20T14:30:00Z")
        return from_datetime(moment)
    number = _number(name, value)
    return int(number * MICROSECONDS)


def _seconds(fields: Mapping[str, Any]) -> int | None:
    value = fields.get("seconds")
    if value is None or value == "":
        return None
    number = value if type(value) is int and value.bit_length() <= _LONGEST_WHOLE else _number("seconds", value)
    if number < 0:
        raise _FieldError("seconds", "must not be negative")
    if number > MOST_SECONDS:
        raise _FieldError("seconds", f"must be at most {MOST_SECONDS}")
    whole = int(number)
    return whole if whole == number else whole + 1


def _number(name: str, value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise _FieldError(name, "must be a number")
    if isinstance(value, str) and not _is_plain(value):
        raise _FieldError(name, "must be a number")
    if isinstance(value, int) and value.bit_length() > _LONGEST_WHOLE:
        raise _FieldError(name, "is out of range")
    number = Decimal(value)
    if not number.is_finite():
        raise _FieldError(name, "must be a finite number")
    if number.adjusted() > _LONGEST_NUMBER or (number and number.adjusted() < -_LONGEST_NUMBER):
        raise _FieldError(name, "is out of range")
    return number


def _is_plain(text: str) -> bool:
    digits = text.removeprefix("-").replace(".", "", 1)
    return len(text) <= _LONGEST_NUMBER and digits.isascii() and digits.isdigit()
