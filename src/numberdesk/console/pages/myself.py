"""Who is signed in: their sessions, which they can end, their passkeys and their password.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from numberdesk.accounts.passkey_store import list_passkeys
from numberdesk.accounts.person_store import find_people
from numberdesk.accounts.session_store import list_sessions
from numberdesk.console.passkeys import relying_party
from numberdesk.console.rendering import redirect
from numberdesk.console.screens import screen, show, show_again
from numberdesk.console.visit import Visit
from numberdesk.core.errors import InvalidRequest, NumberdeskError
from numberdesk.core.periods import iso_or_none, iso_seconds
from numberdesk.flows.accounts.sign_in import IDLE, EndSessions, NewPassword, change_passwords, end_sessions
from numberdesk.infra.attribution import attributed_to

_SHOWN: Final = 16
"""Characters of a session's hash by which it is told from others: what is stored, not what a browser sends."""


@screen("GET", "/me")
async def myself(visit: Visit) -> Response:
    """Who is signed in, where else they are, and a form for another password."""
    session, since = visit.signed.session, visit.now - IDLE
    found = await visit.entry_point.services.reader.look_up(lambda tx: list_sessions(tx, session.key_id, since))
    sessions = [
        {
            "id": each.hash[:_SHOWN],
            "is_this": each.hash == session.hash,
            "created_at": iso_seconds(each.created_at),
            "seen_at": iso_seconds(each.seen_at),
            "address": each.address or "",
            "browser": each.browser or "",
        }
        for each in found
    ]
    return show(
        visit, "myself.html", "/console/me", "You and your sessions", sessions=sessions,
        passkeys=await _passkeys(visit),
        party=relying_party(visit.origin, visit.entry_point.services.settings.public_url),
    )  # fmt: skip


async def _passkeys(visit: Visit) -> list[dict[str, str | None]]:
    """The passkeys of the person who is signed in, as the page shows them."""
    person_id = visit.signed.session.key_id
    found = await visit.entry_point.services.reader.look_up(lambda tx: list_passkeys(tx, person_id))
    return [
        {
            "id": each.id,
            "name": each.name,
            "created_at": iso_seconds(each.created_at),
            "used_at": iso_or_none(each.used_at),
        }
        for each in found
    ]


@screen("POST", "/me/sessions/end")
async def end(visit: Visit) -> Response:
    """End one session, or all others."""
    session, wanted = visit.signed.session, visit.sent("session").strip()
    if wanted == "others":
        command = EndSessions(session.key_id, keep=session.hash)
    elif len(wanted) == _SHOWN and wanted.isalnum():
        command = EndSessions(session.key_id, only=wanted)
    else:
        return await show_again(visit, InvalidRequest("session", "must be one of those listed"), myself)
    with attributed_to(visit.action("end sessions")):
        await visit.entry_point.services.writer.submit(end_sessions, command)
    return redirect(f"/console/me?said={'session-ended' if command.only else 'sessions-ended'}")


@screen("POST", "/me/password")
async def change_password(visit: Visit) -> Response:
    """Change the password of the person who is signed in."""
    try:
        await _changed(visit)
    except NumberdeskError as error:
        return await show_again(visit, error, myself)
    return redirect("/console/me?said=password")


async def _changed(visit: Visit) -> None:
    """Raises InvalidRequest, RateLimited, Overloaded, and InvalidApiKey where it was changed meanwhile."""
    email, services, session = visit.signed.email, visit.entry_point.services, visit.signed.session
    if email is None:
        raise InvalidRequest("password", "is for people: you are signed in by a key")
    found = await services.reader.look_up(lambda tx: find_people(tx, [session.key_id]))
    stored = found[session.key_id].password
    if not await visit.passwords.is_password(email, visit.sent("current_password"), stored, visit.client):
        raise InvalidRequest("current_password", "is not the one that you have")
    chosen = await visit.passwords.hash(visit.sent("password"), email, services.random_bytes)
    with attributed_to(visit.action("change password")):
        await services.writer.submit(change_passwords, NewPassword(session.key_id, stored, chosen, session.hash))
