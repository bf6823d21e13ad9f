"""The names of fields and parameters: which spellings are taken, and what is said of a name that is not.

Touches: nothing.

A shape takes its own names and their camelCase, which older documents have. Two variables of its class say what else:
`other_names` maps a further name to a field, and `ignores_others` holds the shapes of answers whose fields clients send
back. A shape without the latter takes nothing else; one with it ignores other names, unless they look like slips.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import Any, Final, get_args, get_type_hints

import msgspec

from numberdesk.core.errors import InvalidRequest

_WORTH_SUGGESTING: Final = 0.7
_SLIP: Final = 0.8
"""From this likeness on (difflib's ratio) a name is one of ours misspelt, also where other names are ignored."""

_LONGEST_NAME: Final = 40
_MOST_IGNORED: Final = 100
"""Names that are not ours in one body, at most: each is held against every one of ours."""

_MOST_NESTED: Final = 100
"""Objects of a list that are looked at."""

_MOST_REMEMBERED: Final = 4096
"""Comparisons that are remembered: a client sends the same names each time."""

_NEW_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[-. ]")


def in_our_names(sent: Mapping[str, Any], shape: type[msgspec.Struct], place: str) -> dict[str, Any]:
    """What was sent under the names of `shape`, however they were spelt.

    Raises InvalidRequest for two spellings that differ, and for a name that is not taken. `place` is what such an
    error names where the name itself cannot be repeated.
    """
    spellings = _spellings(shape)
    values: dict[str, Any] = {}
    spelt: dict[str, str] = {}
    others: list[str] = []
    for name, value in sent.items():
        field = spellings.get(name)
        if field is None:
            others.append(name)
        elif field in values and not _same(values[field], value):
            raise InvalidRequest(field, f"is sent as {spelt[field]} and as {name}, and the two differ")
        else:
            values[field], spelt[field] = value, name
    if others:
        _check_others(others, shape, place)
    for field, inner in _nested(shape).items():
        if field in values:
            values[field] = _inside(values[field], inner, field)
    return values


def _inside(value: Any, shape: type[msgspec.Struct], place: str) -> Any:
    """An object, or objects in a list, under our names as well; anything else is refused by its type later."""
    if isinstance(value, list):
        first = [_inside(one, shape, f"{place}[{index}]") for index, one in enumerate(value[:_MOST_NESTED])]
        return first + value[_MOST_NESTED:]  # no shape takes so many
    if not isinstance(value, dict):
        return value
    try:
        return in_our_names(value, shape, place)
    except InvalidRequest as error:
        named = InvalidRequest(f"{place}.{error.details['field']}", str(error.details["reason"]))
        named.details |= {name: said for name, said in error.details.items() if name not in named.details}
        raise named from None


@cache
def _nested(shape: type[msgspec.Struct]) -> dict[str, type[msgspec.Struct]]:
    """The fields of a shape that hold objects, or lists of them, and the shapes of these."""
    found = {name: _struct_in(kind) for name, kind in get_type_hints(shape).items()}
    return {name: inner for name, inner in found.items() if inner is not None}


def _struct_in(kind: Any) -> type[msgspec.Struct] | None:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    return next((inner for part in get_args(kind) if (inner := _struct_in(part)) is not None), None)


def field_of(name: str, shape: type[msgspec.Struct]) -> str:
    """The field of `shape` that a name stands for; the name itself if there is none."""
    return _spellings(shape).get(name, name)


def nameable(name: str, place: str) -> str:
    """A name as it may stand in an answer: what a client made up is not echoed at length."""
    return name if 0 < len(name) <= _LONGEST_NAME and name.isascii() and name.isprintable() else place


def ignores_others(shape: type[msgspec.Struct]) -> bool:
    """Whether names that are not the shape's are let pass."""
    return bool(_answers(shape))


@cache
def _spellings(shape: type[msgspec.Struct]) -> dict[str, str]:
    """Every spelling that is taken, with the field that it stands for."""
    further: Mapping[str, str] = getattr(shape, "other_names", {})
    names = {**further, **{name: name for name in shape.__struct_fields__}}
    return {**{_camel(name): field for name, field in names.items()}, **names}


@cache
def _emitted(shape: type[msgspec.Struct]) -> frozenset[str]:
    """The names, other than its own, of the answers that clients send back to `shape`."""
    names = {name for answer in _answers(shape) for name in answer.__struct_fields__}
    return frozenset(names.difference(shape.__struct_fields__))


def _answers(shape: type[msgspec.Struct]) -> tuple[type[msgspec.Struct], ...]:
    answers: tuple[type[msgspec.Struct], ...] = getattr(shape, "ignores_others", ())
    return answers


def _check_others(names: list[str], shape: type[msgspec.Struct], place: str) -> None:
    """Raise InvalidRequest for the first name that is not let pass. The work is bounded: few names are compared."""
    if not ignores_others(shape):
        first = names[0]
        meant = None if len(first) > _LONGEST_NAME else closest(first, shape, _WORTH_SUGGESTING)
        raise _not_taken(first, meant, place)
    if len(names) > _MOST_IGNORED:
        raise InvalidRequest(place, f"has more than {_MOST_IGNORED} fields that are not taken")
    for name in names:
        if len(name) <= _LONGEST_NAME and _plain(name) not in _emitted(shape):
            slip_of = closest(name, shape, _SLIP)
            if slip_of is not None:
                raise _not_taken(name, slip_of, place)


def _not_taken(name: str, meant: str | None, place: str) -> InvalidRequest:
    shown = nameable(name, place)
    kind = "parameter" if place == "query" else "field"
    reason = f"is no {kind} of this request" if shown == name else f"has a {kind} that is not taken"
    error = InvalidRequest(shown, reason if meant is None else f"{reason}: did you mean {meant}?")
    if meant is not None:
        error.details["suggestion"] = meant
    return error


@lru_cache(_MOST_REMEMBERED)
def closest(name: str, shape: type[msgspec.Struct], likeness: float) -> str | None:
    """The field of the shape that a name is most like, if it is as like as that."""
    spellings = _spellings(shape)
    plain = [spelling for spelling in spellings if spelling == _plain(spelling)]
    found = get_close_matches(_plain(name), plain, 1, likeness)
    return spellings[found[0]] if found else None


def _plain(name: str) -> str:
    """A name in lower case, its words apart: PhoneNumber, phone-number and phone_number are one."""
    return _NEW_WORD.sub("_", name).lower()


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same to us; true is not 1."""
    try:
        return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)
    except RecursionError:  # nested so deeply that no field takes it
        return False
