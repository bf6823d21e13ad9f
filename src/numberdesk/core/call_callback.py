"""Call records as Twilio's status callback tells them; SignalWire, TeXML and Somleng send the same form.

Touches: nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from numberdesk.core.call_forms import PassedOver, SentFields, with_plus

_ENDED: Final = ("completed", "busy", "failed", "no-answer", "canceled")
_UNDER_WAY: Final = ("queued", "initiated", "ringing", "answered", "in-progress")
_DIRECTIONS: Final = {"outbound-api": "outbound", "outbound-dial": "outbound"}
_COMPLETED: Final = "completed"


def read_callback(form: Mapping[str, str]) -> SentFields | PassedOver:
    """Our fields out of a status callback. A call that has not ended counts nothing yet.

    The time of the last one is that of the end; where there is none, the call ended as it came.
    """
    call_id, status = form.get("CallSid"), form.get("CallStatus", "")
    if status in _UNDER_WAY:
        return PassedOver("has not ended", call_id)
    direction = _DIRECTIONS.get(form.get("Direction", ""), form.get("Direction"))
    ours, other = ("From", "To") if direction == "outbound" else ("To", "From")
    seconds = form.get("CallDuration") or ("0" if status in _ENDED and status != _COMPLETED else None)
    ended = _instant(form.get("Timestamp"))
    values: dict[str, Any] = {
        "call_id": call_id,
        "direction": direction,
        "phone_number": with_plus(form.get(ours)),
        "other": form.get(other),
        "seconds": seconds,
        "disposition": status,
    }
    if ended is None:
        return SentFields(values, by_arrival=not form.get("Timestamp"))
    lasted = int(seconds) if seconds and seconds.isascii() and seconds.isdigit() and len(seconds) <= 6 else 0  # noqa: PLR2004  a longer one is refused
    try:
        began = (ended - timedelta(seconds=lasted)).isoformat()
    except OverflowError:  # the first year
        began = ended.isoformat()
    answered = began if lasted else None
    return SentFields(values | {"started_at": began, "answered_at": answered, "ended_at": ended.isoformat()})


def is_callback(form: Mapping[str, str]) -> bool:
    """Whether a form looks like a status callback."""
    return "CallSid" in form


def signed_by(secret: str, urls: Sequence[str], pairs: Sequence[tuple[str, str]], signature: str) -> bool:
    """Whether a signature is Twilio's: HMAC-SHA1 over the address, then names and values in the order of names."""
    told = "".join(f"{name}{value}" for name, value in sorted(set(pairs)))
    made = (hmac.new(secret.encode(), (url + told).encode(), hashlib.sha1).digest() for url in urls)
    sent = signature.encode("utf-8", "replace")
    return any(hmac.compare_digest(base64.b64encode(each), sent) for each in made)


def _instant(text: str | None) -> datetime | None:
    if not text:
        return None
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(text)
        except (ValueError, TypeError, OverflowError):
            continue
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return None
