"""The log on standard error: one JSON object per line with the fields named, or a line for people at a terminal.

Touches: clock, environment.

Keys, bodies and credentials are never passed to it; what names a request is its id. Where a client puts a key into a
path, or a defect into the text of an exception, it is left out here.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import string
import sys
from collections.abc import Iterable, MutableMapping
from contextlib import AbstractContextManager
from typing import Any, Final, Literal, TextIO, cast

from numberdesk.core.text import harmless

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
_TRACEPARENT: Final = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context, version 00."""

LogFormat = Literal["auto", "json", "text"]


def configure(level: str, form: LogFormat = "json") -> None:
    """Set the least level that is written, and how: `auto` is text where standard error is a terminal."""
    at_terminal = sys.stderr is not None and sys.stderr.isatty()
    render: list[Any] = [structlog.processors.JSONRenderer()]
    if form == "text" or (form == "auto" and at_terminal):
        colors = at_terminal and "NO_COLOR" not in os.environ
        render = [_without_orders, structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=0)]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _without_keys,
            *render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        # A line and its end in one write: several processes share the stream.
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", _Lenient())),
        cache_logger_on_first_use=False,
    )


def read_traceparent(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """What a client says that its request belongs to, where it says so as W3C Trace Context has it; else nothing."""
    sent = next((value for name, value in headers if name == b"traceparent"), b"")
    return sent.decode() if _TRACEPARENT.fullmatch(sent) else ""


def logging_traceparent(traceparent: str) -> AbstractContextManager[Any]:
    """Have every line that is logged meanwhile say what it belongs to."""
    if not traceparent:
        return contextlib.nullcontext()
    return structlog.contextvars.bound_contextvars(traceparent=traceparent)


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


def _without_orders(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Nothing that a terminal obeys: a path or a carrier's words may hold it."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = harmless(value)
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
