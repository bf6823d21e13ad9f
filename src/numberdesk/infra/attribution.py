"""Who does what, carried from an entry point to the transaction of the change.

Touches: database.

An entry point sets ATTRIBUTED before it asks for a change. The writer takes it along with the command, and has it
written in the transaction of the first change that it makes, once, however many commands a request has.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Final

from numberdesk.infra.db import Tx

States = tuple[Mapping[str, Any], Mapping[str, Any]]
"""How what was changed stood before and after."""

Attribute = Callable[[Tx, Sequence[tuple[Any, object, States]]], None]
"""Writes what was done: each action with the outcome of its command, and what that changed."""

StateOf = Callable[[Tx, Any], Mapping[str, Any]]
"""Reads how that stands which a command changes."""

_UNKNOWN: Final[States] = ({}, {})


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

    def __init__(self, attribute: Attribute | None, states: Mapping[object, StateOf]) -> None:
        self._attribute = attribute
        self._states = states
        self._found: dict[int, tuple[Attributed, object, States]] = {}

    def apply(
        self, flow: Callable[..., Sequence[Any]], tx: Tx, commands: Sequence[Any], by: Sequence[Attributed | None]
    ) -> list[Any]:
        """The outcomes of a flow's commands. Where a state is read before and after, each is applied by itself."""
        read = self._states.get(flow) or self._states.get(type(commands[0]))
        if read is None or self._attribute is None or not any(by):
            outcomes = list(flow(tx, commands))
            for attributed, outcome in zip(by, outcomes, strict=False):
                self._add(attributed, outcome, _UNKNOWN)
            return outcomes
        outcomes = []
        for command, attributed in zip(commands, by, strict=True):
            before = read(tx, command)
            outcomes += flow(tx, [command])
            self._add(attributed, outcomes[-1], (before, read(tx, command)))
        return outcomes

    def _add(self, attributed: Attributed | None, outcome: object, states: States) -> None:
        """A command's outcome. A refusal changes nothing."""
        if attributed is not None and not attributed.written and not isinstance(outcome, Exception):
            self._found.setdefault(id(attributed), (attributed, outcome, states))

    def write(self, tx: Tx) -> None:
        """Write them, before the commit."""
        if self._found and self._attribute is not None:
            self._attribute(tx, [(attributed.action, *rest) for attributed, *rest in self._found.values()])

    def committed(self) -> None:
        """They are written for good."""
        for attributed, *_ in self._found.values():
            attributed.written = True
