"""People of the account, and for operators those of any: invite, change, let in no more, and new links.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from numberdesk.accounts.people import SCOPES_OF
from numberdesk.console.paths import filled
from numberdesk.console.rendering import redirect
from numberdesk.console.screens import ROOT, Deed, Shower, perform, screen, show, show_again
from numberdesk.console.tables import Column, ScreenTable, csv_answer, load
from numberdesk.console.visit import Visit
from numberdesk.core.errors import InvalidRequest, NumberdeskError
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.roles import ROLES_OF, Role
from numberdesk.core.text import folded

_ACCOUNT: Final = "GET /admin/accounts/{account_id}"
_OF_ACCOUNT: Final = "/admin/accounts/{account_id}/people"
_BODY: Final = ("email", "role")
_COLUMNS: Final = (
    Column("Email", "email"),
    Column("Role", "role", "words"),
    Column("State", "status", "state"),
    Column("Invited", "created_at", "time"),
    Column("Disabled", "disabled_at", "time"),
)
PEOPLE: Final = ScreenTable(
    "/console/people",
    "People",
    "GET /people",
    _COLUMNS,
    empty="Nobody signs in with a password yet. Invite the first one.",
    about="Who signs in here with an email and a password. What they may do follows from their role.",
    deeds="deeds/person.html",
    new="new/person.html",
)
PEOPLE_OF: Final = ScreenTable(
    "/console/accounts/{account_id}/people",
    "People",
    f"GET {_OF_ACCOUNT}",
    _COLUMNS,
    empty="Nobody of this account signs in with a password yet.",
    deeds="deeds/person.html",
    new="new/person.html",
)


@screen("GET", "/people", PEOPLE.endpoint)
async def people(visit: Visit) -> Response:
    """The account's people, and a form for another."""
    roles = _given(visit, visit.caller.kind)
    table = await load(visit, PEOPLE)
    return show(
        visit, "table.html", "/console/people", "People", table=table, roles=roles, base="/console/people",
        invites=visit.may("POST /people"),
    )  # fmt: skip


@screen("GET", "/people/csv", PEOPLE.endpoint)
async def people_as_csv(visit: Visit) -> Response:
    """The same as CSV."""
    return await csv_answer(visit, PEOPLE)


@screen("GET", "/accounts/{account_id}/people", PEOPLE_OF.endpoint, _ACCOUNT)
async def people_of_account(visit: Visit) -> Response:
    """The people of any account, and a form for another."""
    account = (await visit.ask(_ACCOUNT, path=visit.path)).data
    return show(
        visit, "people.html", "/console/accounts", f"People of {account.name}",
        table=await load(visit, PEOPLE_OF, visit.path), roles=_given(visit, account.kind), account=account,
        base=f"/console/accounts/{account.id}/people", invites=visit.may(f"POST {_OF_ACCOUNT}"),
    )  # fmt: skip


@screen("GET", "/accounts/{account_id}/people/csv", PEOPLE_OF.endpoint)
async def people_of_account_as_csv(visit: Visit) -> Response:
    """The same as CSV."""
    return await csv_answer(visit, PEOPLE_OF, visit.path)


def _given(visit: Visit, kind: AccountKind) -> list[Role]:
    """The roles that the visitor may give in an account of a kind."""
    return [role for role in ROLES_OF[AccountKind(kind)] if SCOPES_OF[role] <= visit.caller.key_scopes]


def _shows_link(path: str, endpoint: str, back: Shower) -> None:
    """Declare a form that is answered with a link, which is shown once."""

    @screen("POST", path, endpoint)
    async def shows_link(visit: Visit) -> Response:
        try:
            body = visit.filled(*_BODY) if endpoint.endswith("/people") else None
            made = (await visit.ask(endpoint, path=visit.path, body=body)).data
        except NumberdeskError as error:
            return await show_again(visit, error, back)
        here = "/console/people" if back is people else "/console/accounts"
        home = "/console/people" if back is people else f"/console/accounts/{made.account_id}/people"
        what = f"The link for {made.email}, by which they choose a password. It is good once, for seven days"
        return show(visit, "secret.html", here, "A link to sign in", secret=made.link, what=what, back=home)


_shows_link("/people", "POST /people", people)
_shows_link("/people/{person_id}/link", "POST /people/{person_id}/link", people)
_shows_link("/accounts/{account_id}/people", f"POST {_OF_ACCOUNT}", people_of_account)
_shows_link("/accounts/{account_id}/people/{person_id}/link", "POST /admin/people/{person_id}/link", people_of_account)


def _changes(path: str, endpoint: str, back: str, again: Shower) -> None:
    """Declare the forms that change a person."""
    done = Deed(path, endpoint, back, "person-changed", fields=("role", "status"))

    @screen("POST", path, endpoint)
    async def change(visit: Visit) -> Response:
        body: dict[str, object] = {**visit.filled(*done.fields)}
        if visit.sent("revoke_keys"):
            body["revoke_keys"] = True
        try:
            await perform(visit, done, body)
        except NumberdeskError as error:
            return await show_again(visit, error, again)
        return redirect(f"{filled(ROOT + back, visit.path)}?said={done.said}")


def _erases(path: str, endpoint: str, back: str, again: Shower) -> None:
    """Declare a form that erases a person, whose email is typed first."""

    @screen("POST", path, endpoint)
    async def erase(visit: Visit) -> Response:
        try:
            typed, meant = (folded(visit.sent(name)) for name in ("email_again", "erased_email"))
            if typed != meant or not meant:
                raise InvalidRequest("email_again", f"must be {meant or 'the email of the person'}")
            erased = (
                await visit.ask(endpoint, path=visit.path, body={"revoke_keys": bool(visit.sent("revoke_keys"))})
            ).data
        except NumberdeskError as error:
            return await show_again(visit, error, again)
        said = "erased-but-keys" if erased.keys else "erased"
        return redirect(f"{filled(ROOT + back, visit.path)}?said={said}")


_erases("/people/{person_id}/erase", "POST /people/{person_id}/erase", "/people", people)
_erases(
    "/accounts/{account_id}/people/{person_id}/erase",
    "POST /admin/people/{person_id}/erase",
    "/accounts/{account_id}/people",
    people_of_account,
)
_changes("/people/{person_id}/change", "PATCH /people/{person_id}", "/people", people)
_changes(
    "/accounts/{account_id}/people/{person_id}/change",
    "PATCH /admin/people/{person_id}",
    "/accounts/{account_id}/people",
    people_of_account,
)
