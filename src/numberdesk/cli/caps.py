"""Caps as a person types them: an amount, or none.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

from numberdesk.cli.session import amount_of
from numberdesk.core.spending import SpendCaps

_NONE: Final = "none"


def cap_of(text: str, field: str) -> int | None:
    """Micros of an amount, or None for none. Raises InvalidRequest naming the field."""
    return None if text == _NONE else amount_of(text, field)


def caps_given(known: SpendCaps, *typed: str | None) -> SpendCaps | None:
    """The caps after those that were typed, in the order of SpendCaps; None where none was."""
    if all(text is None for text in typed):
        return None
    given = {name: cap_of(text, name) for name, text in zip(SpendCaps._fields, typed, strict=True) if text is not None}
    return known._replace(**given)
