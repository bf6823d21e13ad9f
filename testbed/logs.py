"""What is logged during a part of a test, also where the log is kept quiet otherwise."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, MutableMapping
from typing import Any

import structlog
from structlog.testing import capture_logs


@contextlib.contextmanager
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """The lines as they come: fields by name, with `event` and `log_level`."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    try:
        with capture_logs() as lines:
            yield lines
    finally:
        structlog.configure(**before)
