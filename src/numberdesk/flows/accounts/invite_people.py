"""Invite people to accounts, change what they are there, give them new links, and let them in no more.

Touches: database.

Whoever invites gives no role that may do what they may not do themselves, and changes nobody who may. Nor does a key
let anybody in who would not be bound by its spend limits, or who could sign in when it has expired.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from numberdesk.accounts.cap_store import find_caps_of
from numberdesk.accounts.model import SCOPES, Account, ApiKey, Scope
from numberdesk.accounts.people import PERSON_ID, SCOPES_OF, Person
from numberdesk.accounts.person_store import (
    count_people,
    find_people,
    find_people_called,
    insert_people,
    save_people,
)
from numberdesk.accounts.session_store import SignInLink, delete_links_of, end_sessions_of, insert_links
from numberdesk.accounts.store import find_accounts, find_keys, find_keys_made_by, revoke_descendants, revoke_keys
from numberdesk.core.errors import Forbidden, InvalidApiKey, InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.lifecycle import AccountState
from numberdesk.core.purchase_refusals import ACCOUNT_CLOSED
from numberdesk.core.roles import ROLES_OF, Role
from numberdesk.infra.db import Tx

MOST_PEOPLE: Final = 200
"""People of one account, disabled ones among them."""

_TOO_MANY: Final = "This account has as many people as it may have."
_BEYOND: Final = "You can only give roles that may do no more than you may."
_ONESELF: Final = "Nobody changes their own role or state: ask another one to."
_DISABLED: Final = "This person is disabled: enable them first."
_CAPPED: Final = "A key with spend limits lets nobody in who may buy: they would buy without its limits."
_EXPIRING: Final = "A key that expires lets nobody in: they could still sign in when it has expired."


class Invitation(NamedTuple):
    """A person to add to an account, and the link by which they choose a password.

    `asked_by` is the key or person that invites, None for a command; `scopes` are what they may give.
    """

    person: Person
    link: SignInLink
    scopes: Collection[str] = SCOPES
    asked_by: str | None = None

    @property
    def account_id(self) -> str:
        """Whose person it will be."""
        return self.person.account_id


class PersonChange(NamedTuple):
    """What to change at `now` of a person of an account (None: of any), by `changed_by` who may give these scopes.

    `disabled` ends or begins that they may sign in; `link` is a new one, in place of those before. `revoke_keys`, for
    whoever is disabled: the keys go with them that they made for the account.
    """

    person_id: str
    account_id: str | None
    now: int
    scopes: Collection[str] = SCOPES
    changed_by: str | None = None
    role: Role | None = None
    disabled: bool | None = None
    link: SignInLink | None = None
    revoke_keys: bool = False


def invite_people(tx: Tx, commands: Sequence[Invitation]) -> list[Person | NumberdeskError]:
    """Record people with the links that let them in. Of an email there is one person, of one account."""
    owners = {command.account_id for command in commands}
    asking = _Asking(tx, {command.asked_by for command in commands})
    accounts, many = find_accounts(tx, owners), count_people(tx, owners)
    taken = set(find_people_called(tx, [command.person.email for command in commands]))
    outcomes: list[Person | NumberdeskError] = []
    made: list[Invitation] = []
    for command in commands:
        person = command.person
        refusal = asking.refusal(command.asked_by, person.created_at, person.role, lets_in=True)
        refusal = refusal or _unwelcome(command, accounts, many.get(person.account_id, 0), taken)
        if refusal is None:
            taken.add(person.email)
            many[person.account_id] = many.get(person.account_id, 0) + 1
            made.append(command)
        outcomes.append(refusal or person)
    if made:
        insert_people(tx, [command.person for command in made])
        insert_links(tx, [command.link for command in made])
    return outcomes


class _Asking:
    """The keys and people that ask, as they are by now, with others; locked, so that they stay so."""

    def __init__(self, tx: Tx, ids: Collection[str | None], others: Collection[str] = ()) -> None:
        wanted = {each for each in ids if each is not None}
        keys = {each for each in wanted if not each.startswith(PERSON_ID)}
        self._keys: dict[str, ApiKey] = find_keys(tx, keys, lock=True) if keys else {}
        self._capped = find_caps_of(tx, keys) if keys else {}
        self.people = find_people(tx, {*others, *(wanted - keys)}, lock=True)

    def refusal(self, asked_by: str | None, now: int, role: Role | None, *, lets_in: bool) -> NumberdeskError | None:
        """Why whoever asks may not have somebody be of a role (None: disabled), or give them a new way in."""
        if asked_by is None:
            return None
        if asked_by.startswith(PERSON_ID):
            person = self.people.get(asked_by)
            return InvalidApiKey() if person is None or person.disabled_at is not None else None
        key = self._keys.get(asked_by)
        if key is None or not key.valid_at(now):
            return InvalidApiKey()
        if role is not None and Scope.NUMBERS_BUY in SCOPES_OF[role] and asked_by in self._capped:
            return Forbidden(_CAPPED)
        return Forbidden(_EXPIRING) if lets_in and key.expires_at is not None else None


def _unwelcome(
    command: Invitation, accounts: Mapping[str, Account], many: int, taken: Collection[str]
) -> NumberdeskError | None:
    account = accounts.get(command.account_id)
    if account is None:
        return NotFound("There is no such account.")
    if account.state is AccountState.CLOSED:
        return Forbidden(ACCOUNT_CLOSED)
    refusal = _not_given(account, command.person.role, command.scopes)
    if refusal is not None:
        return refusal
    if many >= MOST_PEOPLE:  # before the email is looked at, so that nobody asks for others' emails without end
        return Forbidden(_TOO_MANY, {"limit": MOST_PEOPLE})
    if command.person.email in taken:
        return InvalidRequest("email", "is somebody's already, here or at another account")
    return None


def _not_given(account: Account, role: Role, scopes: Collection[str]) -> NumberdeskError | None:
    """Why nobody of an account is given a role by whoever may give these scopes."""
    if role not in ROLES_OF[account.kind]:
        fits = ", ".join(ROLES_OF[account.kind])
        return InvalidRequest("role", f"must be one of {fits} in the account of {account.kind.value}s")
    return None if SCOPES_OF[role] <= set(scopes) else Forbidden(_BEYOND)


def change_people(tx: Tx, commands: Sequence[PersonChange]) -> list[Person | NumberdeskError]:
    """Change people. Whoever is disabled is signed out, and their links are good for nothing."""
    asking = _Asking(tx, {command.changed_by for command in commands}, [command.person_id for command in commands])
    known = asking.people
    accounts = find_accounts(tx, {person.account_id for person in known.values()}, lock=False)
    outcomes: list[Person | NumberdeskError] = []
    for command in commands:
        person = known.get(command.person_id)
        if person is None or command.account_id not in (None, person.account_id):
            outcomes.append(NotFound())
            continue
        lets_in, disables = command.link is not None, command.disabled is True
        role = command.role or (None if disables else person.role)
        refusal = asking.refusal(command.changed_by, command.now, role, lets_in=lets_in)
        outcome = refusal or _changed(command, person, accounts[person.account_id])
        if isinstance(outcome, Person):
            known[person.id] = outcome
            save_people(tx, [outcome])
            _keep_doors(tx, command, outcome)
        outcomes.append(outcome)
    return outcomes


def _changed(command: PersonChange, person: Person, account: Account) -> Person | NumberdeskError:
    if command.changed_by == person.id:
        return Forbidden(_ONESELF)
    refusal = _not_given(account, person.role, command.scopes)
    if refusal is None and command.role is not None:
        refusal = _not_given(account, command.role, command.scopes)
    if refusal is not None:
        return refusal
    if command.revoke_keys and command.disabled is not True:
        return InvalidRequest("revoke_keys", "goes with disabling a person")
    if command.disabled is not None:
        ended = (person.disabled_at or command.now) if command.disabled else None
        person = person._replace(disabled_at=ended)
    if command.link is not None and person.disabled_at is not None:
        return Forbidden(_DISABLED)
    return person if command.role is None else person._replace(role=command.role)


def _keep_doors(tx: Tx, command: PersonChange, person: Person) -> None:
    """Sessions and links as they are to be after a change."""
    if command.link is not None or person.disabled_at is not None:
        delete_links_of(tx, [person.id])
    if command.link is not None:
        insert_links(tx, [command.link])
    if person.disabled_at is not None:
        end_sessions_of(tx, person.id)
        if command.revoke_keys:
            _revoke_keys(tx, command, person)


def _revoke_keys(tx: Tx, command: PersonChange, person: Person) -> None:
    """Revoke the keys of a person, and those that were made with these."""
    for key in find_keys_made_by(tx, {(person.account_id, person.id)}, command.now).get(person.id, ()):
        if set(key.scopes) <= set(command.scopes):
            revoke_keys(tx, {key.id: command.now})
            revoke_descendants(tx, key.id, command.now)
