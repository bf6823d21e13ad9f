"""How a carrier's list of our numbers and the books can differ, and what becomes of that.

Touches: nothing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class FindingKind(StrEnum):
    """How the carrier's list and the books differ about a number."""

    ORPHAN = "orphan"  # it is on our account at the carrier, and the books do not know it
    LOST = "lost"  # the books say that a customer rents it, and the carrier does not have it for us
    PORTED_AWAY = "ported_away"  # the same, and the carrier says that it went to another carrier
    WRONG_REFERENCE = "wrong_reference"  # the books call it by what is another number's id at the carrier
    STALE_RELEASE = "stale_release"  # it should have gone back long ago, and may be somebody else's by now
    DRIFTED = "drifted"  # its calls go elsewhere at the carrier than is wanted: somebody changed it there
    SETTINGS_DRIFTED = "settings_drifted"  # its carrier has another emergency address or caller name than is wanted
    TRUNK_DRIFTED = "trunk_drifted"  # somebody took it off the LiveKit trunk that it is to be in


DRIFTS: Final = (FindingKind.DRIFTED, FindingKind.SETTINGS_DRIFTED, FindingKind.TRUNK_DRIFTED)
"""What somebody changed, and can be put back. Its own look ends it, and no audit."""


class FindingState(StrEnum):
    """What became of a finding. Those that are open are reported at every audit."""

    OPEN = "open"
    KEPT = "kept"  # an operator knows and wants it so
    RELEASING = "releasing"  # an orphan on its way back to its carrier
    ENDED = "ended"  # the difference is gone
