"""What the words of Plivo's refusals say of their reason.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

from numberdesk.carriers.adapters.refusal_words import reason_in
from numberdesk.core.carrier_order import Reason

_NOT_FOUND: Final = 404
_UNTOLD: Final = (402, 408, 409, 425)
"""Statuses whose words are not listed."""


def reason_of(status: int, error: str) -> Reason | None:
    """What the words of a refusal say; None where only its status does. "not found" alone is said of the number."""
    if status in _UNTOLD:
        return None
    told = reason_in(error)
    if status == _NOT_FOUND and told is not Reason.ACCOUNT:
        return Reason.TAKEN if error.strip() == "not found" else None
    return told
