"""People of accounts.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from numberdesk.accounts.model import ApiKey
from numberdesk.accounts.passkeys import Passkey
from numberdesk.accounts.people import Person, PersonState
from numberdesk.core.periods import iso_or_none, iso_seconds
from numberdesk.core.roles import Role
from numberdesk.views.formats import AccountId, Instant, KeyId, PersonId


class PersonKeyView(msgspec.Struct, frozen=True):
    """An API key that a person made for their account."""

    id: KeyId
    name: str


class PersonView(msgspec.Struct, frozen=True):
    """Somebody who signs in to the console."""

    id: PersonId
    account_id: AccountId
    email: str
    role: Role
    status: PersonState
    created_at: Instant
    disabled_at: Instant | None
    keys: Annotated[
        list[PersonKeyView],
        msgspec.Meta(
            description="The keys that work which they made for the account; disabling leaves them as they are."
        ),
    ]


class InvitedPersonView(PersonView, frozen=True):
    """A person with the link by which they choose a password, which is shown this once."""

    link: str
    link_expires_at: Instant


class ErasedPersonView(msgspec.Struct, frozen=True):
    """Somebody who was erased: the id that their changes still have, and what they left."""

    id: PersonId
    account_id: AccountId
    keys: Annotated[
        list[PersonKeyView],
        msgspec.Meta(description="The keys that still work which they made for the account."),
    ]


class PasskeyView(msgspec.Struct, frozen=True):
    """A passkey by which somebody signs in to the console."""

    id: str
    name: str
    created_at: Instant
    used_at: Instant | None


def passkey_view(passkey: Passkey) -> PasskeyView:
    """A passkey, without its key."""
    return PasskeyView(passkey.id, passkey.name, iso_seconds(passkey.created_at), iso_or_none(passkey.used_at))


def person_view(person: Person, keys: Sequence[ApiKey] = ()) -> PersonView:
    """A person."""
    return PersonView(
        person.id,
        person.account_id,
        person.email,
        person.role,
        person.state,
        iso_seconds(person.created_at),
        iso_or_none(person.disabled_at),
        [PersonKeyView(key.id, key.name) for key in keys],
    )


def erased_view(person: Person, keys: Sequence[ApiKey]) -> ErasedPersonView:
    """A person who was erased."""
    return ErasedPersonView(person.id, person.account_id, [PersonKeyView(key.id, key.name) for key in keys])


def invited_view(person: Person, link: str, expires_at: int, keys: Sequence[ApiKey] = ()) -> InvitedPersonView:
    """A person with a new link."""
    return InvitedPersonView(
        **msgspec.structs.asdict(person_view(person, keys)), link=link, link_expires_at=iso_seconds(expires_at)
    )
