"""A connection to PostgreSQL that waits for no longer than it may, and knows whether there is a pooler in between.

Touches: database, clock.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Generator
from typing import Any, Final, NoReturn

import psycopg

from numberdesk.infra.failures import DatabaseError

_CANCEL_SECONDS: Final = 1.0
_MODE: Final = "set pool_mode = transaction"


class Bounded(psycopg.Connection[Any]):
    """A connection that waits for the server until `end`, in seconds of the monotonic clock, and then gives itself up.

    What runs on the server is cancelled then, but not where `may_cancel` is false: a COMMIT that waits
    for a standby would end without it, and others see what may yet be lost. The server answers such a
    COMMIT as if all were well, with a warning, which `warning` keeps.
    """

    end: float = math.inf
    may_cancel: bool = True
    warning: str | None = None
    checked: bool = False
    """Whether the server behind it was found fit to be written to."""
    pooled: bool = False
    """Whether a pooler is between it and the server, so that no two transactions need have one session."""
    held: Bounded | None = None
    """Another connection, which holds a lock for as long as this one is open."""

    def close(self) -> None:
        """Close it, and what it holds."""
        super().close()
        if self.held is not None:
            self.held.close()

    def find_pooler(self) -> None:
        """Look whether there is a pooler: the process that serves it has not the number that was told at the start.

        Raises DatabaseError for one that keeps no transaction in one session.
        """
        self.autocommit = True
        row = self.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
        self.pooled = row != (self.info.backend_pid,)
        if self.pooled:
            self.prepare_threshold = None
            self._require_transactions()
        self.autocommit = False

    def _require_transactions(self) -> None:
        try:
            self.execute("BEGIN", prepare=False)
            self.execute("ROLLBACK", prepare=False)
        except psycopg.Error as error:
            if "pooling" not in str(error):
                raise
            self.close()
            raise DatabaseError(f"The pooler before PostgreSQL takes no transactions ({error}): {_MODE}") from error

    def wait(self, gen: Generator[Any, Any, Any], *arguments: Any, **named: Any) -> Any:
        """Run what the driver does step by step. Raises OperationalError, and is closed, when the end has come."""
        return super().wait(self._until_end(gen), *arguments, **named)

    def _until_end(self, gen: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() >= self.end:  # nothing came: the driver looks ten times a second
                    self._give_up()
                wanted = gen.send(ready)
        except StopIteration as done:
            return done.value

    def _give_up(self) -> NoReturn:
        if self.may_cancel:
            with contextlib.suppress(psycopg.Error):
                self.cancel_safe(timeout=_CANCEL_SECONDS)
        self.close()
        raise psycopg.OperationalError("the server did not answer in time")

    def heed(self, notice: psycopg.errors.Diagnostic) -> None:
        """Keep a warning."""
        if notice.severity_nonlocalized == "WARNING":
            self.warning = notice.message_primary
