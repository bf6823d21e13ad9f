"""Commands for people who sign in to the console.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, Final

import typer

from numberdesk.accounts.model import ApiKey
from numberdesk.accounts.passkey_store import list_passkeys
from numberdesk.accounts.people import Person, parse_email
from numberdesk.accounts.person_store import find_people, find_people_called, list_people
from numberdesk.accounts.store import find_keys_made_by
from numberdesk.cli.output import fail, print_list, print_object
from numberdesk.cli.session import AccountArgument, AsJson, Limit, Yes, account_called, confirm, services
from numberdesk.core.roles import Role
from numberdesk.flows.accounts.erase_people import Erasure, erase_people
from numberdesk.flows.accounts.invite_people import Invitation, PersonChange, change_people, invite_people
from numberdesk.flows.accounts.passkeys import PasskeyChange, change_passkeys
from numberdesk.flows.accounts.sign_in import new_link
from numberdesk.views.people import erased_view, invited_view, passkey_view, person_view
from numberdesk.wiring import Services, console_address

people = typer.Typer(help="People who sign in to the console.", no_args_is_help=True)

_OPTIONS: Final = {"email": "EMAIL", "role": "--role"}

_Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The email that the person signs in with")]
_RevokeKeys = Annotated[bool, typer.Option("--revoke-keys", help="Revoke the keys that they made for the account, too")]
_RoleOption = Annotated[
    Role, typer.Option(help="owner, buyer or viewer of customers; admin, support or finance of operators")
]


@people.command("invite")
def invite_person(
    account: AccountArgument,
    email: _Email,
    role: _RoleOption,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Invite somebody; prints a link by which they choose a password, good once within seven days."""
    with services(_OPTIONS) as running:
        owner, now = account_called(running, account), running.now()
        person = Person(running.new_id("per"), owner.id, parse_email(email), role, now)
        token, link = new_link(running.random_bytes, person.id, now)
        made = running.writer.apply(invite_people, Invitation(person, link))
        print_object(invited_view(made, _address(running, token), link.expires_at), as_json=as_json)


@people.command("list")
def list_all_people(
    account: Annotated[str | None, typer.Argument(metavar="[ACCOUNT]", help="Only this account's")] = None,
    limit: Limit = 1000,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """List people, in the order of their invitation."""
    with services(_OPTIONS) as running:
        owner = None if account is None else account_called(running, account).id
        found = running.reader.read_now(lambda tx: list_people(tx, owner, after_id=None, limit=limit))
        columns = ("id", "account_id", "email", "role", "status", "created_at", "disabled_at")
        print_list([person_view(one) for one in found], columns, as_json=as_json)


@people.command("role")
def give_role(email: _Email, role: _RoleOption, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Give a person another role; it holds from their next click on."""
    with services(_OPTIONS) as running:
        change = _change(running, email)._replace(role=role)
        print_object(person_view(running.writer.apply(change_people, change)), as_json=as_json)


@people.command("link")
def link_person(email: _Email, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Print a new link for a person, such as one who forgot the password; those before are good for nothing."""
    with services(_OPTIONS) as running:
        change = _change(running, email)
        token, link = new_link(running.random_bytes, change.person_id, change.now)
        person = running.writer.apply(change_people, change._replace(link=link))
        print_object(invited_view(person, _address(running, token), link.expires_at), as_json=as_json)


@people.command("disable")
def disable_person(
    email: _Email,
    revoke_keys: _RevokeKeys = False,  # noqa: FBT002  a flag
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Let a person sign in no more, and end their sessions at once; prints the keys of theirs that go on."""
    _let_in(email, disabled=True, revoke_keys=revoke_keys, as_json=as_json)


@people.command("enable")
def enable_person(email: _Email, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Let a person sign in again."""
    _let_in(email, disabled=False, as_json=as_json)


@people.command("erase")
def erase_person(
    email: _Email,
    revoke_keys: _RevokeKeys = False,  # noqa: FBT002  a flag
    yes: Yes = False,  # noqa: FBT002  a flag
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Erase a person for good, whose email may be invited again; what they did stays under their id.

    Email, password, passkeys, sessions and links go, and from where they did what. Prints the keys of theirs that go
    on. Backups keep the person until they are deleted themselves.
    """
    with services(_OPTIONS) as running:
        change = _change(running, email)._replace(disabled=True, revoke_keys=revoke_keys)
        confirm(f"Erase {parse_email(email)} for good? {_left(running, change)}", yes=yes)
        person = running.writer.apply(change_people, change)
        looked_to: str | None = ""
        while looked_to is not None:
            looked_to = running.writer.apply(erase_people, Erasure(person.id, looked_to)).looked_to
        print_object(erased_view(person, _live_keys(running, person, change.now)), as_json=as_json)


def _left(running: Services, change: PersonChange) -> str:
    """What comes of the keys that a person made, for whoever is asked about it."""
    whom = change.person_id
    person = running.reader.read_now(lambda tx: find_people(tx, [whom]))[whom]
    keys = _live_keys(running, person, change.now)
    if not keys:
        return "They made no key that works."
    names = ", ".join(key.name or key.id for key in keys)
    return f"Keys that they made {'are revoked' if change.revoke_keys else 'go on'}: {names}."


def _live_keys(running: Services, person: Person, now: int) -> list[ApiKey]:
    whose = {(person.account_id, person.id)}
    return running.reader.read_now(lambda tx: find_keys_made_by(tx, whose, now)).get(person.id, [])


@people.command("passkeys")
def list_passkeys_of_person(email: _Email, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """List the passkeys by which a person signs in."""
    with services(_OPTIONS) as running:
        person_id = _change(running, email).person_id
        found = running.reader.read_now(lambda tx: list_passkeys(tx, person_id))
        columns = ("id", "name", "created_at", "used_at")
        print_list([passkey_view(one) for one in found], columns, as_json=as_json)


@people.command("remove-passkey")
def remove_passkey(
    email: _Email,
    passkey: Annotated[str, typer.Argument(metavar="PASSKEY", help="Its id, as `people passkeys` shows it")],
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Let a person sign in by a passkey no more, such as one that was lost, and end their sessions at once."""
    with services(_OPTIONS) as running:
        change = PasskeyChange(passkey, _change(running, email).person_id)
        print_object(passkey_view(running.writer.apply(change_passkeys, change)), as_json=as_json)


def _let_in(email: str, *, disabled: bool, revoke_keys: bool = False, as_json: bool) -> None:
    with services(_OPTIONS) as running:
        change = _change(running, email)._replace(disabled=disabled, revoke_keys=revoke_keys)
        person = running.writer.apply(change_people, change)
        print_object(person_view(person, _live_keys(running, person, change.now)), as_json=as_json)


def _change(running: Services, email: str) -> PersonChange:
    """A change of the person of this email; ends the command where there is none."""
    wanted = parse_email(email)
    found = running.reader.read_now(lambda tx: find_people_called(tx, [wanted])).get(wanted)
    if found is None:
        fail(f"there is nobody with the email {wanted!r}")
    return PersonChange(found.id, None, running.now())


def _address(running: Services, token: str) -> str:
    return f"{console_address(running.settings)}/console/link?token={token}"
