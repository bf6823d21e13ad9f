"""Call records as FreeSWITCH's mod_json_cdr writes them.

Touches: nothing.

Its values are URL-encoded within the JSON unless it is told otherwise, and a number that it could not compute stands
there as a bare nan, which is no JSON. With log-b-leg both legs of a call come; the one that was made for another one
counts nothing. The dialplan may say what is ours in the variables numberdesk_number and numberdesk_direction.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from urllib.parse import unquote

from numberdesk.core.call_forms import PassedOver, SentFields, with_plus

_NAN: Final = re.compile(r"(:\s*)-?(?:nan|inf)(?=\s*[,}])", re.ASCII)
_WHOLE: Final = re.compile(r"[0-9]{1,15}", re.ASCII)
_NEVER: Final = ("", "0")
_CDR: Final = "cdr="


class FreeswitchError(ValueError):
    """The text is no record of mod_json_cdr; it says why, in words for the sender."""


def parse_cdr(text: str) -> Any:
    """The document of a record. Raises FreeswitchError."""
    for attempt in (text, _NAN.sub(r"\1null", text)):
        try:
            return json.loads(attempt, parse_float=Decimal, parse_constant=_nothing)
        except (ValueError, RecursionError, ArithmeticError):
            continue
    raise FreeswitchError("is not JSON as mod_json_cdr writes it")


def unwrapped(body: str, *, in_base64: bool) -> str:
    """The JSON in a body that begins with `cdr=`, URL-encoded or in base64. Raises FreeswitchError."""
    if not body.startswith(_CDR):
        raise FreeswitchError("must begin with cdr=")
    value = unquote(body.removeprefix(_CDR))
    if not in_base64:
        return value
    try:  # a form's decoder may have made blanks of the plus signs
        packed = "".join(value.replace(" ", "+").split())
        return base64.b64decode(packed, validate=True).rstrip(b"\0").decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        raise FreeswitchError("is not base64") from None


def is_cdr(document: Any) -> bool:
    """Whether a document looks like a record of FreeSWITCH."""
    return isinstance(document, Mapping) and isinstance(document.get("variables"), Mapping)


def read_cdr(document: Any) -> SentFields | PassedOver:
    """Our fields out of a record. Raises FreeswitchError for what is none."""
    if not is_cdr(document):
        raise FreeswitchError("has no object `variables`, as records of mod_json_cdr have")
    said = {str(name): _plain(value) for name, value in document["variables"].items()}
    uuid = said.get("uuid")
    if said.get("originating_leg_uuid", uuid) != uuid:
        return PassedOver("is the leg that was made for another one, which counts", _shown(uuid))
    profile = _first_profile(document)
    dialled = profile.get("destination_number") or said.get("sip_req_user") or said.get("sip_to_user")
    caller = profile.get("caller_id_number") or said.get("caller_id_number") or said.get("sip_from_user")
    shown = said.get("effective_caller_id_number") or said.get("outbound_caller_id_number") or caller
    direction = said.get("numberdesk_direction") or said.get("call_direction") or said.get("direction")
    ours, other = (shown, dialled) if direction == "outbound" else (dialled, caller)
    values = {
        "call_id": uuid,
        "direction": direction,
        "phone_number": with_plus(said.get("numberdesk_number") or ours),
        "other": other,
        "started_at": _instant(said, "start_epoch"),
        "answered_at": _instant(said, "answer_epoch"),
        "ended_at": _instant(said, "end_epoch"),
        "seconds": said.get("billsec"),
        "disposition": said.get("hangup_cause"),
    }
    return SentFields(values)


def _shown(uuid: Any) -> str | None:
    """An id as it may be told again: text of whole characters, which JSON need not be."""
    return uuid.encode("utf-8", "replace").decode() if isinstance(uuid, str) else None


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return unquote(value)
    return str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else value


def _first_profile(document: Mapping[str, Any]) -> dict[str, Any]:
    """What the call was when it came: FreeSWITCH lists the newest profile first."""
    flow = document.get("callflow")
    if not isinstance(flow, list) or not flow or not isinstance(flow[-1], Mapping):
        return {}
    profile = flow[-1].get("caller_profile")
    return {str(name): _plain(value) for name, value in profile.items()} if isinstance(profile, Mapping) else {}


def _instant(said: Mapping[str, Any], name: str) -> Any:
    value = said.get(name)
    if value in _NEVER:
        return None
    return int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else value


def _nothing(_: str) -> None:
    return None
