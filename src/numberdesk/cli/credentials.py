"""What an account at a carrier is set up with, as a person gives it: options in the command line, secrets elsewhere.

Touches: environment, files.

A command line can be read by every process of the machine and stays in the shell's history, so a
secret is refused there. It comes from a file, from standard input, from a variable of the
environment, or is asked for without an echo.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import typer

from numberdesk.carriers.port import Field
from numberdesk.carriers.registry import KINDS
from numberdesk.core.errors import InvalidRequest
from numberdesk.flows.carriers.connect_carriers import check_name
from numberdesk.infra.vault import Vault

_STANDARD_INPUT: Final = "-"
_MOST_BYTES: Final = 65_536


def fields_of(kind: str) -> dict[str, Field]:
    """The fields of a kind of carrier, by name. Raises InvalidRequest."""
    if kind not in KINDS:
        raise InvalidRequest("kind", f"must be one of {', '.join(KINDS)}")
    return {field.name: field for field in KINDS[kind].all_fields}


def given_fields(
    fields: Mapping[str, Field], options: Iterable[str], file: str | None, variables: Iterable[str]
) -> dict[str, str]:
    """All that was given, by field. Raises InvalidRequest, in which no value stands."""
    given = _options(fields, options)
    lines = [] if file is None else _lines(_read(file))
    for name, value in (*lines, *_from_environment(variables)):
        _require_known(fields, name)
        if name in given:
            raise InvalidRequest(name, "is given twice")
        given[name] = value
    return given


def check_keepable(name: str, vault: Vault) -> None:
    """Refuse what would be refused anyway before a person types secrets for it. Raises InvalidRequest, VaultError."""
    check_name(name)
    vault.seal(name, {})


@contextlib.contextmanager
def telling_where_secrets_go(fields: Mapping[str, Field], given: Mapping[str, str]) -> Iterator[None]:
    """Where a secret is missing, say how it is given: `--set` does not take it."""
    try:
        yield
    except InvalidRequest as error:
        name = str(error.details["field"])
        if name not in fields or not fields[name].secret or given.get(name):
            raise
        how = f"give it with --secrets FILE or --secret-env {name}=VARIABLE, or at a terminal, which asks for it"
        raise InvalidRequest(name, f"{error.details['reason']}; {how}") from None


def asked_secrets(fields: Mapping[str, Field], given: Mapping[str, str], *, there: bool) -> dict[str, str]:
    """Ask the person at the terminal for the secrets that were not given, without an echo; nothing without a terminal.

    `there`: the account has secrets already, which an empty answer leaves as they are.
    """
    if not sys.stdin.isatty():
        return {}
    asked: dict[str, str] = {}
    for field in fields.values():
        if not field.secret or field.name in given:
            continue
        empty = "empty: as it is" if there else "" if field.required else "empty: none"
        about = f"{field.name}, {field.meaning}{f' ({empty})' if empty else ''}"
        value = typer.prompt(about, default="", show_default=False, hide_input=True, err=True).strip()
        if value:
            asked[field.name] = value
    return asked


def _options(fields: Mapping[str, Field], options: Iterable[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for option in options:
        name, _, value = option.partition("=")
        if name == option or not name:
            raise InvalidRequest("--set", "must be FIELD=VALUE")
        _require_known(fields, name)
        if fields[name].secret:
            raise InvalidRequest(
                name,
                "is secret and must not stand in a command line: use --secrets or --secret-env, or wait to be asked; "
                "the one that stood there is known to this machine now, so change it at the carrier",
            )
        if name in given:
            raise InvalidRequest(name, "is given twice")
        given[name] = value
    return given


def _from_environment(variables: Iterable[str]) -> list[tuple[str, str]]:
    found = []
    for assignment in variables:
        name, _, variable = assignment.partition("=")
        if not name or not variable:
            raise InvalidRequest("--secret-env", "must be FIELD=VARIABLE")
        value = os.environ.get(variable, "").strip()
        if not value:
            raise InvalidRequest("--secret-env", f"names a variable for {name} that is not set")
        found.append((name, value))
    return found


def _read(file: str) -> str:
    try:
        if file == _STANDARD_INPUT:
            raw = sys.stdin.buffer.read(_MOST_BYTES + 1)
        else:
            with Path(file).open("rb") as source:
                raw = source.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InvalidRequest("--secrets", f"cannot be read: {error.strerror}") from None
    if len(raw) > _MOST_BYTES:
        raise InvalidRequest("--secrets", f"must have at most {_MOST_BYTES} bytes")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidRequest("--secrets", "must be UTF-8") from None


def _lines(text: str) -> list[tuple[str, str]]:
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, sign, value = line.partition("=")
        if not sign or not name.strip():
            raise InvalidRequest("--secrets", f"line {number} is not FIELD=VALUE")
        found.append((name.strip(), value.strip()))
    return found


def _require_known(fields: Mapping[str, Field], name: str) -> None:
    if name not in fields:
        raise InvalidRequest("field", f"must be one of {', '.join(fields)}")
