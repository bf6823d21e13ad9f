"""The time zones that there are, by their IANA names: those of the `tzdata` package, whatever the machine has.

Touches: nothing.

When a month ended must not depend on which host is asked, nor on the day on which its system was last updated.
"""

from __future__ import annotations

import functools
from importlib import resources
from zoneinfo import ZoneInfo

from numberdesk.core.statement import UTC_ZONE, Zone

_NOT_A_PLACE = "Factory"
"""What IANA has for a machine whose zone nobody has set."""


@functools.cache
def zone_names() -> frozenset[str]:
    """The names of all zones."""
    names = (resources.files("tzdata") / "zones").read_text(encoding="ascii").split()
    return frozenset(names) - {_NOT_A_PLACE}


@functools.cache
def zone_called(name: str) -> Zone:
    """The zone of a name. Raises LookupError where there is none."""
    if name == UTC_ZONE.name:
        return UTC_ZONE
    if name not in zone_names():  # before it becomes a path
        raise LookupError(f"there is no time zone {name!r}")
    with resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return Zone(name, ZoneInfo.from_file(file, key=name))
