"""Paths with fields in braces, and the fields of things.

Touches: nothing.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote


def filled(path: str, values: Any) -> str:
    """A path with its fields in braces filled in from a dictionary or an object."""
    return re.sub(r"\{(\w+)\}", lambda found: quote(str(value_of(values, found[1])), safe="+"), path)


def value_of(item: Any, name: str) -> Any:
    """A field of an item; of one within another by a dot between their names. None where one of them is."""
    for part in name.split("."):
        if item is None:
            return None
        item = item[part] if isinstance(item, dict) else getattr(item, part)
    return item
