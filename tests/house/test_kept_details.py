"""The record of changes keeps what was set, of every command and endpoint, but for what may be secret or an address."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest
import typer

import numberdesk.api.routes
from numberdesk.accounts.actions import kept_details
from numberdesk.api.endpoint import ENDPOINTS
from numberdesk.api.routing import import_endpoints
from numberdesk.cli import app

SECRET: Final = frozenset({"api_key", "api_secret", "password", "secrets", "secret_env", "username", "variables"})
"""What opens something, or is the name for it."""

ADDRESSES: Final = frozenset(
    {"caller_name", "emergency_address", "fallback_url", "forward_to", "server_url", "target", "targets", "url"}
)
"""Where something is, or who."""

OTHERS_WORDS: Final = frozenset(
    {
        *(
            "agent_id",
            "description",
            "object_id",
            "options",
            "paper",
            "papers",
            "preset_values",
            "said",
            "trunk",
            "trunk_id",
        ),
        *("value", "mapping"),
    }
)
"""What is written by hand, named by a carrier or a platform, or has secrets among what is none."""

OF_CALLS: Final = frozenset(
    {"call_id", "caller", "context", "disposition", "leg", "max_seconds", "other", "profile"}
) | {*("reserve", "to", "uuid")}
"""What switches tell of calls, who keep no record of changes."""

OF_FILES_AND_OUTPUT: Final = frozenset({"as_json", "file", "freeswitch", "path", "rejects", "yes"})
"""Where a file is, how an answer looks, and that nobody is to be asked."""

READING: Final = frozenset(
    {
        *("after", "carriers", "delay", "demo", "ended", "expiring", "fresh", "host", "lag", "names", "numbers"),
        *("only_open", "parked", "past_due", "port", "seed", "state", "workers"),
    }
)
"""What only filters a list, or starts a process."""

HIDDEN: Final = SECRET | ADDRESSES | OTHERS_WORDS | OF_CALLS | OF_FILES_AND_OUTPUT | READING


def _fields(kind: Any) -> Iterator[str]:
    """The names of what a shape has, and of the shapes within."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for one in msgspec.structs.fields(kind):
            within = [name for part in getattr(one.type, "__args__", (one.type,)) for name in _fields(part)]
            yield from within or [one.name]


def _options(command: Any) -> Iterator[str]:
    for each in getattr(command, "commands", {}).values():
        yield from _options(each)
    if not hasattr(command, "commands"):
        yield from (option.name for option in command.params)


def _all_names() -> set[str]:
    import_endpoints(numberdesk.api.routes)
    shapes = [shape for one in ENDPOINTS if one.method != "GET" for shape in (one.query, one.body)]
    return {name for shape in shapes for name in _fields(shape)} | {*_options(typer.main.get_command(app))}


def _is_kept(name: str) -> bool:
    return bool(json.loads(kept_details({name: "5"}))[name] == "5")


def test_what_is_set_is_kept_of_every_change_unless_it_is_said_why_not() -> None:
    names = _all_names()
    assert {name for name in names if not _is_kept(name)} == names & HIDDEN
    assert names >= HIDDEN  # each of them is there


@pytest.mark.parametrize("name", ["per_minute", "source", "inbound", "outbound", "seconds", "reminders", "rental_id"])
def test_rates_sources_and_durations_are_no_secrets(name: str) -> None:
    assert json.loads(kept_details({name: "0.01"})) == {name: "0.01"}
