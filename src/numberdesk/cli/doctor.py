"""The command that looks the service over and says what to do.

Touches: environment, files.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import typer

from numberdesk import __version__
from numberdesk.cli.output import REFUSED, note, print_list, print_object, say
from numberdesk.cli.session import AsJson
from numberdesk.core.advice import Advice, hint, problem
from numberdesk.flows.examine import Examined, examine
from numberdesk.infra.db import DatabaseError, StorageFailedError
from numberdesk.infra.settings import (
    Settings,
    SettingsError,
    SettingSource,
    load_settings,
    sourced_settings,
    unknown_variables,
)
from numberdesk.infra.vault import Vault, VaultError
from numberdesk.migrations import HEAD
from numberdesk.views.doctor import DoctorView, doctor_view
from numberdesk.wiring import OF_COMMANDS, build

_POOLED: Final = (
    "there is a pooler before PostgreSQL, so that no statement is prepared and naming all hosts does not help"
)
_OTHERS: Final = stat.S_IRGRP | stat.S_IROTH


def doctor(as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Look settings, database, carriers, prices and work over, and say what to do; exit status 1 for a problem."""
    view = _examined()
    if as_json:
        print_object(view, as_json=True)
    else:
        _show(view)
    if not view.ok:
        raise typer.Exit(REFUSED)


def _examined() -> DoctorView:
    advice = list(_of_variables())
    try:
        settings = load_settings()
    except SettingsError as error:
        advice.append(problem("settings", str(error), "docs/settings.md says what is allowed"))
        return doctor_view(__version__, None, (), None, advice)
    advice += _of_key(settings)
    sources = sourced_settings(settings, os.environ)
    try:
        running = build(settings, OF_COMMANDS)
    except (DatabaseError, StorageFailedError) as error:
        advice.append(problem("database", str(error), "look at NUMBERDESK_DATABASE_URL and the database"))
        return doctor_view(__version__, None, sources, None, advice)
    try:
        found: Examined = running.reader.read_now(lambda tx: examine(tx, running.vault, running.now()))
        if running.database.pooled:
            advice.append(hint("database", _POOLED, "docs/postgresql.md says what it has to be set to"))
    except StorageFailedError as error:
        advice.append(problem("database", str(error), "numberdesk verify, and look at the disk or the server"))
        return doctor_view(__version__, HEAD, sources, None, advice)
    finally:
        running.close()
    return doctor_view(__version__, HEAD, sources, found, advice)


def _of_variables() -> Iterator[Advice]:
    for name, nearest in unknown_variables(os.environ):
        action = f"did you mean {nearest}?" if nearest else "unset it; docs/settings.md lists the settings"
        yield problem("settings", f"{name} is no setting, so nothing reads it", action)


def _of_key(settings: Settings) -> Iterator[Advice]:
    """Whether the key for credentials is one, and is kept where it is not lost."""
    key = settings.credentials_key.get_secret_value()
    if not key:
        return  # where one is needed, what it should open says so
    try:
        Vault(key).seal("doctor", {})
    except VaultError as error:
        yield problem("credentials", str(error), "numberdesk carriers new-key makes one")
    if not settings.credentials_key_file:
        yield hint(
            "credentials",
            "the key for credentials stands in a variable, so it is lost with whatever sets that",
            "keep it in a file that is in the backup, and name that in NUMBERDESK_CREDENTIALS_KEY_FILE",
        )
    elif Path(settings.credentials_key_file).stat().st_mode & _OTHERS:
        name = settings.credentials_key_file
        yield problem("credentials", f"others than its owner may read {name}", f"chmod 600 {name}")


def _show(view: DoctorView) -> None:
    given = [one for one in view.settings if one.source is not SettingSource.DEFAULT]
    print_object(
        {
            "version": view.version,
            "database": view.revision or "cannot be used",
            "verified_at": view.verified_at,
            **{one.name: f"{one.value} ({one.source})" for one in given},
        },
        as_json=False,
    )
    note(f"{len(view.settings) - len(given)} settings have their defaults; --json lists them")
    late = [one for one in view.work if one.due]
    if late:
        print_list(late, ("work", "due", "late_seconds", "tries"), as_json=False)
    for one in view.advice:
        say(f"\n{one.level}: {one.subject}: {one.message}\n  {one.action}")
    note("no problem was found" if view.ok else "there are problems")
