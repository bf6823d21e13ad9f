"""People who sign in to the console: list, invite, change, give a new link, and erase.

Touches: database.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from numberdesk.accounts.model import ApiKey
from numberdesk.accounts.people import EMAIL, LONGEST_EMAIL, Person, PersonState, parse_email
from numberdesk.accounts.person_store import list_people
from numberdesk.accounts.store import find_keys_made_by
from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.paging import PageQuery, page, position
from numberdesk.api.routes.api_keys import KEY_REFUSAL
from numberdesk.api.shapes import Label, id_in_path, stated
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.roles import ROLES_OF, Role
from numberdesk.flows.accounts.erase_people import Erasure, erase_people
from numberdesk.flows.accounts.invite_people import Invitation, PersonChange, change_people, invite_people
from numberdesk.flows.accounts.sign_in import new_link
from numberdesk.infra.db import Tx
from numberdesk.views.people import (
    ErasedPersonView,
    InvitedPersonView,
    PersonView,
    erased_view,
    invited_view,
    person_view,
)
from numberdesk.wiring import console_address

_PERSON_EXAMPLE: Final[dict[str, object]] = {
    "id": "per_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "account_id": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "email": "ann@example.com",
    "role": "buyer",
    "status": "invited",
    "created_at": "2026-03-20T14:30:00Z",
    "disabled_at": None,
    "keys": [],
}
_INVITED_EXAMPLE: Final = {
    **_PERSON_EXAMPLE,
    "link": "https://numbers.example.com/console/link?token=Zk3v0s4JcQ1xTt9mWb2uYd7eRf6gHh8i",
    "link_expires_at": "2026-03-27T14:30:00Z",
}
_ERASED_EXAMPLE: Final[dict[str, object]] = {
    "id": "per_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "account_id": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "keys": [{"id": "key_0195b3a4c7e07d2f8a1b2c3d4e5f6071", "name": "voice server"}],
}
_OF_ACCOUNT: Final = "/admin/accounts/{account_id:str}/people"

_Role = Annotated[Label, stated(enum=list(Role))]
_Email = Annotated[Label, stated(maxLength=LONGEST_EMAIL, pattern=f"^{EMAIL.pattern}$")]


class NewPersonBody(msgspec.Struct, frozen=True):
    """Somebody to invite."""

    email: _Email
    role: _Role


class PersonBody(msgspec.Struct, frozen=True):
    """What to change of a person; what is left out stays as it is."""

    role: _Role | None = None
    status: PersonState | None = None
    revoke_keys: Annotated[
        bool,
        msgspec.Meta(description="With the status disabled: revoke the keys that the person made for the account."),
    ] = False


class ErasureBody(msgspec.Struct, frozen=True):
    """What goes with a person who is erased."""

    revoke_keys: Annotated[bool, msgspec.Meta(description="Revoke the keys that the person made for the account.")] = (
        False
    )


@endpoint(
    "GET",
    "/people",
    summary="The people of the account",
    tag="People",
    scope="keys:manage",
    query=PageQuery,
    data=list[PersonView],
    paged=True,
    answer_example=[_PERSON_EXAMPLE],
)
async def people(request: ApiRequest) -> ApiResponse:
    """Page the account's people, in the order of their invitation."""
    return await _listed(request, request.caller.account_id)


@endpoint(
    "POST",
    "/people",
    summary="Invite somebody; the link by which they choose a password is shown this once",
    tag="People",
    scope="keys:manage",
    body=NewPersonBody,
    data=InvitedPersonView,
    example={"email": "ann@example.com", "role": "buyer"},
    answer_example=_INVITED_EXAMPLE,
    key_refusal=KEY_REFUSAL,
)
async def invite_person(request: ApiRequest) -> ApiResponse:
    """Invite somebody in a role that may do no more than whoever asks."""
    return await _invited(request, request.caller.account_id)


