"""What the labels of Vonage's errors say of their reason.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

from numberdesk.carriers.adapters.refusal_words import reason_in
from numberdesk.core.carrier_order import Reason

_ACTION_FAILED, _THROTTLED = 420, 429
_OF_ACCOUNT: Final = "quota"


def reason_of(status: int, label: str) -> Reason | None:
    """What an error's label tells of its reason; None where only the status does."""
    if status == _THROTTLED:
        return Reason.THROTTLED
    if status != _ACTION_FAILED:
        return None
    return Reason.ACCOUNT if _OF_ACCOUNT in label else reason_in(label)
