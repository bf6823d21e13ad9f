"""Who does what, carried from an entry point to the transaction of the change.

Touches: database.

An entry point sets ATTRIBUTED before it asks for a change. The writer takes it along with the command, and has it
written in the transaction of the first change that it makes, once, however many commands a request has.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, Final

from numberdesk.infra.db import Tx

Attribute = Callable[[Tx, Sequence[tuple[Any, object]]], None]
"""Writes what was done: each action with the outcome of its command."""


class Attributed:
    """An action that is to be written with the first change that it makes."""

    __slots__ = ("action", "written")

    def __init__(self, action: Any) -> None:
        self.action = action
        self.written = False


ATTRIBUTED: Final[ContextVar[Attributed | None]] = ContextVar("ATTRIBUTED", default=None)
"""What is being done here."""


@contextlib.contextmanager
def attributed_to(action: Any) -> Iterator[None]:
    """Let the first change within be this action's."""
    token = ATTRIBUTED.set(Attributed(action))
    try:
        yield
    finally:
        ATTRIBUTED.reset(token)


class Attribution:
    """The actions of one transaction, each once: written before its commit, and noted as written after it."""

    def __init__(self, attribute: Attribute | None) -> None:
        self._attribute = attribute
        self._found: dict[int, tuple[Attributed, object]] = {}

    def add(self, attributed: Attributed | None, outcome: object) -> None:
        """A command's outcome. A refusal changes nothing."""
        if attributed is not None and not attributed.written and not isinstance(outcome, Exception):
            self._found.setdefault(id(attributed), (attributed, outcome))

    def write(self, tx: Tx) -> None:
        """Write them, before the commit."""
        if self._found and self._attribute is not None:
            self._attribute(tx, [(attributed.action, outcome) for attributed, outcome in self._found.values()])

    def committed(self) -> None:
        """They are written for good."""
        for attributed, _ in self._found.values():
            attributed.written = True
