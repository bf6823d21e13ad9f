"""Which of several forms of an answer a client asks for, by its header Accept.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Sequence


def accepted(header: bytes | None, offered: Sequence[str]) -> str:
    """The form with the highest quality, the first of equals; the first of all where none is acceptable."""
    if header is None:
        return offered[0]
    ranges = [_read(part) for part in header.decode("latin-1").lower().split(",")]
    return max(offered, key=lambda kind: _quality(kind, ranges))  # max keeps the first


def _read(part: str) -> tuple[str, float]:
    """A range of media types with its quality; one that cannot be read counts as if it had none."""
    name, *parameters = (piece.strip() for piece in part.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return name, float(parameter.removeprefix("q="))
            except ValueError:
                return name, 0.0
    return name, 1.0


def _quality(kind: str, ranges: Sequence[tuple[str, float]]) -> float:
    """What the range says that tells most of a form: the form itself, its kind, anything."""
    for wanted in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
        found = [quality for name, quality in ranges if name == wanted]
        if found:
            return max(found)
    return 0.0
