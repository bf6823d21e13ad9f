"""Mapping files: how a source that nobody knows here names what we want of its call records.

Touches: nothing.

    time = "milliseconds"               # iso (default), seconds, microseconds, rfc2822, a pattern like %Y-%m-%d %H:%M
    zone = "UTC"                        # of times that name none
    columns = ["src", "dst"]            # of CSV without a line of names

    [only]                              # the records that count; "*" is any value; all others are passed over
    "event" = ["call_ended"]

    [direction]                         # its words for ours
    inbound = ["inboundPhoneCall"]

    [fields]                            # ours = where theirs is: names with dots between, or a list of names
    call_id = "call.call_id"
    phone_number = {inbound = "call.to_number", outbound = "call.from_number"}
    seconds = {path = "call.duration_ms", unit = "milliseconds"}
    leg = {value = "a"}
    started_at = {arrival = true}       # it names no time: the call ended as its record came
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from numberdesk.core.call_forms import PassedOver, SentFields, with_plus
from numberdesk.core.call_record import FIELDS, Direction

LONGEST_MAPPING: Final = 20_000
"""Characters of a mapping file."""

Path = tuple[str, ...]

_TIMES: Final = ("started_at", "answered_at", "ended_at")
_ALWAYS: Final = ("call_id", "direction", "phone_number")
_ANY: Final = "*"
_UNITS: Final = {"seconds": 1, "milliseconds": 1_000, "microseconds": 1_000_000}
_WORDS: Final = ("iso", "rfc2822", *_UNITS)
_TOP: Final = ("time", "zone", "columns", "only", "direction", "fields")
_EITHER: Final = (Direction.INBOUND.value, Direction.OUTBOUND.value)
_LONGEST_NUMBER: Final = 20


class MappingError(ValueError):
    """The text is no mapping; it says where and why, in words for whoever wrote it."""


class FieldPlace(NamedTuple):
    """Where a field of ours is in their records: one path, a path for each direction, or always the same value."""

    paths: Mapping[str, Path]
    value: str | None = None
    per_second: int = 1


class CallMapping(NamedTuple):
    """How records of a source are read."""

    fields: Mapping[str, FieldPlace]
    directions: Mapping[str, str]
    only: tuple[tuple[Path, tuple[str, ...]], ...]
    time: str
    zone: str
    columns: tuple[str, ...]
    by_arrival: bool

    def read(self, document: Any) -> SentFields | PassedOver:
        """Our fields out of one of their records; what is missing is left out, and what is wrong stays as it is."""
        for path, words in self.only:
            found = _at(document, path)
            if found is None or (_ANY not in words and _text(found) not in words):
                return PassedOver(f"is not one whose {'.'.join(path)} is {' or '.join(words)}")
        said = _text(self._found(document, "direction", ""))
        direction = self.directions.get(said, said) if isinstance(said, str) else said
        values: dict[str, Any] = {}
        for name in self.fields:
            found = direction if name == "direction" else self._found(document, name, str(direction))
            if found is not None and found != "":
                values[name] = self._in_our_form(name, found)
        return SentFields(values, self.by_arrival)

    def _found(self, document: Any, name: str, direction: str) -> Any:
        place = self.fields[name]
        if place.value is not None:
            return place.value
        path = place.paths.get(direction) or place.paths.get("")
        return None if path is None else _at(document, path)

    def _in_our_form(self, name: str, found: Any) -> Any:
        if name in _TIMES:
            return self._instant(found)
        if name == "seconds":
            return _divided(found, self.fields[name].per_second)
        if name == "phone_number":
            return with_plus(_text(found))
        return _text(found)

    def _instant(self, found: Any) -> Any:
        """An instant as `call_record` reads them; what is none stays as it was, and is refused there."""
        if self.time in _UNITS:
            return _divided(found, _UNITS[self.time])
        try:
            if self.time == "iso":
                moment = datetime.fromisoformat(_text(found))
            elif self.time == "rfc2822":
                moment = parsedate_to_datetime(_text(found))
            else:
                moment = datetime.strptime(_text(found), self.time)  # noqa: DTZ007  the zone follows
        except (ValueError, TypeError, OverflowError):
            return found
        zoned = moment if moment.tzinfo is not None or not self.zone else moment.replace(tzinfo=ZoneInfo(self.zone))
        return zoned.isoformat()


def parse_mapping(text: str) -> CallMapping:
    """Read a mapping file. Raises MappingError."""
    if len(text) > LONGEST_MAPPING:
        raise MappingError(f"has more than {LONGEST_MAPPING:,} characters")
    try:
        said = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise MappingError(f"is not TOML: {error}") from None
    for name in said:
        if name not in _TOP:
            raise MappingError(f"has no part called {name}; there are {', '.join(_TOP)}")
    sent = _table(said, "fields")
    arrival = sent.get("started_at") == {"arrival": True}
    fields = {name: _place(name, value) for name, value in sent.items() if not (arrival and name == "started_at")}
    for name in (*_ALWAYS, *(() if arrival else ("started_at",))):
        if name not in fields and name not in sent:
            raise MappingError(f"does not say where {name} is")
    if "" not in fields["direction"].paths and fields["direction"].value is None:
        raise MappingError("fields.direction must be one place, whatever the direction")
    return CallMapping(
        fields, _directions(said), _only(said), _time(said), _zone(said), _columns(said), by_arrival=arrival
    )


def _table(said: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = said.get(name, {})
    if not isinstance(table, dict):
        raise MappingError(f"{name} must be a table")
    return table


def _place(name: str, value: Any) -> FieldPlace:
    if name not in FIELDS:
        raise MappingError(f"fields.{name} is no field of ours; there are {', '.join(FIELDS)}")
    if not isinstance(value, dict):
        return FieldPlace({"": _path(name, value)})
    if set(value) == {"value"} and isinstance(value["value"], str):
        return FieldPlace({}, value["value"])
    if set(value) == {"path", "unit"} and name == "seconds" and value["unit"] in _UNITS:
        return FieldPlace({"": _path(name, value["path"])}, None, _UNITS[value["unit"]])
    if value and set(value) <= set(_EITHER):
        return FieldPlace({direction: _path(name, path) for direction, path in value.items()})
    raise MappingError(
        f"fields.{name} must be a path, a list of names, {{value = TEXT}}, {{inbound = PATH, outbound = PATH}}, "
        f"for seconds {{path = PATH, unit = {' | '.join(_UNITS)}}}, or for started_at {{arrival = true}}"
    )


def _path(name: str, value: Any) -> Path:
    parts = value.split(".") if isinstance(value, str) else value
    if not isinstance(parts, list) or not parts or not all(isinstance(part, str) and part for part in parts):
        raise MappingError(f"fields.{name} must name a place: names with dots between, or a list of names")
    return tuple(parts)


def _directions(said: Mapping[str, Any]) -> dict[str, str]:
    words: dict[str, str] = {}
    for ours, theirs in _table(said, "direction").items():
        if ours not in _EITHER:
            raise MappingError(f"direction.{ours} must be inbound or outbound")
        words.update(dict.fromkeys(_texts(f"direction.{ours}", theirs), ours))
    return words


def _only(said: Mapping[str, Any]) -> tuple[tuple[Path, tuple[str, ...]], ...]:
    return tuple(
        (_path(f"only.{name}", name), _texts(f"only.{name}", words)) for name, words in _table(said, "only").items()
    )


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(word, str) for word in value):
        raise MappingError(f"{name} must be a list of texts")
    return tuple(value)


def _time(said: Mapping[str, Any]) -> str:
    time = said.get("time", "iso")
    if not isinstance(time, str) or (time not in _WORDS and "%" not in time):
        raise MappingError(f"time must be {', '.join(_WORDS)} or a pattern like %Y-%m-%d %H:%M:%S")
    return time


def _zone(said: Mapping[str, Any]) -> str:
    zone = said.get("zone", "")
    if zone == "":
        return ""
    try:
        return ZoneInfo(zone).key
    except (TypeError, ValueError, ZoneInfoNotFoundError, OSError):
        raise MappingError("zone must be the name of a time zone, like UTC or Europe/Berlin") from None


def _columns(said: Mapping[str, Any]) -> tuple[str, ...]:
    return _texts("columns", said["columns"]) if "columns" in said else ()


def _at(document: Any, path: Sequence[str]) -> Any:
    for name in path:
        if not isinstance(document, Mapping):
            return None
        document = document.get(name)
    return document


def _text(found: Any) -> Any:
    """A text, also of a number or a truth; what holds others stays as it is, and is refused as no text."""
    if isinstance(found, bool):
        return str(found).lower()
    return str(found) if isinstance(found, int | Decimal) else found


def _divided(found: Any, by: int) -> Any:
    if isinstance(found, bool) or not isinstance(found, int | Decimal | str):
        return found
    text = str(found)
    if len(text) > _LONGEST_NUMBER or not text.replace(".", "", 1).isdigit() or not text.isascii():
        return found
    return Decimal(text) / by
