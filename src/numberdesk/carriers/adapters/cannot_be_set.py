"""What is not to be had at a carrier.

Touches: nothing.
"""

from __future__ import annotations


class CannotBeSetError(Exception):
    """What is wanted is not to be had at this carrier. The text is the reason, for a customer."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)
