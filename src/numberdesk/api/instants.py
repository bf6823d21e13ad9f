"""Instants in queries, as people write them.

Touches: nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from numberdesk.api.shapes import stated
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.periods import from_datetime

Written = Annotated[str, stated(format="date-time")]


def instant_of(name: str, text: str | None) -> int | None:
    """The instant that a parameter says; None where it is left out. Raises InvalidRequest naming it."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(name, "must be like 2026-03-20T14:30:00Z") from None
    if moment.tzinfo is None:
        raise InvalidRequest(name, "must say its zone, like 2026-03-20T14:30:00Z")
    return from_datetime(moment)
