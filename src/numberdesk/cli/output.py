"""How commands speak: results on standard output, everything else on standard error.

Touches: environment.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from numberdesk.core.errors import InvalidRequest, NumberdeskError, Overloaded
from numberdesk.infra.db import CommitUnknownError, DatabaseError, StorageFailedError
from numberdesk.infra.settings import SettingsError
from numberdesk.infra.vault import VaultError

REFUSED: Final = 1
USAGE: Final = 2
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def note(text: str) -> None:
    """Say something to the person, on standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def fail(text: str, status: int = REFUSED) -> NoReturn:
    """End with an error on standard error."""
    note(f"numberdesk: {text}")
    raise typer.Exit(status)


@contextlib.contextmanager
def reported() -> Iterator[None]:
    """Turn errors into a line on standard error and an exit status: 1 refused, 2 used wrongly."""
    try:
        yield
    except InvalidRequest as error:
        fail(error.message, USAGE)
    except Overloaded:
        fail("the database is busy; nothing was changed, try again")
    except NumberdeskError as error:
        details = ", ".join(f"{name} {value}" for name, value in error.details.items())
        fail(f"{error.message} ({error.code}{': ' + details if details else ''})")
    except (DatabaseError, SettingsError, VaultError) as error:
        fail(str(error))
    except CommitUnknownError as error:
        fail(f"it is not known whether the change was kept, so look before you repeat it: {error}")
    except StorageFailedError as error:
        fail(f"the database cannot be used: {error}; nothing was changed")


def print_object(view: msgspec.Struct | dict[str, Any], *, as_json: bool) -> None:
    """One object: JSON, or a line for each field."""
    fields = _fields(view)
    if as_json:
        sys.stdout.write(_json(fields) + "\n")
        return
    lines = dict(_lines(fields))
    width = max(map(len, lines))
    for name, value in lines.items():
        sys.stdout.write(f"{name:<{width}}  {_text(value)}\n")


def print_list(views: Sequence[msgspec.Struct | dict[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """A list: a JSON array, or a table of the given columns."""
    rows = [_fields(view) for view in views]
    if as_json:
        sys.stdout.write(_json(rows) + "\n")
        return
    if not rows:
        note("nothing to list")
        return
    table = Table(box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, overflow="fold", no_wrap=not sys.stdout.isatty())
    for row in rows:
        table.add_row(*(_text(row[name]) for name in columns))
    width = None if sys.stdout.isatty() else 500
    Console(file=sys.stdout, highlight=False, width=width).print(table)


def _lines(fields: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """What a person reads of an object: fields of objects in it under both names, joined by a dot."""
    for name, value in fields.items():
        if isinstance(value, (msgspec.Struct, dict)):
            yield from _lines(_fields(value), f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _fields(view: msgspec.Struct | dict[str, Any]) -> dict[str, Any]:
    return view if isinstance(view, dict) else msgspec.structs.asdict(view)


def _json(value: Any) -> str:
    return _ENCODER.encode(value).decode()


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    return str(value)
