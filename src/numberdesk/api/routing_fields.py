"""What servers that ask for a route send: our own parameters, and each server's own names for the same.

Touches: nothing.

They send much beside it, which is ignored; a name that looks like a slip of ours is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from numberdesk.api.endpoint import JSON
from numberdesk.api.field_names import nameable
from numberdesk.api.shapes import parse_json
from numberdesk.core.call_record import LONGEST_CALL_ID, LONGEST_OTHER
from numberdesk.core.errors import InvalidRequest, UnsupportedMediaType
from numberdesk.core.text import TextError, parse_text, parse_token
from numberdesk.views.call_routes import AskerOptions

FORM: Final = "application/x-www-form-urlencoded"
_OURS: Final = ("to", "from", "call_id", "reserve", "limit", "context", "profile")
_CAMEL: Final = {"callId": "call_id"}
_THEIRS: Final[Mapping[str, Mapping[str, str]]] = {
    "json": {},
    "freeswitch": {
        "Hunt-Destination-Number": "to",
        "Caller-Destination-Number": "to",
        "destination_number": "to",
        "Hunt-Caller-ID-Number": "from",
        "Caller-Caller-ID-Number": "from",
        "Unique-ID": "call_id",
        "Channel-Call-UUID": "call_id",
        "Hunt-Context": "context",
        "Caller-Context": "context",
    },
    "kamailio": {"rU": "to", "fU": "from", "ci": "call_id"},
    "asterisk": {"exten": "to", "callerid": "from", "uniqueid": "call_id"},
    "twiml": {"To": "to", "From": "from", "CallSid": "call_id"},
    "jambonz": {"call_sid": "call_id"},
}
"""Each server's own names; of several for one the first that is sent holds."""

_KNOWN: Final = frozenset(name for names in _THEIRS.values() for name in names)
_SLIP: Final = 0.8
_MOST_COMPARED: Final = 100
_LONGEST_SLIP: Final = int(max(map(len, _OURS)) * (2 - _SLIP) / _SLIP)
"""Signs of the longest name that can be so like one of ours."""

_MOST_FIELDS: Final = 1000
WORD: Final = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_YES_OR_NO: Final = {"1": True, "true": True, "0": False, "false": False}


class AskedCall(NamedTuple):
    """A question as it was sent. `call_id` is empty where nobody told it."""

    to: str
    other: str
    call_id: str
    reserve: bool
    limit: bool
    options: AskerOptions


def read_asked(form: str, query: bytes, content_type: bytes, body: bytes) -> AskedCall:
    """The question of a server. Raises InvalidRequest naming the field, and UnsupportedMediaType."""
    sent = [*_pairs("query", query), *_body_pairs(content_type, body)]
    found = _ours(sent, _THEIRS[form])
    if not found.get("to", "").strip():
        raise InvalidRequest("to", "must be the number that is called")
    call_id = found.get("call_id", "")
    reserve = _flag("reserve", found.get("reserve", "0"))
    if reserve or call_id:
        call_id = _checked_call_id(call_id, reserve=reserve)
    options = AskerOptions(_word("context", found, "public"), _word("profile", found, "external"))
    return AskedCall(
        found["to"], _other(found.get("from", "")), call_id, reserve, _flag("limit", found.get("limit", "1")), options
    )


def _pairs(place: str, text: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except (UnicodeDecodeError, ValueError):
        raise InvalidRequest(place, "must be a well-formed query string in UTF-8") from None


def _body_pairs(content_type: bytes, body: bytes) -> list[tuple[str, str]]:
    if not body.strip():
        return []
    media_type = content_type.partition(b";")[0].strip().lower().decode("latin-1")
    if media_type == FORM:
        return _pairs("body", body)
    if media_type != JSON:
        raise UnsupportedMediaType(f"Send {FORM} or {JSON}.")
    document = parse_json(body)
    if not isinstance(document, dict):
        raise InvalidRequest("body", "must be a JSON object")
    return [(name, _plain(value)) for name, value in document.items() if isinstance(value, str | int | bool)]


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _ours(sent: list[tuple[str, str]], theirs: Mapping[str, str]) -> dict[str, str]:
    """What was sent by our names; those that a server has for the same count where ours are not sent."""
    found: dict[str, str] = {}
    own: dict[str, tuple[int, str]] = {}
    places = list(theirs)
    others: list[str] = []
    for name, value in sent:
        field = _CAMEL.get(name, name)
        if field in _OURS:
            if found.setdefault(field, value) != value:
                raise InvalidRequest(field, "must be sent once")
        elif name in theirs:
            rank = places.index(name), value
            own[theirs[name]] = min(own.get(theirs[name], rank), rank)
        else:
            others.append(name)
    _refuse_slips(others)
    return {name: value for name, (_, value) in own.items()} | found


def _refuse_slips(names: list[str]) -> None:
    compared = 0
    for name in dict.fromkeys(names):
        if name in _KNOWN or len(name) > _LONGEST_SLIP or compared == _MOST_COMPARED:
            continue
        compared += 1
        meant = get_close_matches(name, _OURS, n=1, cutoff=_SLIP)
        if meant:
            shown = nameable(name, "query")
            raise InvalidRequest(shown, f"is no parameter of this request: did you mean {meant[0]}?")


def _flag(name: str, text: str) -> bool:
    if text.lower() not in _YES_OR_NO:
        raise InvalidRequest(name, "must be 1 or 0")
    return _YES_OR_NO[text.lower()]


def _checked_call_id(text: str, *, reserve: bool) -> str:
    if not text:
        raise InvalidRequest("call_id", "must be sent with reserve: it is the name of the call")
    try:
        return parse_token(text, longest=LONGEST_CALL_ID)
    except TextError as error:
        if reserve:
            raise InvalidRequest("call_id", str(error)) from None
        return ""


def _other(text: str) -> str:
    """The other party as far as it can be kept: it decides nothing."""
    try:
        return parse_text(text.strip()[:LONGEST_OTHER], longest=LONGEST_OTHER, empty_allowed=True)
    except TextError:
        return ""


def _word(name: str, found: Mapping[str, str], usual: str) -> str:
    text = found.get(name, usual)
    if not WORD.fullmatch(text):
        raise InvalidRequest(name, "must be 1 to 60 letters, digits, points, dashes or underscores")
    return text
