"""What the words of a refusal say of its reason, where a carrier has no codes for that.

Touches: nothing.
"""

from __future__ import annotations

import re
from typing import Final

from numberdesk.core.carrier_order import Reason

_OF_ACCOUNT: Final = ("insufficient", "balance", "credit", "funds", "payment", "suspended", "trial", "upgrade")
"""Words that are about the account, whatever else is said."""
_NUMBER: Final = "number"
_HAD: Final = ("already", "rented", "owned", "taken", "in use", "available", "exist", "own this number")
"""Words of a number that somebody has, us included, or nobody sells."""
_OF_OTHERS: Final = (
    *("account", "address", "allowed", "application", "bundle", "compliance", "country", "document", "enabled"),
    *("feature", "parameter", "permission", "plan", "profile", "project", "region", "service"),
)
"""What may be missing or not available besides a number; beside one of these, nothing is said of the number."""
_CLAUSES: Final = re.compile(r"[.,;:\n]")
_BETWEEN_WORDS: Final = str.maketrans("_-", "  ")


def reason_in(words: str) -> Reason | None:
    """ACCOUNT for what is said of money and the like, before TAKEN for what is said of a number; else None."""
    said = words.casefold().translate(_BETWEEN_WORDS)
    if any(sign in said for sign in _OF_ACCOUNT):
        return Reason.ACCOUNT
    return Reason.TAKEN if any(_is_of_number(clause) for clause in _CLAUSES.split(said)) else None


def _is_of_number(clause: str) -> bool:
    had = _NUMBER in clause and any(sign in clause for sign in _HAD)
    return had and not any(other in clause for other in _OF_OTHERS)
