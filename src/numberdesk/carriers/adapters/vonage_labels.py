"""What the labels of Vonage's errors say of their reason.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

from numberdesk.core.carrier_order import Reason

_ACTION_FAILED, _THROTTLED = 420, 429
_LABELS: Final = (
    (Reason.ACCOUNT, ("credit", "balance", "funds", "quota", "payment")),
    (Reason.OTHER, ("address", "country", "document", "numbers dashboard", "invalid")),
)
"""What a 420 says that is not about somebody who has the number; the first reason that fits."""


def reason_of(status: int, label: str) -> Reason | None:
    """What an error's label tells of its reason; None where only the status does."""
    if status == _THROTTLED:
        return Reason.THROTTLED
    if status != _ACTION_FAILED:
        return None
    for reason, signs in _LABELS:
        if any(sign in label for sign in signs):
            return reason
    return Reason.TAKEN
