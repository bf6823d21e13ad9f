"""Roles of people, and what those of operators may beside looking.

Touches: nothing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from numberdesk.core.lifecycle import AccountKind


class Role(StrEnum):
    """What a person is in an account: the first three of customers, the others of operators."""

    OWNER = "owner"
    BUYER = "buyer"
    VIEWER = "viewer"
    ADMIN = "admin"
    SUPPORT = "support"
    FINANCE = "finance"


class Right(StrEnum):
    """A kind of change that not every operator may make. What is none of these is for admins alone."""

    DECIDES = "decides"
    MOVES_MONEY = "moves_money"


class Via(StrEnum):
    """How somebody made a change."""

    CONSOLE = "console"
    API = "api"
    COMMAND = "command"


ROLES_OF: Final = {
    AccountKind.CUSTOMER: (Role.OWNER, Role.BUYER, Role.VIEWER),
    AccountKind.OPERATOR: (Role.ADMIN, Role.SUPPORT, Role.FINANCE),
}
"""The roles of each kind of account."""

_RIGHTS: Final = {Role.SUPPORT: Right.DECIDES, Role.FINANCE: Right.MOVES_MONEY}


def may_change(role: Role, right: Right | None) -> bool:
    """Whether an operator of a role may make a change that needs a right, or, with None, one that only admins make."""
    return role not in _RIGHTS or (right is not None and _RIGHTS[role] is right)
