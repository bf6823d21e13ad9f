"""Whether a carrier answers at all, and who is told when it begins to fail.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

SILENT: Final = 3
"""Questions in a row without an answer that make a silence: one may be about something that the carrier cannot tell."""

OnFailing = Callable[[str, str], None]
"""Told the name of a carrier whose `orders` or `searches` have begun to fail."""


def tell_nobody(_carrier: str, _of: str) -> None:
    """Let it be."""


@dataclass(slots=True)
class Contact:
    """Whether a carrier answers, whatever it says. `unanswered` counts the last questions that it did not answer.

    `answers_again` is set when it answers after several of these, or for the first time; whoever does what waited for
    that clears it.
    """

    unanswered: int = SILENT
    answers_again: bool = False

    def heard(self, *, answered: bool) -> None:
        """A question was answered, or not."""
        self.answers_again |= answered and self.unanswered >= SILENT
        self.unanswered = 0 if answered else self.unanswered + 1
