"""What must hold of accounts at carriers: nothing secret of one can be read in the database.

Touches: carriers.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, and_, func, not_, or_, select

from numberdesk.carriers.registry import KINDS
from numberdesk.tables import carriers
from numberdesk.verify.engine import rule

# What the vault (infra/vault.py) makes is a Fernet token: in URL-safe base64 the version 128, eight bytes of time whose
# first four are zero until the year 2106, 16 bytes to begin with, at least one block of 16, and 32 bytes of signature.
_BEGINS: Final = "gAAAAA"
_SHORTEST: Final = 100
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_="

_length = func.length(carriers.c.credentials)


def is_sealed(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a text is what the vault makes."""
    length = func.length(column)
    return and_(
        func.substr(column, 1, len(_BEGINS)) == _BEGINS,
        func.ltrim(column, _ALPHABET) == "",
        length >= _SHORTEST,
        length % 4 == 0,
    )


_OPEN: Final = select(carriers.c.name, carriers.c.kind, _length.label("length")).where(
    carriers.c.credentials != "", not_(is_sealed(carriers.c.credentials))
)


def _says_open(row: Any) -> str:
    """A length only: what is stored may be a secret."""
    return f"credentials, of {row.length} characters, are not sealed: the {row.kind} account's secrets may lie in clear"


def _has(name: str) -> Any:
    """Whether options name a field; within a value of JSON the quotes would not stand alone."""
    return func.replace(carriers.c.options, f'"{name}":', "") != carriers.c.options


_TELLING: Final = select(carriers.c.name, carriers.c.kind).where(
    or_(
        *(
            and_(carriers.c.kind == kind, _has(field.name))
            for kind, known in sorted(KINDS.items())
            for field in known.all_fields
            if field.secret
        )
    )
)


def _says_telling(row: Any) -> str:
    fields = ", ".join(field.name for field in KINDS[row.kind].all_fields if field.secret)
    return f"options, which anybody may read, hold a secret of {row.kind}: {fields}"


CHECKS: Final = (
    rule("I15", "of every carrier's credentials only the sealed form is stored", carriers, _OPEN, _says_open),
    rule("I15", "no secret of a carrier stands among what anybody may read", carriers, _TELLING, _says_telling),
)
