"""SQL that is compiled once a process: each database of a test would otherwise compile every statement anew.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any, Final

from sqlalchemy import Connection, Engine, event

_KEPT: Final = 5000
"""Statements, of both engines: more than there are, unless their shapes are without end."""


class Compiled(MutableMapping[Any, Any]):
    """What was compiled, by the kind of dialect where SQLAlchemy asks by the one dialect of a database."""

    def __init__(self) -> None:
        self._statements: dict[Any, Any] = {}

    def __getitem__(self, key: Any) -> Any:
        return self._statements[_of_any_database(key)]

    def __setitem__(self, key: Any, compiled: Any) -> None:
        if len(self._statements) >= _KEPT:
            self._statements.clear()
        self._statements[_of_any_database(key)] = compiled

    def __delitem__(self, key: Any) -> None:
        del self._statements[_of_any_database(key)]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)


def _of_any_database(key: Any) -> Any:
    dialect, *statement = key
    return type(dialect), *statement


def compile_once() -> None:
    """From now on let all engines of this process, also those to come, share what they compile."""
    shared = Compiled()

    def share(connection: Connection) -> None:
        connection.execution_options(compiled_cache=shared)

    event.listen(Engine, "engine_connect", share)
