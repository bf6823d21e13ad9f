"""From bytes to checked values: strict JSON, exact money, and errors that name the field.

Touches: nothing.

JSON is read by the standard library, because only it lets us keep decimals exact and see a
key that comes twice; msgspec then turns the plain objects into the shape that the endpoint
declares, and that same shape is what the OpenAPI document prints. null means absent.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Final, TypeVar, get_args, get_type_hints
from urllib.parse import parse_qsl

import msgspec

from numberdesk.api.field_names import field_of, in_our_names, nameable
from numberdesk.catalog.rules import CARRIER_NAME
from numberdesk.core.connection import CONNECTION_ID
from numberdesk.core.errors import InvalidRequest, NotFound
from numberdesk.core.money import CURRENCY_CODE, format_micros, parse_micros, parse_price
from numberdesk.core.phone import parse_e164
from numberdesk.core.text import parse_text

Shape = TypeVar("Shape", bound=msgspec.Struct)

LONGEST_LABEL: Final = 200
_LONGEST_INTEGER: Final = 40
LONGEST_ID: Final = 100
_RENTAL: Final = "rnt_"
_MOST_PARAMETERS: Final = 50
_PATH: Final = re.compile(r"^(?P<reason>.*) - at `\$\.?(?P<path>[^`]*)`$", re.DOTALL)
_MISSING: Final = re.compile(r"^Object missing required field `(?P<field>[^`]+)`")
_PLUS_FIELDS: Final = frozenset(
    {"phone_number", "number", "starts_with", "ends_with", "contains", "pattern", "excludes", "like"}
)


class E164(str):
    """A number in E.164 form, with its plus sign."""

    __slots__ = ()


class Price(int):
    """A price in micros; on the wire a JSON number or a numeric string, above zero."""

    __slots__ = ()


class Rate(int):
    """A price per minute in micros; on the wire as a price, zero allowed."""

    __slots__ = ()


class Amount(int):
    """An amount in micros, possibly negative; on the wire as a price."""

    __slots__ = ()


class Label(str):
    """Text that people write, possibly empty, at most 200 characters."""

    __slots__ = ()


class NoQuery(msgspec.Struct, frozen=True):
    """The query of an endpoint that has none."""


class NoBody(msgspec.Struct, frozen=True):
    """The body of an endpoint that has none."""


class _RepeatedKeyError(ValueError):
    pass


def stated(**schema: Any) -> msgspec.Meta:
    """Limits of a field for the OpenAPI document, in the words of JSON Schema, that its handler or flow checks.

    Take them from the constants by which they are checked; tests/api/test_openapi_limits.py tries each.
    """
    return msgspec.Meta(extra_json_schema=schema)


ConnectionId = Annotated[str, stated(pattern=f"^{CONNECTION_ID.pattern}$")]
Currency = Annotated[str, stated(pattern=f"^{CURRENCY_CODE.pattern}$")]
CarrierName = Annotated[Label, stated(pattern=f"^{CARRIER_NAME.pattern}$")]
CarrierOrPool = Annotated[Label, stated(pattern=f"^({CARRIER_NAME.pattern})?$")]


def decode_body(raw: bytes, shape: type[Shape]) -> Shape:
    """Turn a JSON body into `shape`. Raises InvalidRequest naming the field, or `body`."""
    document = parse_json(raw)
    if not isinstance(document, dict):
        raise InvalidRequest("body", "must be a JSON object")
    present = {name: value for name, value in document.items() if value is not None}
    if len(present) != len(document):  # absent, but under a name that has to be one of ours all the same
        in_our_names({name: None for name, value in document.items() if value is None}, shape, "body")
    return _convert(in_our_names(present, shape, "body"), shape, strict=True)


def decode_query(query: bytes, shape: type[Shape]) -> Shape:
    """Turn a query string into `shape`. A repeated parameter makes a list where the shape has one.

    Raises InvalidRequest naming the parameter. A plus sign that a client forgot to escape
    arrives as a space; in fields that hold numbers and patterns it is read as the plus it was.
    """
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
        )
    except (UnicodeDecodeError, ValueError):
        raise InvalidRequest("query", "must be a well-formed query string in UTF-8") from None
    lists = _lists_of(shape)
    values: dict[str, Any] = {}
    for name, text in pairs:
        field = field_of(name, shape)
        value = f"+{text[1:]}" if field in _PLUS_FIELDS and text.startswith(" ") else text
        if field in lists:
            values.setdefault(name, []).append(value)
        elif name in values:
            raise InvalidRequest(nameable(name, "query"), "must be sent once")
        else:
            values[name] = value
    return _convert(in_our_names(values, shape, "query"), shape, strict=False)


def id_in_path(text: str) -> str:
    """An id in a path. Raises NotFound for what cannot be one: nothing has such an id."""
    if len(text) > LONGEST_ID or not text.isascii() or not text.isprintable():
        raise NotFound
    return text


def named_rental(named: str) -> tuple[str, str | None]:
    """The number in a path and None, or an empty number and the id of a rental. Raises InvalidRequest, NotFound."""
    return ("", id_in_path(named)) if named.startswith(_RENTAL) else (e164_in_path(named), None)


def e164_in_path(text: str) -> str:
    """The number in a path. Raises InvalidRequest naming phone_number."""
    try:
        return parse_e164(text)
    except ValueError as error:
        raise InvalidRequest("phone_number", str(error)) from None


@cache
def _lists_of(shape: type[msgspec.Struct]) -> frozenset[str]:
    """The fields of a shape that take several values. Reading type hints costs more than a query."""
    return frozenset(name for name, kind in get_type_hints(shape).items() if _is_list(kind))


def _is_list(kind: Any) -> bool:
    return any(getattr(part, "__origin__", None) in (list, tuple) for part in (kind, *get_args(kind)))


def parse_json(raw: bytes) -> Any:
    """Read JSON with exact decimals. Raises InvalidRequest naming `body`, or a field that comes twice."""
    try:
        return _DECODER.decode(raw.decode("utf-8-sig"))
    except _RepeatedKeyError as error:
        raise InvalidRequest(nameable(str(error), "body"), "must be sent once") from None
    except RecursionError:
        raise InvalidRequest("body", "is nested too deeply") from None
    except UnicodeDecodeError:
        raise InvalidRequest("body", "must be UTF-8") from None
    except ValueError:
        raise InvalidRequest("body", "must be valid JSON") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _RepeatedKeyError(name)
            seen.add(name)
    return found


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal("Infinity")


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= _LONGEST_INTEGER else _decimal(text)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_decimal, parse_int=_integer, parse_constant=Decimal
)


def _convert(values: dict[str, Any], shape: type[Shape], *, strict: bool) -> Shape:
    try:
        decoded = msgspec.convert(values, shape, strict=strict, dec_hook=_scalar)
    except msgspec.ValidationError as error:
        field, reason = _field_and_reason(str(error))
        raise InvalidRequest(field, _with_choices(reason, field, shape)) from None
    # The scalars were only there to be checked; what goes on is plain text and plain integers.
    for name in shape.__struct_fields__:
        value = getattr(decoded, name)
        if isinstance(value, (E164, Label)):
            msgspec.structs.force_setattr(decoded, name, str(value))
        elif isinstance(value, (Price, Rate, Amount)):
            msgspec.structs.force_setattr(decoded, name, int(value))
    return decoded


def as_written(body: msgspec.Struct) -> dict[str, Any]:
    """The fields of a decoded body, with money as people write it."""
    money = _money_fields(type(body))
    return {
        name: format_micros(value) if name in money and isinstance(value, int) else _nested_as_written(value)
        for name, value in msgspec.structs.asdict(body).items()
    }


def _nested_as_written(value: Any) -> Any:
    return as_written(value) if isinstance(value, msgspec.Struct) else value


@cache
def _money_fields(shape: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(name for name, kind in get_type_hints(shape).items() if _is_money(kind))


def _is_money(kind: Any) -> bool:
    return kind in (Price, Rate, Amount) or any(_is_money(part) for part in get_args(kind))


def _field_and_reason(text: str) -> tuple[str, str]:
    missing = _MISSING.match(text)
    if missing:
        return missing["field"], "is required"
    located = _PATH.match(text)
    if not located:
        return "body", "is not valid"
    return located["path"].partition("[")[0] or "body", _in_words(located["reason"])


def _with_choices(reason: str, field: str, shape: type[msgspec.Struct]) -> str:
    """Name the words that a field takes, where it takes only certain ones."""
    if not reason.startswith("invalid enum value"):
        return reason
    return f"must be one of {', '.join(_words_in(get_type_hints(shape).get(field)))}"


def _words_in(kind: Any) -> list[str]:
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return [word.value for word in kind]
    return [kind] if isinstance(kind, str) else [word for part in get_args(kind) for word in _words_in(part)]


def _in_words(reason: str) -> str:
    """Msgspec speaks of types; people read `must be`."""
    expected = re.fullmatch(r"Expected `([^`]+)`(?:, got `[^`]+`)?(.*)", reason, re.DOTALL)
    if not expected:
        return reason[:1].lower() + reason[1:]
    words = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "array": "a list"}
    kinds = [words.get(kind.strip(), kind.strip()) for kind in expected[1].split("|")]
    return f"must be {' or '.join(kind for kind in kinds if kind != 'null')}{expected[2]}"


def _scalar(kind: type, value: Any) -> Any:
    """Build our own scalars. A ValueError here becomes msgspec's, with the path of the field."""
    if kind is E164:
        return E164(parse_e164(_text(value)))
    if kind is Price:
        return Price(parse_price(value))
    if kind is Rate:
        return Rate(parse_price(value, zero_allowed=True))
    if kind is Amount:
        return Amount(parse_micros(value))
    if kind is Label:
        return Label(parse_text(_text(value), longest=LONGEST_LABEL, empty_allowed=True))
    raise NotImplementedError(kind)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")  # noqa: TRY004  msgspec adds the path to ValueError only
    return value
