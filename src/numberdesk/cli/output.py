"""How commands speak: results on standard output, everything else on standard error.

Touches: environment.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn

import msgspec
import typer

from numberdesk.core.errors import InvalidRequest, NumberdeskError, Overloaded
from numberdesk.core.text import harmless
from numberdesk.infra.db import CommitUnknownError, DatabaseError, StorageFailedError
from numberdesk.infra.settings import SettingsError
from numberdesk.infra.vault import VaultError

if TYPE_CHECKING:
    from rich.console import Console

REFUSED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
NO_OPTIONS: Final[Mapping[str, str]] = {}
_GAP: Final = 2
_LEAST_TEXT: Final = 16
_TEXTS: Final = frozenset({"account_name", "meaning", "name", "said", "scopes"})
"""Columns of words, which may be broken between them."""

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def note(text: str) -> None:
    """Say something to the person, on standard error."""
    sys.stderr.write(f"{harmless(text)}\n")
    sys.stderr.flush()


def say(text: str) -> None:
    """A line or more of a result, on standard output."""
    sys.stdout.write(f"{harmless(text)}\n")


def fail(text: str, status: int = REFUSED) -> NoReturn:
    """End with an error on standard error."""
    note(f"numberdesk: {text}")
    raise typer.Exit(status)


@contextlib.contextmanager
def reported(options: Mapping[str, str] = NO_OPTIONS) -> Iterator[None]:
    """Turn errors into a line on standard error and an exit status: 1 refused, 2 used wrongly, 130 interrupted.

    `options` are the names that the command line has for fields, to be named in their place.
    """
    try:
        yield
    except InvalidRequest as error:
        fail(_in_options(error, options), USAGE)
    except typer.Abort:
        note("")
        raise typer.Exit(INTERRUPTED) from None
    except Overloaded as error:
        fail(error.message if "taken" in error.details else "the database is busy; nothing was changed, try again")
    except NumberdeskError as error:
        details = ", ".join(f"{name} {value}" for name, value in error.details.items())
        fail(f"{error.message} ({error.code}{': ' + details if details else ''})")
    except (DatabaseError, SettingsError, VaultError) as error:
        fail(str(error))
    except CommitUnknownError as error:
        fail(f"it is not known whether the change was kept, so look before you repeat it: {error}")
    except StorageFailedError as error:
        fail(f"the database cannot be used: {error}; nothing was changed")


def _in_options(error: InvalidRequest, options: Mapping[str, str]) -> str:
    """What is wrong, with the words of the command line for the field and for others that the reason names."""
    field, reason = str(error.details["field"]), str(error.details["reason"])
    for name, option in options.items():
        if "_" in name:
            reason = reason.replace(name, option)
    return f"{options.get(field, field)} {reason}"


def print_object(view: msgspec.Struct | dict[str, Any], *, as_json: bool) -> None:
    """One object: JSON, or a line for each field."""
    fields = _fields(view)
    if as_json:
        sys.stdout.write(_json(fields) + "\n")
    else:
        _print_lines(dict(_lines(fields)))


def print_list(views: Sequence[msgspec.Struct | dict[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """A list: a JSON array, or the given columns.

    A terminal that is too narrow for a table gets a block of lines for each row: what people copy, such as ids,
    numbers, times and money, is never broken. What is no terminal gets one line for each row, however long.
    """
    from rich.cells import cell_len  # noqa: PLC0415  the server does without it, and without its 3 MB

    rows = [_fields(view) for view in views]
    if as_json:
        sys.stdout.write(_json(rows) + "\n")
        return
    if not rows:
        note("nothing to list")
        return
    shown = [{name: _text(row[name]) for name in columns} for row in rows]
    natural = {name: max(cell_len(name), *(cell_len(row[name]) for row in shown)) for name in columns}
    if not sys.stdout.isatty():
        _print_table(shown, natural, sum(natural.values()) + _GAP * len(natural))
        return
    width = _console().width
    least = [min(most, _LEAST_TEXT) if name in _TEXTS else most for name, most in natural.items()]
    if sum(least) + _GAP * (len(least) - 1) <= width:
        _print_table(shown, natural, width)
        return
    for place, row in enumerate(shown):
        if place:
            sys.stdout.write("\n")
        _print_lines(row)


def _print_table(rows: Sequence[dict[str, str]], natural: dict[str, int], width: int) -> None:
    from rich.table import Table  # noqa: PLC0415  as above
    from rich.text import Text  # noqa: PLC0415  the same

    table = Table(box=None, pad_edge=False)
    for name, most in natural.items():
        least = min(most, _LEAST_TEXT) if name in _TEXTS else most
        table.add_column(name, overflow="fold", no_wrap=name not in _TEXTS, min_width=least)
    for row in rows:
        table.add_row(*(Text(value) for value in row.values()))
    _console(highlight=False, width=width).print(table)


def _console(**options: Any) -> Console:
    from rich.console import Console  # noqa: PLC0415  as above

    return Console(file=sys.stdout, **options)


def _print_lines(fields: dict[str, Any]) -> None:
    width = max(map(len, fields))
    for name, value in fields.items():
        sys.stdout.write(f"{name:<{width}}  {_text(value)}\n")


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
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        objects = any(isinstance(one, (msgspec.Struct, dict)) for one in value)
        return ("; " if objects else " ").join(map(_text, value))
    if isinstance(value, (msgspec.Struct, dict)):
        return ", ".join(f"{harmless(name)} {_text(part)}" for name, part in _fields(value).items())
    return harmless(str(value))
