"""What each role may do, written down a second time, so that a screen that asks for too much is found here."""

from __future__ import annotations

from typing import Final

import pytest

from numberdesk.accounts.people import SCOPES_OF
from numberdesk.console.screens import ROOT, SCREENS, Screen
from numberdesk.console.site import Console  # noqa: F401  its import declares the screens
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.roles import ROLES_OF, Role
from tests.console.test_screens import caller_of, may_ask

CUSTOMERS: Final = {Role.OWNER, Role.BUYER, Role.VIEWER}
BUYERS: Final = {Role.OWNER, Role.BUYER}
OPERATORS: Final = {Role.ADMIN, Role.SUPPORT, Role.FINANCE}
EVERYBODY: Final = CUSTOMERS | OPERATORS
HEADS: Final = {Role.OWNER, Role.ADMIN}
ADMINS: Final = {Role.ADMIN}
DECIDERS: Final = {Role.ADMIN, Role.SUPPORT}
TREASURERS: Final = {Role.ADMIN, Role.FINANCE}

LOOK: Final = {
    "": EVERYBODY,
    "/me": EVERYBODY,
    "/find": EVERYBODY,
    "/buy": BUYERS,
    "/numbers": CUSTOMERS,
    "/numbers/chosen": BUYERS,
    "/connections": CUSTOMERS,
    "/connections/new": BUYERS,
    "/calls": CUSTOMERS,
    "/call-rates": CUSTOMERS,
    "/money": CUSTOMERS,
    "/statements": CUSTOMERS,
    "/spending": CUSTOMERS,
    "/orders": CUSTOMERS,
    "/papers": CUSTOMERS,
    "/webhooks": HEADS,
    "/events": HEADS,
    "/keys": HEADS,
    "/people": HEADS,
    "/actions": HEADS,
    "/health": OPERATORS,
    "/rehearsal": OPERATORS,
    "/accounts": OPERATORS,
    "/all-numbers": OPERATORS,
    "/all-numbers/{number}/assign": ADMINS,
    "/all-numbers/{number}/transfer": ADMINS,
    "/all-numbers/{number}/take-back": ADMINS,
    "/all-numbers/{number}/restore": ADMINS,
    "/interventions": OPERATORS,
    "/all-papers": OPERATORS,
    "/inventory": OPERATORS,
    "/inventory/imports": ADMINS,
    "/inventory/imports/csv": OPERATORS,
    "/prices": OPERATORS,
    "/rates": OPERATORS,
    "/rate-decks": OPERATORS,
    "/carriers": OPERATORS,
    "/carriers/{name}/adopt": ADMINS,
    "/carriers/{name}/settings": ADMINS,
    "/carrier-kinds": ADMINS,
    "/findings": OPERATORS,
    "/all-orders": OPERATORS,
    "/releases": OPERATORS,
    "/rents": OPERATORS,
    "/parked-calls": OPERATORS,
    "/sources": OPERATORS,
    "/pulls": OPERATORS,
    "/feeds": OPERATORS,
    "/sales": OPERATORS,
    "/margin": OPERATORS,
    "/all-actions": OPERATORS,
    "/all-events": ADMINS,
}
"""Who may open a page, and all below it that has no line of its own."""

DO: Final = {
    "/me": EVERYBODY,
    "/buy": BUYERS,
    "/numbers": BUYERS,
    "/connections": BUYERS,
    "/webhooks": HEADS,
    "/keys": HEADS,
    "/people": HEADS,
    "/accounts": ADMINS,
    "/accounts/{account_id}/act": OPERATORS,
    "/accounts/{account_id}/top-ups": TREASURERS,
    "/accounts/{account_id}/adjustments": TREASURERS,
    "/all-numbers": ADMINS,
    "/all-papers": ADMINS,
    "/inventory": ADMINS,
    "/prices": ADMINS,
    "/rates": ADMINS,
    "/rate-decks": ADMINS,
    "/carriers": ADMINS,
    "/carrier-kinds": ADMINS,
    "/findings": DECIDERS,
    "/all-orders/{order_id}": DECIDERS,
    "/parked-calls": ADMINS,
    "/shown": EVERYBODY,
    "/rents/{rental_id}/run": TREASURERS,
    "/rents/{rental_id}/waive": TREASURERS,
    "/rents/{rental_id}/prices": ADMINS,
    "/rehearsal": ADMINS,
    "/rehearsal/{order_id}/adopt": DECIDERS,
    "/rehearsal/{order_id}/void": DECIDERS,
    "/rehearsal/{order_id}/retry": DECIDERS,
}
"""Who may send a form to a path, and to all below it that has no line of its own."""


def told(screen: Screen) -> set[Role]:
    """Whom the tables let open a screen: the line that says most about its path. Raises KeyError where none does."""
    table, path = (LOOK if screen.method == "GET" else DO), screen.path.removeprefix(ROOT)
    if path:
        lines = [line for line in table if line and f"{path}/".startswith(f"{line}/")]
        if not lines:
            raise KeyError(f"{screen.method} {path}: write down whose it is")
        return table[max(lines, key=len)]
    return table[path]


ROLES: Final = [(kind, role) for kind, roles in ROLES_OF.items() for role in roles]


@pytest.mark.parametrize(("kind", "role"), ROLES)
def test_each_role_may_open_and_do_what_is_written_down_for_it_and_nothing_else(kind: AccountKind, role: Role) -> None:
    """That a screen answers as `may_ask` says is tried over HTTP by test_screens.py and test_rehearsal.py."""
    caller = caller_of(kind, tuple(SCOPES_OF[role]), role)
    other = [
        (screen.method, screen.path) for screen in SCREENS if may_ask(caller, screen) is not (role in told(screen))
    ]
    assert not other


def test_no_line_is_about_screens_that_are_not_there() -> None:
    for method, table in (("GET", LOOK), ("POST", DO)):
        paths = [screen.path.removeprefix(ROOT) for screen in SCREENS if screen.method == method]
        assert not [line for line in table if not any(f"{path}/".startswith(f"{line}/") for path in paths)]
