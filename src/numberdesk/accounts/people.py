"""People who sign in to the console: their emails, roles and the scopes that these come to.

Touches: nothing.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from typing import Final, NamedTuple

from numberdesk.accounts.model import SCOPES, Caller, Scope, scopes_out_of_place
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.roles import Role
from numberdesk.core.text import TextError, folded, parse_text

PERSON_ID: Final = "per_"
"""What ids of people begin with, by which they are told from those of keys."""

LONGEST_EMAIL: Final = 200
EMAIL: Final = re.compile(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+")
"""What looks like an email."""

SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 200
_MOST_PARTS: Final = 4

_VIEWER: Final = frozenset({Scope.NUMBERS_READ.value, Scope.BILLING_READ.value})
_SUPPORT: Final = frozenset({Scope.NUMBERS_READ.value, Scope.ADMIN.value})
_BUYER: Final = _VIEWER | {Scope.NUMBERS_BUY.value, Scope.NUMBERS_MANAGE.value}


def _all_of(kind: AccountKind) -> frozenset[str]:
    return frozenset(scope for scope in SCOPES if not scopes_out_of_place(kind, [scope]))


SCOPES_OF: Final = {
    Role.OWNER: _all_of(AccountKind.CUSTOMER),
    Role.BUYER: _BUYER,
    Role.VIEWER: _VIEWER,
    Role.ADMIN: _all_of(AccountKind.OPERATOR),
    Role.SUPPORT: _SUPPORT,
    Role.FINANCE: _SUPPORT,
}
"""The scopes of each role. What operators' roles may change is narrowed further by core/roles.py."""


class PersonState(StrEnum):
    """Whether a person has a password yet, and may sign in."""

    INVITED = "invited"
    ACTIVE = "active"
    DISABLED = "disabled"


class Person(NamedTuple):
    """Somebody of one account. `password` is its Argon2id hash, None until one is chosen; instants in microseconds."""

    id: str
    account_id: str
    email: str
    role: Role
    created_at: int
    password: str | None = None
    disabled_at: int | None = None

    @property
    def state(self) -> PersonState:
        """How it stands with signing in."""
        if self.disabled_at is not None:
            return PersonState.DISABLED
        return PersonState.INVITED if self.password is None else PersonState.ACTIVE

    def caller(self, currency: str, kind: AccountKind) -> Caller:
        """Whose rights a request of this person has."""
        return Caller(self.account_id, self.id, currency, SCOPES_OF[self.role], kind, self.role)


def acting_caller(own: Caller, account_id: str, currency: str) -> Caller | None:
    """What an operator may who acts for a customer: no keys, secrets or people; None for whoever may not act.

    Admins, and keys, may do what a buyer may; the others look.
    """
    if own.kind is not AccountKind.OPERATOR or Scope.ADMIN not in own.scopes:
        return None
    scopes = _BUYER if own.role in (None, Role.ADMIN) else _VIEWER
    return Caller(account_id, own.key_id, currency, scopes, AccountKind.CUSTOMER, own.role)


def parse_email(text: str) -> str:
    """An email as it is stored and compared: without case. Raises InvalidRequest."""
    try:
        email = folded(parse_text(text, longest=LONGEST_EMAIL))
    except TextError as error:
        raise InvalidRequest("email", str(error)) from None
    parts_of_host = email.rpartition("@")[2].split(".")
    shown = email.isprintable()  # two that look the same are not two people's
    if not EMAIL.fullmatch(email) or not shown or not all(parts_of_host) or len(email) > LONGEST_EMAIL:
        raise InvalidRequest("email", "must be like ann@example.com")
    return email


def parse_password(text: str, email: str) -> str:
    """A new password in the one form that is hashed. Raises InvalidRequest."""
    password = comparable_password(text)
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidRequest("password", f"must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    if folded(password) == email or len(set(password)) == 1:
        raise InvalidRequest("password", "must not be the email, nor one character alone")
    return password


def comparable_password(text: str) -> str:
    """A password in one Unicode form, however a keyboard composes its letters; of one that is too long the beginning.

    A letter is at most _MOST_PARTS parts in any form, and what has more parts is not sorted: that takes long.
    """
    return unicodedata.normalize("NFC", text[: (LONGEST_PASSWORD + 1) * _MOST_PARTS])[: LONGEST_PASSWORD + 1]
