"""The demo's console: an account of operators beside the customer's, and a link for each that signs in once.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

from numberdesk.accounts.model import OPERATOR_SCOPES, RANDOM_BYTES, Scope, key_hash, new_key
from numberdesk.accounts.session_store import SignInLink
from numberdesk.accounts.store import find_accounts_named, find_key_by_hash, list_keys
from numberdesk.flows.accounts.create_accounts import create_accounts, new_operator_account
from numberdesk.flows.accounts.issue_keys import NewKey, Revocation, issue_keys, new_key_record, revoke
from numberdesk.flows.accounts.sign_in import TOKEN_BYTES, make_links, new_token, token_hash
from numberdesk.wiring import DAY, Services

OPERATORS_NAME: Final = "Demo operators"

_KEY_NAME: Final = "console"
_MOST_LISTED: Final = 300
_SCOPES: Final = (*OPERATOR_SCOPES, Scope.WEBHOOKS_MANAGE.value)


def sign_in_text(services: Services, key: str, address: str) -> str:
    """The links that the demo prints, for its customer and for its operators."""
    found = services.reader.read_now(lambda tx: find_key_by_hash(tx, key_hash(key)))
    customer = "" if found is None else _link(services, found[0].id, address)
    operators = _link(services, _operators_key(services), address)
    return (
        "In a browser, by links that sign in once:\n\n"
        f"  as the customer   {customer}\n"
        f"  as an operator    {operators}\n\n"
        "Operators find Rehearsal there: what happens when a carrier hangs, or loses an order.\n\n"
    )


def _link(services: Services, key_id: str, address: str) -> str:
    token = new_token(services.random_bytes(TOKEN_BYTES))
    services.writer.apply(make_links, SignInLink(token_hash(token), key_id, services.now() + DAY))
    return f"{address}/console/link?token={token}"


def _operators_key(services: Services) -> str:
    """The id of a new key of the operators, whose text nobody needs; keys of earlier starts are revoked."""
    now = services.now()
    known = services.reader.read_now(lambda tx: find_accounts_named(tx, OPERATORS_NAME))
    made = new_operator_account(services.new_id("acc"), OPERATORS_NAME, now)
    account_id = known[0].id if known else services.writer.apply(create_accounts, made).id
    keys = services.reader.read_now(lambda tx: list_keys(tx, account_id, after_id=None, limit=_MOST_LISTED))
    for key in keys:
        if key.name == _KEY_NAME and key.valid_at(now):
            services.writer.apply(revoke, Revocation(key.id, account_id, now))
    record = new_key_record(
        services.new_id("key"),
        new_key(services.random_bytes(RANDOM_BYTES), test=True),
        account_id=account_id,
        name=_KEY_NAME,
        scopes=_SCOPES,
        expires_at=None,
        now=now,
    )
    services.writer.apply(issue_keys, NewKey(record))
    return record.id