@endpoint(
    "PATCH",
    "/people/{person_id:str}",
    summary="Give a person another role, or let them sign in no more or again",
    tag="People",
    scope="keys:manage",
    body=PersonBody,
    data=PersonView,
    errors=("not_found",),
    example={"status": "disabled"},
    answer_example={**_PERSON_EXAMPLE, "status": "disabled", "disabled_at": "2026-04-02T09:00:00Z"},
)
async def change_person(request: ApiRequest) -> ApiResponse:
    """Change a person of the account."""
    return await _changed(request, request.caller.account_id)


@endpoint(
    "POST",
    "/people/{person_id:str}/link",
    summary="A new link by which a person chooses a password; those before are good for nothing",
    tag="People",
    scope="keys:manage",
    data=InvitedPersonView,
    errors=("not_found",),
    answer_example=_INVITED_EXAMPLE,
    key_refusal=KEY_REFUSAL,
)
async def link_person(request: ApiRequest) -> ApiResponse:
    """Give a person of the account a new link."""
    return await _linked(request, request.caller.account_id)


@endpoint(
    "POST",
    "/people/{person_id:str}/erase",
    summary="Erase a person for good: email, password, passkeys, sessions; what they did stays under their id",
    tag="People",
    scope="keys:manage",
    body=ErasureBody,
    data=ErasedPersonView,
    errors=("not_found",),
    example={"revoke_keys": False},
    answer_example=_ERASED_EXAMPLE,
)
async def erase_person(request: ApiRequest) -> ApiResponse:
    """Erase a person of the account, whose email may be invited again."""
    return await _erased(request, request.caller.account_id)


@endpoint(
    "GET",
    _OF_ACCOUNT,
    summary="The people of an account",
    tag="Operators",
    scope="admin",
    query=PageQuery,
    data=list[PersonView],
    paged=True,
    answer_example=[_PERSON_EXAMPLE],
)
async def people_of_account(request: ApiRequest) -> ApiResponse:
    """Page the people of any account."""
    return await _listed(request, id_in_path(request.path["account_id"]))


@endpoint(
    "POST",
    _OF_ACCOUNT,
    summary="Invite somebody to any account; their link is shown this once",
    tag="Operators",
    scope="admin",
    body=NewPersonBody,
    data=InvitedPersonView,
    errors=("not_found",),
    example={"email": "ann@example.com", "role": "owner"},
    answer_example={**_INVITED_EXAMPLE, "role": "owner"},
    key_refusal=KEY_REFUSAL,
)
async def invite_to_account(request: ApiRequest) -> ApiResponse:
    """Invite somebody in any role that the account's kind has."""
    return await _invited(request, id_in_path(request.path["account_id"]))


@endpoint(
    "PATCH",
    "/admin/people/{person_id:str}",
    summary="Give any person another role, or let them sign in no more or again",
    tag="Operators",
    scope="admin",
    body=PersonBody,
    data=PersonView,
    errors=("not_found",),
    example={"role": "owner"},
    answer_example={**_PERSON_EXAMPLE, "role": "owner", "status": "active"},
)
async def change_any_person(request: ApiRequest) -> ApiResponse:
    """Change a person of any account."""
    return await _changed(request, None)


@endpoint(
    "POST",
    "/admin/people/{person_id:str}/link",
    summary="A new link for any person; those before are good for nothing",
    tag="Operators",
    scope="admin",
    data=InvitedPersonView,
    errors=("not_found",),
    answer_example=_INVITED_EXAMPLE,
    key_refusal=KEY_REFUSAL,
)
async def link_any_person(request: ApiRequest) -> ApiResponse:
    """Give a person of any account a new link."""
    return await _linked(request, None)


@endpoint(
    "POST",
    "/admin/people/{person_id:str}/erase",
    summary="Erase any person for good: email, password, passkeys, sessions; what they did stays under their id",
    tag="Operators",
    scope="admin",
    body=ErasureBody,
    data=ErasedPersonView,
    errors=("not_found",),
    example={"revoke_keys": True},
    answer_example={**_ERASED_EXAMPLE, "keys": []},
)
async def erase_any_person(request: ApiRequest) -> ApiResponse:
    """Erase a person of any account, whose email may be invited again."""
    return await _erased(request, None)


