"""The log: one JSON object per line on standard error, with the fields named.

Touches: clock, environment.

Keys, bodies and credentials are never passed to it; what names a request is its id. Where a client puts a key into a
path, or a defect into the text of an exception, it is left out here.
"""

from __future__ import annotations

import contextlib
import logging
import string
import sys
from collections.abc import MutableMapping
from typing import Any, Final, TextIO, cast

_RICH: Final = "rich"
_is_loaded: Final = _RICH in sys.modules
if not _is_loaded:
    # structlog would load it to draw tracebacks on terminals, with five megabytes. Here they are written as JSON.
    sys.modules[_RICH] = None  # type: ignore[assignment]  # what makes an import fail, says importlib

import structlog  # noqa: E402

if not _is_loaded:
    del sys.modules[_RICH]

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,  # for commands, which tell a person themselves
}

_KEYS_BEGIN: Final = ("nd_live_", "nd_test_")
_KEYS_GO_ON: Final = string.ascii_letters + string.digits


def configure(level: str) -> None:
    """Set the least level that is written."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _without_keys,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        # A line and its end in one write: several processes share the stream.
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", _Lenient())),
        cache_logger_on_first_use=False,
    )


def without_keys(text: str) -> str:
    """The text with nothing left of API keys but how they begin."""
    for beginning in _KEYS_BEGIN:
        before, *after = text.split(beginning)
        text = beginning.join([before, *("..." + rest.lstrip(_KEYS_GO_ON) for rest in after)])
    return text


def _without_keys(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = without_keys(value)
    return event


class _Lenient:
    """Standard error, which may be a file on a full disk or a pipe nobody reads: then lines are lost, not requests."""

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.flush()


def get_log() -> Any:
    """The logger."""
    return structlog.get_logger()
