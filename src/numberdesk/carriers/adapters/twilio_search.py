"""What Twilio can be asked for when numbers are looked for.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from numberdesk.carriers.port import Wanted

LARGEST_PAGE: Final = 1000
"""Numbers on one page of a list, at most."""

# Area codes, regions and AreaCode work in these two only; regions are their states and provinces.
_SUBDIVIDED: Final = ("US", "CA")
_AREA_CODE_LENGTH: Final = 3
_FEWEST_LITERALS: Final = 2
_LONGEST_PATTERN: Final = 16


def start_of(wanted: Wanted) -> str | None:
    """The digits that a national number has to begin with; None when none can."""
    longer, shorter = sorted((wanted.starts_with, wanted.area_code), key=len, reverse=True)
    return longer if longer.startswith(shorter) else None


def question(kind: str, start: str, wanted: Wanted) -> list[tuple[str, str]]:
    """What can be asked for: an area code, one pattern, a place, and what a number can do."""
    subdivided = wanted.iso_country in _SUBDIVIDED
    area = start[:_AREA_CODE_LENGTH] if subdivided and kind != "toll_free" and len(start) >= _AREA_CODE_LENGTH else ""
    patterns = {f"+{wanted.calling_code}{start}": len(start) - len(area)}
    patterns |= {wanted.contains: len(wanted.contains), f"{wanted.ends_with}$": len(wanted.ends_with)}
    patterns = {pattern: digits for pattern, digits in patterns.items() if digits}
    pattern = _most_selective(patterns)
    region = wanted.region if subdivided and len(wanted.region) == len("CA") else ""
    query = [
        ("PageSize", str(max(1, min(wanted.limit, LARGEST_PAGE)))),
        ("AreaCode", area),
        ("Contains", pattern),
        ("InRegion", region),
        ("InLocality", wanted.locality),
        *((f"{name.capitalize()}Enabled", "true") for name in wanted.capabilities),
    ]
    return [(name, value) for name, value in query if value]


def _most_selective(patterns: Mapping[str, int]) -> str:
    """Of patterns and how many digits each asks for, the best that Twilio takes: 2 to 16 signs, 2 digits or more."""
    fitting = [
        (digits, pattern)
        for pattern, digits in patterns.items()
        if len(pattern.strip("+$")) >= _FEWEST_LITERALS and len(pattern) <= _LONGEST_PATTERN
    ]
    return max(fitting)[1] if fitting else ""