async def _listed(request: ApiRequest, account_id: str) -> ApiResponse:
    query: PageQuery = request.query
    after = position(query.page_token, "per_")

    def read(tx: Tx) -> tuple[list[Person], dict[str, list[ApiKey]]]:
        found = list_people(tx, account_id, after_id=after, limit=query.page_size + 1)
        return found, find_keys_made_by(tx, {(each.account_id, each.id) for each in found}, request.now)

    found, keys = await request.read(read)
    items, rest = page(found, query.page_size, "id")
    return ApiResponse([person_view(item, keys.get(item.id, ())) for item in items], rest=rest)


async def _invited(request: ApiRequest, account_id: str) -> ApiResponse:
    body: NewPersonBody = request.body
    services = request.services
    person = Person(services.new_id("per"), account_id, parse_email(body.email), _role(request, body.role), request.now)
    token, link = new_link(services.random_bytes, person.id, request.now)
    command = Invitation(person, link, request.caller.key_scopes, request.caller.key_id)
    made: Person = await services.writer.submit(invite_people, command)
    address = f"{console_address(services.settings)}/console/link?token={token}"
    return ApiResponse(invited_view(made, address, link.expires_at), "Invited. The link is shown only now.")


async def _changed(request: ApiRequest, account_id: str | None) -> ApiResponse:
    body: PersonBody = request.body
    if body.status is PersonState.INVITED:
        raise InvalidRequest("status", "must be active or disabled; a new link lets them choose a password anew")
    disabled = None if body.status is None else body.status is PersonState.DISABLED
    changed = await request.services.writer.submit(
        change_people,
        _change(request, account_id)._replace(
            role=None if body.role is None else _role(request, body.role),
            disabled=disabled,
            revoke_keys=body.revoke_keys,
        ),
    )
    return ApiResponse(person_view(changed, await _keys(request, changed)), "Person updated")


async def _erased(request: ApiRequest, account_id: str | None) -> ApiResponse:
    body: ErasureBody = request.body
    writer = request.services.writer
    disabling = _change(request, account_id)._replace(disabled=True, revoke_keys=body.revoke_keys)
    person: Person = await writer.submit(change_people, disabling)
    looked_to: str | None = ""
    while looked_to is not None:
        looked_to = (await writer.submit(erase_people, Erasure(person.id, looked_to))).looked_to
    return ApiResponse(erased_view(person, await _keys(request, person)), "Person erased")


async def _keys(request: ApiRequest, person: Person) -> list[ApiKey]:
    """The keys that a person made and that work."""
    whose = {(person.account_id, person.id)}
    found = await request.read(lambda tx: find_keys_made_by(tx, whose, request.now))
    return found.get(person.id, [])


def _role(request: ApiRequest, text: str) -> Role:
    """A role; of others than those that the caller may know of it says nothing. Raises InvalidRequest."""
    known = list(Role) if request.caller.kind is AccountKind.OPERATOR else ROLES_OF[request.caller.kind]
    if text not in known:
        raise InvalidRequest("role", f"must be one of {', '.join(known)}")
    return Role(text)


async def _linked(request: ApiRequest, account_id: str | None) -> ApiResponse:
    services, change = request.services, _change(request, account_id)
    token, link = new_link(services.random_bytes, change.person_id, request.now)
    person: Person = await services.writer.submit(change_people, change._replace(link=link))
    address = f"{console_address(services.settings)}/console/link?token={token}"
    view = invited_view(person, address, link.expires_at, await _keys(request, person))
    return ApiResponse(view, "The link is shown only now.")


def _change(request: ApiRequest, account_id: str | None) -> PersonChange:
    caller = request.caller
    return PersonChange(
        id_in_path(request.path["person_id"]), account_id, request.now, caller.key_scopes, caller.key_id
    )
