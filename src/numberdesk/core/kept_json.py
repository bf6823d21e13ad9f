"""JSON as it is kept in a text of the database, which somebody or something may have damaged.

Touches: nothing.
"""

from __future__ import annotations

import json
from typing import Any


def fields_of(text: str | None) -> dict[str, Any]:
    """The fields of an object. A text that is none has none: its row is still there. `verify` names it."""
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def rows_of(text: str | None) -> list[Any]:
    """The members of a list, by the same rule."""
    try:
        found = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []
