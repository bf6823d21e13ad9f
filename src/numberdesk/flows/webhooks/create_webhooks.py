"""Set up webhooks.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from numberdesk.accounts.store import find_accounts
from numberdesk.core.errors import Forbidden, InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.lifecycle import AccountKind, AccountState
from numberdesk.core.text import TextError, parse_text
from numberdesk.infra.db import Tx
from numberdesk.infra.egress import Egress, EgressError
from numberdesk.outbox.model import KINDS_OF_EVENTS, KINDS_OF_OPERATORS
from numberdesk.webhooks.model import MOST_ENDPOINTS, WebhookEndpoint
from numberdesk.webhooks.store import count_endpoints, insert_endpoints

LONGEST_DESCRIPTION: Final = 200
_TOO_MANY: Final = f"An account has at most {MOST_ENDPOINTS} webhooks. Delete one that is not used any more."


class NewWebhook(NamedTuple):
    """An endpoint to record, whose secret is sealed already."""

    endpoint: WebhookEndpoint


async def checked_url(egress: Egress, url: str) -> str:
    """An address that events may be sent to, by all that its host resolves to now. Raises InvalidRequest."""
    try:
        await egress.check_destination(url)
    except EgressError as error:
        raise InvalidRequest("url", str(error)) from None
    if "#" in url:
        raise InvalidRequest("url", "must not have a fragment, which is never sent")
    return url


def checked_kinds(kinds: Sequence[str] | None) -> str:
    """Kinds of events as they are stored; none of them means every kind. Raises InvalidRequest."""
    unknown = [kind for kind in kinds or () if kind not in KINDS_OF_EVENTS]
    if unknown:
        raise InvalidRequest("kinds", f"must be some of {', '.join(KINDS_OF_EVENTS)}")
    return " ".join(kind for kind in KINDS_OF_EVENTS if kind in (kinds or ()))


def kinds_refused(kinds: str, *, all_accounts: bool) -> InvalidRequest | None:
    """Why an endpoint is not told of these kinds: some are about no account, and for operators alone."""
    if all_accounts or not set(kinds.split()) & set(KINDS_OF_OPERATORS):
        return None
    named = ", ".join(KINDS_OF_OPERATORS)
    return InvalidRequest(
        "kinds", f"must be without {named}, but for webhooks of operators that are told of all accounts"
    )


def checked_description(text: str) -> str:
    """What people call an endpoint. Raises InvalidRequest."""
    try:
        return parse_text(text, longest=LONGEST_DESCRIPTION, empty_allowed=True)
    except TextError as error:
        raise InvalidRequest("description", str(error)) from None


def create_webhooks(tx: Tx, commands: Sequence[NewWebhook]) -> list[WebhookEndpoint | NumberdeskError]:
    """Record endpoints of accounts that are not closed, so many of each as an account may have.

    Only an operators' account may be told the events of every account, and those that are about none.
    """
    owners = {command.endpoint.account_id for command in commands}
    known, held = find_accounts(tx, owners), count_endpoints(tx, owners)
    outcomes: list[WebhookEndpoint | NumberdeskError] = []
    for endpoint in (command.endpoint for command in commands):
        account = known.get(endpoint.account_id)
        outcome: WebhookEndpoint | NumberdeskError = endpoint
        if account is None:
            outcome = NotFound("There is no such account.")
        elif account.state is AccountState.CLOSED:
            outcome = Forbidden("This account is closed.")
        elif endpoint.all_accounts and account.kind is not AccountKind.OPERATOR:
            outcome = InvalidRequest("all_accounts", "must be false, but for operators' accounts")
        elif (refused := kinds_refused(endpoint.kinds, all_accounts=endpoint.all_accounts == 1)) is not None:
            outcome = refused
        elif held.get(endpoint.account_id, 0) >= MOST_ENDPOINTS:
            outcome = Forbidden(_TOO_MANY, {"limit": MOST_ENDPOINTS})
        else:
            held[endpoint.account_id] = held.get(endpoint.account_id, 0) + 1
        outcomes.append(outcome)
    insert_endpoints(tx, [outcome for outcome in outcomes if isinstance(outcome, WebhookEndpoint)])
    return outcomes
