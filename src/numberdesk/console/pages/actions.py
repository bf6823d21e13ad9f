"""Who did what: for owners of their account, for operators of all.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

from numberdesk.console.screens import listed
from numberdesk.console.tables import Column, Filter, ScreenTable

_COLUMNS: Final = (
    Column("When", "created_at", "time"),
    Column("Who", "actor"),
    Column("Who (id)", "actor_id", "mono"),
    Column("By", "via", "words"),
    Column("What", "what", "deed"),
    Column("Of what", "object_id", "mono"),
    Column("With", "details", "details"),
    Column("Before", "before", "details"),
    Column("After", "after", "details"),
    Column("From", "address"),
)
_FILTERS: Final = (
    Filter("Who", "actor", hint="ann@example.com"),
    Filter("Of what (id)", "object_id"),
    Filter("Since (UTC)", "since", form="datetime-local"),
    Filter("Until (UTC)", "until", form="datetime-local"),
)
_ABOUT: Final = (
    "Changes, each with who made it: people, keys and commands of whoever runs the service. Secrets are left out, and "
    "so is where calls and events are sent to."
)

ACTIONS: Final = listed(
    ScreenTable(
        "/console/actions",
        "Who did what",
        "GET /actions",
        _COLUMNS,
        _FILTERS,
        empty="Nothing was changed yet, or nothing fits.",
        about=_ABOUT,
    )
)

ALL_ACTIONS: Final = listed(
    ScreenTable(
        "/console/all-actions",
        "Who did what in all accounts",
        "GET /admin/actions",
        (*_COLUMNS, Column("Account", "account_id", "mono", "/console/accounts/{account_id}")),
        (*_FILTERS, Filter("Account", "account_id", hint="acc_…")),
        empty="Nothing was changed yet, or nothing fits.",
        about=_ABOUT,
    )
)
