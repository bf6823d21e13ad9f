"""Answers as they come over the wire, and as a model of the service expects them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Json = dict[str, Any]


class Answer(NamedTuple):
    """What came over the wire."""

    status: int
    headers: dict[str, str]
    content: bytes
    body: Any

    @property
    def data(self) -> Any:
        return self.body["data"]


def nothing(_: Answer) -> None:
    """What becomes true of an answer that changes nothing."""


@dataclass
class Expected:
    """An answer to come: `data` and `details` whole, or `content` byte for byte. `then` takes in what it brought.

    Of `data` only what is known beforehand is named: a new id is learnt, not predicted.
    """

    status: int = 200
    code: str | None = None
    data: Any = None
    details: Json = field(default_factory=dict)
    content: bytes | None = None
    then: Callable[[Answer], None] = nothing


def refused(status: int, code: str, **details: Any) -> Expected:
    """A refusal to come."""
    return Expected(status, code, details=details)
