"""What the words of Plivo's refusals say of their reason.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

from numberdesk.core.carrier_order import Reason

_NOT_FOUND: Final = 404
_TAKEN: Final = ("already", "rented", "owned", "exist", "available", "in use")
"""Words of a refusal that may be about a number which somebody has, us included."""
_OF_ACCOUNT: Final = ("insufficient", "balance", "credit", "funds", "payment", "suspended")
"""Words of a refusal that are about the account, whatever else it says."""
_UNTOLD: Final = (402, 408, 409, 425)
"""Statuses whose words are not listed."""


def reason_of(status: int, error: str) -> Reason | None:
    """What the words of a refusal say; None where only its status does. What is said of money is not of the number."""
    if status in _UNTOLD:
        return None
    if any(word in error for word in _OF_ACCOUNT):
        return Reason.ACCOUNT
    taken = error.strip() == "not found" if status == _NOT_FOUND else any(word in error for word in _TAKEN)
    return Reason.TAKEN if taken else None
