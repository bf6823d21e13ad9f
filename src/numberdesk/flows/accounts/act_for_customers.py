"""Let an operator see and do in the console what a customer may, for an hour, recorded as the one who does it.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from numberdesk.accounts.model import Account
from numberdesk.accounts.session_store import set_acting
from numberdesk.accounts.store import find_accounts
from numberdesk.core.errors import Forbidden, NotFound, NumberdeskError
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.purchase_refusals import ACCOUNT_CLOSED
from numberdesk.infra.db import Tx

ACTING: Final = 3600 * MICROSECONDS
"""How long an operator acts for a customer, in microseconds."""


class ActFor(NamedTuple):
    """Let a session act for a customer from `now` on, or, with no account, for itself again."""

    session: str
    account_id: str | None
    now: int


def act_for_customers(tx: Tx, commands: Sequence[ActFor]) -> list[Account | NumberdeskError | None]:
    """Begin and end acting; whoever asks was let look at the account."""
    known = find_accounts(tx, [each.account_id for each in commands if each.account_id is not None], lock=False)
    outcomes: list[Account | NumberdeskError | None] = []
    for command in commands:
        if command.account_id is None:
            set_acting(tx, command.session, None, None)
            outcomes.append(None)
            continue
        account = known.get(command.account_id)
        if account is None or account.kind is not AccountKind.CUSTOMER:
            outcomes.append(NotFound("There is no such account of a customer."))
        elif account.closed_at is not None:
            outcomes.append(Forbidden(ACCOUNT_CLOSED))
        else:
            set_acting(tx, command.session, account.id, command.now + ACTING)
            outcomes.append(account)
    return outcomes
