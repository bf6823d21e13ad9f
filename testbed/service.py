"""The service as a process: started on a database, killed, started again."""

from __future__ import annotations

import os
import re
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from testbed import nursery

_PATIENCE: Final = 60.0
SERVE: Final = ("numberdesk", "serve", "--port", "0")


class Service:
    """One process of the service, once it has said where it listens."""

    def __init__(self, database_url: str, *command: str, **settings: str) -> None:
        given = {"database_url": database_url, "log_level": "error", **settings}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("NUMBERDESK_")}
        self._said = Path(tempfile.mkstemp(prefix="nd-said-")[1])
        with self._said.open("wb") as output:
            self.process = nursery.start(
                *(command or SERVE),
                env={**clean, **{f"NUMBERDESK_{name.upper()}": value for name, value in given.items()}},
                stdout=output,
                stderr=output,
            )
        self.port = self._find_port()

    def _find_port(self) -> int:
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and self.process.poll() is None:
            found = re.search(r"http://127\.0\.0\.1:(\d+)", self.said)
            if found:
                return int(found[1])
            time.sleep(0.01)
        raise RuntimeError(f"the service did not start:\n{self.said}")

    @property
    def said(self) -> str:
        """What it printed and logged."""
        return self._said.read_text()

    def kill(self) -> None:
        """End it with kill -9."""
        self.process.kill()
        self.process.wait()

    def died(self) -> int:
        """Wait until it has ended by itself; its exit status, negative for a signal."""
        return self.process.wait(_PATIENCE)

    def stop(self) -> int:
        """Ask it to end, and wait; its exit status."""
        self.process.terminate()
        return self.process.wait(_PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.kill()
        self._said.unlink()
