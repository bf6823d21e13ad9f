"""What somebody who runs the service is told of it: what is wrong or missing, and what to do.

Touches: nothing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class AdviceLevel(StrEnum):
    """How bad it is."""

    PROBLEM = "problem"  # something does not work, or will not
    HINT = "hint"  # it may be meant so


class Advice(NamedTuple):
    """One thing that was found. `subject` says what it is about, `action` what to do."""

    level: AdviceLevel
    subject: str
    message: str
    action: str


def problem(subject: str, message: str, action: str) -> Advice:
    """Something does not work, or will not."""
    return Advice(AdviceLevel.PROBLEM, subject, message, action)


def hint(subject: str, message: str, action: str) -> Advice:
    """Something that may be meant so."""
    return Advice(AdviceLevel.HINT, subject, message, action)
