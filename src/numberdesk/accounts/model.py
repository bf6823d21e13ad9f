"""Accounts, API keys and scopes; how a key is made and recognised.

Touches: nothing.

A key is `nd_live_` or `nd_test_`, 40 random base62 characters and a checksum of 6: the CRC-32
of all that stands before it, in base62. The checksum lets a scanner, and this server, reject
a fake without looking it up; the security is in the 238 random bits. Only the SHA-256 of a
key is stored, and since it has that much entropy a slow hash would add nothing.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from numberdesk.core.lifecycle import AccountKind, AccountState
from numberdesk.core.roles import Role

_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ALPHABET: Final = frozenset(_BASE62)
_PREFIXES: Final = ("nd_live_", "nd_test_")
_RANDOM_LENGTH: Final = 40
_CHECKSUM_LENGTH: Final = 6
_SHOWN_LENGTH: Final = 12

RANDOM_BYTES: Final = 64
"""Bytes that new_key wants: more than the characters need, so that reduction leaves no bias to speak of."""

KEY_LENGTH: Final = len(_PREFIXES[0]) + _RANDOM_LENGTH + _CHECKSUM_LENGTH
"""Characters of every key."""


class Scope(StrEnum):
    """What a key may be good for."""

    NUMBERS_READ = "numbers:read"
    NUMBERS_BUY = "numbers:buy"
    NUMBERS_MANAGE = "numbers:manage"
    BILLING_READ = "billing:read"
    KEYS_MANAGE = "keys:manage"
    USAGE_WRITE = "usage:write"
    WEBHOOKS_MANAGE = "webhooks:manage"
    ROUTING_READ = "routing:read"
    ADMIN = "admin"


SCOPES: Final = tuple(scope.value for scope in Scope)
"""Every scope there is, as plain text."""

CUSTOMER_SCOPES: Final = SCOPES[:5]
"""What a key of a customer's account gets when nothing else is asked for."""

OPERATOR_SCOPES: Final = (Scope.NUMBERS_READ.value, Scope.KEYS_MANAGE.value, Scope.ADMIN.value)
"""What a key of an operators' account gets when nothing else is asked for."""

_SCOPES_OF_KIND: Final = {
    AccountKind.CUSTOMER: frozenset(SCOPES) - {Scope.ADMIN},
    AccountKind.OPERATOR: frozenset(SCOPES) - {Scope.NUMBERS_BUY, Scope.NUMBERS_MANAGE, Scope.BILLING_READ},
}


class Account(NamedTuple):
    """Who pays, or who runs the service. Instants in microseconds; `closed_at` is None unless it is closed.

    An account of operators has no currency: "" stands in its place.
    """

    id: str
    name: str
    currency: str
    state: AccountState
    created_at: int
    kind: AccountKind = AccountKind.CUSTOMER
    closed_at: int | None = None


class ApiKey(NamedTuple):
    """A credential of an account, without its secret. `shown` is its beginning; instants in microseconds.

    `created_by` is the id of the key that it was made with, None for one made by command; `made_by` that of the person
    who made it.
    """

    id: str
    account_id: str
    name: str
    shown: str
    hash: str
    scopes: tuple[str, ...]
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    created_by: str | None = None
    made_by: str | None = None

    def valid_at(self, now: int) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class KeyPage(NamedTuple):
    """Keys that fit. `walked_to` is the id of the last that was looked at, where more may fit behind it."""

    items: list[ApiKey]
    walked_to: str | None


class Caller(NamedTuple):
    """Who a request comes from: `key_id` is the id of a key or, with a `role`, of a person."""

    account_id: str
    key_id: str
    currency: str
    scopes: frozenset[str]
    kind: AccountKind = AccountKind.CUSTOMER
    role: Role | None = None

    @property
    def maker_id(self) -> str | None:
        """The key that a key which is made now is made with; None where a person makes it."""
        return self.key_id if self.role is None else None

    @property
    def person_id(self) -> str | None:
        """The person who asks; None where it is a key."""
        return None if self.role is None else self.key_id

    @property
    def key_scopes(self) -> frozenset[str]:
        """The scopes that a key may have for the caller to see, give or revoke it: its own, and all with admin."""
        return frozenset(SCOPES) if Scope.ADMIN in self.scopes else self.scopes


def default_scopes(kind: AccountKind) -> tuple[str, ...]:
    """What a key gets when nothing else is asked for."""
    return OPERATOR_SCOPES if kind is AccountKind.OPERATOR else CUSTOMER_SCOPES


def scopes_out_of_place(kind: AccountKind, scopes: Iterable[str]) -> list[str]:
    """Those scopes that no key of such an account may be given."""
    return [scope for scope in scopes if scope not in _SCOPES_OF_KIND[kind]]


def new_key(random: bytes, *, test: bool = False) -> str:
    """A new key out of RANDOM_BYTES random bytes. Shown once, stored never."""
    number = int.from_bytes(random, "big")
    body = _PREFIXES[test] + _base62(number, _RANDOM_LENGTH)
    return body + _checksum(body)


def well_formed(key: str) -> bool:
    """Whether a text could be a key: prefix, length, alphabet and checksum. Needs no look-up."""
    if len(key) != KEY_LENGTH or not key.startswith(_PREFIXES):
        return False
    body, checksum = key[:-_CHECKSUM_LENGTH], key[-_CHECKSUM_LENGTH:]
    return _ALPHABET.issuperset(key[len(_PREFIXES[0]) :]) and _checksum(body) == checksum


def key_hash(key: str) -> str:
    """What is stored of a key: its SHA-256, in hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


def shown_part(key: str) -> str:
    """The beginning of a key, for people to tell keys apart."""
    return key[:_SHOWN_LENGTH]


def _base62(number: int, length: int) -> str:
    characters = []
    for _ in range(length):
        number, digit = divmod(number, len(_BASE62))
        characters.append(_BASE62[digit])
    return "".join(characters)


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECKSUM_LENGTH)
