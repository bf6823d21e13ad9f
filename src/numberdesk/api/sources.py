"""The source that a key tells of calls as: it follows from the key, so that nobody writes another's records.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

from numberdesk.accounts.model import Caller
from numberdesk.core.call_charging import CUSTOMERS
from numberdesk.core.lifecycle import AccountKind

_OPERATORS: Final = "operator:"


def source_of(caller: Caller) -> str:
    """The name of the source."""
    return (_OPERATORS if caller.kind is AccountKind.OPERATOR else CUSTOMERS) + caller.account_id
