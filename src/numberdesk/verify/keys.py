"""What must hold of keys: only the hash and the beginning are stored, and none reaches further than it may.

Touches: accounts, api_keys.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, literal, or_, select

from numberdesk.accounts.model import SCOPES, Scope
from numberdesk.core.lifecycle import AccountKind
from numberdesk.tables import accounts, api_keys
from numberdesk.verify.engine import rule

_HASH_LENGTH: Final = 64
_LONGEST_SHOWN: Final = 12

_hash_length, _shown_length = func.length(api_keys.c.hash), func.length(api_keys.c.shown)
_not_hexadecimal = func.ltrim(api_keys.c.hash, "0123456789abcdef") != ""
_TELLING: Final = select(api_keys.c.id, _hash_length.label("hash_length"), _shown_length.label("shown_length")).where(
    or_(_hash_length != _HASH_LENGTH, _not_hexadecimal, _shown_length > _LONGEST_SHOWN)
)


def _says_telling(row: Any) -> str:
    """Lengths only: what is stored may be a secret."""
    if row.shown_length > _LONGEST_SHOWN:
        return f"shown has {row.shown_length} characters of the key, {_LONGEST_SHOWN} is the most"
    return f"hash, of {row.hash_length} characters, is not a SHA-256 in {_HASH_LENGTH} hexadecimal digits"


_makers = api_keys.alias("makers")


def _has(scopes: ColumnElement[str], scope: str) -> ColumnElement[bool]:
    return (literal(" ") + scopes + " ").like(f"% {scope} %")


_has_more = or_(*(and_(_has(api_keys.c.scopes, each), ~_has(_makers.c.scopes, each)) for each in SCOPES))
_lasts_longer = and_(
    _makers.c.expires_at.is_not(None),
    or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > _makers.c.expires_at),
)
_is_misplaced = and_(_has(api_keys.c.scopes, Scope.ADMIN), accounts.c.kind != AccountKind.OPERATOR.value)
_FAR_REACHING: Final = (
    select(
        api_keys.c.id,
        _is_misplaced.label("misplaced"),
        _lasts_longer.label("lasts_longer"),
        _makers.c.id.label("maker"),
    )
    .select_from(
        api_keys.join(accounts, accounts.c.id == api_keys.c.account_id).outerjoin(
            _makers, _makers.c.id == api_keys.c.created_by
        )
    )
    .where(or_(_is_misplaced, _lasts_longer, and_(_has_more, ~_has(_makers.c.scopes, Scope.ADMIN))))
)


def _says_far_reaching(row: Any) -> str:
    if row.misplaced:
        return "the key has the scope admin, and its account is a customer's"
    made = f"the key was made with {row.maker}"
    return f"{made} and expires after it" if row.lasts_longer else f"{made} and has a scope which that one lacks"


CHECKS: Final = (
    rule("I15", "of every key only a hash and the beginning are stored", api_keys, _TELLING, _says_telling),
    rule("I16", "no key has more scopes, or lasts longer, than it may", api_keys, _FAR_REACHING, _says_far_reaching),
)
