"""Databases to measure on: the real schema, an account with money and a key, numbers for sale.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from numberdesk.accounts.model import CUSTOMER_SCOPES, RANDOM_BYTES, new_key
from numberdesk.catalog.model import ListingChunk
from numberdesk.core.memorability import memorability
from numberdesk.core.money import MAX_AMOUNT
from numberdesk.flows.accounts.create_accounts import create_accounts, new_account, new_operator_account
from numberdesk.flows.accounts.fund_wallets import TOP_UP, fund_wallets, funding
from numberdesk.flows.accounts.issue_keys import NewKey, issue_keys, new_key_record
from numberdesk.infra.settings import load_settings
from numberdesk.wiring import Services, build
from testbed.samples import listing_of

ACCOUNTS = 64
FIRST = 2_000_000


class Stock(NamedTuple):
    """A database with `numbers` for sale, and accounts with their keys."""

    url: str
    accounts: list[str]
    keys: list[str]
    numbers: list[str]


def sqlite_stock(folder: Path, name: str, count: int) -> Stock:
    """A SQLite file in which every account can buy every number."""
    return make_stock(f"sqlite:///{folder / name}.db", count)


def make_stock(url: str, count: int) -> Stock:
    """Fill an empty database, so that every account can buy every number. Account n has the id acc_0...n."""
    return make_stock_of(url, [f"361{FIRST + place}" for place in range(count)])


def make_stock_of(url: str, nationals: list[str], *, carrier: str = "pool") -> Stock:
    """The same with these national numbers of North America, listed at a carrier."""
    services = build(load_settings(database_url=url))
    now = services.now()
    accounts, keys = [], []
    for place in range(ACCOUNTS):
        account = services.writer.apply(
            create_accounts, new_account(f"acc_{place:032}", f"Account {place}", "USD", 0, now)
        )
        paid = funding(services.new_id("trf"), TOP_UP, account.id, MAX_AMOUNT, reference=None, now=now)
        services.writer.apply(fund_wallets, paid)
        accounts.append(account.id)
        keys.append(_new_key(services, account.id, CUSTOMER_SCOPES, now))
    listings = [
        listing_of(f"+1{national}", area_code=national[:3], memorability=memorability(national))
        for national in nationals
    ]
    for start in range(0, len(listings), 1_000):
        chunk = tuple(listings[start : start + 1_000])
        services.writer.apply(services.save_listings, ListingChunk(carrier, chunk, tuple(range(len(chunk)))))
    services.close()
    return Stock(url, accounts, keys, [one.e164 for one in listings])


def operators_key(services: Services, account_id: str, scopes: Sequence[str], now: int) -> str:
    """A key of a new account of operators."""
    services.writer.apply(create_accounts, new_operator_account(account_id, "Operators", now))
    return _new_key(services, account_id, scopes, now)


def _new_key(services: Services, account_id: str, scopes: Sequence[str], now: int) -> str:
    secret = new_key(services.random_bytes(RANDOM_BYTES))
    record = new_key_record(
        services.new_id("key"), secret, account_id=account_id, name="bench", scopes=scopes, expires_at=None, now=now
    )
    services.writer.apply(issue_keys, NewKey(record))
    return secret
