"""The log of the service, as the simulation hears it: it goes into the trace, and a defect that is only logged counts.

Touches: nothing.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator, MutableMapping
from typing import Any

import structlog

from numberdesk.core.errors import Overloaded, RateLimited
from numberdesk.infra.db import StorageFailedError
from simulation.world import World


@contextlib.contextmanager
def heard(world: World) -> Iterator[None]:
    """While this is open, what the service logs is heard by one simulation and written nowhere."""
    before = structlog.get_config()

    def hear(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Any:
        error = event.pop("exc_info", None)
        error = sys.exc_info()[1] if error is True else error
        line = " ".join(f"{name}={value}" for name, value in sorted(event.items()))
        world.logged.append(line)
        world.note(f"log {line}")
        if error is not None and not isinstance(error, StorageFailedError | Overloaded | RateLimited):
            world.broken("no defect", f"{line} met {error!r}")
        raise structlog.DropEvent

    structlog.configure(
        processors=[hear],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)
