"""The passkeys of whoever is signed in: add one, name it, remove it.

Touches: nothing.
"""

from __future__ import annotations

from starlette.responses import Response

from numberdesk.accounts.actions import Action, kept_details
from numberdesk.accounts.authenticators import RelyingParty
from numberdesk.accounts.passkeys import PASSKEY_ID, Passkey, parse_passkey_name
from numberdesk.accounts.people import Person
from numberdesk.accounts.person_store import find_people
from numberdesk.api.errors import STATUSES
from numberdesk.api.shapes import id_in_path
from numberdesk.console.pages.myself import myself
from numberdesk.console.passkeys import NO_PASSKEYS, asked_to_make, made_passkey, relying_party
from numberdesk.console.rendering import redirect, refusal_words, told
from numberdesk.console.screens import screen, show_again
from numberdesk.console.visit import Visit
from numberdesk.core.errors import InvalidRequest, NotFound, NumberdeskError
from numberdesk.flows.accounts.passkeys import PasskeyChange, add_passkeys, change_passkeys
from numberdesk.infra.attribution import attributed_to
from numberdesk.wiring import Services


@screen("POST", "/me/passkeys/ask")
async def ask(visit: Visit) -> Response:
    """What the browser is to make a passkey by, for whoever knows the password."""
    services = visit.entry_point.services
    try:
        party, person = _party(visit), await _person(visit)
        typed = visit.sent("current_password")
        if not await visit.passwords.is_password(person.email, typed, person.password, visit.client):
            raise InvalidRequest("current_password", "is not the one that you have")
        return told(await asked_to_make(services, visit.passwords, party, person, visit.now))
    except NumberdeskError as error:
        return told({"error": refusal_words(error)}, STATUSES[error.code])


@screen("POST", "/me/passkeys")
async def add(visit: Visit) -> Response:
    """Keep what the browser made."""
    try:
        await _added(visit)
    except NumberdeskError as error:
        return await show_again(visit, error, myself)
    return redirect("/console/me?said=passkey-added")


async def _added(visit: Visit) -> None:
    services = visit.entry_point.services
    party, person = _party(visit), await _person(visit)
    name = parse_passkey_name(visit.sent("name"))
    made = await made_passkey(services, visit.passwords, party, person.id, visit.sent("credential"), visit.now)
    passkey = Passkey(services.new_id(PASSKEY_ID.rstrip("_")), person.id, *made, name, visit.now)
    with attributed_to(_action(visit, "add a passkey", passkey.id, name)):
        await services.writer.submit(add_passkeys, passkey)


@screen("POST", "/me/passkeys/{passkey_id}/name")
async def rename(visit: Visit) -> Response:
    """Call a passkey otherwise."""
    passkey_id = id_in_path(visit.path["passkey_id"])
    try:
        name = parse_passkey_name(visit.sent("name"))
        with attributed_to(_action(visit, "name a passkey", passkey_id, name)):
            await _services(visit).writer.submit(
                change_passkeys, PasskeyChange(passkey_id, visit.signed.session.key_id, name)
            )
    except InvalidRequest as error:
        return await show_again(visit, error, myself)
    return redirect("/console/me?said=saved")


@screen("POST", "/me/passkeys/{passkey_id}/remove")
async def remove(visit: Visit) -> Response:
    """Let nobody in by a passkey any more."""
    session, passkey_id = visit.signed.session, id_in_path(visit.path["passkey_id"])
    with attributed_to(_action(visit, "remove a passkey", passkey_id)):
        await _services(visit).writer.submit(
            change_passkeys, PasskeyChange(passkey_id, session.key_id, keep=session.hash)
        )
    return redirect("/console/me?said=passkey-removed")


def _services(visit: Visit) -> Services:
    return visit.entry_point.services


def _party(visit: Visit) -> RelyingParty:
    party = relying_party(visit.origin, _services(visit).settings.public_url)
    if party is None:
        raise NotFound(NO_PASSKEYS)
    return party


async def _person(visit: Visit) -> Person:
    """Who is signed in, whomever they act for."""
    if visit.signed.email is None:
        raise InvalidRequest("password", "is for people: you are signed in by a key")
    person_id = visit.signed.session.key_id
    found = await _services(visit).reader.look_up(lambda tx: find_people(tx, [person_id]))
    return found[person_id]


def _action(visit: Visit, what: str, passkey_id: str, name: str = "") -> Action:
    """For the record of the person's own account, though they act for another."""
    details = kept_details({"name": name or None})
    return visit.action(what, passkey_id)._replace(account_id="", details=details)
