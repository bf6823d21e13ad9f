"""What operators did with rented numbers: who, when and why.

Touches: nothing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from numberdesk.core.errors import InvalidRequest
from numberdesk.core.text import TextError, parse_text

LONGEST_REASON: Final = 200
COMMAND_LINE: Final = "command line"
"""Who did it, where a command did: whoever may run one is an operator."""


class InterventionKind(StrEnum):
    """What was done."""

    ASSIGN = "assign"
    TRANSFER = "transfer"
    TAKE_BACK = "take_back"
    RESTORE = "restore"
    ADOPT = "adopt"
    UNDO_ADOPTION = "undo_adoption"


KEYED_KINDS: Final = (
    InterventionKind.ASSIGN,
    InterventionKind.TRANSFER,
    InterventionKind.TAKE_BACK,
    InterventionKind.RESTORE,
)
"""What is done once under an Idempotency-Key."""


class Intervention(NamedTuple):
    """One deed at `made_at`, in microseconds, by a key or a command: on a rental, of an account, for a reason."""

    id: str
    made_at: int
    made_by: str
    kind: InterventionKind
    account_id: str
    e164: str
    rental_id: str
    reason: str


class Warrant(NamedTuple):
    """Who does something at `now`, and why; `intervention_id` is new, and used only if something changes."""

    intervention_id: str
    made_by: str
    reason: str
    now: int

    def intervention(self, kind: InterventionKind, account_id: str, e164: str, rental_id: str) -> Intervention:
        """What was done, as it is kept."""
        return Intervention(
            self.intervention_id, self.now, self.made_by, kind, account_id, e164, rental_id, self.reason
        )


def warrant(intervention_id: str, made_by: str, reason: str, now: int) -> Warrant:
    """Check what a person typed. Raises InvalidRequest naming the field."""
    try:
        return Warrant(intervention_id, made_by, parse_text(reason, longest=LONGEST_REASON), now)
    except TextError as error:
        raise InvalidRequest("reason", str(error)) from None
