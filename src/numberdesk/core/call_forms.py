"""What all foreign forms of call records are turned into: our fields, or the reason why one counts nothing.

Touches: nothing.

A form knows the names and traps of those who send it, and no rule about calls: what it makes is read by `call_record`,
which refuses what is wrong by our name of the field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NamedTuple

from numberdesk.core.periods import MICROSECONDS

FEED_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
"""What a feed may be called: it is a part of an address."""

_LENGTH: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)
_FEWEST_DIGITS: Final = 8
_BETWEEN: Final = re.compile(r"[ ().-]+")


class CallForm(StrEnum):
    """How a feed writes its call records."""

    FREESWITCH = "freeswitch"
    CALLBACK = "callback"
    MAPPING = "mapping"


class SentFields(NamedTuple):
    """A record by the names of `call_record.FIELDS`. `by_arrival`: its sender names no time, so it ended as it came."""

    values: dict[str, Any]
    by_arrival: bool = False


class PassedOver(NamedTuple):
    """A record that counts nothing, and why: another leg of a call, or one that has not ended."""

    reason: str
    call_id: str | None = None


def with_plus(text: Any) -> Any:
    """A number as switches write it, in the form of E.164 where its digits alone say the country; else as it was."""
    if not isinstance(text, str):
        return text
    plain = _BETWEEN.sub("", text)
    digits = plain.removeprefix("+").removeprefix("00")
    if digits.isascii() and digits.isdigit() and len(digits) >= _FEWEST_DIGITS and not digits.startswith("0"):
        return f"+{digits}"
    return text


def by_arrival(values: Mapping[str, Any], now: int) -> dict[str, Any]:
    """The fields of a call that ended as its record came, and began its seconds before."""
    ended = Decimal(now) / MICROSECONDS
    seconds = str(values.get("seconds"))
    lasted = Decimal(seconds) if _LENGTH.fullmatch(seconds) else Decimal(0)
    return {**values, "started_at": ended - lasted, "answered_at": None, "ended_at": ended}
