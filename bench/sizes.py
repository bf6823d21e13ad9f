"""How much is measured: the usual sizes, or tiny ones, by which a test sees that every program runs.

Touches: environment.

BENCH_TINY in the environment asks for the tiny ones, whose figures say nothing.
"""

from __future__ import annotations

import os
from typing import Final

TINY: Final = "BENCH_TINY"


def sized(usual: int, tiny: int) -> int:
    """One size or the other."""
    return tiny if os.environ.get(TINY) else usual
