"""The demo: an account with 100.00 USD, a key, a number with four weeks of calls, and numbers nobody can be reached at.

Touches: database, files.

The numbers are those that the North American plan sets aside for fiction, 555-0100 to 555-0199
of some area codes, and +13612738809, which the documentation uses.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

from numberdesk.accounts.model import CUSTOMER_SCOPES, RANDOM_BYTES, Account, Scope, new_key
from numberdesk.accounts.store import list_accounts, list_keys, list_names
from numberdesk.catalog.search import Offer, OfferQuery
from numberdesk.cli.demo_carriers import SQLITE, state_file
from numberdesk.cli.demo_history import DAYS, live_through
from numberdesk.cli.output import USAGE, fail
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.money import MICROS
from numberdesk.core.purchase import POOL
from numberdesk.flows.accounts.create_accounts import create_accounts, new_account
from numberdesk.flows.accounts.fund_wallets import TOP_UP
from numberdesk.flows.accounts.issue_keys import (
    MOST_DEAD_KEYS,
    MOST_LIVE_KEYS,
    NewKey,
    Revocation,
    issue_keys,
    new_key_record,
    revoke,
)
from numberdesk.flows.catalog.run_import import run_import
from numberdesk.flows.catalog.search_numbers import search_numbers
from numberdesk.infra.db import Database, StorageFailedError
from numberdesk.infra.serve_lock import only_server
from numberdesk.infra.settings import Settings
from numberdesk.ledger.store import find_transfers_by_reference
from numberdesk.wiring import DAY, Services

DATABASE_URL: Final = "sqlite:///var/demo.db"
ACCOUNT_NAME: Final = "Demo"
NUMBER: Final = "+13612738809"

_KEY_NAME: Final = "demo"
_KEY_SCOPES: Final = (
    *CUSTOMER_SCOPES,
    *(s.value for s in (Scope.USAGE_WRITE, Scope.WEBHOOKS_MANAGE, Scope.ROUTING_READ)),
)
"""All that a customer may do, to be tried."""

_KEYS_LEFT: Final = 20
_MOST_LISTED: Final = MOST_LIVE_KEYS + MOST_DEAD_KEYS
_BALANCE: Final = 100 * MICROS
_AREAS: Final = (
    ("361", "TX", "Corpus Christi"),
    ("415", "CA", "San Francisco"),
    ("512", "TX", "Austin"),
    ("617", "MA", "Boston"),
    ("702", "NV", "Las Vegas"),
    ("808", "HI", "Honolulu"),
    ("917", "NY", "New York"),
)
_HEADER: Final = (
    "phone_number,number_type,region,locality,capabilities,monthly_price,per_minute_price_inbound,"
    "per_minute_price_outbound,currency"
)


def begin_anew(settings: Settings) -> None:
    """Remove what an earlier demo left: its database, of whatever release, and what its simulated carriers sold.

    Ends the command when it is not a demo's, or is being served. A demo that was never there is anew already.
    """
    if not settings.database_url.startswith(SQLITE) or settings.database_url.startswith(f"{SQLITE}file:"):
        fail("--fresh removes the demo's SQLite file; empty another database yourself", USAGE)
    file = Path(settings.database_url.removeprefix(SQLITE))
    if file.exists() and file.stat().st_size:
        database = Database(settings.database_url, makes_file=False)
        try:
            with only_server(database):
                _require_demo(database, file)
                _remove(file, state_file(settings))
        finally:
            database.close()
    else:
        _remove(file, state_file(settings))


def _require_demo(database: Database, file: Path) -> None:
    try:
        with database.read() as tx:
            names = list_names(tx, limit=2)
    except StorageFailedError:
        fail(f"--fresh removes nothing but a demo's database, and {file} is none")
    # Of books that others made the first name differs, or there is a second customer.
    if names and (names[0] != (ACCOUNT_NAME, True) or any(is_customer for _, is_customer in names[1:])):
        fail(f"--fresh removes nothing but a demo's database, and {file} holds accounts")


def _remove(file: Path, state: Path) -> None:
    for each in (*(file.with_name(file.name + suffix) for suffix in ("-wal", "-shm", "")), state):
        each.unlink(missing_ok=True)


def number_for_sale(services: Services) -> Offer | None:
    """A number that the demo sells now, the documented one while it is there; None when all are sold."""
    query = OfferQuery("US", "USD", page_size=1)
    return next(iter(services.reader.read_now(lambda tx: search_numbers(tx, query)).offers), None)


def prepare_demo(services: Services) -> str:
    """Fill an empty database, leave one that the demo made as it is; return a new key for its account.

    Ends the command when the database holds somebody's real accounts.
    """
    known = services.reader.read_now(lambda tx: list_accounts(tx, after_id=None, limit=2))
    operators = services.reader.read_now(
        lambda tx: list_accounts(tx, after_id=None, limit=1, kind=AccountKind.OPERATOR)
    )
    if not known and not operators:
        account_id = _fill(services)
    elif known and known[0].name == ACCOUNT_NAME and (len(known) == 1 or _has_lived(services, known[0])):
        # Those after the first were made by whoever tries the demo.
        account_id = known[0].id
        _live(services, known[0])
    else:
        fail("--demo wants a database of its own, and this one holds accounts")
    _revoke_old_keys(services, account_id)
    secret = new_key(services.random_bytes(RANDOM_BYTES), test=True)
    record = new_key_record(
        services.new_id("key"),
        secret,
        account_id=account_id,
        name=_KEY_NAME,
        scopes=_KEY_SCOPES,
        expires_at=None,
        now=services.now(),
    )
    services.writer.apply(issue_keys, NewKey(record))
    return secret


def _revoke_old_keys(services: Services, account_id: str) -> None:
    """Each start makes a key, and an account may have only so many: those of the last starts go on working."""
    now = services.now()
    known = services.reader.read_now(lambda tx: list_keys(tx, account_id, after_id=None, limit=_MOST_LISTED))
    working = [key.id for key in known if key.name == _KEY_NAME and key.valid_at(now)]
    for key_id in working[:-_KEYS_LEFT]:
        services.writer.apply(revoke, Revocation(key_id, account_id, now))


def _fill(services: Services) -> str:
    now = services.now()
    # The numbers first, and then the account: a demo that was interrupted begins again, or goes on.
    run_import(
        io.BytesIO(_inventory().encode()),
        carrier=POOL,
        skip_bad=False,
        read=services.reader.read_now,
        save=lambda chunk: services.writer.apply(services.save_listings, chunk),
        progress=lambda *_: None,
    )
    began = now - DAYS * DAY
    account = services.writer.apply(create_accounts, new_account(services.new_id("acc"), ACCOUNT_NAME, "USD", 0, began))
    _live(services, account)
    return str(account.id)


def _live(services: Services, account: Account) -> None:
    """Let the account have its history, unless it has: the last of that is what it is paid in."""
    if not _has_lived(services, account):
        live_through(services, account.id, account.created_at, services.now(), _BALANCE)


def _has_lived(services: Services, account: Account) -> bool:
    paid = services.reader.read_now(lambda tx: find_transfers_by_reference(tx, TOP_UP, [(account.id, "demo")]))
    return bool(paid)


def _inventory() -> str:
    lines = [_HEADER, _line(NUMBER, "TX", "Corpus Christi")]
    lines += [
        _line(f"+1{area}55501{last:02}", region, locality) for area, region, locality in _AREAS for last in range(100)
    ]
    return "\n".join(lines) + "\n"


def _line(number: str, region: str, locality: str) -> str:
    return f"{number},local,{region},{locality},voice sms,1.15,0.0085,0.0945,USD"
